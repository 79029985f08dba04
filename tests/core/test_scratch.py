"""Working arrays: the same in memory and in files, and of files no page stays behind."""

from pathlib import Path

import numpy as np
import pytest

from marey.core.scratch import LONGEST_IN_MEMORY, Scratch, chunks, forget_pages

LONG = LONGEST_IN_MEMORY + 1


def test_chunks_cover_a_length_in_order():
    assert [(part.start, part.stop) for part in chunks(7, 3)] == [(0, 3), (3, 6), (6, 7)]
    assert list(chunks(0)) == []


def test_short_arrays_and_those_without_a_folder_stay_in_memory(tmp_path):
    Scratch(tmp_path).empty("short", (LONGEST_IN_MEMORY, 2))
    Scratch().empty("long", (LONG, 2))
    assert list(tmp_path.iterdir()) == []


def test_long_arrays_keep_their_content_when_released(tmp_path):
    scratch = Scratch(tmp_path).part("one")
    array = scratch.empty("values", (LONG, 3), np.float64)
    assert array.shape == (LONG, 3)
    assert not array.any()
    array[:] = np.arange(LONG)[:, None]
    scratch.release()
    forget_pages(array[5:])
    assert (array[:, 2] == np.arange(LONG)).all()
    stored = np.fromfile(tmp_path / "one" / "values").reshape(LONG, 3)
    np.testing.assert_array_equal(stored, array)


def resident_kib() -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmRSS")))


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_released_pages_are_given_back(tmp_path):
    scratch = Scratch(tmp_path)
    before = resident_kib()
    array = scratch.empty("large", (2**17, 64))
    for part in chunks(len(array), 2**14):
        array[part] = 1.0
        scratch.release()
    # 32 MiB were written, 4 MiB at a time.
    assert resident_kib() - before < 16 * 1024


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="counts pages as Linux does")
def test_whoever_has_but_a_part_of_an_array_can_give_its_pages_back(tmp_path):
    array = Scratch(tmp_path).empty("values", (LONG, 2000))  # 16 MB
    array[:] = 1.0
    touched = resident_kib()
    forget_pages(array[None][0, 3:])
    assert touched - resident_kib() > 12_000


def test_a_full_disk_is_an_error_and_no_crash(tmp_path):
    with pytest.raises(OSError, match=r"space|large|invalid|Invalid"):
        Scratch(tmp_path).empty("absurd", (LONG, 2**48))


def test_arrays_of_the_process_are_left_alone():
    array = np.ones((3, 3))
    forget_pages(array[1:])
    forget_pages(None)
    assert array.all()
