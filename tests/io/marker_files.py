"""Points to write into marker files, and files damaged at random but repeatably."""

import time
import tracemalloc

import numpy as np

from marey.core import Keypoints3D
from marey.core.errors import MareyError
from marey.io._markers import make_marker_skeleton

LABELS = ("pelvis", "left_knee", "right_knee", "nose")


def make_points(*, people=("anna",), times=None, labels=LABELS, seed=0):
    """Points that move on straight lines, each its own way."""
    times = 0.5 + np.arange(12) / 30 if times is None else times
    random = np.random.default_rng(seed)
    shape = (len(people), 1, len(labels), 3)
    start, speed = random.normal(0, 1, shape), random.normal(0, 1, shape)
    position = (start + speed * times[:, None, None]).astype(np.float32)
    return Keypoints3D(
        skeleton=make_marker_skeleton("four", labels),
        people=people,
        time=times,
        position=position,
        frame="world",
        confidence=np.ones(position.shape[:3], np.float32),
    )


def hide(points, *where):
    """Make points missing in place."""
    points.position[where] = np.nan
    points.confidence[where] = 0
    return points


def assert_same_points(found, expected, *, atol=1e-6):
    np.testing.assert_array_equal(np.isnan(found.position), np.isnan(expected.position))
    np.testing.assert_allclose(found.position, expected.position, atol=atol)
    np.testing.assert_array_equal(found.confidence > 0, expected.confidence > 0)
    np.testing.assert_allclose(found.time, expected.time, atol=1e-9)
    assert found.skeleton.keypoints == expected.skeleton.keypoints
    assert found.frame == "world"


def mutate(content: bytes, seed: int) -> bytes:
    """Damage a file: flipped bits, other bytes, pieces cut out, doubled or moved, an early end."""
    random = np.random.default_rng(seed)
    data = bytearray(content)
    # Half of the damage is done to the head of the file, where a little has great effect.
    reach = len(data) if random.random() < 0.5 else min(len(data), 2048)
    for _ in range(int(random.integers(1, 6))):
        place = int(random.integers(0, max(1, min(reach, len(data)))))
        length = int(random.integers(1, 64))
        piece = bytes(data[place : place + length])
        kind = int(random.integers(0, 7))
        if kind == 0 and piece:
            data[place] ^= 1 << int(random.integers(0, 8))
        elif kind == 1:
            data[place : place + length] = random.bytes(len(piece))
        elif kind == 2:
            del data[place : place + length]
        elif kind == 3:
            data[place:place] = piece
        elif kind == 4:
            data[place : place + 4] = b"\xff" * min(4, len(piece))
        elif kind == 5:
            data[place : place + 1] = b"9999999999"
        else:
            del data[int(random.integers(0, len(data) + 1)) :]
    return bytes(data)


def check_survival(read, content: bytes, path, seeds) -> None:
    """Each damaged file is read or refused in one sentence, in seconds and little memory.

    The memory counted is that of Python and numpy.
    """
    outcomes = set()
    for seed in seeds:
        path.write_bytes(mutate(content, seed))
        tracemalloc.start()
        start = time.process_time()
        try:
            points = read(path)
            outcomes.add("read")
            missing = np.isnan(points.position).any(-1)
            assert (points.confidence[missing] == 0).all(), seed
        except MareyError as error:
            outcomes.add("refused")
            assert "\n" not in str(error) and len(str(error)) < 400, (seed, str(error))
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert time.process_time() - start < 10 and peak < 1e9, seed
    # Damage that is never noticed, or always fatal, would test nothing.
    assert outcomes == {"read", "refused"} if len(seeds) >= 100 else "refused" in outcomes
