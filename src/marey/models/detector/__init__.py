"""The shipped person detector."""

from marey.models.detector.ssd import SsdPersonDetector as SsdPersonDetector
