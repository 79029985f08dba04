"""Python, marey and the packages it needs or can use."""

import re
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import marey
from marey.jobs.doctor.finding import Finding

OLDEST_PYTHON = (3, 11)

FindVersion = Callable[[str], str | None]
"""From a distribution's name to its installed version; None if it is not installed."""


def check_python(
    version: tuple[int, ...] = sys.version_info[:3], pointer_bytes: int = 0
) -> Finding:
    """Check the interpreter's version and word size."""
    bits = 8 * (pointer_bytes or struct.calcsize("P"))
    text = ".".join(map(str, version))
    found = f"{text}, {bits} bit, in {sys.prefix}"
    wanted = ".".join(map(str, OLDEST_PYTHON))
    if version < OLDEST_PYTHON:
        return Finding(
            name="python",
            verdict="fail",
            found=found,
            mend=f"Install Python {wanted} or newer and marey into it.",
        )
    if bits < 64:
        return Finding(
            name="python", verdict="fail", found=found, mend="Install a 64-bit Python instead."
        )
    return Finding(name="python", verdict="ok", found=found)


def find_version(distribution: str) -> str | None:
    """Return the installed version of a distribution, None if there is none."""
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def check_marey(find: FindVersion = find_version) -> Finding:
    """Check that the code that runs is the one that is installed."""
    place = Path(marey.__file__).parent
    installed = find("marey")
    found = f"{marey.__version__} in {place}"
    if installed is None:
        return Finding(
            name="marey",
            verdict="warn",
            found=f"{found}, not installed as a package",
            mend="Run: pip install . (in its source folder), so that its packages come with it.",
        )
    if installed != marey.__version__:
        return Finding(
            name="marey",
            verdict="warn",
            found=f"{found}, but {installed} is installed",
            mend="Two versions are mixed; run: pip install --force-reinstall marey",
        )
    return Finding(name="marey", verdict="ok", found=found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """A package that marey needs, or that one of its extras brings."""

    package: str
    oldest: str
    """Lowest version that will do; empty if any will."""
    extra: str
    """Which extra brings it; empty if marey itself needs it."""


def list_requirements(lines: Sequence[str] | None = None) -> list[Requirement]:
    """Return what marey's own metadata asks for.

    Args:
        lines: Requirements in the notation of package metadata; those installed if None.
    """
    if lines is None:
        try:
            lines = metadata.requires("marey") or []
        except metadata.PackageNotFoundError:
            lines = []
    return [requirement for line in lines for requirement in _parse(line)]


def _parse(line: str) -> Iterator[Requirement]:
    demand, _, marker = line.partition(";")
    extra = re.search(r"""extra\s*==\s*['"]([^'"]+)['"]""", marker)
    if marker.strip() and extra is None:
        # A package for other systems or Pythons; pip has judged that already.
        return
    name = re.match(r"[A-Za-z0-9._-]+", demand.strip())
    oldest = re.search(r">=\s*([0-9][0-9.]*)", demand)
    if name is not None:
        yield Requirement(
            package=name[0], oldest=oldest[1] if oldest else "", extra=extra[1] if extra else ""
        )


def check_packages(
    requirements: Sequence[Requirement] | None = None, find: FindVersion = find_version
) -> Finding:
    """Check that the packages marey cannot do without are there and new enough."""
    needed = [r for r in _or_installed(requirements) if not r.extra]
    faults = [fault for fault in (_explain(r, find) for r in needed) if fault]
    if faults:
        return Finding(
            name="packages",
            verdict="fail",
            found=", ".join(faults),
            mend="Run: pip install --upgrade --upgrade-strategy eager marey",
        )
    versions = ", ".join(f"{r.package} {find(r.package)}" for r in needed)
    return Finding(name="packages", verdict="ok", found=versions or "none are listed")


def check_extras(
    requirements: Sequence[Requirement] | None = None, find: FindVersion = find_version
) -> Finding:
    """Say which optional packages are absent; that is no fault."""
    optional = [r for r in _or_installed(requirements) if r.extra]
    absent = [r for r in optional if _explain(r, find)]
    missing = sorted({r.extra for r in absent})
    present = sorted({r.extra for r in optional} - set(missing))
    parts = [f"installed: {', '.join(present)}"] if present else []
    parts += [f"{r.extra} lacks {_explain(r, find)}" for r in absent]
    return Finding(
        name="extras",
        verdict="ok",
        found="; ".join(parts) or "none exist",
        mend=f'If you need them: pip install "marey[{",".join(missing)}]"' if missing else "",
    )


def _or_installed(requirements: Sequence[Requirement] | None) -> Sequence[Requirement]:
    return list_requirements() if requirements is None else requirements


def _explain(requirement: Requirement, find: FindVersion) -> str:
    """Say what is wrong with a package; empty if nothing is."""
    version = find(requirement.package)
    if version is None:
        return f"{requirement.package} (absent)"
    if requirement.oldest and _numbers(version) < _numbers(requirement.oldest):
        return f"{requirement.package} {version} (older than {requirement.oldest})"
    return ""


def _numbers(version: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", version.partition("+")[0])[:3]]
