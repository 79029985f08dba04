"""marey: precise 3D human motion from video.

The names below are the public ones. They are loaded when first used, so that `import marey` costs
nothing and reading a take does not load torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from marey.body import load_body as load_body
    from marey.core import BodyMotion as BodyMotion
    from marey.core import Cameras as Cameras
    from marey.core import Clip as Clip
    from marey.core import Detections as Detections
    from marey.core import Keypoints2D as Keypoints2D
    from marey.core import Keypoints3D as Keypoints3D
    from marey.core import Person as Person
    from marey.core import Rig as Rig
    from marey.core import Skeleton as Skeleton
    from marey.core import Take as Take
    from marey.core import Track as Track
    from marey.core import Tracks as Tracks
    from marey.core import load_skeleton as load_skeleton
    from marey.core.errors import MareyError as MareyError
    from marey.jobs.export.take import export as export
    from marey.jobs.files import read as read
    from marey.jobs.files import write as write
    from marey.jobs.import_take import import_take as import_take
    from marey.jobs.solve.options import SolveOptions as SolveOptions
    from marey.jobs.solve.video import solve as solve

__version__ = "0.1.0"

__all__ = [
    "BodyMotion",
    "Cameras",
    "Clip",
    "Detections",
    "Keypoints2D",
    "Keypoints3D",
    "MareyError",
    "Person",
    "Rig",
    "Skeleton",
    "SolveOptions",
    "Take",
    "Track",
    "Tracks",
    "export",
    "import_take",
    "load_body",
    "load_skeleton",
    "read",
    "solve",
    "write",
]

_ELSEWHERE = {
    "MareyError": "marey.core.errors",
    "SolveOptions": "marey.jobs.solve.options",
    "export": "marey.jobs.export.take",
    "import_take": "marey.jobs.import_take",
    "load_body": "marey.body",
    "read": "marey.jobs.files",
    "solve": "marey.jobs.solve.video",
    "write": "marey.jobs.files",
}
"""Modules of the names that are not of `marey.core`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'marey' has no attribute '{name}'")
    value = getattr(import_module(_ELSEWHERE.get(name, "marey.core")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
