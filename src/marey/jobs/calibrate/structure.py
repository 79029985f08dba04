"""The scene itself as the target: videos or pictures in, cameras out by structure from motion."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from scipy.spatial.transform import Rotation

from marey.body import load_body
from marey.capture.pipeline import Timings
from marey.capture.rig.metric_scale import KnownSize, scale_cameras
from marey.capture.rig.settle_views import settle_views
from marey.capture.rig.structure import Structure, find_structure, require_pycolmap
from marey.core import Cameras, Clip
from marey.core.errors import InputError, NothingFoundError
from marey.core.progress import Progress, silent
from marey.io.video import probe_clip, read_frames, select_frames
from marey.jobs.calibrate.result import Calibration, find_field_of_view, measure_spread
from marey.jobs.camera_files import read_cameras
from marey.jobs.solve.options import SolveOptions
from marey.jobs.solve.see_views import see_views
from marey.jobs.solve.video import open_networks
from marey.view.calibration import CalibrationPage, CameraRow, Picture

_STILLS, _WALK = 3, 80
"""Pictures taken of a video whose camera stands still, and at most of a folder."""
_GOOD_PX, _FAIR_PX = 1.0, 2.0
_FEW_POINTS, _FEWEST_POINTS = 100, 50
_PICTURE_PX = 640

Note = Callable[[str], None]


def calibrate_by_sfm(  # noqa: PLR0913
    sources: Sequence[str | Path],
    *,
    height: float | None = None,
    length: tuple[str, str, float] | None = None,
    fisheye: bool = False,
    every: int = 1,
    lenses: Path | None = None,
    journals: Path | None = None,
    progress: Progress = silent,
    note: Note = lambda sentence: None,
) -> Calibration:
    """Find where cameras stand, and their lenses, from what the scene looks like.

    Args:
        sources: Videos or single pictures of cameras that stand still; folders of pictures are
            taken on a walk and join the others, and are no cameras of the result.
        height: Of the person in the videos who is seen most, m; gives size, up and floor.
        length: A known length of theirs instead.
        fisheye: Whether the lenses are fisheye lenses.
        every: Step between the pictures of a folder.
        lenses: A calibration whose lenses hold.
        journals: A folder in which what networks say of people is kept while the run lasts.
        progress: Called as people are found.
        note: Called with a sentence wherever something was assumed.

    Raises:
        MissingExtraError: If pycolmap is not installed.
        InputError: If a file cannot be used.
        NothingFoundError: If the pictures have too little in common.
    """
    require_pycolmap()
    notes = list[str]()

    def tell(sentence: str) -> None:
        notes.append(sentence)
        note(sentence)

    paths = [Path(source) for source in sources]
    names = _name(paths)
    clips = {name: probe_clip(path) for name, path in zip(names, paths, strict=True)}
    walks = {name for name, path in zip(names, paths, strict=True) if path.is_dir()}
    pictures = {
        name: _take_pictures(clip, every, walk=name in walks) for name, clip in clips.items()
    }
    known = None if lenses is None else _choose_lenses(read_cameras(lenses), names)
    with tempfile.TemporaryDirectory(prefix="marey-sfm-") as folder:
        found = find_structure(pictures, Path(folder), fisheye=fisheye, lenses=known)
    cameras, points = _select(found, [name for name in names if name not in walks], tell)
    still = {name: clips[name] for name in cameras.names}
    cameras, points = _give_size(
        cameras, points, still, KnownSize(height=height, length=length), journals, progress, tell
    )
    rows = [_describe(cameras, row, found) for row in range(len(cameras.names))]
    doubtful = [row.name for row in rows if row.serious]
    page = CalibrationPage(
        title=f"{len(cameras.names)} cameras, calibrated by the scene",
        facts=(
            f"{sum(len(own) for own in pictures.values())} pictures",
            f"{len(found.images.frame)} placed",
            f"{len(points)} points in space",
        ),
        verdict=f"Doubtful: {', '.join(doubtful)}." if doubtful else "The pictures fit together.",
        notes=tuple(notes),
        cameras=cameras,
        head=("field of view", "points"),
        rows=tuple(rows),
        placed=True,
        points=points,
        pictures=tuple(_show(name, pictures[name][0]) for name in cameras.names),
        what="points of the scene",
    )
    return Calibration(cameras=cameras, page=page)


def _name(paths: Sequence[Path]) -> list[str]:
    names = [path.resolve().stem for path in paths]
    if len(set(names)) < len(names) or any("/" in name or not name for name in names):
        return [f"camera{row + 1}" for row in range(len(names))]
    return names


def _take_pictures(clip: Clip, every: int, *, walk: bool) -> list[UInt8[np.ndarray, "H W 3"]]:
    """Return some frames: three of a camera that stands still, a regular sample of a walk."""
    part = select_frames(clip, every=every)
    most = _WALK if walk else _STILLS
    step = max(1, -(-part.num_frames // most))
    frames = [frame.image for frame in read_frames(select_frames(clip, every=every * step))]
    if not frames:
        raise NothingFoundError(f"{clip.name} holds no picture that can be read")
    return frames[:most]


def _choose_lenses(cameras: Cameras, names: Sequence[str]) -> Cameras:
    missing = [name for name in names if name not in cameras.names]
    if missing:
        raise InputError(
            f"the lenses are of {', '.join(cameras.names[:8])}, and none is of '{missing[0]}'; "
            "name videos and folders like their lenses"
        )
    return cameras


def _select(
    found: Structure, names: Sequence[str], tell: Note
) -> tuple[Cameras, Float[np.ndarray, "P 3"]]:
    """Return the cameras that stand still, in units of the reconstruction's size."""
    every = found.images.cameras
    lost = [name for name in names if name not in every.names]
    placed = [name for name in names if name in every.names]
    if len(placed) < 2:
        raise NothingFoundError(
            f"of {', '.join(names)} only {len(placed)} could be placed; add a folder of pictures "
            "taken on a walk from each camera to the next, or calibrate by people"
        )
    if len(found.points) < _FEWEST_POINTS:
        raise NothingFoundError(
            f"only {len(found.points)} points of the scene are seen in two pictures, too few to "
            "say where cameras stand; add a folder of pictures taken on a walk from each camera to "
            "the next, or calibrate by people"
        )
    if lost:
        one = len(lost) == 1
        tell(
            f"{', '.join(lost)} could not be placed and {'is' if one else 'are'} left out: "
            f"{'its' if one else 'their'} pictures have too little in common with the others; add "
            "pictures taken on a walk there"
        )
    rows = [every.names.index(name) for name in placed]
    cameras = replace(
        every,
        names=tuple(placed),
        K=every.K[rows],
        distortion=every.distortion[rows],
        T_cam_world=every.T_cam_world[rows],
        size=every.size[rows],
        time_offset=every.time_offset[rows],
    )
    R = Rotation.from_quat(cameras.T_cam_world[:, 0, :4], scalar_first=True)
    centre = -R.inv().apply(cameras.T_cam_world[:, 0, 4:])
    spread = float(np.linalg.norm(centre - centre.mean(0), axis=1).mean())
    scale = 1 / max(spread, 1e-9)
    return scale_cameras(cameras, scale), scale * found.points


def _give_size(
    cameras: Cameras,
    points: Float[np.ndarray, "P 3"],
    clips: Mapping[str, Clip],
    size: KnownSize,
    journals: Path | None,
    progress: Progress,
    tell: Note,
) -> tuple[Cameras, Float[np.ndarray, "P 3"]]:
    if size == KnownSize():
        tell(
            "the size of the scene is not known, so its unit is no metre, and neither is up; give "
            "--height with videos of somebody in the scene"
        )
        return cameras, points
    options, own = SolveOptions(), [clips[name] for name in cameras.names]
    views = see_views(own, open_networks(options), options, journals, progress, Timings(), tell)
    settled = settle_views(views, cameras, size=size, body=load_body())
    moved = settled.scale * points @ settled.R.T + settled.shift
    return settled.cameras, moved


def _describe(cameras: Cameras, row: int, found: Structure) -> CameraRow:
    name = cameras.names[row]
    off = found.error_px.get(name, np.zeros(0))
    middle, spread = measure_spread(off)
    verdict, serious = "good", False
    if len(off) < _FEW_POINTS:
        verdict, serious = "doubtful: hardly anything of the scene is seen by others too", True
    elif not middle < _FAIR_PX:
        verdict, serious = "doubtful: its errors are large", True
    elif middle > _GOOD_PX:
        verdict = "fair"
    return CameraRow(
        name=name,
        error_px=middle,
        spread_px=spread,
        facts=(f"{find_field_of_view(cameras, row):.0f} degrees", str(len(off))),
        verdict=verdict,
        serious=serious,
    )


def _show(name: str, image: UInt8[np.ndarray, "H W 3"]) -> Picture:
    scale = min(1.0, _PICTURE_PX / max(image.shape[:2]))
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    data = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 82])[1].tobytes()
    return Picture(name=name, jpeg=data, size=size, caption="one of its pictures")
