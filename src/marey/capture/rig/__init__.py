"""Cameras: calibrated from boards and from people, and brought to one clock."""
