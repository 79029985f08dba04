"""A detector's errors for whole batches: jitter, drift, bursts, exchanged sides, hidden limbs.

The numbers are in `detector_noise.toml`, fitted to one recording (`tools/fit_detector_noise.py`
says how; `docs/refine.md` shows it). Errors are made in a camera's frame: X and Z of marey's world
lie across its view and Y along it, where errors are `depth_factor` times as large. Jitter is white,
drift an Ornstein-Uhlenbeck process, so both mean the same at any frame rate. In a burst, or where a
limb is hidden, the limb wanders off as one; half of the hidden spans leave nothing, and what is
missing is interpolated as `marey refine` would.

Shape letters: B windows, L frames, K points, M limbs.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

import torch
from jaxtyping import Bool, Float
from torch import Generator, Tensor

from marey.train.drawing import Drawing, Spans

LIMBS = {
    "arm": {"elbow": 0.6, "wrist": 1.0},
    "leg": {"knee": 0.6, "ankle": 1.0, "big_toe": 1.0, "small_toe": 1.0, "heel": 1.0},
}
"""Points of a side that err together, and how far each goes astray."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """How a detector errs; metres and seconds."""

    jitter: Mapping[str, float]
    """Spread of the white error across the view by part of the body (`head`, `wrist`, ...)."""
    drift: Mapping[str, float]
    """Spread of the slow error."""
    drift_time: float
    depth_factor: float
    swap: Spans
    burst: Spans
    hidden: Spans
    occlusion: Spans
    """Long ones, which the recording has not: set by hand."""
    missing_share: float = 0.5
    """Share of hidden spans and occlusions that leave no point at all."""


@cache
def load_noise() -> NoiseModel:
    """Return the fitted model."""
    data = tomllib.loads((files("marey.train") / "detector_noise.toml").read_text("utf-8"))
    return NoiseModel(
        jitter=data["jitter"],
        drift=data["drift"],
        drift_time=data["drift_time"],
        depth_factor=data["depth_factor"],
        swap=Spans(**data["swap"]),
        burst=Spans(**data["burst"]),
        hidden=Spans(**data["hidden"]),
        occlusion=Spans(**data["occlusion"]),
    )


PERFECT = NoiseModel(
    jitter={},
    drift={},
    drift_time=0.2,
    depth_factor=1.0,
    swap=Spans(rate=0.0, time=0.1),
    burst=Spans(rate=0.0, time=0.1),
    hidden=Spans(rate=0.0, time=0.1),
    occlusion=Spans(rate=0.0, time=0.1),
)
"""A detector that never errs."""


def without_limb_errors(noise: NoiseModel) -> NoiseModel:
    """Return a model with jitter and drift alone."""
    never = Spans(rate=0.0, time=0.1)
    return replace(noise, swap=never, burst=never, hidden=never, occlusion=never)


def corrupt_points(
    clean: Float[Tensor, "B L K 3"],
    names: tuple[str, ...],
    noise: NoiseModel,
    *,
    rate: float,
    level: Float[Tensor, "B"],
    depth_factor: Float[Tensor, "B"],
    generator: Generator,
) -> Float[Tensor, "B L K 3"]:
    """Report points as a detector would, without gaps.

    Args:
        clean: True points, m, +Z up and +Y away from the camera.
        names: Names of the points.
        noise: How the detector errs.
        rate: Frames per second.
        level: Factor of all errors' size, by window.
        depth_factor: How much larger errors along Y are, by window.
        generator: Source of randomness.
    """
    batch, frames, points = clean.shape[:3]
    draw = Drawing(batch, frames, 1 / rate, generator)
    noisy, astray = clean.clone(), torch.zeros_like(clean)
    jitter, drift = (by_part(table, names).to(clean) for table in (noise.jitter, noise.drift))
    axes = torch.ones(batch, 1, 1, 3)
    axes[..., 1] = depth_factor[:, None, None]
    error = (
        draw.white(points) * jitter[:, None] + draw.slow(points, noise.drift_time) * drift[:, None]
    )
    missing = torch.zeros(batch, frames, points, dtype=torch.bool)
    for parts in LIMBS.values():
        sides = [rows_of(names, side, parts) for side in ("left", "right")]
        swapped = draw.spans(1, noise.swap)[..., 0]
        noisy = _exchange(noisy, sides[0], sides[1], swapped)
        for rows in sides:
            reach = torch.tensor([parts[part_name(names[row])] for row in rows])[:, None]
            for kind in (noise.burst, noise.hidden, noise.occlusion):
                on = draw.spans(1, kind)[..., None]
                astray[:, :, rows] += on * draw.slow(1, noise.drift_time) * kind.size * reach
                if kind is not noise.burst:
                    gone = torch.rand(batch, generator=generator) < noise.missing_share
                    missing[:, :, rows] |= on[..., 0] & gone[:, None, None]
    # What is across the view bounds a limb astray: its bones have their length.
    noisy = noisy + (error * axes + astray) * level[:, None, None, None]
    return bridge(noisy, missing)


def by_part(table: Mapping[str, float], names: tuple[str, ...]) -> Float[Tensor, "K"]:
    """Return the number of each point's part of the body; 0 where the table is empty."""
    return torch.tensor([table.get(part_of(name), 0.0) for name in names])


def part_name(name: str) -> str:
    """Return a name without its side."""
    return name.removeprefix("left_").removeprefix("right_")


def part_of(name: str) -> str:
    """Return the part of the body a point belongs to, as `detector_noise.toml` calls it."""
    bare = part_name(name)
    if bare in ("big_toe", "small_toe", "heel", "foot"):
        return "foot"
    known = ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    return bare if bare in known else "head"


def bridge(
    values: Float[Tensor, "B L K 3"], missing: Bool[Tensor, "B L K"]
) -> Float[Tensor, "B L K 3"]:
    """Interpolate missing values over time; at the ends the nearest is held.

    A point that is missing in all frames keeps its values.
    """
    missing = missing & ~missing.all(1, keepdim=True)
    frames = values.shape[1]
    index = torch.arange(frames)[None, :, None].expand(missing.shape)
    before = torch.where(missing, -1, index).cummax(1).values
    after = torch.where(missing, frames, index).flip(1).cummin(1).values.flip(1)
    before, after = (
        torch.where(before < 0, after, before),
        torch.where(after >= frames, before, after),
    )
    share = (index - before) / (after - before).clamp_min(1)
    low, high = (values.gather(1, row[..., None].expand(values.shape)) for row in (before, after))
    return torch.lerp(low, high, share[..., None].to(values.dtype))


def rows_of(names: tuple[str, ...], side: str, parts: Iterable[str]) -> list[int]:
    """Return where the parts of a side are among names; those that are not there are left out."""
    return [names.index(f"{side}_{part}") for part in parts if f"{side}_{part}" in names]


def _exchange(
    values: Float[Tensor, "B L K 3"],
    left: list[int],
    right: list[int],
    swapped: Bool[Tensor, "B L"],
) -> Float[Tensor, "B L K 3"]:
    result, where = values.clone(), swapped[..., None, None]
    result[:, :, left] = torch.where(where, values[:, :, right], values[:, :, left])
    result[:, :, right] = torch.where(where, values[:, :, left], values[:, :, right])
    return result
