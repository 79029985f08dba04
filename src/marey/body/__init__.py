"""Parametric bodies: one linear-blend-skinning body for SMPL-family files and for our own."""

from marey.body.landmarks import Landmarks as Landmarks
from marey.body.load import load_body as load_body
from marey.body.model import Body as Body
from marey.body.model import PosedBody as PosedBody
