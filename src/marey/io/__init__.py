"""Doors and windows: a module or package per file format; foreign units, axes and orders stop.

Import the module of the format that is wanted, for example `from marey.io.video import
read_frames`; this package itself imports none of them, so that no format pays for another.
"""
