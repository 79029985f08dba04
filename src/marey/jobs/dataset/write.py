"""A take to a corpus: a released layout, written so that an interruption costs little.

Frames are written into `DIR.part` beside the corpus, some at a time, and a journal says which are
done. The same command goes on after them; the folder gets its name when all is there.
"""

import hashlib
import json
import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

import marey
from marey.capture.rig.common_clock import find_steps
from marey.core import Take
from marey.core.errors import InputError
from marey.core.files import refuse_existing
from marey.core.progress import Progress, silent
from marey.datasets.corpus.sheet import ANSWERS, write_sheet
from marey.datasets.corpus.sheet_facts import read_facts
from marey.datasets.corpus.write import CHUNK, CorpusWriter
from marey.io.take import HEADER, hash_file, read_take
from marey.io.video import read_frames
from marey.jobs.dataset.layouts import Layout
from marey.jobs.export.convert import convert
from marey.jobs.workspace import Workspace, open_workspace

JPEG_QUALITY = 95
_PLAN, _DONE, _TREE = "plan.json", "done.txt", "corpus"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedCorpus:
    """A corpus on disk."""

    path: Path
    people: tuple[str, ...]
    cameras: tuple[str, ...]
    num_frames: int
    body: str
    missing: tuple[str, ...]
    """Questions of the datasheet that nobody has answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusOptions:
    """What a user may choose for a corpus.

    Attributes:
        body: Your own SMPL file, or None to keep the take's body.
        lean: Whether to leave out the vertices of a licensed body.
        images: Whether to write the pictures of all frames and cameras (large).
        facts: A .toml that answers the questions of the datasheet.
    """

    body: str | Path | None = None
    lean: bool = False
    images: bool = False
    facts: Path | None = None


def export_corpus(
    take: str | Path,
    folder: str | Path,
    *,
    layout: Layout,
    options: CorpusOptions | None = None,
    overwrite: bool = False,
    progress: Progress = silent,
) -> ExportedCorpus:
    """Write a take as a sequence of a corpus.

    The layout holds pickled .npy files, which other programs ask for; that is why it has to be
    named.

    Args:
        take: The take's folder, with cameras and motion.
        folder: The sequence's folder to make.
        layout: `harmony4d`.
        options: Body, pictures and datasheet.
        overwrite: Whether an existing folder may be replaced.
        progress: Called as frames are written.

    Raises:
        OutputExistsError: If the folder exists and may not be replaced.
        InputError: If the take lacks cameras, or a file cannot be used.
        NothingFoundError: If nobody in it has a motion.
        EnvironmentFault: If the disk is full.
    """
    options, source, target = options or CorpusOptions(), Path(take), Path(folder)
    if layout != "harmony4d":
        raise InputError(f"there is no layout '{layout}'; choose harmony4d")
    _check_target(target, source, overwrite=overwrite)
    # A corpus that is replaced keeps the answers its makers gave.
    facts = options.facts or target / ANSWERS
    answers = read_facts(facts) if options.facts or facts.is_file() else None
    value = read_take(source)
    digest = hash_file(source / HEADER)
    if options.body is not None:
        value = convert(value, body=options.body, progress=progress).take
    writer = CorpusWriter.of(value, mesh=not options.lean)
    steps = _find_pictures(value) if options.images else []
    described = {"name": source.resolve().name, "sha256": digest, "provenance": value.provenance}
    manifest = writer.make_manifest(target.name, images=options.images, take=described)
    plan = {"marey": marey.__version__, "take": digest, "options": repr(options), "layout": layout}
    try:
        target.resolve().parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write {target}: {error.strerror}; choose another folder"
        ) from error
    with open_workspace(target) as workspace:
        journal = _Journal(workspace, json.dumps(plan, sort_keys=True))
        try:
            if journal.begin("static"):
                writer.write_static(journal.tree, manifest=manifest)
                journal.end("static")
            _write_frames(writer, journal, progress)
            for view, frames in enumerate(steps):
                if journal.begin(f"images {view}"):
                    _write_pictures(writer, view, frames, journal.tree, progress)
                    journal.end(f"images {view}")
            sheet = write_sheet(journal.tree, answers=answers, overwrite=True)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"what is done is kept in {workspace.folder}, and the same command goes on from "
                "there"
            ) from None
        os.sync()
        _take_name(journal.tree, target, workspace)
        workspace.remove()
    return ExportedCorpus(
        path=target,
        people=tuple(manifest.people.values()),
        cameras=tuple(manifest.cameras.values()),
        num_frames=manifest.num_frames,
        body=manifest.body,
        missing=sheet.missing,
    )


def _check_target(target: Path, source: Path, *, overwrite: bool) -> None:
    if target.resolve() == source.resolve():
        raise InputError(f"{source} would be replaced by its own export; choose another folder")
    parent = target.resolve().parent
    if next(above for above in (parent, *parent.parents) if above.exists()).is_file():
        raise InputError(f"{target} lies in a file; choose another folder")
    refuse_existing(target, overwrite=overwrite)
    if target.exists() and not (target / "processed_data").is_dir():
        raise InputError(f"{target} is no corpus of this layout, so it is not replaced; remove it")


class _Journal:
    """Which parts of a corpus are written."""

    def __init__(self, workspace: Workspace, plan: str):
        self.tree = workspace.folder / _TREE
        self._plan, self._done = workspace.folder / _PLAN, workspace.folder / _DONE
        digest = hashlib.sha256(plan.encode()).hexdigest()
        known = ""
        with suppress(OSError):
            known = self._plan.read_text(encoding="utf-8")
        if known != digest:
            shutil.rmtree(self.tree, ignore_errors=True)
            self._done.unlink(missing_ok=True)
            self._plan.write_text(digest, encoding="utf-8")
        self.tree.mkdir(exist_ok=True)
        lines = self._done.read_text(encoding="utf-8").split("\n") if self._done.exists() else []
        # The last line is empty, or was cut off.
        self._known = set(lines[:-1])

    def begin(self, part: str) -> bool:
        """Tell whether a part is still to be written."""
        return part not in self._known

    def end(self, part: str) -> None:
        """Take note that a part is written, after its files."""
        with self._done.open("a", encoding="utf-8") as file:
            file.write(f"{part}\n")


def _write_frames(writer: CorpusWriter, journal: _Journal, progress: Progress) -> None:
    for start in range(0, writer.num_frames, CHUNK):
        stop = min(start + CHUNK, writer.num_frames)
        if journal.begin(f"frames {start}-{stop}"):
            writer.write_frames(journal.tree, start, stop)
            journal.end(f"frames {start}-{stop}")
        progress("corpus", stop, writer.num_frames)


def _find_pictures(take: Take) -> list[np.ndarray]:
    """Return which frame of each camera's video every frame of the take shows; -1 for none.

    Raises:
        InputError: If a video is not at hand.
    """
    assert take.cameras is not None
    if len(take.clips) != len(take.cameras.names):
        raise InputError("the take does not name a video per camera; leave out --images")
    for clip in take.clips:
        if clip.path is None or not clip.path.exists():
            raise InputError(
                f"the pictures of {clip.name} are not at hand any more; leave out --images, or put "
                "the video back"
            )
    offsets = take.cameras.time_offset
    return [
        find_steps(clip.time + offset, take.time).nearest
        for clip, offset in zip(take.clips, offsets, strict=True)
    ]


def _write_pictures(
    writer: CorpusWriter, view: int, frames: np.ndarray, tree: Path, progress: Progress
) -> None:
    place = "ego" if writer.worn[view] else "exo"
    folder = tree / place / writer.views[view] / "images"
    folder.mkdir(parents=True, exist_ok=True)
    wanted: dict[int, list[int]] = {}
    for row, frame in enumerate(frames.tolist()):
        wanted.setdefault(frame, []).append(row)
    total = len(frames) * len(writer.views)
    done = view * len(frames)
    for number, frame in enumerate(read_frames(writer.take.clips[view])):
        rows = wanted.get(number, [])
        for row in rows:
            (folder / f"{row + 1:05d}.jpg").write_bytes(_encode(frame.image))
        done += len(rows)
        if rows:
            progress("pictures", done, total)


def _encode(image: np.ndarray) -> bytes:
    options = [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    return data.tobytes()


def _take_name(tree: Path, target: Path, workspace: Workspace) -> None:
    """Give the finished folder its name; what had it goes with the workspace."""
    if target.exists():
        os.rename(target, workspace.folder / "replaced")
    os.rename(tree, target)
