"""Scenes with known truth: bodies, motions, camera rings, detector noise, occlusion."""

from marey.synthetic.cameras import look_at as look_at
from marey.synthetic.cameras import make_cameras as make_cameras
from marey.synthetic.cameras import project_points as project_points
from marey.synthetic.cameras import world_to_cameras as world_to_cameras
from marey.synthetic.figure import Figure as Figure
from marey.synthetic.figure import PlacedFigure as PlacedFigure
from marey.synthetic.figure import place_figure as place_figure
from marey.synthetic.figure import stick_figure as stick_figure
from marey.synthetic.motions import FigureMotion as FigureMotion
from marey.synthetic.motions import MotionName as MotionName
from marey.synthetic.motions import move_figure as move_figure
from marey.synthetic.noise import PERFECT as PERFECT
from marey.synthetic.noise import DetectorNoise as DetectorNoise
from marey.synthetic.noise import observe as observe
from marey.synthetic.noise import observe_landmarks as observe_landmarks
from marey.synthetic.scene import SyntheticScene as SyntheticScene
from marey.synthetic.scene import synthetic_scene as synthetic_scene
