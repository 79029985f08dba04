"""The estimator marey ships: BlazePose for the body, the hand network for each hand, and the face.

From frame to frame body and hands follow themselves: a result carries the crops in which to look
next, and the detector's box only starts them and calls them back. A person with both hands costs
three network calls per frame; a start costs six, or twelve for a person who is hard to see. The
face, looked for only if its network is given, costs one more, two where it starts.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from jaxtyping import Float, Float32, UInt8

from marey.core.skeleton import Skeleton
from marey.models.blazepose import (
    BlazePoseEstimator,
    PoseLandmarks,
    crop_from_box,
    crop_from_pose,
)
from marey.models.crop import SquareCrop, paste_crop
from marey.models.face import FaceEstimator, FaceLandmarks, crop_from_face, crop_from_head
from marey.models.hands import HandEstimator, HandLandmarks, crop_from_body, crop_from_hand
from marey.models.keypoints import WHOLE_BODY, combine_landmarks, rate_pose
from marey.models.protocols import PersonLandmarks

_WHOLE = 0.5
"""Share of supported points (times score) below which a start looks into other directions."""
_BORDER = 0.02
"""Share of the picture's height within which a box touches its edge."""
_QUARTER_TURNS = (np.pi, np.pi / 2, -np.pi / 2)
_WRIST, _INDEX, _PINKY = (
    {"left": 15, "right": 16},
    {"left": 19, "right": 20},
    {"left": 17, "right": 18},
)
"""BlazePose-33's points of each hand."""
_SHORTEST_HAND = 0.08
"""m; distance from wrist to middle knuckle that a first hand crop allows for at least."""
_LEFT_EYE, _RIGHT_EYE, _MOUTH = 2, 5, [9, 10]
"""BlazePose-33's points of the face."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowedCrops:
    """Where to look in the next frame, and what the hands are added to in this one."""

    pose: PoseLandmarks
    body: SquareCrop
    left: SquareCrop | None = None
    right: SquareCrop | None = None
    face: SquareCrop | None = None


@dataclass(frozen=True, kw_only=True)
class WholeBodyEstimator:
    """Finds body, feet, hands and face of one person; thread-safe: all state is in the results."""

    min_score: float = 0.5
    """A body found with less is looked for again from the box."""
    min_hand: float = 0.5
    """A hand found with less does not count."""
    min_wrist: float = 0.3
    """Hands whose wrist is less visible than this are not looked for."""
    hands: bool = True
    """Whether to look for hands at all."""
    pose_network: BlazePoseEstimator = field(default_factory=BlazePoseEstimator)
    hand_network: HandEstimator = field(default_factory=HandEstimator)
    face_network: FaceEstimator | None = None
    """Faces are looked for if it is given."""

    @property
    def skeleton(self) -> Skeleton:
        """COCO-WholeBody-133; small toes are always missing, most of the face if not asked for."""
        return WHOLE_BODY

    def estimate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return body, feet, hands and face in one call."""
        return self.complete(image, self.locate(image, box, previous), previous)

    def locate(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Return body and feet of the person in `box`, or of the one followed since `previous`."""
        pose = self._find_body(image, box, _crops_of(previous))
        state = FollowedCrops(pose=pose, body=crop_from_pose(pose))
        return combine_landmarks(pose, None, None, state=state)

    def segment(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        previous: PersonLandmarks | None = None,
    ) -> tuple[PersonLandmarks, Float32[np.ndarray, "H W"]]:
        """Do what `locate` does, and return the probability of each px to show that person."""
        located = self.locate(image, box, previous)
        crops = _crops_of(located)
        size = (image.shape[1], image.shape[0])
        if crops is None or not crops.body.is_sound():
            return located, np.zeros(image.shape[:2], np.float32)
        _, share = self.pose_network.segment(image, crops.body)
        return located, paste_crop(share, crops.body, size=size)

    def complete(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        located: PersonLandmarks,
        previous: PersonLandmarks | None = None,
    ) -> PersonLandmarks:
        """Add hands and face."""
        here, before = _crops_of(located), _crops_of(previous)
        assert here is not None, "complete needs a result of locate"
        left = self._find_hand(image, here.pose, "left", before.left if before else None)
        right = self._find_hand(image, here.pose, "right", before.right if before else None)
        face = self._find_face(image, here.pose, before.face if before else None)
        state = replace(
            here,
            left=crop_from_hand(left) if left else None,
            right=crop_from_hand(right) if right else None,
            face=crop_from_face(face) if face else None,
        )
        return combine_landmarks(here.pose, left, right, face=face, state=state)

    def _find_body(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        box: Float[np.ndarray, "4"] | None,
        crops: FollowedCrops | None,
    ) -> PoseLandmarks:
        angle = 0.0
        if crops is not None and crops.body.is_sound():
            followed = self.pose_network.estimate(image, crops.body)
            angle = crops.body.angle
            if box is None or (rate_pose(followed) >= self.min_score and _lies_in(followed, box)):
                return followed
        assert box is not None, "estimate needs a box, or a previous result of its own"
        return self._start_body(image, box, angle)

    def _start_body(
        self, image: UInt8[np.ndarray, "H W 3"], box: Float[np.ndarray, "4"], angle: float
    ) -> PoseLandmarks:
        best = self._look_twice(image, crop_from_box(box, angle=angle))
        for whole in _reach_beyond(box, image.shape[:2]):
            if _quality(best) >= _WHOLE:
                break
            seen = self._look_twice(image, crop_from_box(whole, angle=angle))
            best = max(best, seen, key=_quality)
        if _quality(best) >= _WHOLE:
            return best
        # Somebody on their hands or on the floor: the network knows people with the trunk up only.
        # Upright, or as before, is likelier, so other directions must win clearly.
        quality = 1.5 * _quality(best) + 0.1
        for turn in _QUARTER_TURNS:
            turned = self._look_twice(image, crop_from_box(box, angle=angle + turn))
            if _quality(turned) > quality:
                best, quality = turned, _quality(turned)
        return best

    def _look_twice(self, image: UInt8[np.ndarray, "H W 3"], crop: SquareCrop) -> PoseLandmarks:
        first = self.pose_network.estimate(image, crop)
        crop = crop_from_pose(first)
        return self.pose_network.estimate(image, crop) if crop.is_sound() else first

    def _find_hand(
        self,
        image: UInt8[np.ndarray, "H W 3"],
        pose: PoseLandmarks,
        side: str,
        crop: SquareCrop | None,
    ) -> HandLandmarks | None:
        wrist = pose.position[_WRIST[side]]
        visible = pose.visibility[_WRIST[side]] >= self.min_wrist
        if not self.hands or not visible or rate_pose(pose) < self.min_score:
            return None
        if crop is not None:
            hand = self.hand_network.estimate(image, crop)
            if self._belongs(hand, wrist):
                return hand
        crop = _start_hand(pose, side)
        if not crop.is_sound():
            return None
        hand = self.hand_network.estimate(image, crop)
        if hand.presence > self.min_hand / 4:
            hand = self.hand_network.estimate(image, crop_from_hand(hand))
        return hand if self._belongs(hand, wrist) else None

    def _find_face(
        self, image: UInt8[np.ndarray, "H W 3"], pose: PoseLandmarks, crop: SquareCrop | None
    ) -> FaceLandmarks | None:
        if self.face_network is None or rate_pose(pose) < self.min_score:
            return None
        return self.face_network.find(image, _start_face(pose), crop)

    def _belongs(self, hand: HandLandmarks, wrist: Float[np.ndarray, "2"]) -> bool:
        distance = float(np.linalg.norm(hand.position[0] - wrist))
        return hand.presence >= self.min_hand and distance < hand.crop.side / 2


def _quality(pose: PoseLandmarks) -> float:
    return pose.score * pose.supported


def _reach_beyond(
    box: Float[np.ndarray, "4"], size: tuple[int, int]
) -> list[Float[np.ndarray, "4"]]:
    """Guess boxes of the whole body where the picture cuts it off below, or above and below."""
    height = box[3] - box[1]
    cut_above, cut_below = box[1] < _BORDER * size[0], box[3] > (1 - _BORDER) * size[0]
    if not cut_below:
        return []
    # Cut at the knees, at the hips; and a body that is too near for head and feet both.
    guesses = [(0.0, 0.3), (0.0, 0.6), *([(0.3, 0.3)] if cut_above else [])]
    return [box + np.array([0.0, -up * height, 0.0, down * height]) for up, down in guesses]


def _crops_of(result: PersonLandmarks | None) -> FollowedCrops | None:
    state = None if result is None else result.state
    return state if isinstance(state, FollowedCrops) else None


def _start_hand(pose: PoseLandmarks, side: str) -> SquareCrop:
    return crop_from_body(
        pose.position[_WRIST[side]],
        pose.position[_INDEX[side]],
        pose.position[_PINKY[side]],
        min_length=_SHORTEST_HAND * _measure_scale(pose),
    )


def _start_face(pose: PoseLandmarks) -> SquareCrop:
    points = pose.position
    return crop_from_head(points[_LEFT_EYE], points[_RIGHT_EYE], points[_MOUTH].mean(0))


def _measure_scale(pose: PoseLandmarks) -> float:
    """Return px per metre at the body, from the spread of trunk and limbs in both."""
    limbs = slice(11, 29)
    spread = [float(points[limbs].std(0)[:2].max()) for points in (pose.position, pose.world)]
    return spread[0] / max(spread[1], 1e-3)


def _lies_in(pose: PoseLandmarks, box: Float[np.ndarray, "4"]) -> bool:
    """Tell whether a followed body still is the one in the box: their middles are near."""
    trunk = pose.position[[11, 12, 23, 24]].mean(0)
    margin = 0.15 * float(np.max(box[2:] - box[:2]))
    return bool(np.all(trunk > box[:2] - margin) and np.all(trunk < box[2:] + margin))
