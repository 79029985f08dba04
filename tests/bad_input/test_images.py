"""Images and folders of images that are odd, damaged or no images at all."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.io.mutations import mutate

from .conftest import check_take
from .damage import damage

SEEDS = [*range(10), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(10, 200))]

pytestmark = pytest.mark.usefixtures("stand_ins")


def encode(image: np.ndarray, suffix: str) -> bytes:
    done, data = cv2.imencode(suffix, image)
    assert done
    return data.tobytes()


@pytest.fixture(scope="module")
def picture(images) -> np.ndarray:
    """One frame, BGR."""
    return np.ascontiguousarray(cv2.resize(images[0], (180, 234))[..., ::-1])


def deepen(picture: np.ndarray) -> np.ndarray:
    return picture.astype(np.uint16) * 257


def add_alpha(picture: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(picture, cv2.COLOR_BGR2BGRA)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("deep.png", deepen),
        ("deep_grey.png", lambda picture: deepen(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))),
        ("grey.jpg", lambda picture: cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)),
        ("grey.bmp", lambda picture: cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)),
        ("alpha.png", add_alpha),
        ("alpha.webp", add_alpha),
        ("odd.jpg", lambda picture: picture[:233, :179]),
    ],
)
def test_depths_and_channels(run, picture, name, change):
    image = change(picture)
    Path(name).write_bytes(encode(image, Path(name).suffix))
    assert run("solve", name, "-o", "clip.take").code == 0
    take = check_take(Path("clip.take"))
    assert take.clips[0].size == (image.shape[1], image.shape[0])


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_damage(run, picture, suffix, seed):
    data = encode(cv2.resize(picture, (90, 117)), suffix)
    Path(f"a{suffix}").write_bytes(damage(data, seed=seed) if seed % 2 else mutate(data, seed=seed))
    if run("solve", f"a{suffix}", "-o", "clip.take").code == 0:
        check_take(Path("clip.take"))


def fill(folder: str, files: dict[str, bytes]) -> None:
    Path(folder).mkdir()
    for name, data in files.items():
        (Path(folder) / name).write_bytes(data)


def test_a_folder_without_images(run):
    fill("papers", {"notes.txt": b"no pictures here", ".hidden.png": b""})
    ended = run("solve", "papers")
    assert ended.code == 2
    assert "the folder papers holds no images (.jpg, .jpeg, .png" in ended.said


def test_an_empty_folder(run):
    fill("nothing", {})
    assert "the folder nothing holds no images" in run("solve", "nothing").said


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bad", [b"", b"words", b"\x89PNG\r\n\x1a\n"])
def test_one_bad_image_in_a_folder_is_named(run, picture, place, bad):
    files = {f"{number}.png": encode(picture, ".png") for number in range(3)}
    fill("frames", {**files, f"{place}.png": bad})
    ended = run("solve", "frames", "-o", "clip.take")
    assert ended.code == 2
    assert f"{place}.png" in ended.said


def test_images_of_different_sizes(run, picture):
    fill("frames", {"1.png": encode(picture, ".png"), "2.png": encode(picture[:99], ".png")})
    ended = run("solve", "frames")
    assert ended.code == 2
    assert "2.png is 180x99 px but the images before it are 180x234 px" in ended.said
