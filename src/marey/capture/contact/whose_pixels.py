"""Whose each pixel of a picture is, where people touch: by predicted bodies, or by given masks."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Float32, UInt8

from marey.capture.masks.bodies import body_faces, body_from_points
from marey.capture.masks.draw import (
    amodal_boxes,
    fill_grid,
    lay_out,
    project_to_views,
    render_masks,
)
from marey.capture.masks.keypoints import box_of_mask
from marey.capture.masks.network import sharpen_masks
from marey.capture.masks.people import measure_share, pair_masks
from marey.capture.masks.suppress import suppress
from marey.core import Cameras, Skeleton
from marey.geometry.layers import Layers
from marey.io.masks import FrameMasks
from marey.models.protocols import SegmentingEstimator

_ONE_PLACE_M = 0.07
"""Distance of two people's points of one name below which they are one."""


@dataclass(frozen=True, slots=True)
class WhosePixels:
    """Who is where in one picture."""

    own: Bool[np.ndarray, "N H W"]
    others: Bool[np.ndarray, "N H W"]
    """Everybody but the one."""
    box: Float[np.ndarray, "N 4"]
    """Of the whole person, seen or hidden, within the picture; NaN for who is not in it."""
    drawn: Layers
    """The predicted bodies."""


def draw_people(
    camera: Cameras,
    position: Float[np.ndarray, "N K 3"],
    skeleton: Skeleton,
    size: tuple[int, int],
    *,
    cells: int = 192,
) -> WhosePixels:
    """Draw predicted bodies.

    A limb that two people have in one place was given to one of them wrongly. It is part of
    nobody's own mask, but counts as another's for both: the one to whom it does not belong is then
    looked at without it.

    Args:
        camera: One view at one moment.
        position: Everyone's points, m; NaN where unknown.
        skeleton: Their names.
        size: Width and height of the picture, px.
        cells: Of the grid to draw on, along the longer side of the people.
    """
    sure = np.where(find_shared(position)[..., None], np.nan, position)
    vertices = [body_from_points(each, skeleton) for each in (position, sure)]
    (layers,) = render_masks(camera, np.concatenate(vertices), body_faces(), cells=cells)
    whole, certain = np.split(layers.depth, 2)
    rest = [np.delete(whole, row, 0).min(0, initial=np.inf) for row in range(len(whole))]
    own = np.isfinite(certain) & (certain <= np.stack(rest))
    return WhosePixels(
        own=lay_out(layers, own, size),
        others=lay_out(layers, np.isfinite(np.stack(rest)) & ~own, size),
        box=amodal_boxes(layers, size)[: len(whole)],
        drawn=replace(layers, depth=whole),
    )


def find_shared(position: Float[np.ndarray, "N K 3"]) -> Bool[np.ndarray, "N K"]:
    """Return points that two people have in one place: whose they are is not known."""
    apart = np.linalg.norm(position[:, None] - position[None], axis=-1)
    own = np.arange(len(position))
    apart[own, own] = np.inf
    return np.asarray((apart < _ONE_PLACE_M).any(1))


def use_given(
    pixels: WhosePixels,
    given: FrameMasks,
    camera: Cameras,
    position: Float[np.ndarray, "N K 3"],
) -> WhosePixels:
    """Let masks from elsewhere take the place of drawn ones; whose they are is where points lie.

    Args:
        pixels: Of the predicted bodies; stay for who has no mask, where nobody else's is.
        given: The masks, whatever they name people; strangers are painted over for everybody.
        camera: The view at this moment.
        position: Everyone's points, m.
    """
    pixel, _ = project_to_views(camera, position)
    known = np.isfinite(pixel[0]).all(-1).astype(np.float64)
    paired = pair_masks(given.people, measure_share(given.mask, pixel[0], known))
    own, box = pixels.own & ~given.mask.any(0), pixels.box.copy()
    strangers = np.zeros(own.shape[1:], bool)
    for mask, row in zip(given.mask, paired.person.tolist(), strict=True):
        if row >= 0:
            own[row], box[row] = mask, _join(box[row], box_of_mask(mask))
        else:
            strangers |= mask
    # Where a stranger's mask and one's own overlap, nobody says that the pixel is not one's own.
    return replace(pixels, own=own, others=_all_others(own) | (strangers & ~own), box=box)


def sharpen(
    pixels: WhosePixels, picture: UInt8[np.ndarray, "H W 3"], estimator: SegmentingEstimator
) -> WhosePixels:
    """Give drawn masks the edges of the network's own, which sees each person without the others.

    Args:
        pixels: Of the predicted bodies.
        picture: The picture.
        estimator: The network.
    """
    share = np.zeros(pixels.own.shape, np.float32)
    for row, (own, others) in enumerate(zip(pixels.own, pixels.others, strict=True)):
        if own.any() and np.isfinite(pixels.box[row]).all():
            alone = suppress(picture, own, others)
            share[row] = estimator.segment(alone, pixels.box[row])[1]
    size = picture.shape[1], picture.shape[0]
    depth: Float32[np.ndarray, "N H W"] = fill_grid(pixels.drawn, size)
    own = sharpen_masks(depth, share)
    return replace(pixels, own=own, others=_all_others(own))


def _all_others(own: Bool[np.ndarray, "N H W"]) -> Bool[np.ndarray, "N H W"]:
    return np.stack([np.delete(own, row, 0).any(0) & ~own[row] for row in range(len(own))])


def _join(one: Float[np.ndarray, "4"], two: Float[np.ndarray, "4"]) -> Float[np.ndarray, "4"]:
    """Return the box around two boxes; either may be NaN."""
    return np.concatenate([np.fmin(one[:2], two[:2]), np.fmax(one[2:], two[2:])])
