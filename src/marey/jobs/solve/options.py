"""What a user may choose for `solve`; apart from it, so that `marey --help` loads no network."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro


@dataclass(frozen=True, slots=True, kw_only=True)
class SolveOptions:
    """What a user may choose for `solve`.

    Attributes:
        start: First moment of the video to solve: seconds or mm:ss from its beginning.
        end: Moment at which to stop, in the same way.
        every: Take each frame (1), every other one (2), ...; the clock keeps the true times.
        fov_deg: Field of view along the longer image side, degrees (53 unless said).
        focal_px: Focal length, px; instead of the field of view.
        body: `marey-h`, or the path of your own SMPL, SMPL-H or SMPL-X file.
        detector: Your own person detector (ONNX) instead of the shipped one.
        detector_family: Which kind of network `detector` is.
        landmarks: Your own estimator (ONNX: RTMPose or DWPose; .pth: SegPose2D or ViTPose).
        masks: Masks of the people: a folder of images or COCO's JSON (`marey.io.masks`).
        face: Whether to find 68 points of every face too (image only).
        detect_every: Frames between two runs of the person detector, at least 1.
        min_height: Smallest person to follow, px.
        far_people: Whether to look for small, far people in tiles of the frame (slower).
        contact: Keypoints are given to people anew where people touch; --no-contact leaves them
            with whom each camera gave them to (several cameras, docs/close-contact.md).
        collision: Bodies that were fitted into each other are taken apart; --no-collision leaves
            them as they are (docs/collision.md).
        self_collision: Whether a body's own limbs are kept out of each other too.
        refine: How to refine the fitted motion (`docs/refine.md`).
        override: A .toml of keypoints whose confidence you force by hand, see docs/overrides.md
            (default: NAME.overrides.toml beside the take, if it is there).
    """

    start: str | None = None
    """First moment of the video to solve: seconds or mm:ss (default: the beginning)."""
    end: str | None = None
    """Moment at which to stop, in the same way (default: the end)."""
    every: int = 1
    """Take each frame (1), every other one (2), and so on."""
    fov_deg: Annotated[float | None, tyro.conf.arg(name="fov")] = None
    """Field of view along the longer image side, degrees (53 unless said)."""
    focal_px: float | None = None
    """Focal length, px; instead of the field of view."""
    body: str = "marey-h"
    """Body to fit: marey-h, or the path of your own SMPL, SMPL-H or SMPL-X file."""
    detector: Path | None = None
    """Your own person detector (ONNX) instead of the shipped one."""
    detector_family: Literal["yolox", "rtmdet"] = "yolox"
    """Which kind of network --detector is: YOLOX (raw or end to end) or RTMDet (end to end)."""
    landmarks: Path | None = None
    """Your own estimator instead of the shipped one: RTMPose or DWPose (.onnx), SegPose2D or
    ViTPose (.pth)."""
    masks: Path | None = None
    """Masks of the people (of SAM or others): a folder of PNG per person, or of images in which
    everyone has a colour, or COCO's .json, see docs/masks.md; of several cameras, a folder with one
    of these for each video, named like it."""
    face: bool = False
    """Also find 68 points of every face, in the image (slower)."""
    detect_every: int = 6
    """Frames between two runs of the person detector."""
    min_height: float = 64.0
    """Smallest person to follow, px."""
    far_people: bool = False
    """Also look for small, far people in tiles of the frame (slower)."""
    contact: bool = True
    """--no-contact leaves keypoints with whom each camera gave them to where people touch (several
    cameras), see docs/close-contact.md."""
    collision: bool = True
    """--no-collision leaves bodies in each other where they were fitted so (docs/collision.md)."""
    self_collision: bool = False
    """Also keep a body's own limbs out of each other (slower)."""
    refine: Literal["none", "hanet", "savgol", "gaussian", "one-euro"] = "none"
    """Refine the fitted motion by a network (hanet) or a filter, see marey refine."""
    override: Path | None = None
    """A .toml of keypoints whose confidence you force by hand, see docs/overrides.md (default:
    NAME.overrides.toml beside the take, if it is there)."""
