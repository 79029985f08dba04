"""What stands on the page, before it is words and markup."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marey.core import Take
from marey.view.report.camera_figures import CameraFigures
from marey.view.report.figures import PersonFigures
from marey.view.report.findings import Finding
from marey.view.report.posters import Poster
from marey.view.report.touches import Touching


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a page says about one take."""

    name: str
    """Of the take, as a title."""
    take: Take
    people: tuple[PersonFigures, ...]
    findings: tuple[Finding, ...]
    posters: tuple[Poster, ...] = ()
    no_posters: str = ""
    """Why there are no pictures, if there are none."""
    cameras: CameraFigures | None = None
    """How well several cameras agree; None for one, or where nothing tells."""
    camera_posters: tuple[Poster, ...] = ()
    """The same moment from several cameras."""
    rig_frame: int = 0
    """The moment for which several cameras and people are drawn in space."""
    touches: tuple[Touching, ...] | None = None
    """Who touches whom; None where nobody has looked."""
    version: str = ""
    """Of marey, as far as it is said."""
    run: Mapping[str, Any] = field(default_factory=dict)
    """Timings and host facts as in `run.json`."""

    @property
    def cuts(self) -> tuple[float, ...]:
        """Times of the shot cuts of the first view, s."""
        clip = self.take.clips[0] if self.take.clips else None
        if clip is None:
            return ()
        return tuple(float(clip.time[cut]) for cut in clip.cuts if cut < clip.num_frames)
