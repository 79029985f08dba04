"""What a benchmark is, as data: everything that must be equal before two numbers may be compared.

A protocol names joints, regressor, root, gender, unit, sampling, who is paired with whom, what may
be missing, the order of averaging and its source. Where a published program does something nobody
would guess, that is a named switch (`Quirk`), on as published.
"""

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from marey.core.errors import InputError
from marey.evaluate.score import Order

Measure = Literal[
    "mpjpe",
    "pa-mpjpe",
    "n-mpjpe",
    "mpvpe",
    "pa-mpvpe",
    "acceleration",
    "jitter",
    "wa-mpjpe",
    "w-mpjpe",
    "root-translation",
    "pck",
    "pck-image",
    "auc",
    "pcp",
    "found-f1",
    "per-found",
    "oks-precision",
    "mota",
    "hota",
    "penetration",
    "deepest-penetration",
    "collision-share",
    "true-penetration",
    "touch-precision",
    "touch-recall",
    "touch-f1",
]
"""Which function measures; `marey.evaluate.measure` and `additions` hold the tables."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One column of a benchmark's table."""

    name: str
    """As the publications call it."""
    measure: Measure
    unit: str = "mm"
    factor: float = 1000.0
    """From m (m per frame^2, shares of 1) to `unit`."""
    joints: tuple[str, ...] = ()
    """The joints it is about; all of the protocol's if empty."""
    rooted: bool = False
    """Whether both sides are moved to the protocol's root."""
    threshold: float | None = None
    """Of PCK and PCP, as a share of the person's size (m for `pck`); highest threshold of AUC."""
    order: Order = "values"
    higher_is_better: bool = False
    of: str = ""
    """For `per-found`: the metric that is divided by F1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirk:
    """Something a published program does that a reader of the paper would not guess."""

    name: str
    text: str
    on: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """One way of measuring; see `marey.evaluate.protocols` for those marey knows."""

    name: str
    version: int = 1
    """Rises whenever a change alters a number."""
    title: str
    skeleton: str
    """Keypoint set in which joints are compared."""
    joints: tuple[str, ...] = ()
    """Those of the set that count; all if empty."""
    sources: tuple[str, ...] = ()
    """Further keypoint sets from which these joints may be taken by name."""
    root: tuple[str, ...] = ()
    """Joints whose mean rooted metrics are relative to."""
    regressor: str | None = None
    """File of weights that make the joints from vertices: licensed, given by the user."""
    gender: str = "not stated"
    """Which body the true joints and vertices were made with."""
    unit: Literal["m", "px"] = "m"
    """Unit of positions in files; tables have units of their own."""
    sampling: str
    """Which frames of which recordings."""
    least_confidence: float = 0.0
    """True joints count if their confidence is above this."""
    pairing: Literal["same", "image", "nearest", "none"] = "same"
    """Who is compared with whom: the same place in both files; Harmony4D's greedy pairing in the
    image; the smallest sum of distances in each frame; or left to the metrics."""
    missing: Literal["refuse", "skip", "wrong"] = "refuse"
    """What a true joint without a prediction means: an error, nothing (counted apart), or a miss.
    What can be right or wrong (PCK, AUC, PCP) is wrong when missing, whatever this says."""
    split_people: bool = False
    """Whether every person is a sequence of their own when averaging."""
    limbs: tuple[tuple[str, str], ...] = ()
    metrics: tuple[Metric, ...]
    additions: tuple[Metric, ...] = ()
    """What marey measures besides. No published number has it, so it is no part of what must be
    equal before results may be compared."""
    quirks: tuple[Quirk, ...] = ()
    source: str
    lacking: tuple[str, ...] = ()
    """Of a draft: what no source at hand says."""

    @property
    def full_name(self) -> str:
        """Name, version and every switch that is not as published: what a result carries."""
        changed = [f"{quirk.name}={'on' if quirk.on else 'off'}" for quirk in self.quirks]
        standard = [f"{quirk.name}=on" for quirk in self.quirks]
        switches = [now for now, then in zip(changed, standard, strict=True) if now != then]
        return f"{self.name}-v{self.version}" + (f"[{','.join(switches)}]" if switches else "")

    def has(self, quirk: str) -> bool:
        """Say whether a quirk is switched on (no: the protocol has none of that name)."""
        return any(each.name == quirk and each.on for each in self.quirks)

    def without(self, *names: str) -> "Protocol":
        """Return the protocol with some quirks switched off.

        Raises:
            InputError: If it has no quirk of such a name.
        """
        known = [quirk.name for quirk in self.quirks]
        for name in names:
            if name not in known:
                choice = ", ".join(known) or "none"
                raise InputError(
                    f"protocol {self.name} has no switch '{name}'; its switches are: {choice}"
                )
        quirks = tuple(replace(each, on=each.on and each.name not in names) for each in self.quirks)
        return replace(self, quirks=quirks)

    def describe(self) -> dict[str, Any]:
        """Return everything the protocol says as plain values, for metrics.json."""
        said = {"full_name": self.full_name, **asdict(self)}
        del said["additions"]
        return said
