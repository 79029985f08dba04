"""The body that others are laid on: where it is at rest, and how points are attached to it."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from marey.body import Body, Landmarks
from marey.fit.chain import Placed
from marey.fit.contact.closest import OnSurface, Surface
from marey.fit.marks import MarkedBody

_FARTHEST = 0.05
"""A place farther away is no counterpart, m."""
_FACING = 0.5
"""Least cosine between the surfaces' normals at counterparts."""


@dataclass(frozen=True, slots=True)
class RestingSource:
    """A person on the source body at rest, with the root at the origin."""

    body: Body
    shape: Float[Tensor, "S"]
    joints: Float[Tensor, "K 3"]
    vertices: Float[np.ndarray, "V 3"]
    surface: Surface

    @classmethod
    def of(cls, body: Body, shape: Float[Tensor, "S"]) -> "RestingSource":
        """Put a person of this shape at rest; coefficients that are not given are zero."""
        shape = torch.nn.functional.pad(shape, (0, body.num_shape - len(shape)))
        rest = body.rest_joints(shape)
        vertices = (body.v_template + body.shapedirs @ shape - rest[0]).numpy().astype(np.float64)
        return cls(body, shape, rest - rest[0], vertices, Surface.of(vertices, body.faces.numpy()))

    def find(self, name: str) -> Float[Tensor, "3"] | None:
        """Return where a joint or landmark is; None if the body has none of that name."""
        body, marks = self.body, self.body.landmarks
        if name in body.joint_names:
            return self.joints[body.joint_names.index(name)]
        if name not in marks.names:
            return None
        row = marks.index(name)
        root = body.rest_joints(self.shape)[0]
        return marks.template[row] + marks.shapedirs[row] @ self.shape - root

    def find_vertices(self, vertex: Int[np.ndarray, "A"]) -> OnSurface:
        """Return vertices as places on the surface."""
        faces = self.body.faces.numpy()
        first = np.zeros(len(self.vertices), np.int64)
        first[faces.ravel()] = np.repeat(np.arange(len(faces)), 3)
        return OnSurface(
            face=first[vertex],
            corner=(faces[first[vertex]] == vertex[:, None]).astype(np.float64),
            position=self.vertices[vertex],
            distance=np.zeros(len(vertex)),
        )

    def suits(self, found: OnSurface, normals: Float[np.ndarray, "A 3"]) -> Bool[np.ndarray, "A"]:
        """Tell which places may correspond: near, and the surfaces face the same way."""
        facing = (self.surface.normals[found.face] * normals).sum(-1)
        return (found.distance < _FARTHEST) & (facing > _FACING)

    def attach(
        self, marked: MarkedBody, placed: Placed, found: OnSurface, counterpart: list[int]
    ) -> Body:
        """Attach another body's points, each where it lies now.

        Args:
            marked: The other body and its points.
            placed: Where it lies.
            found: The place on the skin of each of its vertices.
            counterpart: Joint of the source that each of its joints goes along with.

        Returns:
            The source, whose landmarks are now the other's points.
        """
        weights = self._weights(marked, found, counterpart)
        posedirs = self._posedirs(marked, found)
        return replace(
            self.body,
            landmarks=Landmarks(
                names=tuple(f"carried_{k}" for k in range(len(weights))),
                joint=weights.argmax(1),
                template=placed.points[0] + self.body.rest_joints(self.shape)[0],
                shapedirs=torch.zeros(len(weights), 3, self.body.num_shape),
                weights=weights,
                posedirs=posedirs,
            ),
        )

    def _weights(
        self, marked: MarkedBody, found: OnSurface, counterpart: list[int]
    ) -> Float[Tensor, "P K"]:
        body = self.body
        weights = torch.zeros(len(marked.names), len(body.parents))
        for row, joint in enumerate(counterpart):
            # A joint lies between two bones and keeps to both of them, half each.
            named = body.joint_names[joint] == marked.names[row]
            weights[row, joint] += 0.5
            weights[row, max(body.parents[joint], 0) if named else joint] += 0.5
        first = marked.first_vertex
        for row in range(len(counterpart), first):
            weights[row] = body.landmarks.weights[body.landmarks.index(marked.names[row])]
        corner = torch.from_numpy(found.corner).float()
        weights[first:] = (corner[..., None] * body.weights[self._corners(found)]).sum(1)
        return weights

    def _posedirs(self, marked: MarkedBody, found: OnSurface) -> Float[Tensor, "R X"] | None:
        if self.body.posedirs is None:
            return None
        skin = self.body.posedirs.unflatten(-1, (-1, 3))
        swell = skin.new_zeros(len(skin), len(marked.names), 3)
        corner = torch.from_numpy(found.corner).float()
        swell[:, marked.first_vertex :] = (corner[..., None] * skin[:, self._corners(found)]).sum(2)
        marks = self.body.landmarks
        if marks.posedirs is not None:
            own = range(marked.num_joints, marked.first_vertex)
            rows = [marks.index(marked.names[row]) for row in own]
            swell[:, list(own)] = marks.posedirs.unflatten(-1, (-1, 3))[:, rows]
        return swell.flatten(1)

    def _corners(self, found: OnSurface) -> Int[Tensor, "A 3"]:
        return self.body.faces[torch.from_numpy(found.face)]
