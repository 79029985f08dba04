"""MediaPipe's face mesh network: 468 points of the one face inside a crop, 68 of them kept.

The crop shows the face upright, its longer side two thirds of the crop's. The body network's eyes
and mouth corners give the first crop, the mesh itself the following ones.

`FACE_VERTICES` says which vertex of the mesh stands for each of COCO-WholeBody's face points (iBUG
68). It was read off the network's own mean mesh: 22 sharp faces of real clips were brought onto one
another (generalised Procrustes in 3D), mirrored, and paired with their mirror image one to one
(linear assignment), which gives every vertex its counterpart and the 28 vertices of the midline.
Drawn from the front with its numbers, the mesh shows its contours as rings of vertices:

* jaw: the outermost ring, from the height of the outer eye corners (127) to the lowest vertex
  (152), at nine equal lengths;
* brows: the upper of the two rows of five that frame a brow (the lower lies 0.08 eye distances
  below the labels of COCO-WholeBody);
* nose: four equal lengths along the midline from the root between the eyes (168) to the vertex
  nearest the camera (4); below, the row from wing to wing (98, 97, 2);
* eyes: the corners are the ends of the ring of 16 (33, 133), the lids at thirds of either arc;
* lips: the outer ring from corner (61) over the peak of the bow (37) and the middle (0), the lower
  arc at thirds (91, 84) of the way to its middle (17); the inner ring at halves (78, 81, 13; 178,
  14).

The left half is the right half's mirror image.
"""

from dataclasses import dataclass, field

import numpy as np
import onnxruntime
from jaxtyping import Float, UInt8

from marey.assets import find_asset
from marey.models.crop import SquareCrop, crop_to_image, cut_crop
from marey.models.session import open_network, run_network

NUM_VERTICES = 468
MIN_SIDE = 30.0
"""px; smaller crops show faces under 20 px, in which nobody could point at an eye corner."""

FACE_VERTICES = (
    127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356,  # jaw
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # brows
    168, 197, 195, 4, 98, 97, 2, 326, 327,  # nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # eyes
    61, 40, 37, 0, 267, 270, 291, 321, 314, 17, 84, 91,  # outer lips
    78, 81, 13, 311, 308, 402, 14, 178,  # inner lips
)  # fmt: skip
"""Mesh vertex of each face point, in the order of COCO-WholeBody (see on top)."""

_INPUT = 192
_BODY_SIDE = 3.75
"""Side of the first crop over the eyes' distance, or that from eyes to mouth if it is longer."""
_MESH_SIDE = 1.5
"""Side of a following crop over the longer side of the turned box around the mesh."""
_EYES = {"left": (263, 362), "right": (33, 133)}
_MOUTH = (61, 291)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceLandmarks:
    """The mesh of one face."""

    position: Float[np.ndarray, "468 2"]
    """px of the full image."""
    presence: float
    """Probability that the crop shows a face turned towards the camera, at least in profile."""
    crop: SquareCrop
    """Where the network looked."""

    @property
    def points(self) -> Float[np.ndarray, "68 2"]:
        """The 68 face points of COCO-WholeBody, px of the full image."""
        return self.position[list(FACE_VERTICES)]


@dataclass(frozen=True, kw_only=True)
class FaceEstimator:
    """Runs the network on crops; thread-safe."""

    min_presence: float = 0.5
    """A face found with less does not count."""
    session: onnxruntime.InferenceSession = field(
        default_factory=lambda: open_network(find_asset("face-landmarks"))
    )

    def estimate(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> FaceLandmarks:
        """Return the mesh of the face in a crop of an RGB image."""
        picture = cut_crop(image, crop, size=_INPUT)
        names = ["landmarks", "presence_logit"]
        landmarks, logit = run_network(self.session, names, image=picture[None])
        points = landmarks.reshape(NUM_VERTICES, 3)[:, :2].astype(np.float64)
        return FaceLandmarks(
            position=crop_to_image(points, crop, size=_INPUT),
            presence=float(1 / (1 + np.exp(-float(logit.item())))),
            crop=crop,
        )

    def find(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        head: SquareCrop,
        followed: SquareCrop | None = None,
    ) -> FaceLandmarks | None:
        """Return the face of a head, None if it is turned away, hidden or too small.

        Args:
            image: The frame, RGB.
            head: Where the body has its face, from `crop_from_head`.
            followed: Where to look first, from `crop_from_face` in the frame before.
        """
        if not _is_large(head):
            return None
        if followed is not None and _is_large(followed):
            face = self.estimate(image, followed)
            if self._belongs(face, head):
                return face
        face = self.estimate(image, head)
        closer = crop_from_face(face)
        if face.presence > self.min_presence / 4 and _is_large(closer):
            face = self.estimate(image, closer)
        return face if self._belongs(face, head) else None

    def _belongs(self, face: FaceLandmarks, head: SquareCrop) -> bool:
        """Tell whether a face lies where the body has its own and is about as large."""
        mesh = crop_from_face(face)
        away = float(np.linalg.norm(mesh.center - head.center))
        near = away < head.side / 5 and head.side / 2 < mesh.side < 2 * head.side
        return near and face.presence >= self.min_presence and _is_large(mesh)


def crop_from_head(
    left_eye: Float[np.ndarray, "2"],
    right_eye: Float[np.ndarray, "2"],
    mouth: Float[np.ndarray, "2"],
) -> SquareCrop:
    """Return the crop with which to start on a face, given points of the body network in px."""
    eyes = (left_eye + right_eye) / 2
    length = max(float(np.linalg.norm(left_eye - right_eye)), float(np.linalg.norm(mouth - eyes)))
    angle = level_eyes(left_eye, right_eye, mouth)
    return SquareCrop(center=(eyes + mouth) / 2, side=_BODY_SIDE * length, angle=angle)


def crop_from_face(face: FaceLandmarks) -> SquareCrop:
    """Return the crop for the next frame, or for a second look at the same frame."""
    left, right = (face.position[list(_EYES[side])].mean(0) for side in ("left", "right"))
    angle = level_eyes(left, right, face.position[list(_MOUTH)].mean(0))
    axes = SquareCrop(center=left, side=1.0, angle=angle).axes
    mesh = face.position @ axes
    low, high = mesh.min(0), mesh.max(0)
    side = _MESH_SIDE * float((high - low).max())
    return SquareCrop(center=axes @ ((low + high) / 2), side=side, angle=angle)


def level_eyes(
    left_eye: Float[np.ndarray, "2"],
    right_eye: Float[np.ndarray, "2"],
    mouth: Float[np.ndarray, "2"],
) -> float:
    """Return the crop angle that levels the eyes and hangs the mouth below them, in rad.

    Seen from the front the two agree. In profile the eyes coincide and their line means nothing;
    each direction counts by its length.
    """
    across, down = left_eye - right_eye, mouth - (left_eye + right_eye) / 2
    x, y = across + np.array([down[1], -down[0]])
    return float(np.arctan2(y, x))


def _is_large(crop: SquareCrop) -> bool:
    return crop.is_sound() and crop.side >= MIN_SIDE
