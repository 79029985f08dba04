"""Person detectors the user brings as ONNX files."""

from marey.models.onnx_detector.detector import OnnxPersonDetector as OnnxPersonDetector
