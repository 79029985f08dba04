"""Images and folders of images as clips."""

import struct

import cv2
import numpy as np
import pytest

from marey.core.errors import FormatError, InputError
from marey.io._image_header import read_stored_size
from marey.io.images import read_image
from marey.io.video import probe_clip, read_frames


def picture(width=40, height=30, level=100):
    image = np.full((height, width, 3), level, np.uint8)
    image[: height // 2, : width // 2] = (250, 10, 20)  # red, top left
    return image


def save(path, image):
    assert cv2.imwrite(str(path), image[..., ::-1])
    return path


def save_turned_jpeg(path, image, orientation):
    """Save a jpeg whose EXIF block says how to turn it."""
    save(path, image)
    data = path.read_bytes()
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 1) + entry + b"\0\0\0\0"
    path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + data[2:])
    return path


def test_a_folder_is_read_in_natural_order(tmp_path):
    for number in (10, 9, 1, 2, 100):
        save(tmp_path / f"frame_{number}.png", picture(level=number))
    (tmp_path / "notes.txt").write_text("not an image")
    clip = probe_clip(tmp_path, frame_rate=50.0)
    assert clip.size == (40, 30)
    np.testing.assert_allclose(clip.time, np.arange(5) / 50)
    assert [int(frame.image[-1, -1, 0]) for frame in read_frames(clip)] == [1, 2, 9, 10, 100]
    assert [frame.index for frame in read_frames(clip, start=1, every=2)] == [1, 3]


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_a_single_image_is_a_clip_of_one_frame(tmp_path, suffix):
    path = save(tmp_path / f"a{suffix}", picture())
    clip = probe_clip(path)
    assert (clip.size, clip.time.tolist()) == ((40, 30), [0.0])
    (frame,) = read_frames(clip)
    assert np.abs(frame.image.astype(int) - picture()).mean() < 6  # red comes first


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".bmp"])
def test_the_header_tells_the_size(tmp_path, suffix):
    for size in [(1, 1), (40, 30), (333, 1025)]:
        data = save(tmp_path / f"a{suffix}", picture(*size)).read_bytes()
        assert read_stored_size(data) == size
        assert read_stored_size(data[:15]) is None  # cut before the size


@pytest.mark.parametrize(
    ("orientation", "upright"),
    [
        (1, lambda image: image),
        (3, lambda image: np.rot90(image, 2)),
        (6, lambda image: np.rot90(image, -1)),  # held upright, turned a quarter clockwise to show
        (8, lambda image: np.rot90(image, 1)),
        (2, lambda image: image[:, ::-1]),
    ],
)
def test_exif_orientation_is_applied(tmp_path, orientation, upright):
    path = save_turned_jpeg(tmp_path / "a.jpg", picture(), orientation)
    expected = upright(picture())
    assert probe_clip(path).size == (expected.shape[1], expected.shape[0])
    assert np.abs(read_image(path).astype(int) - expected).mean() < 6


def test_portrait_and_turned_landscape_make_one_folder(tmp_path):
    save(tmp_path / "1.jpg", picture(30, 40))
    save_turned_jpeg(tmp_path / "2.jpg", picture(40, 30), 6)
    clip = probe_clip(tmp_path)
    assert clip.size == (30, 40)
    assert len(list(read_frames(clip))) == 2


def test_images_of_different_size_are_refused_early(tmp_path):
    save(tmp_path / "1.png", picture())
    save(tmp_path / "2.png", picture(42, 30))
    with pytest.raises(FormatError, match=r"2\.png is 42x30 px .* keep images of one size"):
        probe_clip(tmp_path)


def test_a_turned_odd_one_out_is_found_when_read(tmp_path):
    save(tmp_path / "1.jpg", picture())
    save_turned_jpeg(tmp_path / "2.jpg", picture(), 6)
    with pytest.raises(FormatError, match=r"2\.jpg is 30x40 px"):
        list(read_frames(tmp_path))


def test_a_folder_without_images_is_refused(tmp_path):
    with pytest.raises(InputError, match="holds no images"):
        probe_clip(tmp_path)


def test_a_folder_that_changed_is_noticed(tmp_path):
    save(tmp_path / "1.png", picture())
    clip = probe_clip(tmp_path)
    save(tmp_path / "2.png", picture())
    with pytest.raises(FormatError, match=r"held 1 images .* holds 2 now"):
        list(read_frames(clip))


@pytest.mark.parametrize("frame_rate", [0.0, -1.0, float("nan"), float("inf")])
def test_senseless_frame_rates_are_refused(tmp_path, frame_rate):
    save(tmp_path / "1.png", picture())
    with pytest.raises(InputError, match="frame rate"):
        probe_clip(tmp_path, frame_rate=frame_rate)
