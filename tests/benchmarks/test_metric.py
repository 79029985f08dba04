"""The gate of the benchmark: what counts as worse, and when machines are comparable."""

import json

import numpy as np
import pytest
from benchmarks._metric import Metric, judge, read_baseline, write_baseline
from benchmarks._stages import STAGES, Meter, profile_solve
from benchmarks._tables import Part, Table, format_table, number, read_parts, write_parts

from benchmarks import accuracy, run
from marey.assets import demo_clip
from marey.io.take import read_take
from marey.io.video import read_frames, write_video
from marey.jobs.solve.options import SolveOptions


def make_metric(value: float, *, direction="higher", absolute=True) -> Metric:
    return Metric(
        key="speed", value=value, unit="1/s", direction=direction, tolerance=0.2, absolute=absolute
    )


@pytest.mark.parametrize(
    ("direction", "value", "worse"),
    [
        ("higher", 81.0, False),
        ("higher", 79.0, True),
        ("higher", 500.0, False),
        ("lower", 119.0, False),
        ("lower", 121.0, True),
        ("lower", 1.0, False),
        ("none", 1e6, False),
        ("higher", float("nan"), True),
    ],
)
def test_worse_is_beyond_the_tolerance_in_the_bad_direction(direction, value, worse):
    old = make_metric(100.0, direction=direction)
    new = make_metric(value, direction=direction)
    assert judge([new], {"speed": old}, same_machine=True)[0].worse == worse


def test_times_of_another_machine_are_shown_but_not_judged():
    slow, old = make_metric(1.0), make_metric(100.0)
    verdict = judge([slow], {"speed": old}, same_machine=False)[0]
    assert (verdict.baseline, verdict.worse) == (100.0, False)
    ratio = make_metric(1.0, absolute=False)
    assert judge([ratio], {"speed": old}, same_machine=False)[0].worse


def test_a_figure_without_baseline_is_not_worse():
    verdict = judge([make_metric(1.0)], {}, same_machine=True)[0]
    assert (verdict.baseline, verdict.worse) == (None, False)


def test_a_baseline_is_read_back(tmp_path):
    path = tmp_path / "baseline.json"
    assert read_baseline(path) == ("", {})
    write_baseline(path, "a machine", [make_metric(3.0)])
    assert read_baseline(path) == ("a machine", {"speed": make_metric(3.0)})


def test_quick_never_becomes_the_baseline(capsys):
    with pytest.raises(SystemExit) as stop:
        run.main(["--quick", "--write"])
    assert stop.value.code == 2
    assert "--quick measures too little" in capsys.readouterr().err


def test_tables_survive_keeping_and_show_what_is_missing(tmp_path):
    table = Table(
        title="Errors", columns=("name", "mm", "n"), rows=(("a", 12.34, 3), ("b", None, 0)),
        notes=("Not the truth.",),
    )  # fmt: skip
    part = Part(command="python -m x", machine="m", tables=(table,))
    write_parts(tmp_path / "parts.json", {"x": part})
    assert read_parts(tmp_path / "parts.json") == {"x": part}
    lines = format_table(table).splitlines()
    assert "| a | 12.3 | 3 |" in lines
    assert "| b | - | 0 |" in lines
    assert lines[-1] == "- Not the truth."


def test_kept_numbers_are_finite():
    assert number(0.0123456, 1000) == 12.3456
    assert number(float("nan")) is None
    json.dumps(number(np.float64(2.0)))


def test_the_report_says_how_each_part_is_made():
    part = Part(command="python -m benchmarks.accuracy --only videos", machine="m", tables=())
    assert "`python -m benchmarks.accuracy --only videos` (m)" in accuracy.format_report(
        {"videos": part}
    )


def test_a_meter_counts_work_and_not_waiting():
    meter = Meter()
    with meter.thread("work"):
        np.linalg.svd(np.random.default_rng(0).standard_normal((120, 120)))
    with meter.thread("work"):
        pass
    assert meter.calls == {"work": 2}
    assert 0 < meter.seconds["work"] < 5


def test_the_profile_covers_every_stage_and_writes_the_take(tmp_path):
    images = (frame.image for frame in read_frames(demo_clip(), stop=12))
    write_video(tmp_path / "clip.mp4", images, frame_rate=30)
    profile = profile_solve(tmp_path / "clip.mp4", tmp_path, options=SolveOptions(min_height=350))
    assert set(profile.busy) == set(STAGES)
    assert all(seconds > 0 for seconds in profile.busy.values())
    # Work of two cores at most, and a little for the decoder, which is run once more.
    assert sum(profile.busy.values()) < 4 * profile.wall["total"]
    assert (profile.num_frames, profile.num_people) == (12, 1)
    assert profile.calls["landmarks body"] >= 12
    assert len(read_take(tmp_path / "clip.take").time) == 12
