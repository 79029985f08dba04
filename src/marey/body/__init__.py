"""Parametric bodies: one linear-blend-skinning body for every file of the SMPL family and our own."""

from marey.body.landmarks import Landmarks as Landmarks
from marey.body.load import load_body as load_body
from marey.body.model import Body as Body
from marey.body.model import PosedBody as PosedBody
