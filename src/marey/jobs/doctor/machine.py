"""Processor, memory, disk and names of files."""

import locale
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from marey.jobs.doctor.finding import Finding
from marey.jobs.phrases import format_bytes

LITTLE_MEMORY, TOO_LITTLE_MEMORY = 2.0e9, 0.8e9
"""Bytes; a solve takes 0.7 GB however long its video is (docs/benchmarks.md)."""
LITTLE_DISK, TOO_LITTLE_DISK = 2.0e9, 50e6
"""Bytes; a take of ten minutes and its overlay take some hundred megabytes."""
TRIAL_BYTES = 2**16

LIMITS = Path("/sys/fs/cgroup")
PROC = Path("/proc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How much memory there is, bytes; None where the system does not tell."""

    total: float | None
    available: float | None
    limit: float | None
    """What the container or job may use."""


def check_processor(limits: Path = LIMITS) -> Finding:
    """Say how many processors may be used."""
    count = os.cpu_count() or 1
    usable = float(len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else count
    quota = _read_quota(limits)
    found = f"{count} processors"
    if quota is not None and quota < usable:
        usable, found = quota, f"{found}, of which this container may use {quota:g}"
    elif usable < count:
        found += f", of which this process may use {usable:g}"
    threads = os.environ.get("OMP_NUM_THREADS")
    if threads:
        found += f"; OMP_NUM_THREADS is {threads}"
    if usable < 2:
        return Finding(
            name="processor",
            verdict="warn",
            found=found,
            mend="Give this machine or container two processors: networks and fit share the work.",
        )
    return Finding(name="processor", verdict="ok", found=found)


def _read_quota(limits: Path) -> float | None:
    words = _read_words(limits / "cpu.max")
    if len(words) == 2 and words[0] != "max":
        return int(words[0]) / int(words[1])
    return None


def read_memory(proc: Path = PROC, limits: Path = LIMITS) -> Memory:
    """Return the machine's memory and the limit of the container, where the system tells."""
    rows = dict(line.split(":", 1) for line in _read_lines(proc / "meminfo") if ":" in line)
    kilobytes = {key: float(value.split()[0]) * 1024 for key, value in rows.items()}
    limit, used = _read_limit(limits, "memory.max", "memory.current", "inactive_file")
    if limit is None:
        old = limits / "memory"
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        limit, used = _read_limit(old, *names)
    total, available = kilobytes.get("MemTotal"), kilobytes.get("MemAvailable")
    if total is not None and limit is not None and limit >= total:
        limit = None
    if limit is not None:
        left = max(limit - used, 0.0)
        available = left if available is None else min(available, left)
    return Memory(total=total, available=available, limit=limit)


def _read_limit(folder: Path, limit: str, usage: str, cache: str) -> tuple[float | None, float]:
    """Return the limit of a control group and what it uses; files it can drop do not count."""
    words = _read_words(folder / limit)
    if not words or not words[0].isdecimal():
        return None, 0.0
    used = float((_read_words(folder / usage) or ["0"])[0])
    counters = dict(line.split() for line in _read_lines(folder / "memory.stat"))
    return float(words[0]), used - float(counters.get(cache, 0))


def check_memory(read: Callable[[], Memory] = read_memory) -> Finding:
    """Check that a solve fits into what is left."""
    memory = read()
    if memory.available is None:
        return Finding(name="memory", verdict="ok", found="this system does not tell how much")
    found = f"{format_bytes(memory.available)} free"
    if memory.total is not None:
        found += f" of {format_bytes(memory.total)}"
    if memory.limit is not None:
        found += f"; this container may use {format_bytes(memory.limit)}"
    if memory.available >= LITTLE_MEMORY:
        return Finding(name="memory", verdict="ok", found=found)
    where = "the container's limit" if memory.limit is not None else "memory"
    return Finding(
        name="memory",
        verdict="fail" if memory.available < TOO_LITTLE_MEMORY else "warn",
        found=found,
        mend=f"Close other programs or raise {where}; a solve needs about 0.7 GB.",
    )


def check_current_folder() -> Finding:
    """Check that results can be written where marey was called."""
    advice = "Change to a folder of your own on another disk, or name one with --output."
    try:
        folder = Path.cwd()
    except OSError:
        return Finding(
            name="current folder",
            verdict="fail",
            found="it has been removed",
            mend="Change to a folder that exists.",
        )
    return check_folder("current folder", folder, advice)


def check_temporary_folder() -> Finding:
    """Check the folder for passing files."""
    advice = "Set TMPDIR to a folder that you may write to, on a disk with room."
    try:
        folder = Path(tempfile.gettempdir())
    except OSError:
        return Finding(
            name="temporary folder",
            verdict="fail",
            found="no folder for temporary files can be written to",
            mend=advice,
        )
    return check_folder("temporary folder", folder, advice)


def check_folder(name: str, folder: Path, advice: str) -> Finding:
    """Check that a folder can be written to and has room.

    Args:
        name: What to call it.
        folder: The folder.
        advice: What to do if not.
    """
    try:
        free = shutil.disk_usage(folder).free
        with tempfile.TemporaryFile(dir=folder, prefix=".marey-doctor-") as file:
            file.write(bytes(TRIAL_BYTES))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(
            name=name,
            verdict="fail",
            found=f"{folder} cannot be written to ({error.strerror})",
            mend=advice,
        )
    found = f"{format_bytes(free)} free in {folder}"
    if free >= LITTLE_DISK:
        return Finding(name=name, verdict="ok", found=found)
    verdict = "fail" if free < TOO_LITTLE_DISK else "warn"
    return Finding(name=name, verdict=verdict, found=found, mend=advice)


UNICODE_NAME = "Tänzer 舞 é.txt"


def check_text(folder: Path | None = None, output_encoding: str | None = None) -> Finding:
    """Check that names in any script survive, in files and on the screen.

    Args:
        folder: Where to try; the temporary folder if None.
        output_encoding: The screen's; that of the standard output if None.
    """
    files, screen = sys.getfilesystemencoding(), output_encoding or sys.stdout.encoding or "ascii"
    found = f"files {files}, screen {screen.lower()}, locale {locale.setlocale(locale.LC_CTYPE)}"
    try:
        with tempfile.TemporaryDirectory(prefix="marey-doctor-", dir=folder) as place:
            (Path(place) / UNICODE_NAME).write_text(UNICODE_NAME, encoding="utf-8")
            kept = [path.read_text(encoding="utf-8") for path in Path(place).iterdir()]
    except (OSError, UnicodeError) as error:
        return Finding(
            name="text",
            verdict="warn",
            found=f"{found}; a name with other letters failed ({error})",
            mend="Set LANG=C.UTF-8 (Windows: PYTHONUTF8=1), or keep to plain letters in names.",
        )
    assert kept == [UNICODE_NAME]
    if screen.lower().replace("-", "") != "utf8":
        return Finding(
            name="text",
            verdict="warn",
            found=found,
            mend="Set PYTHONUTF8=1, or names with other letters look wrong on the screen.",
        )
    return Finding(name="text", verdict="ok", found=found)


def _read_lines(path: Path) -> list[str]:
    """Return the lines of a small file of the system; none if it is not there."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _read_words(path: Path) -> list[str]:
    return " ".join(_read_lines(path)).split()
