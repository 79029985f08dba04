"""The shipped body landmark network."""

from marey.models.blazepose.crops import crop_from_box as crop_from_box
from marey.models.blazepose.crops import crop_from_pose as crop_from_pose
from marey.models.blazepose.network import BlazePoseEstimator as BlazePoseEstimator
from marey.models.blazepose.network import PoseLandmarks as PoseLandmarks
from marey.models.blazepose.network import decode_pose as decode_pose
