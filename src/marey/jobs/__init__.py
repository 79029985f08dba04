"""Whole tasks a user names: from files to files, with progress."""

from marey.jobs.export import export as export
from marey.jobs.solve import SolveOptions as SolveOptions
from marey.jobs.solve import solve as solve
