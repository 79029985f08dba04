"""All checks, in the order in which they are shown."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from marey.jobs.doctor.finding import Finding
from marey.jobs.doctor.guard import REINSTALL, Check, run_guarded, run_isolated
from marey.jobs.doctor.machine import (
    check_current_folder,
    check_memory,
    check_processor,
    check_temporary_folder,
    check_text,
)
from marey.jobs.doctor.shipped import check_assets
from marey.jobs.doctor.software import check_extras, check_marey, check_packages, check_python


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One check and how it is run."""

    name: str
    check: Check | str
    """A function, or where one is (`module:function`) that needs a process of its own."""
    timeout: float = 20.0
    """Longest time, s."""
    mend: str = REINSTALL
    """What to do if the check breaks off."""


def _isolate(name: str, check: str, *packages: str, timeout: float = 120) -> Examination:
    """Return a check of foreign machine code, which lives in some packages."""
    return Examination(
        name=name,
        check=f"marey.jobs.doctor.{check}",
        timeout=timeout,
        mend=f"Run: pip install --force-reinstall {' '.join(packages)}",
    )


EXAMINATIONS = (
    Examination(name="python", check=check_python),
    Examination(name="marey", check=check_marey),
    Examination(name="packages", check=check_packages),
    Examination(name="extras", check=check_extras),
    Examination(name="assets", check=check_assets),
    _isolate("torch", "runtimes:check_torch", "torch"),
    _isolate("onnxruntime", "runtimes:check_onnxruntime", "onnxruntime"),
    _isolate("gpu", "runtimes:check_gpu", "torch"),
    _isolate("video", "pictures:check_video", "av"),
    # The first picture on a machine waits for the compiler.
    _isolate(
        *("renderer", "pictures:check_renderer"),
        *("torch", "numba", "opencv-python-headless"),
        timeout=240,
    ),
    _isolate("kernels", "runtimes:check_kernels", "numba"),
    Examination(name="processor", check=check_processor),
    Examination(name="memory", check=check_memory),
    Examination(name="current folder", check=check_current_folder),
    Examination(name="temporary folder", check=check_temporary_folder),
    Examination(name="text", check=check_text),
)


def examine(examinations: Sequence[Examination] = EXAMINATIONS) -> list[Finding]:
    """Run checks and return what each found, in their order.

    Nothing that a check does (raise, crash, hang) gets past it; each is given up after its time.

    Args:
        examinations: The checks; all if not given.
    """
    workers = min(4, os.cpu_count() or 1)
    with ThreadPoolExecutor(workers, thread_name_prefix="doctor") as pool:
        running: list[Future[Finding]] = [pool.submit(_run, item) for item in examinations]
        return [future.result() for future in running]


def _run(item: Examination) -> Finding:
    if isinstance(item.check, str):
        return run_isolated(item.name, item.check, timeout=item.timeout, mend=item.mend)
    return run_guarded(item.name, item.check, timeout=item.timeout, mend=item.mend)
