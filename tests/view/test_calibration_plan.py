"""The plan of a rig: everyone's way in a colour of their own."""

import re

import numpy as np

from marey.synthetic import make_cameras
from marey.view.calibration.plan import draw_plan
from marey.view.colors import person_colors, to_rgb8


def test_paths_are_told_apart_and_break_where_nobody_is():
    way = np.stack([np.linspace(-1, 1, 5), np.zeros(5), np.ones(5)], 1)
    broken = way + np.array([0, 1, 0])
    broken[2] = np.nan
    drawing = draw_plan(make_cameras(4), paths=(way, broken))
    strokes = re.findall(r'<path [^>]*stroke="(#\w{6})"', drawing)
    assert strokes == ["#{:02x}{:02x}{:02x}".format(*to_rgb8(color)) for color in person_colors(2)]
    assert len(set(strokes)) == 2
    whole, parts = re.findall(r'<path d="([^"]*)"', drawing)
    assert (whole.count("M"), parts.count("M")) == (1, 2)
