"""Which joint of one parametric body goes along with which of another, by name."""

from marey.body import Body

_SIDES = ("left", "right")
_DIGITS = ("thumb", "index", "middle", "ring", "pinky")

SHARED_LANDMARKS = (
    *("nose", "head_top"),
    *(
        f"{side}_{place}"
        for place in ("eye", "ear", "big_toe", "small_toe", "heel", *(f"{d}4" for d in _DIGITS))
        for side in _SIDES
    ),
)
"""Landmarks that marey knows on every body of the SMPL family and on its own."""

TRUNK = ("pelvis", "spine1", "spine2", "spine3", "neck", "head", "left_collar", "right_collar")
"""Joints inside the trunk: each body puts them elsewhere."""

HANDS = ("left_hand", "right_hand")
"""Joints of SMPL that move all fingers of a hand at once."""


def find_counterpart(name: str, target: Body, source: Body) -> int:
    """Return the source's joint of a name, else the one that moves what it moves."""
    while name not in source.joint_names:
        hand = _hand_of(name)
        if hand in source.joint_names:
            name = hand
        else:
            name = target.joint_names[target.parents[target.joint_names.index(name)]]
    return source.joint_names.index(name)


def find_moving(target: Body, source: Body) -> tuple[str, ...]:
    """Return the joints of the target, without its root, that the source can turn."""
    known = source.joint_names
    return tuple(
        name for name in target.joint_names[1:] if name in known or _hand_of(name) in known
    )


def find_lacking(source: Body, target: Body) -> tuple[bool, ...]:
    """Tell for each joint of the source whether the target has nothing like it."""
    return tuple(name not in (*target.joint_names, *HANDS) for name in source.joint_names)


def _hand_of(name: str) -> str:
    """Return the hand joint that moves a finger; the name itself if it is no finger's."""
    side, _, rest = name.partition("_")
    return f"{side}_hand" if rest.rstrip("123") in _DIGITS else name
