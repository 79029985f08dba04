"""Who is who: the same body twice, a body that is somebody else's, somebody known from before.

Place, size and the colours of the torso decide, together: neither is enough. Colours of people who
overlap are not learnt.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from jaxtyping import Float, UInt8

from marey.capture.appearance import blend, describe_torso, similarity
from marey.capture.boxes import area, centre, overlap
from marey.capture.followed import TrackOptions, Trail
from marey.core.skeleton import Skeleton, load_skeleton
from marey.models.protocols import PersonLandmarks

Image = UInt8[np.ndarray, "H W 3"]

_LIGHT_AND_SHADE = 0.1
"""A smaller difference between two likenesses says nothing."""


@dataclass(frozen=True, slots=True)
class Identities:
    """Tells people apart and knows them again."""

    skeleton: Skeleton
    options: TrackOptions
    points: "_Points" = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "points", _Points.of(self.skeleton))

    def describe(self, image: Image, seen: PersonLandmarks) -> Float[np.ndarray, "B"] | None:
        """Return the colours of a body; None if its torso is not wholly in the image."""
        return describe_torso(image, seen.position[self.points.torso])

    def learn(self, image: Image, trails: Sequence[Trail]) -> None:
        """Remember what everyone who stands alone looks like."""
        for trail, alone in zip(trails, _alone(trails), strict=True):
            if alone:
                trail.colours = blend(trail.colours, self.describe(image, trail.last))

    def resolve_duplicates(self, image: Image, trails: Sequence[Trail]) -> bool:
        """Take a body that two trails claim from the one it looks like less; whether one did."""
        settled = False
        active = [trail for trail in trails if not trail.lost]
        for row, one in enumerate(active):
            for other in active[row + 1 :]:
                if one.lost or other.lost:
                    continue
                same = self.oks(one.last, other.last) > self.options.duplicate_oks
                count = one.coinciding[other] = one.coinciding.get(other, 0) + 1 if same else 0
                if count >= self.options.duplicate_frames:
                    # This frame is not recorded yet: one recorded frame less was the wrong body's.
                    self._choose_loser(image, one, other).take_back(count - 1)
                    settled = True
        return settled

    def return_strays(self, image: Image, trails: Sequence[Trail], time: float) -> bool:
        """Give bodies back that look like someone lost in that place; whether one was.

        Behind someone in front, the follower of the one who leaves slides onto the one who stays.
        """
        lost = [trail for trail in trails if trail.lost and trail.colours is not None]
        num_lost = len(lost)
        for trail in trails:
            near = [other for other in lost if _overlap(trail.box, other.box) > 0]
            if trail.lost or not near:
                continue
            shown = self.describe(image, trail.last)
            owner = self._strayed_to(trail, near, shown)
            if owner is not None:
                # The body is this frame's too, which is not recorded yet.
                last = trail.last
                owner.give(trail.take_back(self.options.stray_frames - 1))
                owner.accept(last, time)
                owner.last_confirmed = time
                lost.remove(owner)
        return len(lost) < num_lost

    def recognise(
        self,
        trails: Iterable[Trail],
        time: float,
        result: PersonLandmarks,
        colours: Float[np.ndarray, "B"] | None,
    ) -> Trail | None:
        """Return the lost person someone just found most probably is, if any."""
        best, best_score = None, self.options.recognised
        for trail in trails:
            score = self._likeness(trail, time, result, colours) if trail.lost else 0.0
            if score > best_score:
                best, best_score = trail, score
        return best

    def oks(self, a: PersonLandmarks, b: PersonLandmarks) -> float:
        """Object keypoint similarity over the body points both show; 0 if there are few."""
        rows = self.points.body
        sound = (a.confidence[rows] > 0.3) & (b.confidence[rows] > 0.3)
        if sound.sum() < 4:
            return 0.0
        scale = (area(a.box) + area(b.box)) / 2
        squared = ((a.position[rows] - b.position[rows])[sound] ** 2).sum(-1)
        variance = (2 * self.points.sigmas[sound]) ** 2
        return float(np.exp(-squared / (2 * scale * variance)).mean())

    def _choose_loser(self, image: Image, one: Trail, other: Trail) -> Trail:
        shown = self.describe(image, one.last)
        likeness = similarity(one.colours, shown), similarity(other.colours, shown)
        if likeness[0] is not None and likeness[1] is not None:
            lead = likeness[0] - likeness[1]
            if abs(lead) > _LIGHT_AND_SHADE:
                return other if lead > 0 else one
        # Where colours do not tell, the younger trail yields.
        return max(one, other, key=lambda trail: trail.person.start)

    def _strayed_to(
        self, trail: Trail, near: Sequence[Trail], shown: Float[np.ndarray, "B"] | None
    ) -> Trail | None:
        own = similarity(trail.colours, shown)
        for other in near:
            theirs = similarity(other.colours, shown)
            lead = 0.0 if own is None or theirs is None else theirs - own
            leads = lead > self.options.stray_lead
            trail.straying[other] = trail.straying.get(other, 0) + 1 if leads else 0
            if trail.straying[other] >= self.options.stray_frames:
                return other
        return None

    def _likeness(
        self,
        trail: Trail,
        time: float,
        result: PersonLandmarks,
        colours: Float[np.ndarray, "B"] | None,
    ) -> float:
        size = float(np.sqrt(area(trail.box))), float(np.sqrt(area(result.box)))
        away = float(np.linalg.norm(centre(trail.box) - centre(result.box)))
        reach = (0.5 + 1.5 * (time - trail.last_seen)) * max(size)
        if not 0.5 < size[0] / max(size[1], 1e-6) < 2.0 or away > reach:
            return 0.0
        known = similarity(trail.colours, colours)
        alike = 0.5 if known is None else known
        near = 0.5 * (1 - away / reach)
        # Whoever turned round on the spot shows other colours than before.
        soon = time - trail.last_seen < self.options.in_place
        if soon and _overlap(trail.box, result.box) > self.options.found_again_overlap:
            alike = max(alike, self.options.recognised)
        return alike + near


@dataclass(frozen=True, slots=True)
class _Points:
    """Indices of the keypoints that tell people apart."""

    body: list[int]
    torso: list[int]
    sigmas: Float[np.ndarray, "P"]

    @staticmethod
    def of(skeleton: Skeleton) -> "_Points":
        coco = load_skeleton("coco-17")
        names = [name for name in coco.keypoints if name in skeleton.keypoints]
        assert coco.oks_sigmas is not None
        sigmas = [coco.oks_sigmas[coco.index(name)] for name in names]
        corners = ("left_shoulder", "right_shoulder", "right_hip", "left_hip")
        return _Points(
            body=[skeleton.index(name) for name in names],
            torso=[skeleton.index(name) for name in corners],
            sigmas=np.array(sigmas, np.float32),
        )


def _alone(trails: Sequence[Trail]) -> list[bool]:
    boxes = np.array([trail.box for trail in trails]).reshape(-1, 4)
    _, shared = overlap(boxes, boxes)
    return [bool(row.sum() - row[index] < 0.3) for index, row in enumerate(shared)]


def _overlap(a: Float[np.ndarray, "4"], b: Float[np.ndarray, "4"]) -> float:
    shared, _ = overlap(a[None], b[None])
    return float(shared[0, 0])
