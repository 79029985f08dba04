"""Video in and pictures out, tried for real."""

from collections.abc import Callable

from marey.io.video.codecs import CODECS, CodecTrial, try_codec
from marey.jobs.doctor.finding import Finding

WRITTEN = ("h264", "vp9", "av1")
"""What overlays may be written in."""
FIGURE_SIZE_PX = (96, 128)


def check_video(try_one: Callable[[str], CodecTrial] = try_codec) -> Finding:
    """Check that the common kinds of video decode, and that overlays can be written."""
    trials = [try_one(codec) for codec in CODECS]
    bad = {trial.codec: trial.problem for trial in trials if not trial.decodes}
    untried = [trial.codec for trial in trials if trial.decodes and not trial.encoder]
    parts = [f"{codec}: {problem}" for codec, problem in bad.items()]
    good = [trial.codec for trial in trials if trial.decodes and trial.encoder]
    parts += [f"{', '.join(good)} decode"] if good else []
    parts += [f"{', '.join(untried)} untried (no encoder)"] if untried else []
    if not any(trial.encoder for trial in trials if trial.codec in WRITTEN):
        parts.append("no encoder for overlays")
    elif not bad:
        return Finding(name="video", verdict="ok", found="; ".join(parts))
    return Finding(
        name="video",
        verdict="fail" if "h264" in bad else "warn",
        found="; ".join(parts),
        mend="Run: pip install --force-reinstall av (a build of your own may lack libraries).",
    )


def check_renderer() -> Finding:
    """Draw one small picture of a body on the floor with what the views use."""
    import numpy as np

    from marey.core import BodyMotion
    from marey.view.scene import render_scene

    upright = np.array([[[0.5**0.5, 0.5**0.5, 0, 0, 0, 0, 0.95]]], np.float32)
    straight = np.zeros((1, 1, 51, 4), np.float32)
    straight[..., 0] = 1
    motion = BodyMotion(
        body="marey-h",
        people=("person",),
        time=np.zeros(1),
        shape=np.zeros((1, 10), np.float32),
        T_world_root=upright,
        R_parent_joint=straight,
        confidence=np.ones((1, 1), np.float32),
    )
    picture = render_scene(motion, 0, size=FIGURE_SIZE_PX, supersample=1)
    return judge_picture(picture.reshape(-1, 3).tolist())


def judge_picture(pixels: list[list[int]]) -> Finding:
    """Tell a figure from an empty floor: the floor is grey, the figure has a colour.

    Args:
        pixels: Red, green and blue of every pixel.
    """
    colored = sum(max(pixel) - min(pixel) > 40 for pixel in pixels) / len(pixels)
    found = f"a figure covers {100 * colored:.0f} % of a small picture"
    if 0.03 < colored < 0.6:
        return Finding(name="renderer", verdict="ok", found=found)
    return Finding(
        name="renderer",
        verdict="fail",
        found=f"the picture is wrong: {found}",
        mend="Run: pip install --force-reinstall numba opencv-python-headless",
    )
