"""The page: sound markup that loads nothing, hostile names, the right numbers, honest absences."""

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from marey.core import Clip, Person, Take
from marey.io.video import probe_clip, write_video
from marey.view.report import make_report, render_page
from tests.fixtures.golden_take import make_take

from .scenes import change_person, lose_frames, space_points, standing_motion, standing_take

HOSTILE = "<script>alert('&\"1')</script>]]>-->"
VOID = {"img", "meta", "br"}


class Page(HTMLParser):
    """Checks nesting, and collects text, tags and attributes."""

    def __init__(self, page: str):
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.lines: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs)
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.text += data + "\n"

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def read(take: Take, **options) -> Page:
    return Page(render_page(make_report(take, "test", **options)))


def row(page: Page, name: str) -> list[str]:
    """The cells after a row's name."""
    lines = [line.strip() for line in page.text.split("\n")]
    return lines[lines.index(name) + 1 :]


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Clip:
    path = tmp_path_factory.mktemp("report") / "grey.mp4"
    grey = np.full((720, 1280, 3), 96, np.uint8)
    write_video(path, (grey for _ in range(90)), frame_rate=30.0)
    return probe_clip(path)


@pytest.fixture(scope="module")
def full_page(clip) -> str:
    take = standing_take(standing_motion(slide=0.3, height=-0.07), clips=(clip,))
    take = lose_frames(take, slice(30, 60))
    take = change_person(take, keypoints3d=space_points(np.full(90, 0.3)))
    take = replace(take, provenance={"fit": {"body": "marey-h 1"}})
    run = {"seconds": {"people": 8.0, "fit": 2.0}, "total_seconds": 10.0}
    return render_page(make_report(take, "test", run=run))


def test_the_markup_is_sound_and_loads_nothing(full_page):
    page = Page(full_page)
    assert not page.find("script") and not page.find("link") and not page.find("iframe")
    for tag, attributes in page.tags:
        for name, value in attributes.items():
            assert not name.startswith("on") and name != "style"
            if name in ("src", "href", "srcset", "data", "action"):
                assert tag == "img" and value.startswith("data:image/jpeg;base64,")
    assert "http:" not in full_page and "https:" not in full_page and "url(" not in full_page
    assert "@import" not in full_page


def test_the_policy_allows_this_style_and_nothing_else(full_page):
    policy = next(meta["content"] for meta in Page(full_page).find("meta") if "http-equiv" in meta)
    style = re.search(r"<style>(.*?)</style>", full_page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'"


def test_everyone_can_read_it(full_page):
    page = Page(full_page)
    assert page.find("html")[0]["lang"] == "en"
    assert all(image["alt"] for image in page.find("img"))
    assert len(page.find("h1")) == 1
    for drawing in page.find("svg"):
        assert drawing.get("aria-label") or drawing.get("aria-hidden") == "true"
    assert all("scope" in cell for cell in page.find("th"))
    assert len(page.find("caption")) == len(page.find("table"))


def test_nothing_is_absent_where_all_is_there(full_page):
    assert "Not available" not in full_page


def test_the_numbers_are_those_of_the_scene(full_page):
    page = Page(full_page)
    # Slides at 0.3 m/s, 7 cm below the floor, a second missing of three.
    assert row(page, "left heel")[:1] != []
    assert [c for c in row(page, "Contact with the floor") if c][4:8] == [
        "left heel", "100 %", "30", "30",
    ]  # fmt: skip
    assert "Lowest point below the floor: 7.0 cm on average" in page.text
    assert "feet move at 30 cm/s on average" in page.text
    assert "1.0\N{EN DASH}2.0 s" in page.text
    summary = [cell for cell in row(page, "below floor, cm") if cell][:10]
    assert summary[:5] == ["Anna", "0.0 s", "3.0 s", "67 %", "0.80"]
    assert summary[-2:] == ["30", "7.0"]
    assert [c for c in row(page, "left upper arm") if c][:4] == ["30", "30", "30", "0 %"]
    assert [c for c in row(page, "people") if c][:2] == ["8.0 s", "80 %"]


def test_findings_of_one_kind_stand_together():
    take = standing_take(standing_motion(slide=0.3, height=-0.07))
    first = take.people[0]
    motion = standing_motion(slide=0.4, height=-0.07, name="Berta")
    second = replace(first, name="Berta", keypoints2d=(), motion=motion)
    page = read(replace(take, people=(first, second)))
    lines = [line for line in page.text.split("\n") if line.strip()]
    # One sentence for both, then who and when; of different sentences, each with its own.
    at = lines.index("Below the floor")
    assert lines[at + 1] == "Feet or other parts up to 7 cm below the floor."
    assert [line.split(":")[0] for line in lines[at + 2 : at + 4]] == ["Anna", "Berta"]
    at = lines.index("Sliding feet")
    assert "30 cm/s" in lines[at + 1] and "40 cm/s" in lines[at + 2]


def test_pictures_show_the_body(full_page):
    images = Page(full_page).find("img")
    assert 4 <= len(images) <= 6
    data = base64.b64decode(images[0]["src"].removeprefix("data:image/jpeg;base64,"))
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (int(images[0]["height"]), int(images[0]["width"]), 3)
    assert (np.abs(picture.astype(int) - 96) > 40).any(-1).mean() > 0.01


def test_hostile_names_are_only_text(clip):
    take = standing_take(standing_motion(name=HOSTILE), clips=())
    cameras = replace(take.cameras, names=(HOSTILE,))
    take = replace(take, cameras=cameras, provenance={HOSTILE: {HOSTILE: [HOSTILE]}})
    run = {"seconds": {HOSTILE: 1.0}, "host": {HOSTILE: HOSTILE}, "finished": HOSTILE}
    source = render_page(make_report(take, HOSTILE, run=run))
    page = Page(source)
    assert not page.find("script") and "<script" not in source
    assert page.text.count(HOSTILE) > 5
    for _, attributes in page.tags:
        assert not any(name.startswith("on") or "<" in name for name in attributes)


def test_a_title_in_the_head_is_escaped():
    assert "<title>&lt;b&gt;" in render_page(make_report(Take(time=np.arange(3.0)), "<b>"))


def test_what_was_forced_by_hand_is_listed_in_words():
    entries = [{"frames": [[12, 14], [20, 20]], "joints": ["nose", "left_eye"]}, {"why": "hair"}]
    take = Take(time=np.arange(3.0), provenance={"overrides": {"entries": entries}})
    page = read(take)
    assert "[" not in page.text and "{" not in page.text
    assert row(page, "overrides.entries.1.joints")[0] == "nose, left_eye"
    assert row(page, "overrides.entries.1.frames")[0] == "12\N{EN DASH}14, 20\N{EN DASH}20"
    assert row(page, "overrides.entries.2.why")[0] == "hair"


def test_an_empty_take():
    page = read(Take(time=np.zeros(0)))
    assert page.text.count("this take holds no people") == 2
    assert "neither a video nor a motion" in page.text
    assert "no timings" in page.text and "does not say how it was made" in page.text


def test_keypoints_without_a_motion():
    take = change_person(standing_take(standing_motion()), motion=None)
    page = read(take)
    assert page.text.count("Not available: this person has no motion.") == 3
    assert "neither a video nor a motion" in page.text
    assert "Share of frames in which at least half is seen" in page.text


def test_a_motion_without_keypoints_or_contacts():
    motion = replace(standing_motion(), contact=None, contact_names=())
    take = change_person(standing_take(motion), keypoints2d=(), motion=motion)
    page = read(take)
    text = page.text
    assert text.count("Not available: this person has no keypoints in the picture.") == 2
    assert "does not tell which points touch the floor" in text
    assert "this person has no 3D keypoints" in text
    assert len(page.find("img")) > 0  # drawn on a floor


def test_a_take_without_a_camera():
    take = replace(standing_take(standing_motion()), cameras=None)
    assert "Not available: this take holds no camera." in read(take).text


def test_a_video_on_which_nothing_could_be_drawn_is_not_shown(clip):
    take = replace(standing_take(standing_motion()), cameras=None)
    page = read(change_person(take, keypoints2d=()), clip=clip)
    assert all("drawn on a floor" in image["alt"] for image in page.find("img")) and page.find(
        "img"
    )


def test_a_video_that_is_gone(tmp_path):
    gone = Clip(path=tmp_path / "gone.mp4", size=(1280, 720), time=np.arange(90) / 30)
    page = read(standing_take(standing_motion(), clips=(gone,)))
    assert "gone.mp4 is not where it was; say where it is with --video" in page.text


def test_a_video_that_is_damaged(tmp_path):
    path = tmp_path / "bad.mp4"
    path.write_bytes(b"not a video")
    clip = Clip(path=path, size=(1280, 720), time=np.arange(90) / 30)
    page = read(standing_take(standing_motion(), clips=(clip,)))
    assert "the video could not be read" in page.text


def test_a_bare_rig_and_people_who_are_never_there():
    take = make_take()
    nobody = Person(name="nobody", start=6, num_frames=0)
    take = replace(take, clips=(), people=(*take.people[1:], nobody))
    page = read(take)
    assert "a bare rig has no surface to draw" in page.text
    assert "this person has no frames" in page.text


def test_the_golden_take_has_a_page():
    read(make_take())


def test_many_people_are_counted_not_listed():
    take = standing_take(standing_motion(6))
    person = change_person(take, keypoints2d=()).people[0]
    motion = person.motion
    crowd = tuple(
        replace(person, name=f"p{k}", motion=replace(motion, people=(f"p{k}",))) for k in range(45)
    )
    page = read(replace(take, people=crowd))
    assert "And 5 more people." not in page.text and "And 5 people more." in page.text
    assert "33 people more, seen for a shorter time, only stand above." in page.text
