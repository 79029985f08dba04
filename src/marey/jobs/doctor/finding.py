"""What a check says."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["ok", "warn", "fail"]

SEVERITY: dict[Verdict, int] = {"ok": 0, "warn": 1, "fail": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """The result of one check."""

    name: str
    """What was checked."""
    verdict: Verdict
    """`fail`: something marey does will not work. `warn`: it works, but not well or not fully."""
    found: str
    """What is there."""
    mend: str = ""
    """What to do about it, one sentence; empty where nothing need be done."""


def worst_verdict(findings: Sequence[Finding]) -> Verdict:
    """Return the most severe verdict; ok if there are no findings."""
    verdicts: list[Verdict] = ["ok", *(finding.verdict for finding in findings)]
    return max(verdicts, key=lambda verdict: SEVERITY[verdict])
