"""The reference's collision term: a distance field in a cube around each body.

As Harmony4D's code computes it (after Jiang et al., CVPR 2020), quirks included, to compare with
and to fit by gradients of vertices. `skin_contact` is what marey's own stage uses: exact, in
metres, and with a pull on both bodies.

* The cube's centre is that of the body's bounding box, its half side 1.2 times half the largest
  extent; coordinates in it run from -1 to 1, and distances are in these units, not in metres.
* Voxels: the centre of number i lies at -1 + (i + 0.5) 2 / (n - 1), x fastest and z slowest.
  Samples are taken as if it lay at -1 + i 2 / (n - 1), half a voxel away.
* Inside (an odd number of crossings along a ray) the field is the distance to the nearest triangle,
  outside it is zero.
* The field carries no gradient; it flows through the sampled positions alone.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.core.errors import ShapeError
from marey.fit.contact.mesh_distance import MeshTree

GRID = 32
_MARGIN = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DistanceField:
    """How deep places of a cube lie inside a mesh, in halves of the cube's side."""

    value: Float[Tensor, "n n n"]
    """By z, y and x."""
    centre: Float[Tensor, "3"]
    half: float
    """Half the side of the cube, m."""

    def sample(self, points: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch"]:
        """Return the field between its voxels (tri-linear), zero outside; differentiable."""
        inside = ((points - self.centre.to(points)) / self.half).reshape(1, -1, 1, 1, 3)
        found = torch.nn.functional.grid_sample(
            self.value.to(points)[None, None], inside, align_corners=True, padding_mode="zeros"
        )
        return found.reshape(points.shape[:-1])


def make_field(
    vertices: Float[np.ndarray, "V 3"],
    faces: Int[np.ndarray, "F 3"],
    *,
    grid: int = GRID,
    tree: MeshTree | None = None,
) -> DistanceField:
    """Measure a closed mesh.

    Args:
        vertices: m.
        faces: Triangles.
        grid: Voxels along each side.
        tree: Of the same faces, if it exists already.

    Raises:
        ShapeError: If there is no triangle, or fewer than two voxels.
    """
    if grid < 2:
        raise ShapeError(
            f"a field needs two voxels along each side, not {grid}; the reference has 32"
        )
    vertices = np.asarray(vertices, np.float64)
    tree = tree or MeshTree.of(vertices, faces)
    low, high = vertices.min(0), vertices.max(0)
    centre, half = (low + high) / 2, (1 + _MARGIN) * 0.5 * float((high - low).max())
    unit = (vertices - centre) / half
    axis = -1 + (np.arange(grid) + 0.5) * 2 / (grid - 1)
    inside = _crossings(unit, np.asarray(faces), axis)
    z, y, x = np.nonzero(inside)
    places = np.stack([axis[x], axis[y], axis[z]], 1)
    value = np.zeros((grid, grid, grid))
    value[inside] = np.abs(tree.measure(tree.pose(unit), places).distance)
    return DistanceField(value=torch.from_numpy(value), centre=torch.from_numpy(centre), half=half)


def _crossings(
    vertices: Float[np.ndarray, "V 3"], faces: Int[np.ndarray, "F 3"], axis: Float[np.ndarray, "n"]
) -> Bool[np.ndarray, "n n n"]:
    """Tell which voxels are inside: rays along +x that leave them cross an odd number of faces."""
    corners = vertices[faces]
    odd = np.zeros((len(axis),) * 3, bool)
    for z, height in enumerate(axis):
        near = (corners[..., 2].min(1) <= height) & (corners[..., 2].max(1) > height)
        for y, across in enumerate(axis):
            met = near & (corners[..., 1].min(1) <= across) & (corners[..., 1].max(1) > across)
            at = _where_crossed(corners[met], across, height)
            odd[z, y] = (at[:, None] > axis).sum(0) % 2 == 1
    return odd


def _where_crossed(
    corners: Float[np.ndarray, "F 3 3"], y: float, z: float
) -> Float[np.ndarray, "G"]:
    """Return x where a line along it passes triangles; a shared edge belongs to one of them."""
    odd = np.zeros(len(corners), bool)
    for i in range(3):
        a, b = corners[:, i], corners[:, (i + 1) % 3]
        spans = (a[:, 2] > z) != (b[:, 2] > z)
        rise = np.where(spans, b[:, 2] - a[:, 2], 1.0)
        # From the lower end upwards, so that both triangles of an edge compute the same number.
        up = (a[:, 2] <= b[:, 2])[:, None]
        low, high = np.where(up, a, b), np.where(up, b, a)
        share = (z - low[:, 2]) / np.abs(rise)
        odd ^= spans & (low[:, 1] + share * (high[:, 1] - low[:, 1]) > y)
    a, b, c = corners[odd, 0], corners[odd, 1], corners[odd, 2]
    normal = np.cross(b - a, c - a)
    away = normal[:, 1] * (y - a[:, 1]) + normal[:, 2] * (z - a[:, 2])
    flat = np.abs(normal[:, 0]) > 0
    return a[flat, 0] - away[flat] / normal[flat, 0]


def collision_cost(
    vertices: Float[Tensor, "N T V 3"], faces: Int[np.ndarray, "F 3"], *, grid: int = GRID
) -> Float[Tensor, "N"]:
    """Return the reference's collision term of every person.

    A person's value is the field of their own body summed over the vertices of all others, divided
    by the number of people (their own row counts as one of zero), and averaged over time.

    Args:
        vertices: Of N people of one topology over T frames, m; gradients flow through them.
        faces: Triangles of all.
        grid: Voxels along each side.
    """
    people, frames = vertices.shape[:2]
    fixed = vertices.detach().double().cpu().numpy()
    tree = MeshTree.of(fixed[0, 0], faces) if people and frames else None
    total = [vertices.new_zeros(()) for _ in range(people)]
    for frame in range(frames):
        for person in range(people):
            field = make_field(fixed[person, frame], faces, grid=grid, tree=tree)
            for other in range(people):
                if other != person:
                    total[person] = total[person] + field.sample(vertices[other, frame]).sum()
    return torch.stack(total) / (people * frames)
