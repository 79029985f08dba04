"""Videos of two people who touch, solved: they are looked at again, and masks may be given."""

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from marey.capture.contact.closer_look import STAGE
from marey.capture.views.many_views import ManyViewsOptions
from marey.core import Take, load_skeleton
from marey.core.errors import FormatError
from marey.io.calibration.anipose import write_anipose
from marey.jobs.solve import finish_views
from marey.jobs.solve import views as solve_views
from marey.jobs.solve.looks import Looks
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.views import solve_many
from marey.models.protocols import PersonBoxes
from marey.models.rtmpose import RtmPoseEstimator
from tests.capture.couples import FRAMES, SIZE, VIEWS, Film, Stub, film

WHOLE = load_skeleton("coco-wholebody-133")
NAMES = [f"view{view}" for view in range(VIEWS)]


class Network(RtmPoseEstimator):
    """The stub as a network of a kind whose answers are kept; counts what it is asked."""

    def __init__(self, made: Film):
        self._stub, self.asked = Stub(made.scene.truth2d, taken=(0,)), 0

    def locate(self, image, box, previous=None):
        self.asked += 1
        found = self._stub.locate(image, previous.box if box is None else box)
        position = np.full((133, 2), np.nan, np.float32)
        position[:17] = found.position
        known = np.isfinite(position[:, 0])
        return replace(
            found,
            position=position,
            confidence=np.where(known, 0.9, 0.0).astype(np.float32),
            sigma=np.where(known, 1.0, np.nan).astype(np.float32),
            world=np.full((133, 3), np.nan, np.float32),
            box=np.concatenate([found.position.min(0), found.position.max(0)]).astype(np.float32),
        )

    def complete(self, image, located, previous=None):
        return located


class Boxes:
    """Sees both people."""

    def __init__(self, made: Film):
        self._truth = made.scene.truth2d.position

    def detect(self, images):
        found = []
        for image in images:
            points = self._truth[int(image[0, 0, 0]), :, int(image[0, 0, 1])]
            box = np.concatenate([points.min(1), points.max(1)], 1)
            found.append(PersonBoxes(box=box, confidence=np.full(2, 0.9)))
        return found


def shoot(folder: Path, made: Film) -> list[Path]:
    """Write the pictures of all views, and their calibration."""
    for view, name in enumerate(NAMES):
        (folder / name).mkdir(parents=True)
        for frame, image in made.pictures(view, range(FRAMES)):
            cv2.imwrite(str(folder / name / f"{frame:03d}.png"), image[..., ::-1])
    write_anipose(replace(made.scene.cameras, names=tuple(NAMES)), folder / "rig.toml")
    return [folder / name for name in NAMES]


def write_masks(folder: Path, made: Film, *, exchanged: tuple[int, ...] = ()) -> Path:
    """Write a folder per view and person; the names mean the other person in some views."""
    for (view, frame), masks in made.masks.items():
        for person, mask in enumerate(masks):
            shown = 1 - person if view in exchanged and frame >= FRAMES // 2 else person
            place = folder / NAMES[view] / "ab"[shown]
            place.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(place / f"{frame:03d}.png"), mask.astype(np.uint8) * 255)
    return folder


@pytest.fixture(scope="module")
def made() -> Film:
    return Film(film(0.6))


@pytest.fixture(scope="module")
def videos(made, tmp_path_factory) -> list[Path]:
    return shoot(tmp_path_factory.mktemp("close"), made)


@pytest.fixture
def network(made, monkeypatch) -> Network:
    return put_in_place(made, monkeypatch)


def without_settling(**options) -> ManyViewsOptions:
    return ManyViewsOptions(**{**options, "settle": None})


def put_in_place(made: Film, monkeypatch) -> Network:
    network = Network(made)
    monkeypatch.setattr(solve_views, "open_networks", lambda options: (Boxes(made), network))
    # What comes after the points is tested elsewhere, and takes longest.
    monkeypatch.setattr(finish_views, "ManyViewsOptions", without_settling)
    return network


def run(videos: list[Path], **more) -> Take:
    return solve_many(videos, videos[0].parent / "rig.toml", sync=False, **more).take


def worst(take: Take, made: Film) -> float:
    """Return the largest error of any point of anybody, m; people in either order."""
    assert len(take.people) == 2
    truth = made.scene.keypoints3d.position
    points = [person.keypoints3d for person in take.people]
    found = np.stack([each.position[0, :, :17] for each in points if each is not None])
    return min(
        float(np.nanmax(np.linalg.norm(found[list(order)] - truth, axis=-1)))
        for order in ((0, 1), (1, 0))
    )


@dataclass(frozen=True)
class Solved:
    take: Take
    said: list[str]
    asked: int


@pytest.fixture(scope="module")
def solved(made, videos) -> Solved:
    said: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        network = put_in_place(made, patch)
        take = run(videos, note=said.append)
    return Solved(take, said, network.asked)


def test_those_who_touch_are_looked_at_again(made, solved):
    assert any(sentence.startswith("people touch: looked again at") for sentence in solved.said)
    assert solved.take.provenance["contact"]["pictures"] == VIEWS * FRAMES
    assert worst(solved.take, made) < 0.05


class Stop(Exception):
    """What ends a run here."""


def test_an_interrupted_look_goes_on(made, videos, solved, monkeypatch, tmp_path):
    def stop(stage, done, total):
        if stage == STAGE and done == 12:
            raise Stop

    network = put_in_place(made, monkeypatch)
    with pytest.raises(Stop):
        run(videos, journals=tmp_path / "views", progress=stop)
    network = put_in_place(made, monkeypatch)
    again = run(videos, journals=tmp_path / "views")
    # Sixteen pictures are looked at; of the last frames before the stop nothing was written yet.
    assert 0 < network.asked < 0.4 * solved.asked
    for one, two in zip(solved.take.people, again.people, strict=True):
        assert one.keypoints3d is not None and two.keypoints3d is not None
        np.testing.assert_array_equal(one.keypoints3d.position, two.keypoints3d.position)


def test_nobody_touches_and_it_costs_nothing(monkeypatch, tmp_path):
    apart = Film(film(2.2))
    videos, stages = shoot(tmp_path, apart), Counter[str]()
    network = put_in_place(apart, monkeypatch)
    take = run(videos, progress=lambda stage, done, total: stages.update([stage]))
    asked = network.asked
    assert stages["people"] and not stages[STAGE]
    assert "pictures" not in take.provenance["contact"]
    monkeypatch.setattr(Looks, "look_closer", lambda self, views, cameras: None)
    network = put_in_place(apart, monkeypatch)
    without = run(videos)
    assert network.asked == asked and take.provenance == without.provenance
    for one, two in zip(take.people, without.people, strict=True):
        assert one.keypoints3d is not None and two.keypoints3d is not None
        np.testing.assert_array_equal(one.keypoints3d.position, two.keypoints3d.position)
        assert one.motion is not None and two.motion is not None
        np.testing.assert_array_equal(one.motion.R_parent_joint, two.motion.R_parent_joint)


def test_masks_of_all_videos_exchanged_in_some(made, videos, network, tmp_path):
    exchanged = (1, 2)
    masks = write_masks(tmp_path / "masks", made, exchanged=exchanged)
    take = run(videos, options=SolveOptions(masks=masks))
    assert worst(take, made) < 0.05
    said = {clip.name: " ".join(clip.warnings) for clip in take.clips}
    for view, name in enumerate(NAMES):
        assert ("it is used for" in said[name]) == (view in exchanged)
    # In its second look too nobody is seen whom a mask of the other shows.
    assert network._stub.seen[-1] == 0


def test_masks_of_one_video_and_of_another_size(made, videos, network, tmp_path):
    masks, said = write_masks(tmp_path / "masks", made), []
    for name in NAMES[1:]:
        (masks / name).rename(tmp_path / name)
    take = run(videos, options=SolveOptions(masks=masks), note=said.append)
    assert any("no masks of view1, view2, view3" in sentence for sentence in said)
    assert worst(take, made) < 0.05
    small = np.zeros((SIZE[1] // 2, SIZE[0] // 2), np.uint8)
    cv2.imwrite(str(masks / NAMES[0] / "a" / "002.png"), small)
    with pytest.raises(FormatError, match=r"160x120.*320x240|320x240.*160x120"):
        run(videos, options=SolveOptions(masks=masks))
