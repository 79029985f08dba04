"""What made a take, as lines and tables: no raw tables of Python on the screen."""

import json
from dataclasses import replace

import pytest

from marey.io.overrides import Override, describe_overrides
from marey.io.take import write_take
from marey.jobs.info import describe_file, show_file
from tests.view.report.scenes import standing_motion, standing_take, touching_take

STAGES = {
    "views": {
        "cam01": {"agreeing": 0.9982, "error_px": 5.2219, "keypoints": 11331},
        "cam02": {"keypoints": 0},
    },
    "clocks": {
        "method": "people's movement",
        "cam01": {"verdict": "reference", "applied_s": 0.0, "offset_s": 0.0, "sigma_s": 0.0},
        "cam02": {
            "verdict": "shifted",
            "applied_s": -0.21,
            "offset_s": -0.21,
            "sigma_s": 0.02,
            "drift_s_per_s": 0.001,
        },
    },
    "overrides": {
        "entries": describe_overrides(
            [
                Override(frames=((12, 14), (20, 20)), person="01", joints=("nose",), why="hair"),
                Override(seconds=(0.5, 2.0), cameras=("cam02",), confidence=0.9),
            ]
        )
    },
    "contact": {"road": {"guess": 0.2, "on": True}, "pictures": 3},
}


@pytest.fixture
def show(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")

    def write(**changes):
        take = standing_take(standing_motion(4))
        write_take(replace(take, **changes), tmp_path / "a.take", overwrite=True)
        show_file(tmp_path / "a.take")
        return capsys.readouterr().out, describe_file(tmp_path / "a.take").to_plain()

    return write


def lines_of(screen: str, title: str) -> list[str]:
    """Return the rows of a table, without its head."""
    rows = screen.split(f"\n{title}", 1)[1].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [" ".join(row.split()) for row in rows]


def test_stages_are_lines_and_tables(show):
    screen, plain = show(provenance=STAGES)
    assert "{" not in screen and "[" not in screen
    assert lines_of(screen, "agreement of cameras (2)") == [
        "cam01 11331 99.8 % 5.22 px",
        "cam02 0 none none",
    ]
    assert lines_of(screen, "clocks (2)") == [
        "cam01 the others are compared with it +0.0 ms 0.0 ms +0.0 ms none",
        "cam02 shifted -210.0 ms 20.0 ms -210.0 ms +1 ms a s",
    ]
    assert lines_of(screen, "overrides (2)") == [
        "frames 12 to 14, 20 01 all nose 0 hair",
        "0.5 to 2 s everybody cam02 all 0.9 none",
    ]
    assert "found from people's movement" in screen
    assert "pictures 3, road (guess 0.2, on on)" in screen
    # Machines get it all as it is in the take, and the tables.
    assert plain["made_by_views"] == STAGES["views"]
    assert json.loads(json.dumps(plain))["clocks"][1]["applied_s"] == -0.21
    assert plain["overrides"][0]["when"] == [[12, 14], [20, 20]]


def test_trusted_clocks_are_a_line(show):
    screen, _ = show(provenance={"clocks": {"method": "trusted"}})
    assert "made by clocks  trusted as the videos state them" in screen


@pytest.mark.parametrize(
    "stages",
    [{"views": 3, "clocks": "off", "overrides": [1]},
     {"views": {"a": {"agreeing": "all", "error_px": True}}, "overrides": {"entries": 7}},
     {"clocks": {"a": {"verdict": 5}}, "overrides": {"entries": [4, {"frames": 3, "joints": 1}]}},
     {"overrides": {"entries": [{"seconds": [], "frames": [[1], 2]}]}, "refine": {"people": {}}}],
)  # fmt: skip
def test_strange_stages_do_no_harm(show, stages):
    screen, plain = show(provenance=stages)
    assert "{" not in screen
    json.dumps(plain)


def test_who_touches_whom_is_counted(show):
    rows = [(1, "head", "head", -0.01), (1, "head", "chest", 0.0), (2, "head", "head", 0.0)]
    screen, plain = show(people=touching_take(rows, num_frames=4).people)
    assert "touches     Anna and Ben in 2 frames" in screen
    assert plain["touches"] == [{"people": ["Anna", "Ben"], "frames": 2}]
    screen, plain = show(people=touching_take([], num_frames=4).people)
    assert "touches     nobody" in screen and plain["touches"] == []
