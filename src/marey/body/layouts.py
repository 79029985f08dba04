"""The joints and landmark vertices of SMPL, SMPL-H and SMPL-X files, which carry no names.

A file is recognised by its number of joints (24, 52 or 55) and its tree. Landmark vertices are
facts of the meshes' topologies and only used when the file has exactly that many vertices.
"""

from dataclasses import dataclass

_SIDES = ("left", "right")
_FINGERS = ("index", "middle", "pinky", "ring", "thumb")

_BODY_JOINTS = (
    *("pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2"),
    *("left_ankle", "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar"),
    *("right_collar", "head", "left_shoulder", "right_shoulder", "left_elbow", "right_elbow"),
    *("left_wrist", "right_wrist"),
)
_BODY_PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19)
_FINGER_JOINTS = tuple(f"{s}_{f}{k}" for s in _SIDES for f in _FINGERS for k in (1, 2, 3))


def _finger_parents(first: int) -> tuple[int, ...]:
    """Return the parents of 30 finger joints whose first has the given index."""
    wrists = (20, 21)
    return tuple(
        first + 15 * side + 3 * finger + k - 1 if k else wrists[side]
        for side in range(2)
        for finger in range(5)
        for k in range(3)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a kind of body file means but does not say."""

    name: str
    joints: tuple[str, ...]
    """The root first."""
    parents: tuple[int, ...]
    num_vertices: int
    landmark_vertices: dict[str, int]
    has_expressions: bool = False
    """Whether the last columns of `shapedirs` are facial expressions, as in SMPL-X."""

    def count_shape(self, columns: int) -> int:
        """Return how many columns of `shapedirs` are shape; SMPL-X has 10 + 10 or 300 + 100."""
        if not self.has_expressions or columns <= 10:
            return columns
        return 300 if columns > 300 else 10 if columns == 20 else columns


def _landmark_vertices(ids: str) -> dict[str, int]:
    """Pair the 21 names with ids in the order nose, right and left eye, ear, left foot, ..."""
    feet = tuple(f"{s}_{part}" for s in _SIDES for part in ("big_toe", "small_toe", "heel"))
    tips = tuple(
        f"{s}_{finger}4" for s in _SIDES for finger in ("thumb", "index", "middle", "ring", "pinky")
    )
    names = ("nose", "right_eye", "left_eye", "right_ear", "left_ear", *feet, *tips)
    return dict(zip(names, map(int, ids.split()), strict=True))


_SMPL_VERTICES = _landmark_vertices(
    "332 6260 2800 4071 583 3216 3226 3387 6617 6624 6787 "
    "2746 2319 2445 2556 2673 6191 5782 5905 6016 6133"
)
_SMPLX_VERTICES = _landmark_vertices(
    "9120 9929 9448 616 6 5770 5780 8846 8463 8474 8635 "
    "5361 4933 5058 5169 5286 8079 7669 7794 7905 8022"
)

SMPL = Layout(
    name="smpl",
    joints=(*_BODY_JOINTS, "left_hand", "right_hand"),
    parents=(*_BODY_PARENTS, 20, 21),
    num_vertices=6890,
    landmark_vertices=_SMPL_VERTICES,
)
SMPLH = Layout(
    name="smplh",
    joints=(*_BODY_JOINTS, *_FINGER_JOINTS),
    parents=(*_BODY_PARENTS, *_finger_parents(22)),
    num_vertices=6890,
    landmark_vertices=_SMPL_VERTICES,
)
SMPLX = Layout(
    name="smplx",
    joints=(*_BODY_JOINTS, "jaw", "left_eye_smplhf", "right_eye_smplhf", *_FINGER_JOINTS),
    parents=(*_BODY_PARENTS, 15, 15, 15, *_finger_parents(25)),
    num_vertices=10475,
    landmark_vertices=_SMPLX_VERTICES,
    has_expressions=True,
)
LAYOUTS = {len(layout.joints): layout for layout in (SMPL, SMPLH, SMPLX)}
