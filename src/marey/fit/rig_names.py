"""Which joint of a foreign rig is which of marey's, by name.

Names mean different things in different programs (Mixamo's LeftShoulder is the collar, Daz's is the
shoulder; Mixamo's LeftFoot is the ankle, marey's left_foot the ball of the foot), so there is a
table for every naming and a rig goes by the one that knows most of its joints. Case, spaces,
underscores and prefixes such as `mixamorig:` do not count. docs/bodies.md shows the table.
"""

import re
from collections.abc import Mapping

from marey.core import Rig
from marey.core.errors import InputError

_SIDES = (("left", "l"), ("right", "r"))
_DIGITS = ("thumb", "index", "middle", "ring", "pinky")

_Table = Mapping[str, str]
"""marey's joint to its names, best first, `{side}` and `{s}` standing for left and l. `spine` is
all joints between pelvis and neck in their order; `others` have no counterpart."""

_MAREY: _Table = {
    "pelvis": "pelvis root",
    "spine": "spine1 spine2 spine3 chest",
    "neck": "neck",
    "head": "head",
    **{
        f"{{side}}_{part}": f"{{side}}{part}"
        for part in (
            *("hip", "knee", "ankle", "foot", "collar", "shoulder", "elbow", "wrist"),
            *(f"{digit}{k}" for digit in _DIGITS for k in (1, 2, 3)),
        )
    },
}
_MIXAMO: _Table = {
    "pelvis": "hips",
    "spine": "spine spine1 spine2 spine3 chest upperchest",
    "neck": "neck",
    "head": "head",
    "{side}_hip": "{side}upleg {side}upperleg",
    "{side}_knee": "{side}leg {side}lowerleg",
    "{side}_ankle": "{side}foot",
    "{side}_foot": "{side}toebase {side}toes",
    "{side}_collar": "{side}shoulder",
    "{side}_shoulder": "{side}arm {side}upperarm",
    "{side}_elbow": "{side}forearm {side}lowerarm",
    "{side}_wrist": "{side}hand",
    **{f"{{side}}_{d}{k}": f"{{side}}hand{d}{k}" for d in _DIGITS for k in (1, 2, 3)},
}
# CMU's recordings: neck and wrist are two joints in one place; the second has the whole rotation.
_CMU: _Table = {
    **{name: joints for name, joints in _MIXAMO.items() if not name[-1].isdigit()},
    "spine": "lowerback spine spine1",
    "neck": "neck1",
    "{side}_wrist": "{side}fingerbase",
    "others": "{s}hipjoint neck {side}hand {side}handindex1 {s}thumb",
}
_CMU_ASF: _Table = {
    "pelvis": "hip root hips",
    "spine": "lowerback upperback thorax",
    "neck": "upperneck",
    "head": "head",
    "{side}_hip": "{s}femur",
    "{side}_knee": "{s}tibia",
    "{side}_ankle": "{s}foot",
    "{side}_foot": "{s}toes",
    "{side}_collar": "{s}clavicle",
    "{side}_shoulder": "{s}humerus",
    "{side}_elbow": "{s}radius",
    "{side}_wrist": "{s}hand {s}wrist",
}
_DAZ: _Table = {
    "pelvis": "hips hip",
    "spine": "lowerback chest chest2 chest3 spine",
    "neck": "neck",
    "head": "head",
    "{side}_hip": "{side}hip",
    "{side}_knee": "{side}knee",
    "{side}_ankle": "{side}ankle",
    "{side}_foot": "{side}toe",
    "{side}_collar": "{side}collar",
    "{side}_shoulder": "{side}shoulder",
    "{side}_elbow": "{side}elbow",
    "{side}_wrist": "{s}hand {side}wrist",
}
_POSER: _Table = {
    "pelvis": "hip",
    "spine": "abdomen abdomen2 chest",
    "neck": "neck",
    "head": "head",
    "{side}_hip": "{s}thigh",
    "{side}_knee": "{s}shin",
    "{side}_ankle": "{s}foot",
    "{side}_foot": "{s}toe",
    "{side}_collar": "{s}collar",
    "{side}_shoulder": "{s}shldr",
    "{side}_elbow": "{s}forearm",
    "{side}_wrist": "{s}hand",
    **{
        f"{{side}}_{d}{k}": f"{{s}}{'mid' if d == 'middle' else d}{k}"
        for d in _DIGITS
        for k in (1, 2, 3)
    },
}
_BANDAI: _Table = {
    "pelvis": "hips",
    "spine": "spine chest",
    "neck": "neck",
    "head": "head",
    "{side}_hip": "upperleg{s}",
    "{side}_knee": "lowerleg{s}",
    "{side}_ankle": "foot{s}",
    "{side}_foot": "toes{s}",
    "{side}_collar": "shoulder{s}",
    "{side}_shoulder": "upperarm{s}",
    "{side}_elbow": "lowerarm{s}",
    "{side}_wrist": "hand{s}",
}

NAMINGS: Mapping[str, _Table] = {
    "marey": _MAREY,
    "mixamo": _MIXAMO,
    "cmu": _CMU,
    "cmu-asf": _CMU_ASF,
    "daz": _DAZ,
    "poser": _POSER,
    "suffix": _BANDAI,
}
"""Tables by what they are called in docs/bodies.md."""

_NEEDED = ("pelvis", "left_hip", "right_hip", "left_knee", "right_knee")

_PREFIX = re.compile(r"^.*:|^mixamorig\d*_|^neo_", re.IGNORECASE)


def name_joints_of(rig: Rig) -> dict[str, int]:
    """Find marey's joints on a rig.

    Returns:
        marey's joint names and where they are on the rig (0 is the root), in the rig's order.

    Raises:
        InputError: If no naming knows the rig's pelvis, hips and knees.
    """
    given = [_plain(name) for name in (rig.root, *rig.joints)]
    table = max(NAMINGS.values(), key=lambda table: len(_vocabulary(table) & set(given)))
    found = _apply(table, given)
    missing = [name for name in _NEEDED if name not in found]
    if missing:
        raise InputError(
            f"the rig {rig.name} has no joints known as {', '.join(missing)}; name its joints as "
            f"in one of {', '.join(NAMINGS)} (docs/bodies.md)"
        )
    return dict(sorted(found.items(), key=lambda item: item[1]))


def _apply(table: _Table, given: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for joint, names in table.items():
        if joint in ("spine", "others"):
            continue
        for side, s in _SIDES if "{" in joint else (("", ""),):
            options = (name.format(side=side, s=s) for name in names.split())
            place = next((given.index(name) for name in options if name in given), None)
            if place is not None:
                found[joint.format(side=side)] = place
    spine = sorted({given.index(name) for name in table["spine"].split() if name in given})
    # One joint bends the whole chest, two share it; more than three: the first two and the last.
    chosen = {1: ("spine3",), 2: ("spine1", "spine3")}.get(
        len(spine), ("spine1", "spine2", "spine3")
    )
    places = spine if len(spine) <= 3 else [*spine[:2], spine[-1]]
    found.update(zip(chosen, places, strict=False))
    return found


def _vocabulary(table: _Table) -> set[str]:
    return {
        name.format(side=side, s=s)
        for names in table.values()
        for name in names.split()
        for side, s in _SIDES
    }


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _PREFIX.sub("", name).lower())
