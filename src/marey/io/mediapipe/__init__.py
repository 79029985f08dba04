"""MediaPipe pose arrays: image landmarks as shares of width and height or px, world ones in m.

Accepted are one person's 33 landmarks over T frames, NaN in frames without a person:

- an .npz file with image landmarks (T, 33, 2 to 5) called `landmarks`, `pose_landmarks`,
  `keypoints` or `kp`, world landmarks (T, 33, 3 to 5) called `world_landmarks`,
  `pose_world_landmarks` or `world`, or both; and if known the pictures' width and height (`wh`,
  `size` or `image_size`), the frame rate (`fps` or `frame_rate`) or the times in s (`time`);
- an .npy file with the image landmarks (T, 33, 4 or 5) alone, or (T, 33, 2 or 3) if they are shares
  of the picture.

Columns are x, y, z, visibility, presence (x, y alone have no z); confidence is the visibility, 1
where there is none. Image landmarks of which nearly all lie between -1 and 2 are shares of the
picture (MediaPipe's own), and need its size; others are px. Either way (0, 0) is the corner of the
first pixel, as in marey. z of image landmarks is dropped.

World landmarks are metres in camera axes (x right, y down, z away). Those whose hips are around the
origin, as MediaPipe's are, become keypoints relative to the person (`root`); others, triangulated
say, are taken to be in the axes of a camera. Landmarks of other units are refused. Nothing is
written: MediaPipe has no file format of its own.
"""

from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Shaped

from marey.core import Keypoints3D, Person, Take, load_skeleton
from marey.core.errors import FormatError, InputError, NothingFoundError
from marey.io.mediapipe._fields import (
    RATE_KEYS,
    SIZE_KEYS,
    TIME_KEY,
    Arrays,
    find_rate,
    find_size,
    find_time,
)
from marey.io.npz import list_arrays, read_npy, read_npz
from marey.io.sightings import MAX_CELLS, Sighting, View, build_take, make_clock

IMAGE_KEYS = ("landmarks", "pose_landmarks", "keypoints", "kp")
WORLD_KEYS = ("world_landmarks", "pose_world_landmarks", "world")

NUM_LANDMARKS = 33
PERSON = "01"
LARGEST_M = 20.0
"""World landmarks farther out are in no metres."""

_SKELETON = load_skeleton("blazepose-33")
_HIPS = (_SKELETON.index("left_hip"), _SKELETON.index("right_hip"))

Points = Float[np.ndarray, "T 33 D"]


def is_mediapipe(path: str | Path) -> bool:
    """Tell whether an .npz file holds arrays of MediaPipe.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is no .npz file.
    """
    return not {*IMAGE_KEYS, *WORLD_KEYS}.isdisjoint(list_arrays(Path(path)))


def read_mediapipe(
    path: str | Path,
    *,
    frame_rate: float | None = None,
    size: tuple[int, int] | None = None,
) -> Take:
    """Read landmarks of MediaPipe.

    Args:
        path: An .npz or .npy file, see above.
        frame_rate: Frames per second of files that state none; 30 if None.
        size: Width and height of the pictures in px, for files that state none.

    Returns:
        A take of one view with one person, on the skeleton `blazepose-33`.

    Raises:
        InputError: If the file cannot be opened, or shares of a picture of unknown size come in.
        FormatError: If it holds none of these arrays, or in other shapes or units.
        NothingFoundError: If nobody is there in any frame.
    """
    path = Path(path)
    arrays = _load(path)
    image = _find_landmarks(arrays, IMAGE_KEYS, path, fewest=2)
    world = _find_landmarks(arrays, WORLD_KEYS, path, fewest=3)
    if image is not None and world is not None and len(image) != len(world):
        raise FormatError(f"{path} has {len(image)} frames in the image and {len(world)} in space")
    reference = image if image is not None else world
    if reference is None or not len(reference):
        raise NothingFoundError(f"{path} holds no frames")
    stated = find_size(arrays, path)
    view = View(
        path=path,
        format="MediaPipe arrays",
        num_frames=len(reference),
        size=stated or size,
        time=find_time(arrays, len(reference), path),
        rate=find_rate(arrays, path),
    )
    if image is None:
        assert world is not None
        return _add_world(_make_empty(view, frame_rate), _to_keypoints3d(world, path))
    sightings = _to_sightings(image, view)
    names = [PERSON] * len(sightings)
    take = build_take(sightings, names, skeleton=_SKELETON, view=view, frame_rate=frame_rate)
    return take if world is None else _add_world(take, _to_keypoints3d(world, path))


def _load(path: Path) -> Arrays:
    if path.suffix.lower() != ".npy":
        wanted = (*IMAGE_KEYS, *WORLD_KEYS, *SIZE_KEYS, *RATE_KEYS, TIME_KEY)
        arrays = read_npz(path, wanted)
        if {*IMAGE_KEYS, *WORLD_KEYS}.isdisjoint(arrays):
            known = ", ".join((IMAGE_KEYS[0], WORLD_KEYS[0]))
            raise FormatError(f"{path} holds no landmarks of MediaPipe; call the arrays {known}")
        return arrays
    array = read_npy(path)
    if array.ndim == 3 and array.shape[2] < 4 and not _are_shares(array.astype(np.float64)):
        raise FormatError(
            f"{path} does not say whether its {array.shape} numbers are px or lengths; save them "
            f"in an .npz as {IMAGE_KEYS[0]} (px) or {WORLD_KEYS[0]} (metres)"
        )
    return {IMAGE_KEYS[0]: array}


def _find_landmarks(
    arrays: Arrays, keys: tuple[str, ...], path: Path, *, fewest: int
) -> Points | None:
    key = next((key for key in keys if key in arrays), None)
    if key is None:
        return None
    array = arrays[key]
    fits = array.ndim == 3 and array.shape[1] == NUM_LANDMARKS and fewest <= array.shape[2] <= 5
    if not fits or array.dtype.kind not in "fiu":
        raise FormatError(
            f"{path}: '{key}' is {array.dtype} {array.shape}; expected numbers (T, "
            f"{NUM_LANDMARKS}, {fewest} to 5), one person per file"
        )
    if array.size > MAX_CELLS:
        raise FormatError(f"{path}: '{key}' has {len(array)} frames; split it by time")
    array = array.astype(np.float64)
    if np.isinf(array).any() or np.nanmax(np.abs(array), initial=0.0) > 1e7:
        raise FormatError(f"{path}: '{key}' holds numbers that no landmark has; save it again")
    return array


def _to_sightings(image: Points, view: View) -> list[Sighting]:
    position, confidence = image[..., :2], _confidence(image)
    seen = (confidence > 0).any(-1)
    if seen.any() and _are_shares(position[confidence > 0]):
        if view.size is None:
            raise InputError(
                f"{view.path} holds shares of a picture whose size it does not state; give the "
                "video with --video, or --size WIDTH HEIGHT"
            )
        position = position * np.array(view.size, np.float64)
    return [
        Sighting(int(frame), position[frame], confidence[frame], person=PERSON)
        for frame in np.flatnonzero(seen)
    ]


def _to_keypoints3d(world: Points, path: Path) -> Keypoints3D:
    position, confidence = world[..., :3], _confidence(world)
    hips = position[:, _HIPS].mean(1)
    seen = np.isfinite(hips).all(-1)
    if not seen.any():
        raise NothingFoundError(f"{path} holds nobody whose hips are known")
    middle = np.abs(hips[seen]).max(1)
    if np.nanmax(np.abs(position)) > LARGEST_M:
        raise FormatError(
            f"{path} has world landmarks up to {np.nanmax(np.abs(position)):.0f} from the origin, "
            "which are no metres; divide them by 100 (cm) or 1000 (mm) first"
        )
    frame: Literal["root", "camera"] = "root" if np.median(middle) < 0.02 else "camera"
    return Keypoints3D(
        skeleton=_SKELETON,
        people=(PERSON,),
        time=np.arange(len(world), dtype=np.float64),
        position=np.where(confidence[..., None] > 0, position, np.nan).astype(np.float32)[None],
        frame=frame,
        confidence=confidence.astype(np.float32)[None],
    )


def _make_empty(view: View, frame_rate: float | None) -> Take:
    """Return a take that has a clock, and nobody in it yet."""
    time, origin = make_clock(view, frame_rate)
    person = Person(name=PERSON, start=0, num_frames=len(time))
    described = {"file": view.path.name, "format": view.format, "clock": origin}
    return Take(time=time, people=(person,), provenance={"import": described})


def _add_world(take: Take, world: Keypoints3D) -> Take:
    """Give the take's person their landmarks in space, over the same span."""
    (person,) = take.people
    span = slice(person.start, person.stop)
    world = replace(
        world,
        time=take.time[span],
        position=world.position[:, span],
        confidence=world.confidence[:, span],
    )
    return replace(take, people=(replace(person, keypoints3d=world),))


def _confidence(points: Points) -> Float[np.ndarray, "T 33"]:
    """Return visibility, 1 if there is none, and 0 where a position is missing."""
    known = np.isfinite(points[..., : min(points.shape[2], 3)]).all(-1)
    # MediaPipe never claims a landmark to be at exactly nowhere; arrays filled with zeros do.
    known = known & (points[..., :2] != 0).any(-1)
    visible = points[..., 3] if points.shape[2] > 3 else np.ones(points.shape[:2])
    return np.where(known, np.clip(np.nan_to_num(visible), 0.0, 1.0), 0.0)


def _are_shares(points: Shaped[np.ndarray, "..."]) -> bool:
    finite = points[..., :2][np.isfinite(points[..., :2])]
    return bool(len(finite)) and bool(np.mean((finite > -1) & (finite < 2)) > 0.9)
