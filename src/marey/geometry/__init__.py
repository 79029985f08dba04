"""Rotations, projection, alignment and a plain z-buffer, batched."""
