"""SegPose2D: keypoints of the one person whom a mask points out (Harmony4D's network)."""

from marey.models.segpose.config import SegPoseConfig as SegPoseConfig
from marey.models.segpose.estimator import SegPoseEstimator as SegPoseEstimator
from marey.models.segpose.estimator import VitPoseEstimator as VitPoseEstimator
from marey.models.segpose.estimator import open_segpose as open_segpose
from marey.models.segpose.network import SegPose as SegPose
from marey.models.segpose.weights import load_segpose as load_segpose
