"""Broken, truncated and malicious BVH files: one sentence or a sound result, nothing else."""

import gzip
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from marey.core import Rig
from marey.core.errors import FormatError, InputError, MareyError, NothingFoundError
from marey.io.bvh import read_bvh, write_bvh
from tests.io.bvh.test_bvh import SMALL, random_motion

MAX_SECONDS, MAX_BYTES = 10.0, 200e6


def read_bytes(tmp_path: Path, data: bytes, name: str = "bad.bvh"):
    path = tmp_path / name
    path.write_bytes(data)
    return read_bvh(path)


FAULTS = {
    "empty": (lambda _: "", "line 0: expected HIERARCHY.*the end of the file"),
    "another format": (lambda _: "solid cube\nfacet", "line 1: expected HIERARCHY.*'solid cube'"),
    "no root": (lambda s: s.replace("ROOT", "JOINT"), "line 2: expected ROOT"),
    "two roots": (lambda s: s.replace("\nMOTION", "\nROOT b\n{\nOFFSET 0 0 0\n}\nMOTION"),
                  "line 25: expected MOTION after the one skeleton"),
    "no name": (lambda s: s.replace("JOINT Leg", "JOINT"), "line 6: expected a name after JOINT"),
    "odd name": (lambda s: s.replace("Leg", "L\x1bg"), r"expected a name after JOINT"),
    "no brace": (lambda s: s.replace("Leg\n  {", "Leg\n"), r"line 8: expected \{"),
    "brace missing at the end": (lambda s: s.replace("}\nMOTION", "MOTION"),
                                 r"expected \} for each \{ before the motion"),
    "brace too many": (lambda s: s.replace("MOTION", "}\nMOTION"), "expected MOTION after"),
    "no offset": (lambda s: s.replace("    OFFSET 0 -50 0\n", ""),
                  "line 13: expected the OFFSET of Leg"),
    "two offsets": (lambda s: s.replace("OFFSET 0 -50 0", "OFFSET 0 0 0\nOFFSET 0 0 0"),
                    "expected one OFFSET for each joint"),
    "short offset": (lambda s: s.replace("OFFSET 0 -50 0", "OFFSET 0 -50"),
                     "line 8: expected three numbers after OFFSET"),
    "nan offset": (lambda s: s.replace("0 -50 0", "0 nan 0"), "line 8: expected offsets of"),
    "huge offset": (lambda s: s.replace("0 -50 0", "0 1e30 0"), "expected offsets of at most"),
    "unknown channel": (lambda s: s.replace("6 Xposition", "6 Xscale"), "line 5: .* CHANNELS"),
    "channels too few": (lambda s: s.replace("6 Xposition", "7 Xposition"), "expected CHANNELS"),
    "channels too many": (lambda s: s.replace("6 Xposition", "2 Xposition"), "line 5: .* JOINT"),
    "channels twice": (lambda s: s.replace("6 Xpos", "0\nCHANNELS 6 Xpos"), "CHANNELS once"),
    "channels absurd": (lambda s: s.replace("6 Xpos", "99999999999 Xpos"), "expected CHANNELS"),
    "position twice": (lambda s: s.replace("Yposition", "Xposition"), "each position once"),
    "four rotations": (lambda s: s.replace("6 Xposition", "6 Xrotation"), "at most 3 rotations"),
    "joint in an end": (lambda s: s.replace("OFFSET 0 -40 0", "OFFSET 0 -40 0\nJOINT x\n{"),
                        r"line 13: expected OFFSET or \} in an End Site"),
    "no motion": (lambda s: s.partition("MOTION")[0], "expected MOTION, found the end of the file"),
    "no frames line": (lambda s: s.replace("Frames: 2\n", ""), "expected Frames: and their number"),
    "negative frames": (lambda s: s.replace("Frames: 2", "Frames: -2"), "expected Frames:"),
    "no frame time": (lambda s: s.replace("Frame Time: 0.0333333\n", ""), "expected Frame Time:"),
    "frame time zero": (lambda s: s.replace("0.0333333", "0"), "expected a frame time of"),
    "frame time nan": (lambda s: s.replace("0.0333333", "nan"), "expected a frame time of"),
    "frame time text": (lambda s: s.replace("0.0333333", "fast"), "expected a frame time of"),
    "more promised": (lambda s: s.replace("Frames: 2", "Frames: 9"),
                      "line 29: expected the 9 frames promised, found the end after 2"),
    "less promised": (lambda s: s.replace("Frames: 2", "Frames: 1"),
                      "line 29: expected the end after the 1 frames promised, found more"),
    "short frame": (lambda s: s.replace("10 90 20  0 0 90", "10 90 20  0 0"),
                    "line 29: expected 12 numbers, one per channel, found 11"),
    "text": (lambda s: s.replace("10 90 20  0 0 90", "10 90 20  0 0 9O"),
             "line 29: expected numbers only, found '9O'"),
    "comma": (lambda s: s.replace("10 90 20  0 0 90", "10 90 20  0 0 9,5"), "found '9,5'"),
    "nan": (lambda s: s.replace("10 90 20  0 0 90", "10 90 20  0 0 nan"), "line 29: .* finite"),
    "infinite": (lambda s: s.replace("10 90 20  0 0 90", "-inf 9 20  0 0 9"), "line 29:.*finite"),
    "absurd number": (lambda s: s.replace("10 90 20  0 0 90", "10 9e99 20  0 0 9"),
                      "line 29: .* finite numbers up to 1e"),
    "absurd promise": (lambda s: s.replace("Frames: 2", "Frames: 999999999999"),
                       "expected at most [0-9]+ frames of this skeleton"),
    "promise beyond reading": (lambda s: s.replace("Frames: 2", "Frames: " + "9" * 5000),
                               "expected Frames:"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_with_their_line(fault, tmp_path):
    change, message = FAULTS[fault]
    text = change(SMALL)
    assert text != SMALL
    with pytest.raises(FormatError, match=message) as caught:
        read_bytes(tmp_path, text.encode())
    assert str(caught.value).count("\n") == 0 and len(str(caught.value)) < 400


def test_other_refusals(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        read_bvh(tmp_path / "absent.bvh")
    with pytest.raises(InputError, match="is not a file"):
        read_bvh(tmp_path)
    with pytest.raises(NothingFoundError, match="promises no frames"):
        read_bytes(tmp_path, SMALL.replace("Frames: 2", "Frames: 0").encode())
    with pytest.raises(FormatError, match="expected HIERARCHY"):
        read_bytes(tmp_path, SMALL.encode("utf-16"))
    with pytest.raises(FormatError, match="damaged gzip file"):
        read_bytes(tmp_path, gzip.compress(SMALL.encode())[:-30])
    damaged = bytearray(gzip.compress(SMALL.encode()))
    damaged[60] ^= 255
    with pytest.raises(FormatError, match=r"damaged gzip file|expected"):
        read_bytes(tmp_path, bytes(damaged))


def nest(depth: int) -> str:
    inner = "JOINT j\n{\nOFFSET 0 1 0\n" * depth
    return f"HIERARCHY\nROOT r\n{{\nOFFSET 0 0 0\n{inner}{'}' * (depth + 1)}\nMOTION\n"


def widen(count: int) -> str:
    inner = "JOINT j\n{\nOFFSET 0 1 0\n}\n" * count
    channels = "CHANNELS 1 Xrotation\n"
    return f"HIERARCHY\nROOT r\n{{\nOFFSET 0 0 0\n{channels}{inner}}}\nMOTION\n"


def pack(head: bytes, piece: bytes, count: int) -> bytes:
    """Gzip a head and many copies of a piece without ever unpacking them (members in a row)."""
    return gzip.compress(head) + gzip.compress(piece) * count


COUNTS = b"Frames: 9999999\nFrame Time: 1\n"
BOMBS = {
    "deep": (nest(100_000).encode(), "at most 2048 joints and 256 inside each other"),
    "wide": (widen(3000).encode(), "at most 2048 joints"),
    "frames without channels": (nest(200).encode() + COUNTS, "frames of this skeleton"),
    "frames of many joints": (widen(1000).encode() + COUNTS + b"0\n0\n", "frames of this skeleton"),
    "an endless line": (
        pack(b"HIERARCHY ROOT ", b"x" * 2**20, 1000),
        "line 1: expected a line of text",
    ),
    "endless blank lines": (pack(b"", b"\n" * 2**20, 1000), "empty lines"),
    "endless offsets": (
        pack(b"HIERARCHY\nROOT r\n{\n", b"OFFSET 0 0 0\n" * 2**16, 1000),
        "one OFFSET",
    ),
    "endless frames": (
        pack(SMALL.encode(), b"0 0 0 0 0 0 0 0 0 0 0 0\n" * 2**16, 1000),
        "line 30: expected the end",
    ),
    "a long number": (SMALL.replace("10 90 20", "1" * 900_000 + " 90 20").encode(), "finite"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_cost_little(bomb, tmp_path):
    data, message = BOMBS[bomb]
    result = read_watched(tmp_path, data)
    assert isinstance(result, FormatError)
    with pytest.raises(FormatError, match=message):
        raise result


def read_watched(tmp_path: Path, data: bytes):
    """Read a file and return the motion or marey's error; more time or memory fails the test."""
    path = tmp_path / "bad.bvh"
    path.write_bytes(data)
    tracemalloc.start()
    start = time.perf_counter()
    try:
        return read_bvh(path)
    except MareyError as error:
        return error
    finally:
        elapsed, (_, peak) = time.perf_counter() - start, tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert elapsed < MAX_SECONDS and peak < MAX_BYTES


def flip_bits(data: bytearray, rng: np.random.Generator) -> None:
    for place in rng.integers(0, len(data), rng.integers(1, 20)):
        data[place] ^= 1 << int(rng.integers(8))


def cut_out(data: bytearray, rng: np.random.Generator) -> None:
    start = int(rng.integers(len(data)))
    del data[start : start + int(rng.integers(1, len(data)))]


def repeat_piece(data: bytearray, rng: np.random.Generator) -> None:
    start, stop = sorted(int(k) for k in rng.integers(0, len(data), 2))
    at = int(rng.integers(len(data)))
    data[at:at] = data[start:stop]


def swap_lines(data: bytearray, rng: np.random.Generator) -> None:
    lines = bytes(data).split(b"\n")
    for _ in range(int(rng.integers(1, 5))):
        a, b = rng.integers(0, len(lines), 2)
        lines[a], lines[b] = lines[b], lines[a]
    data[:] = b"\n".join(lines)


TOKENS = [b"nan", b"inf", b"1e999", b"-1e7", b"", b"{", b"}", b"\x00", b"MOTION", b"End Site",
          b"999999999", b"-1", b"JOINT a", b"\xff\xfe", b"0x10", b"1_0", b"CHANNELS 3"]  # fmt: skip


def put_tokens(data: bytearray, rng: np.random.Generator) -> None:
    words = bytes(data).split(b" ")
    for place in rng.integers(0, len(words), rng.integers(1, 4)):
        words[place] = TOKENS[rng.integers(len(TOKENS))]
    data[:] = b" ".join(words)


def pack_and_flip(data: bytearray, rng: np.random.Generator) -> None:
    packed = bytearray(gzip.compress(bytes(data), mtime=0))
    flip_bits(packed, rng)
    data[:] = packed


MUTATIONS = [flip_bits, cut_out, repeat_piece, swap_lines, put_tokens, pack_and_flip]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> bytes:
    folder = tmp_path_factory.mktemp("sound")
    return write_bvh(random_motion(7, 30), folder / "sound.bvh")[0].read_bytes()


def check_mutation(seed: int, sound: bytes, tmp_path: Path) -> bool:
    """Mutate a file by its seed, read it and return whether it was refused."""
    rng = np.random.default_rng(seed)
    data = bytearray(sound)
    MUTATIONS[seed % len(MUTATIONS)](data, rng)
    result = read_watched(tmp_path, bytes(data))
    if isinstance(result, MareyError):
        assert "\n" not in str(result) and len(str(result)) < 400
        return True
    rig = result.body
    assert isinstance(rig, Rig)
    # A result is sound: finite everywhere, unit rotations, a tree with distinct names.
    assert np.isfinite(result.T_world_root).all() and np.isfinite(rig.offset).all()
    lengths = np.linalg.norm(result.R_parent_joint, axis=-1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    assert len({rig.root, *rig.joints}) == len(rig.joints) + 1
    assert all(parent < joint for joint, parent in enumerate(rig.parents))
    assert (np.diff(result.time) > 0).all()
    return False


@pytest.mark.parametrize("seed", range(10))
def test_mutations(seed, sound, tmp_path):
    check_mutation(seed, sound, tmp_path)


@pytest.mark.slow
def test_many_mutations(sound, tmp_path):
    refused = sum(check_mutation(seed, sound, tmp_path) for seed in range(200))
    # Damage in the middle of a number may give another number; most of it is seen.
    assert 100 < refused < 200
