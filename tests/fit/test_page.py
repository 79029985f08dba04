"""Every example of docs/fit.md runs, one after the other, and does what the page says."""

import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "fit.md"


@pytest.fixture(scope="module")
def names():
    found = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        exec(compile(block, str(PAGE), "exec"), found)
    return found


def apart(names, motion):
    joints = [
        names["body"].pose(*(names["torch"].from_numpy(x[0]) for x in parts)).joints.numpy()
        for m in (motion, names["motion"])
        for parts in [(m.shape, m.T_world_root, m.R_parent_joint)]
    ]
    return np.linalg.norm(joints[0] - joints[1], axis=-1).mean()


def test_the_examples_find_the_truth(names):
    first, refined = (apart(names, names[name].motion) for name in ("first", "refined"))
    assert refined < 0.5 * first < 0.03
    assert apart(names, names["fit"].motion) < 1e-3


def test_the_examples_give_what_the_page_says(names):
    assert names["refined"].seen["left_foot"].all()
    assert np.isfinite(names["together"].T_world_root).all()
    assert names["converted"].skin.max() < 5e-3
    assert names["carried"].feet.max() < 1e-2
    assert names["is_plausible"](names["prior"], names["rotation"]).all()
    assert names["solution"].finite.all()
