"""Metrics, protocols and reports."""

from marey.evaluate.metrics import Score as Score
from marey.evaluate.metrics import acceleration as acceleration
from marey.evaluate.metrics import acceleration_error as acceleration_error
from marey.evaluate.metrics import acceleration_errors as acceleration_errors
from marey.evaluate.metrics import centre_on as centre_on
from marey.evaluate.metrics import correct_keypoints as correct_keypoints
from marey.evaluate.metrics import floor_penetration as floor_penetration
from marey.evaluate.metrics import foot_slide as foot_slide
from marey.evaluate.metrics import jitter as jitter
from marey.evaluate.metrics import joint_errors as joint_errors
from marey.evaluate.metrics import mpjpe as mpjpe
from marey.evaluate.metrics import n_mpjpe as n_mpjpe
from marey.evaluate.metrics import pa_mpjpe as pa_mpjpe
from marey.evaluate.metrics import pck as pck
from marey.evaluate.metrics import peak_velocity_error as peak_velocity_error
from marey.evaluate.metrics import peak_velocity_loss as peak_velocity_loss
from marey.evaluate.metrics import reprojection_error as reprojection_error
from marey.evaluate.metrics import summarise as summarise
from marey.evaluate.metrics import world_mpjpe as world_mpjpe
