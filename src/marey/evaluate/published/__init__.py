"""Published rows of the benchmarks, to stand beside a result; each says where it was read.

A module for each kind of benchmark: people from video, motion in the world, hard cases, several
cameras.
"""

from marey.evaluate.published.bodies import BODIES
from marey.evaluate.published.hard_cases import HARD_CASES
from marey.evaluate.published.refinement import REFINEMENT
from marey.evaluate.published.table import PublishedRow as PublishedRow
from marey.evaluate.published.table import PublishedTable as PublishedTable
from marey.evaluate.published.views import VIEWS
from marey.evaluate.published.world import WORLD

PUBLISHED: dict[str, PublishedTable] = {**BODIES, **REFINEMENT, **WORLD, **HARD_CASES, **VIEWS}
"""By the protocol's name."""
