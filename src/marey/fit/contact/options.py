"""How bodies are taken apart."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class CollisionOptions:
    """How bodies are taken apart."""

    oneself: bool = False
    """Whether a body's own limbs are kept out of each other as well."""
    sigma: float = 0.001
    """Depth that counts as one standard deviation on a square centimetre of skin, m."""
    least: float = 0.002
    """Bodies that are nowhere deeper than this in each other are left as they are, m."""
    point_sigma: float = 0.03
    """How well points are known where no keypoints are given, m."""
    unseen_sigma: float = 0.1
    """How well a point is known along a ray, or where nobody sees it, m."""
    planted_sigma: float = 0.01
    """How far a point of the foot may move that stands on the floor, m."""
    joint_sigma: float = 0.2
    """How far a joint may turn from the fit, rad."""
    deep: float = 0.04
    """Bodies deeper than this in each other are brought apart as capsules first, m."""
    flesh: float = 0.03
    """How deep capsules may then stay, m: they are thicker than some of the skin they stand for."""
    stuck: float = 0.006
    """Skins that stay deeper than this are looked at for limbs that went through each other, m."""
    again: int = 3
    """How often those frames are solved again at most."""
    rounds: int = 5
    iterations: int = 3
    """Steps between two searches for contacts."""
    margin: float = 0.4
    """How long before and after a contact a motion may change, s."""
    longest: int = 240
    """Frames that are solved at once; longer stretches follow on."""
    ahead: int = 16
    """Further frames that are solved to know what comes, and then again."""
    clearance: float = 0.002
    """Gap that colliding skins are given, m: the coarse skin errs by as much."""
    near: float = 0.008
    """Gap up to which skins are watched while bodies move, m."""
    watched: float = 0.03
    """Frames with a wider gap are not looked at again, m."""
    steady: float = 1.0
    """How many times less a change may accelerate than the motion itself."""
