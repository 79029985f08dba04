"""A filmed scene for benchmarks: its people as parts to fit, their first poses, and the truth."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from marey.body import Body
from marey.fit.chain import Chain, Pose, exp_so3
from marey.fit.chains import body_chain, cut_chain, find_point, hand_chain
from marey.fit.frames import LmOptions, solve_frames, solve_shared_shape
from marey.fit.initial import initial_pose
from marey.fit.learned_prior import load_learned_prior
from marey.fit.limits import rotation_prior
from marey.fit.problem import JointPrior, Problem, pose_columns
from marey.fit.sequence import Smoothness
from marey.fit.tree import place_fast
from marey.fit.views import Rays, ViewReprojection, make_rays
from marey.geometry.projection import unproject_pixels
from marey.synthetic.cameras import make_cameras
from marey.synthetic.scene import SyntheticScene, synthetic_scene

_SIGMA_PX, _MISSING = 4.0, 0.2
_BODY_POINTS, _SHAPE_FRAMES = 17, 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One person's keypoints in all views, in the order of a chain's points."""

    image: Float[Tensor, "T C K 2"]
    weight: Float[Tensor, "T C K"]
    names: tuple[str, ...]


def make_scene(body: Body, *, num_frames: int, num_views: int) -> SyntheticScene:
    """Film two people who dance."""
    cameras = make_cameras(num_views, distance=5.0, height=1.6)
    return synthetic_scene(body, "dance", num_frames=num_frames, num_people=2, cameras=cameras)


def see(scene: SyntheticScene, person: int, names: tuple[str, ...]) -> Seen:
    """Gather a person's keypoints; names that the skeleton lacks are never seen."""
    skeleton = scene.keypoints2d.skeleton.keypoints
    position = scene.keypoints2d.position[:, person].transpose(1, 0, 2, 3)
    lost = np.random.default_rng(person).random(position.shape[:3]) < _MISSING
    known = np.isfinite(position).all(-1) & ~lost
    rows = [skeleton.index(name) if name in skeleton else -1 for name in names]
    known = known[:, :, rows] & (np.array(rows) >= 0)
    image = np.where(known[..., None], position[:, :, rows], 0.0)
    weight = torch.from_numpy((known / _SIGMA_PX).astype(np.float32))
    return Seen(image=torch.from_numpy(image.astype(np.float32)), weight=weight, names=names)


def meet_rays(seen: Seen, rays: Rays) -> Float[Tensor, "T K 3"]:
    """Return the points nearest to their rays, closed form; NaN where fewer than two views see.

    Done twice: rays that miss the first answer by far belong to another limb.
    """
    K, lens = rays.K[:, None], rays.distortion[:, None]
    plane = unproject_pixels(seen.image, K, lens, model=rays.model)
    ray = torch.nn.functional.pad(plane, (0, 1), value=1.0)
    ray = torch.nn.functional.normalize(ray, dim=-1) @ rays.rotation
    centre = -(rays.rotation.mT @ rays.translation.unsqueeze(-1)).squeeze(-1)
    across = torch.eye(3) - ray.unsqueeze(-1) * ray.unsqueeze(-2)
    weight = (seen.weight > 0).float()
    points = torch.zeros(len(ray), ray.shape[2], 3)
    for _ in range(2):
        share = weight[..., None, None] * across
        total = share.sum(1) + 1e-5 * torch.eye(3)
        pull = (share @ centre[:, :, None, :, None]).sum(1)
        points = torch.linalg.solve(total, pull).squeeze(-1)
        away = (across @ (points[:, None] - centre[:, :, None]).unsqueeze(-1)).squeeze(-1)
        weight = weight * (away.norm(dim=-1) < 0.1)
    return torch.where(((weight > 0).sum(1) >= 2).unsqueeze(-1), points, torch.nan)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What is fitted together: a chain with its prior and its keypoints."""

    chain: Chain
    prior: JointPrior
    active: Tensor
    seen: Seen
    rays: Rays
    smoothness: Smoothness

    def problem(self, frames: Tensor | slice) -> Problem:
        """Return the problem of some frames."""
        cost = ViewReprojection(
            observed=self.seen.image[frames], weight=self.seen.weight[frames], rays=self.rays
        )
        return Problem(chain=self.chain, costs=(cost,), prior=self.prior, active=self.active)


def body_part(body: Body, scene: SyntheticScene, person: int, *, whole: bool) -> Part:
    """Lay out the body: 17 points, or those of 133 that are not fingers'."""
    chain = body_chain(body)
    names = scene.keypoints2d.skeleton.keypoints
    wanted = names[:_BODY_POINTS]
    if whole:
        wanted = tuple(
            name
            for name in names
            if not name.endswith(("2", "3", "4")) or "brow" in name or "jaw" in name
        )
    wanted = tuple(name for name in wanted if find_point(body, name) is not None)
    chain = cut_chain(body, chain.joints, wanted)
    trunk = ("spine", "neck", "head", "collar")
    sigma = [
        15.0 if row == 0 or any(t in name for t in trunk) else 40.0
        for row, name in enumerate(chain.joints)
    ]
    return Part(
        chain=chain,
        prior=load_learned_prior(chain.joints),
        active=pose_columns(chain),
        seen=see(scene, person, chain.points),
        rays=make_rays(scene.cameras),
        smoothness=Smoothness(joint_sigma=torch.tensor(sigma), root_sigma=5.0),
    )


def hand_part(body: Body, scene: SyntheticScene, person: int, side: str) -> Part:
    """Lay out a hand below its elbow, which is held."""
    chain = hand_chain(body, side)
    return Part(
        chain=chain,
        prior=rotation_prior(chain.joints),
        active=pose_columns(chain, chain.joints[1:], root=False),
        seen=see(scene, person, tuple(n.replace("hand_wrist", "wrist") for n in chain.points)),
        rays=make_rays(scene.cameras),
        smoothness=Smoothness(joint_sigma=torch.full((len(chain.joints),), 60.0)),
    )


def start_body(part: Part) -> Pose:
    """Turn points where rays meet into first poses."""
    chain, points = part.chain, meet_rays(part.seen, part.rays)
    mean = exp_so3(rotation_prior(chain.joints).mean)
    pose = initial_pose(chain, points, mean, torch.zeros(chain.shapedirs.shape[-1]))
    apart = (points - place_fast(chain, pose).points).nanmean(1)
    return replace(pose, translation=torch.nan_to_num(apart))


def find_shape(part: Part, start: Pose) -> Pose:
    """Give all frames the shape that some of them agree on."""
    rows = torch.linspace(0, len(start) - 1, min(_SHAPE_FRAMES, len(start))).long()
    first = solve_frames(part.problem(rows), start[rows], LmOptions(iterations=12))
    free = replace(
        part.problem(rows), active=pose_columns(part.chain, shape=True), shape_sigma=0.25
    )
    shape = solve_shared_shape(free, first.pose, iterations=12).pose.shape[0]
    return replace(start, shape=shape.expand(len(start), -1).contiguous())


def start_hand(part: Part, whole: Part, pose: Pose, side: str) -> Pose:
    """Hang a hand on the body's elbow."""
    placed, elbow = place_fast(whole.chain, pose), whole.chain.index(f"{side}_elbow")
    rotation = exp_so3(rotation_prior(part.chain.joints).mean).repeat(len(pose), 1, 1, 1)
    rotation[:, 0] = placed.rotation[:, elbow]
    rotation[:, 1] = pose.rotation[:, whole.chain.index(f"{side}_wrist")]
    return Pose(rotation, placed.joints[:, elbow].clone(), pose.shape)


def distance(scene: SyntheticScene, person: int, part: Part, pose: Pose) -> float:
    """Return the mean distance of a part's keypoints to the truth, mm; of the body its 17."""
    skeleton = scene.keypoints3d.skeleton.keypoints
    names = [name.replace("hand_wrist", "wrist") for name in part.chain.points]
    hand = "nose" not in names
    rows = [k for k, name in enumerate(names) if hand or name in skeleton[:_BODY_POINTS]]
    truth = scene.keypoints3d.position[person][:, [skeleton.index(names[row]) for row in rows]]
    found = place_fast(part.chain, pose).points[:, rows].numpy()
    return float(1000 * np.linalg.norm(found - truth, axis=-1).mean())


def scene_of(scene: SyntheticScene, frames: int) -> SyntheticScene:
    """Return a scene whose truth ends early."""
    truth = scene.keypoints3d
    return replace(
        scene,
        keypoints3d=replace(
            truth,
            time=truth.time[:frames],
            position=truth.position[:, :frames],
            confidence=truth.confidence[:, :frames],
        ),
    )
