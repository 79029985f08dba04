"""Running a check so that neither an exception, nor a crash, nor a hang gets past it.

A check in this process runs in a thread and is given up after its time (a dead network drive can
hold a thread for ever). A check of foreign machine code runs in a child process, which is killed.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from marey.jobs.doctor.finding import Finding

Check = Callable[[], Finding]

RESULT = "marey-finding "
"""What the child's last line begins with; libraries may print before it."""


REINSTALL = "Reinstall marey into a fresh environment; if that does not help, report this."
"""What to do about faults that nobody has foreseen."""


def run_guarded(name: str, check: Check, *, timeout: float, mend: str = REINSTALL) -> Finding:
    """Run a check in this process, for `timeout` s at most.

    Args:
        name: What is checked, for the finding of a check that breaks off.
        check: The check.
        timeout: Longest time, s.
        mend: What to do if the check breaks off.
    """
    results: list[Finding] = []

    def work() -> None:
        results.append(run_caught(name, check, mend))

    # A daemon: a thread that never comes back must not keep the process alive either.
    thread = threading.Thread(target=work, name=f"doctor-{name}", daemon=True)
    thread.start()
    thread.join(timeout)
    return results[0] if results else _silent(name, timeout)


def run_isolated(name: str, check: str, *, timeout: float, mend: str = REINSTALL) -> Finding:
    """Run a check in a process of its own, for `timeout` s at most.

    Args:
        name: What is checked.
        check: Where the function is: `module:function`.
        timeout: Longest time, s.
        mend: What to do if the check or its process breaks off.
    """
    # -P: a file called torch.py in the current folder must not be taken for the package.
    command = [sys.executable, "-P", "-m", __name__, name, check, mend]
    try:
        run = subprocess.run(
            command, capture_output=True, check=False, timeout=timeout, cwd=_find_place()
        )
    except subprocess.TimeoutExpired:
        return _silent(name, timeout)
    except OSError as error:
        return Finding(
            name=name,
            verdict="fail",
            found=f"no process could be started ({error.strerror})",
            mend="Close other programs or raise the limit of processes (ulimit -u).",
        )
    lines = run.stdout.decode(errors="replace").splitlines()
    result = next((line for line in reversed(lines) if line.startswith(RESULT)), None)
    if result is not None:
        return Finding(**json.loads(result.removeprefix(RESULT)))
    return _crashed(name, run.returncode, run.stderr.decode(errors="replace"), mend)


def _find_place() -> str | None:
    """Return where to run children; None for here, unless here has been removed."""
    try:
        Path.cwd()
    except OSError:
        return sys.prefix
    return None


def run_caught(name: str, check: Check, mend: str) -> Finding:
    """Run a check and turn whatever it raises into a finding."""
    try:
        return check()
    except Exception as error:  # the one place that must survive the unforeseen
        text = " ".join(str(error).split())
        return Finding(
            name=name,
            verdict="fail",
            found=f"{type(error).__name__}: {text:.300}",
            mend=mend,
        )


def _silent(name: str, timeout: float) -> Finding:
    return Finding(
        name=name,
        verdict="fail",
        found=f"no answer within {timeout:.0f} s",
        mend="Try again when the machine is less busy; if that does not help, report this.",
    )


def _crashed(name: str, code: int, errors: str, mend: str) -> Finding:
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    last = errors.strip().splitlines()[-1:] or [""]
    return Finding(
        name=name,
        verdict="fail",
        found=f"the process {how} {last[0]:.200}".strip(),
        mend=mend,
    )


def main(name: str, check: str, mend: str) -> None:
    """Run one check in this process and print its finding: the child's side."""

    def find_and_run() -> Finding:
        module, function = check.split(":")
        return getattr(import_module(module), function)()

    text = json.dumps(asdict(run_caught(name, find_and_run, mend)))
    # ASCII only, so that no encoding of the console can lose it.
    sys.stdout.write(f"\n{RESULT}{text}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
