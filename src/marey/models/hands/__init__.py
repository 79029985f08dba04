"""The shipped hand landmark network."""

from marey.models.hands.crops import crop_from_body as crop_from_body
from marey.models.hands.crops import crop_from_hand as crop_from_hand
from marey.models.hands.network import HandEstimator as HandEstimator
from marey.models.hands.network import HandLandmarks as HandLandmarks
