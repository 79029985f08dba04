"""Where a figure was measured: processor, versions, and how busy the machine was."""

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("numpy", "torch", "onnxruntime", "numba", "opencv-python-headless", "av")
BUSY_LOAD = 0.3
"""Load per core above which a measurement is called provisional."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and under which load a measurement ran."""

    processor: str
    cores: int
    system: str
    python: str
    packages: dict[str, str]
    load: float
    """Load average over one minute when the measurement began."""

    @property
    def busy(self) -> bool:
        """Whether something else used the machine."""
        return self.load > BUSY_LOAD * self.cores

    @property
    def identity(self) -> str:
        """What must be equal for absolute times to be comparable."""
        return f"{self.processor}, {self.cores} cores"


def describe_machine() -> Machine:
    """Look at this machine."""
    return Machine(
        processor=_processor(),
        cores=len(os.sched_getaffinity(0)),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        packages={name: version(name) for name in PACKAGES},
        load=round(os.getloadavg()[0], 2),
    )


def format_machine(machine: Machine) -> str:
    """Say it in Markdown, with a warning if the machine was busy."""
    packages = ", ".join(f"{name} {number}" for name, number in machine.packages.items())
    lines = [
        f"Machine: {machine.identity}, {machine.system}; Python {machine.python}, {packages}.",
        f"Load average when the run began: {machine.load:.2f}.",
    ]
    if machine.busy:
        lines.append(
            "**The machine was busy with other work: times are provisional and too long.**"
        )
    return "\n".join(lines)


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
