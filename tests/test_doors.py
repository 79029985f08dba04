"""What the doors say when they stay shut: whole messages, word for word."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import marey
from marey import cli
from marey.core import Keypoints3D, Person, Take, load_skeleton
from marey.jobs.export.doors import DOORS
from marey.jobs.readers import READERS
from tests.io.keypoint_takes import make_take

OUT = ".glb, .bvh, .npz, .trc, .c3d, .csv, .parquet, .json, .openpose, .mp4"
IN = ".take, .bvh, .glb, .npz, .trc, .c3d, .csv, .parquet, .json, .openpose, .npy, .pkl"

MESSAGES = {
    "export seen.take a.docx": f"cannot export to 'a.docx'; choose a name that ends in {OUT}",
    "export seen.take nowhere/a.json": "the folder nowhere does not exist; create it first",
    "export seen.take taken.json": (
        "taken.json exists already; choose another name, or overwrite it (--overwrite, in Python "
        "overwrite=True)"
    ),
    "export seen.take folder.json": "folder.json is a folder; choose the name of a file",
    "export seen.take folder.openpose --overwrite": None,
    "export seen.take full.openpose --overwrite": (
        "full.openpose is no OpenPose folder, so it is not replaced; remove it first"
    ),
    "export nothing.take a.json": ("nothing.take does not exist; check the spelling of the path"),
    "export taken.json a.bvh": (
        "taken.json is a file, and a take is a folder; marey solve makes one of a video, marey "
        "import of other files"
    ),
    "export seen.take a.bvh": (
        "a.bvh needs motion, which this take has not; it can be exported to .json, .openpose, .mp4"
    ),
    "export seen.take a.trc": (
        "a.trc needs points in space, which this take has not; it can be exported to .json, "
        ".openpose, .mp4"
    ),
    "export space.take b.json": (
        "b.json needs keypoints in images, which this take has not; it can be exported to .trc, "
        ".c3d, .csv, .parquet"
    ),
    "export space.take a.mp4": (
        "a.mp4 needs a video, which this take has not; give one with --video (in Python "
        "video=...); it can be exported to .trc, .c3d, .csv, .parquet"
    ),
    "export space.take a.trc --names mixamo": (
        "--names mixamo is for .bvh and .glb files, not for .trc"
    ),
    "export seen.take a.mp4": (
        "the take's video /recordings/dance.mp4 is not there any more; say where it is with "
        "--video (in Python video=...)"
    ),
    "export empty.take a.csv": "a.csv needs points in space, which this take has not; it is empty",
    "import nothing.bvh": "nothing.bvh does not exist; check the spelling of the path",
    "import a.docx": "a.docx does not exist; check the spelling of the path",
    "import strange.docx": (
        f"strange.docx is of no kind that can be read here; it can be one of {IN}"
    ),
    "import clip.mov": "clip.mov is a recording; run marey solve clip.mov",
    "import pictures": (
        "pictures is a folder, but neither a take, nor one of OpenPose's files, nor a sequence of "
        "Harmony4D; for a folder of images run marey solve pictures"
    ),
    "import seen.take": ("seen.take is a take already; marey export writes it in other formats"),
    "import taken.json -o a.zip": "a take is a folder whose name ends in .take, got 'a.zip'",
    "import taken.json": (
        "taken.json is not sound JSON (Expecting value: line 1 column 1 (char 0)); export it again"
    ),
    "import taken.json -o seen.take": (
        "seen.take exists already; choose another name, or overwrite it (--overwrite, in Python "
        "overwrite=True)"
    ),
    "import a.json --fps 50": "a.json states 25 frames per second; leave out --fps",
    "import a.json --size 10 10": (
        "a.json is of pictures of 640x480 px, not 10x10; give the video it was made of"
    ),
    "import a.openpose --fps -1": "a frame rate must be positive, got -1; give e.g. 30",
    "import a.json --video nothing.mp4": (
        "nothing.mp4 does not exist; check the spelling of the path"
    ),
    "solve": "give a video, or --keypoints FILE",
    "solve clip.mov --no-sync": (
        "--no-sync is for several cameras; leave it out, or add --cameras"
    ),
    "solve clip.mov --no-contact": (
        "--no-contact is for several cameras; leave it out, or add --cameras"
    ),
    "solve --keypoints nothing.json": "nothing.json does not exist; check the spelling of the path",
    "solve --keypoints a.openpose": (
        "a.openpose does not say how large its pictures are; give the video, or --size WIDTH HEIGHT"
    ),
    "solve --keypoints space.take -o a.take": (
        "space.take holds no keypoints in images, which a fit needs"
    ),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Takes that have keypoints, points in space and nothing, and places that are taken."""
    folder = tmp_path_factory.mktemp("doors")
    coco, time = load_skeleton("coco-17"), np.arange(3) / 10
    points = Keypoints3D(
        skeleton=coco, people=("01",), time=time, frame="world",
        position=np.ones((1, 3, 17, 3), np.float32), confidence=np.ones((1, 3, 17), np.float32),
    )  # fmt: skip
    person = Person(name="01", start=0, num_frames=3, keypoints3d=points)
    seen = make_take()
    clip = replace(seen.clips[0], path=Path("/recordings/dance.mp4"))
    marey.write(replace(seen, clips=(clip,)), folder / "seen.take")
    marey.write(Take(time=time, people=(person,)), folder / "space.take")
    marey.write(Take(time=time), folder / "empty.take")
    marey.export(make_take(), folder / "a.json")
    marey.export(make_take(), folder / "a.openpose")
    (folder / "taken.json").write_text("precious")
    (folder / "strange.docx").write_text("letters")
    (folder / "clip.mov").write_text("pictures")
    for name in ("folder.json", "folder.openpose", "full.openpose", "pictures"):
        (folder / name).mkdir()
    (folder / "full.openpose" / "diary.txt").write_text("precious")
    (folder / "pictures" / "1.jpg").write_text("a picture")
    return folder


@pytest.mark.parametrize("command", MESSAGES)
def test_messages(folder, capsys, monkeypatch, command):
    monkeypatch.chdir(folder)
    expected = MESSAGES[command]
    if expected is None:
        cli.main(command.split())
        return
    before = sorted(folder.rglob("*"))
    with pytest.raises(SystemExit) as stop:
        cli.main(command.split())
    said = capsys.readouterr().err.replace(str(folder) + "/", "")
    assert said == f"marey: {expected}\n"
    assert stop.value.code == 2
    assert sorted(folder.rglob("*")) == before


def test_the_page_of_formats_names_every_door():
    page = (Path(__file__).parents[1] / "docs" / "formats.md").read_text(encoding="utf-8")
    table = [line.split("|")[1:5] for line in page.splitlines() if line.startswith("| `")]
    written = {s for cell, _, out, _ in table if out.strip() == "yes" for s in suffixes(cell)}
    taken = {s for cell, _, _, into in table if "video" not in into for s in suffixes(cell)}
    assert written == {*DOORS, ".take"}
    assert taken == {*READERS}


def suffixes(cell: str) -> list[str]:
    return [word.strip("`, ") for word in cell.split() if word.startswith("`.")]
