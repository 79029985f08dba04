"""Measure what taking bodies apart does to a take of one camera, and draw one frame of it.

marey solve hug.mp4 --no-collision -o hug.take
.venv/bin/python tools/measure_one_view_contact.py hug.take --picture hug.jpg --frame 60
"""

import argparse
import sys
import time as clock
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import torch

from marey.body import load_body
from marey.capture.contact.gathering import InMemory
from marey.capture.contact.settle_everyone import ONE_VIEW, settle_everyone
from marey.core import BodyMotion, Take
from marey.fit.contact.crowd import Crowd
from marey.fit.contact.crowd_body import CrowdBody
from marey.fit.threads import one_thread_each
from marey.io.take import read_take
from marey.view.scene import render_scene


def main() -> None:
    """Measure and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("take", type=Path)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--frame", type=int, default=0)
    arguments = parser.parse_args()
    take = read_take(arguments.take)
    begin = clock.process_time()
    apart = take_apart(take)
    seconds = clock.process_time() - begin
    for line in describe(take, apart):
        sys.stdout.write(line + "\n")
    sys.stdout.write(f"{seconds:.1f} s of processor time for {len(take.time)} frames\n")
    if arguments.picture:
        draw(take.motion, apart.motion, arguments.frame, arguments.picture)


def take_apart(take: Take) -> Take:
    """Return a take with bodies out of each other."""
    assert take.cameras is not None
    motion = take.motion
    done = settle_everyone(InMemory(take.time, take.people), take.cameras, load_body(_name(motion)))
    people = tuple(
        replace(person, motion=person.motion and done.place(number, person.motion))
        for number, person in enumerate(take.people)
    )
    return replace(take, people=people)


def describe(take: Take, apart: Take) -> list[str]:
    """Say how deep pairs are in each other before and after, and how far people were moved."""
    one, two = take.motion, apart.motion
    lines = []
    with one_thread_each(), torch.inference_mode():
        body = CrowdBody(load_body(_name(one)))
        before, after = (Crowd(body, motion, None, ONE_VIEW, 2) for motion in (one, two))
        for a, b in sorted({*before.find_pairs(), *after.find_pairs()}):
            was, now = (1e3 * crowd.measure(a, b, within=0.0) for crowd in (before, after))
            met = was > 1e3 * ONE_VIEW.least
            if met.any():
                lines.append(
                    f"{one.people[a]} and {one.people[b]}: {met.sum()} frames in each other; "
                    f"deepest {was.max():.0f} mm before, {now.max():.0f} after; "
                    f"mean {was[met].mean():.1f} mm before, {now[met].mean():.1f} after"
                )
    for row, name in enumerate(one.people):
        way = 1e3 * (two.T_world_root[row] - one.T_world_root[row])[:, 4:]
        if not np.nanmax(np.abs(way), initial=0.0):
            same = np.array_equal(one.R_parent_joint[row], two.R_parent_joint[row], equal_nan=True)
            lines.append(f"{name}: {'the same to the last bit' if same else 'limbs moved'}")
            continue
        step = np.linalg.norm(np.diff(way, axis=0), axis=-1)
        lines.append(
            f"{name}: pelvis moved by {np.nanmax(np.linalg.norm(way, axis=-1)):.0f} mm at most, by "
            f"{np.nanmax(step):.0f} mm from a frame to the next"
        )
    return lines


def draw(before: BodyMotion, after: BodyMotion, frame: int, path: Path) -> None:
    """Draw a frame before (above) and after (below) from the front, the side and the top."""
    rows = [
        np.hstack(
            [render_scene(motion, frame, view=v, size=(420, 420)) for v in ("front", "side", "top")]
        )
        for motion in (before, after)
    ]
    picture = cv2.cvtColor(np.vstack(rows), cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(path), picture, [cv2.IMWRITE_JPEG_QUALITY, 82])


def _name(motion: BodyMotion) -> str:
    assert isinstance(motion.body, str)
    return motion.body


if __name__ == "__main__":
    main()
