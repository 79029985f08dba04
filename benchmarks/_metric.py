"""One measured figure, the committed baseline, and the gate between them."""

import json
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Direction = Literal["higher", "lower", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A figure and how much worse it may become."""

    key: str
    value: float
    unit: str
    direction: Direction
    """Which way is better; `none` is only reported."""
    tolerance: float
    """Relative change for the worse that is still accepted (0.3: thirty per cent)."""
    absolute: bool = True
    """Whether the figure depends on the machine; ratios of the same run do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A metric beside its baseline."""

    metric: Metric
    baseline: float | None
    worse: bool


def judge(
    metrics: list[Metric], baseline: dict[str, Metric], *, same_machine: bool
) -> list[Verdict]:
    """Compare metrics with the baseline; times of another machine are shown but never judged."""
    verdicts = []
    for metric in metrics:
        old = baseline.get(metric.key)
        comparable = old is not None and (same_machine or not metric.absolute)
        verdicts.append(
            Verdict(
                metric=metric,
                baseline=None if old is None else old.value,
                worse=comparable and old is not None and _is_worse(metric, old.value),
            )
        )
    return verdicts


def _is_worse(metric: Metric, old: float) -> bool:
    if metric.direction == "none":
        return False
    if not math.isfinite(metric.value):
        return True
    if metric.direction == "higher":
        return metric.value < old * (1 - metric.tolerance)
    return metric.value > old * (1 + metric.tolerance)


def read_baseline(path: Path) -> tuple[str, dict[str, Metric]]:
    """Return the machine the baseline was measured on and its metrics; empty if there is none."""
    if not path.is_file():
        return "", {}
    stored = json.loads(path.read_text())
    metrics = [Metric(**entry) for entry in stored["metrics"]]
    return stored["machine"], {metric.key: metric for metric in metrics}


def write_baseline(path: Path, machine: str, metrics: list[Metric]) -> None:
    """Keep metrics as the new baseline."""
    content = {"machine": machine, "metrics": [asdict(metric) for metric in metrics]}
    path.write_text(json.dumps(content, indent=2) + "\n")


def format_verdicts(verdicts: list[Verdict]) -> str:
    """Lay the figures out as a Markdown table."""
    lines = ["| figure | value | unit | baseline | |", "|---|---:|---|---:|---|"]
    for verdict in verdicts:
        metric = verdict.metric
        old = "" if verdict.baseline is None else f"{verdict.baseline:.4g}"
        mark = "worse" if verdict.worse else ""
        lines.append(f"| {metric.key} | {metric.value:.4g} | {metric.unit} | {old} | {mark} |")
    return "\n".join(lines)
