"""What `marey doctor` shows."""

import sys
from collections.abc import Sequence
from dataclasses import asdict

from rich.console import Console
from rich.table import Table
from rich.text import Text

from marey.core.errors import EnvironmentFault
from marey.jobs.doctor.examine import EXAMINATIONS, Examination, examine
from marey.jobs.doctor.finding import Finding, worst_verdict
from marey.jobs.reporting import print_json

_STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def show_health(
    *, as_json: bool = False, examinations: Sequence[Examination] = EXAMINATIONS
) -> None:
    """Examine the machine and show the result: the work of `marey doctor`.

    Args:
        as_json: Whether to print one JSON object instead of a table.
        examinations: The checks; all if not given.

    Raises:
        EnvironmentFault: If a check failed.
    """
    console = Console(stderr=True)
    with console.status("examining this machine"):
        findings = examine(examinations)
    verdict = worst_verdict(findings)
    if as_json:
        print_json({"verdict": verdict, "findings": [asdict(finding) for finding in findings]})
    else:
        Console(highlight=False).print(make_table(findings))
    failed = [finding.name for finding in findings if finding.verdict == "fail"]
    if failed:
        raise EnvironmentFault(
            f"this machine is not fit for marey yet: {', '.join(failed)} "
            f"{'fails' if len(failed) == 1 else 'fail'}; do what is said there and run it again"
        )
    if not as_json:
        warned = sum(finding.verdict == "warn" for finding in findings)
        sys.stdout.write(f"fit for marey{f', {warned} with a warning' if warned else ''}\n")


def make_table(findings: Sequence[Finding]) -> Table:
    """Lay findings out as a table, what to do below what was found."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("check", no_wrap=True)
    table.add_column("", no_wrap=True)
    table.add_column("found", overflow="fold")
    for finding in findings:
        text = Text(finding.found)
        if finding.mend:
            style = "dim" if finding.verdict == "ok" else "bold"
            text.append(f"\n{finding.mend}", style=style)
        verdict = Text(finding.verdict, style=_STYLES[finding.verdict])
        table.add_row(Text(finding.name), verdict, text)
    return table
