"""Pairs of noisy and true windows made from clean motion, the same for the same seed and step.

Augmentations: the person turns about the vertical, is mirrored, moves slower or faster and has
another body; the vertical is a few degrees off, as estimated ones are. A part of the windows has
errors of one size in all directions, as from several cameras.

Shape letters: B windows, L frames, C channels.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Generator, Tensor

from marey.body import Body
from marey.core.skeleton import mirror_name
from marey.geometry.rotation import matrix_to_rotation6d, rotvec_to_matrix
from marey.train.body_points import (
    NUM_JOINTS,
    PointModel,
    make_point_model,
    place_points,
)
from marey.train.clean_motion import CleanMotion, cut_windows, draw_starts
from marey.train.noise import NoiseModel, corrupt_points, load_noise
from marey.train.rotation_noise import corrupt_rotations


@dataclass(frozen=True, slots=True, kw_only=True)
class PairOptions:
    """How windows are drawn."""

    quantity: Literal["points", "rotations"] = "points"
    names: tuple[str, ...] = ()
    """Points in order; for rotations SMPL-H's 22 joints are meant, each in the world."""
    window: int = 61
    rate: float = 30.0
    """Frames per second of all windows."""
    batch: int = 64
    speed: tuple[float, float] = (0.7, 1.4)
    """Range of the factor of a clip's speed."""
    level: tuple[float, float] = (0.5, 3.0)
    """Range of the factor of the noise."""
    one_camera: float = 0.7
    """Share of windows whose errors are larger along one camera's view."""
    tilt: float = 0.05
    """Spread of the error of the vertical, rad."""
    shape: float = 1.0
    """Spread of the body's shape coefficients."""
    mirror: bool = True


@dataclass(frozen=True, kw_only=True)
class MocapPairs:
    """Draws pairs from clean motion."""

    motion: CleanMotion
    body: Body
    options: PairOptions
    noise: NoiseModel = field(default_factory=load_noise)

    def draw(self, seed: int, step: int) -> tuple[Float[Tensor, "B L C"], Float[Tensor, "B L C"]]:
        """Return a batch of noisy and of true windows.

        Args:
            seed: Of the whole training.
            step: Number of the batch.
        """
        rng = np.random.default_rng([seed, step])
        generator = Generator().manual_seed(int(rng.integers(2**62)))
        world = self._windows(rng, generator)
        options = self.options
        level = _log_uniform(options.level, len(world), generator)
        single = torch.rand(len(world), generator=generator) < options.one_camera
        depth = torch.where(single, self.noise.depth_factor, 1.0)
        how = {"rate": options.rate, "level": level, "depth_factor": depth, "generator": generator}
        if options.quantity == "rotations":
            names = self.body.joint_names[:NUM_JOINTS]
            noisy = corrupt_rotations(world, names, self.noise, **how)
            return flatten_rotations(noisy), flatten_rotations(world)
        names = options.names
        shape = options.shape * torch.randn(len(world), self.body.num_shape, generator=generator)
        clean = place_points(self._points, world, shape)
        noisy = corrupt_points(clean, names, self.noise, **how)
        return centre(noisy, names).flatten(2), clean.flatten(2)

    @cached_property
    def _points(self) -> PointModel:
        return make_point_model(self.body, self.options.names)

    def _windows(self, rng: np.random.Generator, generator: Generator) -> Tensor:
        options = self.options
        slow, fast = np.log(options.speed)
        speed = np.exp(rng.uniform(slow, fast, options.batch))
        span = (options.window - 1) / options.rate * speed
        clip, first = draw_starts(self.motion, span, rng)
        moment = first[:, None] + np.linspace(0, 1, options.window) * span[:, None]
        world = cut_windows(self.motion, clip, moment)
        if options.mirror:
            mirrored = torch.rand(len(world), generator=generator) < 0.5
            world = torch.where(
                mirrored[:, None, None, None, None], mirror_world(world, self.body), world
            )
        yaw = torch.zeros(len(world), 3)
        yaw[:, 2] = 2 * math.pi * torch.rand(len(world), generator=generator)
        tilt = options.tilt * torch.randn(len(world), 3, generator=generator)
        tilt[:, 2] = 0
        turn = rotvec_to_matrix(tilt) @ rotvec_to_matrix(yaw)
        return turn[:, None, None] @ world


def mirror_world(world: Float[Tensor, "B L 22 3 3"], body: Body) -> Float[Tensor, "B L 22 3 3"]:
    """Return the rotations of a mirror image: sides exchanged, X of body and world reversed."""
    names = body.joint_names[:NUM_JOINTS]
    order = [names.index(mirror_name(name)) for name in names]
    flip = torch.diag(torch.tensor([-1.0, 1.0, 1.0])).to(world)
    return flip @ world[:, :, order] @ flip


def flatten_rotations(world: Float[Tensor, "B L J 3 3"]) -> Float[Tensor, "B L 6*J"]:
    """Return rotations as channels of a network: in the world, where errors of joints are apart.

    A joint's rotation relative to its parent has the parent's errors as well, which cancel only if
    both are refined alike.
    """
    return matrix_to_rotation6d(world, layout="interleaved").flatten(2)


def centre(points: Float[Tensor, "B L K 3"], names: tuple[str, ...]) -> Float[Tensor, "B L K 3"]:
    """Return points relative to the middle of the hips."""
    hips = [names.index("left_hip"), names.index("right_hip")]
    return points - points[:, :, hips].mean(2, keepdim=True)


def _log_uniform(span: tuple[float, float], count: int, generator: Generator) -> Float[Tensor, "B"]:
    low, high = (math.log(end) for end in span)
    return torch.exp(low + (high - low) * torch.rand(count, generator=generator))
