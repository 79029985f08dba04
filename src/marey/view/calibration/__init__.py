"""A page about a calibration: where cameras stand, how well they agree, what they saw."""

from marey.view.calibration.page import CalibrationPage, CameraRow, Picture, render_calibration

__all__ = ["CalibrationPage", "CameraRow", "Picture", "render_calibration"]
