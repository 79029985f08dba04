"""Scenes with known truth: bodies, motions, camera rings, detector noise, occlusion."""

from marey.synthetic.cameras import look_at as look_at
from marey.synthetic.cameras import make_cameras as make_cameras
from marey.synthetic.cameras import project_to_cameras as project_to_cameras
from marey.synthetic.cameras import world_to_cameras as world_to_cameras
from marey.synthetic.motions import MotionName as MotionName
from marey.synthetic.motions import MovedBody as MovedBody
from marey.synthetic.motions import move_body as move_body
from marey.synthetic.noise import PERFECT as PERFECT
from marey.synthetic.noise import DetectorNoise as DetectorNoise
from marey.synthetic.noise import observe as observe
from marey.synthetic.noise import observe_landmarks as observe_landmarks
from marey.synthetic.scene import SyntheticScene as SyntheticScene
from marey.synthetic.scene import synthetic_scene as synthetic_scene
