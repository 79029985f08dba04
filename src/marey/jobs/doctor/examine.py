"""All checks, in the order in which they are shown."""

import os
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from marey.jobs.doctor.finding import Finding
from marey.jobs.doctor.guard import Check, run_guarded, run_isolated
from marey.jobs.doctor.machine import (
    check_current_folder,
    check_memory,
    check_processor,
    check_temporary_folder,
    check_text,
)
from marey.jobs.doctor.shipped import check_assets
from marey.jobs.doctor.software import check_extras, check_marey, check_packages, check_python

_ROOM = "marey.jobs.doctor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """One check and how it is run."""

    name: str
    check: Check | str
    """A function, or where one is (`module:function`) that needs a process of its own."""
    timeout: float = 20.0
    """Longest time, s."""


EXAMINATIONS = (
    Examination(name="python", check=check_python),
    Examination(name="marey", check=check_marey),
    Examination(name="packages", check=check_packages),
    Examination(name="extras", check=check_extras),
    Examination(name="assets", check=check_assets),
    Examination(name="torch", check=f"{_ROOM}.runtimes:check_torch", timeout=120),
    Examination(name="onnxruntime", check=f"{_ROOM}.runtimes:check_onnxruntime", timeout=120),
    Examination(name="gpu", check=f"{_ROOM}.runtimes:check_gpu", timeout=120),
    Examination(name="video", check=f"{_ROOM}.pictures:check_video", timeout=120),
    # The first picture on a machine waits for the compiler.
    Examination(name="renderer", check=f"{_ROOM}.pictures:check_renderer", timeout=240),
    Examination(name="kernels", check=f"{_ROOM}.runtimes:check_kernels", timeout=120),
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
        return run_isolated(item.name, item.check, timeout=item.timeout)
    return run_guarded(item.name, item.check, timeout=item.timeout)
