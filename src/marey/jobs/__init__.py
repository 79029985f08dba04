"""Whole tasks a user names: from files to files, with progress.

Import the module of the task, for example `from marey.jobs.solve.video import solve` (or
`marey.solve`); this package itself imports none of them, so that `marey --help` does not wait for
torch.
"""
