"""Landmark networks of the RTMPose family the user brings as ONNX files."""

from marey.models.rtmpose.estimator import RtmPoseEstimator as RtmPoseEstimator
