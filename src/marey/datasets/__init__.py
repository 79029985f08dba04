"""Corpora in the formats their makers publish, one module each; foreign units and orders stop here.

Import the module of the corpus that is wanted. Each lists what there is and opens one of it::

    from marey.datasets import acclaim

    for path in acclaim.sequences("CMU/subjects"):
        motion = acclaim.read_sequence(path)

`sequences` yields what `read_sequence` takes, and nothing is read before it is asked for: memory is
that of one sequence. Motion capture is returned as `marey.core.BodyMotion`, labelled benchmarks as
`marey.datasets.recording.Recording`. docs/datasets.md lists all of them, and says which were tried
on real files.
"""
