"""Harmony4D's released layout, written frame by frame.

    colmap/workplace/{cameras,images,points3D}.txt, scale.npy
    exo/cam01/images/00001.jpg         where pictures are asked for; worn cameras in ego/aria01/
    processed_data/poses3d/00001.npy                 {human: [17, 4]}
    processed_data/smpl/00001.npy                    {human: body}
    processed_data/poses2d/cam01/rgb/00001.npy       [{human_name, human_id, bbox, keypoints}]
    processed_data/cam_smpl/cam01/rgb/00001.npy      {human: body in the camera's axes}
    processed_data/bbox/cam01/rgb/00001.npy          {human: [4]}
    processed_data/smpl_2d_joints_24/cam01/rgb/00001.npy   {human: [24, 2]}, and _45
    marey.json                                       what the layout has no place for

Frames count from 1, in five digits; humans are `aria01`, ... whether they wear glasses or not. A
human who is absent is not in a frame's file.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Cameras, Take
from marey.core.errors import InputError
from marey.datasets.corpus.bodies import PosedPeople, TakenBodies, take_bodies
from marey.datasets.corpus.cameras import find_moving, pose_matrices, write_workplace
from marey.datasets.corpus.manifest import Manifest, write_manifest
from marey.datasets.corpus.object_files import write_object
from marey.datasets.corpus.views import (
    NUM_JOINTS,
    Detected,
    SeenPeople,
    find_detections,
    see_people,
)

LAYOUT = "harmony4d"
CHUNK = 32
"""Frames posed at a time."""
MAX_FRAMES = 99_999
VIEW_PARTS = ("poses2d", "cam_smpl", "bbox", "smpl_2d_joints_24", "smpl_2d_joints_45")


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusWriter:
    """A take and everything needed to write any of its frames."""

    take: Take
    cameras: Cameras
    bodies: TakenBodies
    people: tuple[str, ...]
    """Names in the layout, in the order of the motion's people."""
    views: tuple[str, ...]
    worn: tuple[bool, ...]
    detected: tuple[Detected | None, ...]
    poses: Float[np.ndarray, "C T 3 4"]
    mesh: bool

    @classmethod
    def of(cls, take: Take, *, mesh: bool = True) -> "CorpusWriter":
        """Prepare a take.

        Args:
            take: With cameras and motion on SMPL's body or marey-h.
            mesh: Whether vertices of a licensed body are written.

        Raises:
            InputError: If it has no cameras, too many frames, or another body.
            NothingFoundError: If nobody has a motion.
        """
        if take.cameras is None:
            raise InputError(
                "this take has no cameras, which the layout needs; solve it with marey solve"
            )
        if len(take.time) > MAX_FRAMES:
            raise InputError(
                f"the take has {len(take.time)} frames, and the layout counts to {MAX_FRAMES}; cut "
                "it into parts"
            )
        bodies, worn = take_bodies(take), find_moving(take.cameras)
        names = bodies.motion.people
        return cls(
            take=take,
            cameras=take.cameras,
            bodies=bodies,
            people=tuple(f"aria{row:02d}" for row in range(1, len(names) + 1)),
            views=tuple(_name_views(worn)),
            worn=worn,
            detected=tuple(find_detections(take, view, names) for view in range(len(worn))),
            poses=pose_matrices(take.cameras, len(take.time)),
            mesh=mesh and not bodies.is_own,
        )

    @property
    def num_frames(self) -> int:
        """Frames of the take."""
        return len(self.take.time)

    def write_static(self, folder: Path, *, manifest: Manifest) -> None:
        """Write cameras and the manifest, and make all folders."""
        processed = folder / "processed_data"
        for part in ("poses3d", "smpl"):
            (processed / part).mkdir(parents=True, exist_ok=True)
        for part in VIEW_PARTS:
            for view in self.views:
                (processed / part / view / "rgb").mkdir(parents=True, exist_ok=True)
        write_workplace(
            self.cameras, folder / "colmap" / "workplace", names=self.views, similarity=np.eye(4)
        )
        write_manifest(manifest, folder)

    def write_frames(self, folder: Path, start: int, stop: int) -> None:
        """Write some frames, of all views."""
        posed, processed = self.bodies.read(start, stop), folder / "processed_data"
        for row in range(stop - start):
            name = f"{start + row + 1:05d}.npy"
            here = [k for k in range(len(self.people)) if posed.present[k, row]]
            bodies = {
                self.people[k]: self.bodies.describe(posed, k, row, mesh=self.mesh) for k in here
            }
            known = [k for k in range(len(self.people)) if posed.coco[k, row, :, 3].any()]
            joints = {self.people[k]: posed.coco[k, row].astype(np.float64) for k in known}
            write_object(bodies, processed / "smpl" / name)
            write_object(joints, processed / "poses3d" / name)
        for view in range(len(self.views)):
            self._write_view(posed, view, processed, start, stop)

    def _write_view(
        self, posed: PosedPeople, view: int, processed: Path, start: int, stop: int
    ) -> None:
        seen = see_people(
            posed,
            self.cameras,
            view,
            self.poses[view, start:stop],
            root_rest=self.bodies.root_rest,
        )
        for row in range(stop - start):
            name = f"{start + row + 1:05d}.npy"
            for part, value in self._describe_view(posed, seen, view, row, start + row):
                write_object(value, processed / part / self.views[view] / "rgb" / name)

    def _describe_view(
        self, posed: PosedPeople, seen: SeenPeople, view: int, row: int, frame: int
    ) -> Iterator[tuple[str, Any]]:
        here = [(k, name) for k, name in enumerate(self.people) if posed.present[k, row]]
        detected = self.detected[view]
        if detected is not None:
            yield "poses2d", detected.describe(self.people, frame)
        bodies = {}
        for k, name in here:
            bodies[name] = self.bodies.describe(posed, k, row, mesh=False)
            bodies[name] |= {"global_orient": seen.orient[k, row], "transl": seen.transl[k, row]}
            # In the world's axes, and anybody's who poses the body.
            bodies[name].pop("joints")
            bodies[name].pop("epoch_loss")
        yield "cam_smpl", bodies
        boxes = {name: seen.box[k, row] for k, name in here if np.isfinite(seen.box[k, row]).all()}
        yield "bbox", boxes
        yield "smpl_2d_joints_24", {name: seen.image[k, row, :NUM_JOINTS] for k, name in here}
        yield "smpl_2d_joints_45", {name: seen.image[k, row] for k, name in here}

    def make_manifest(self, sequence: str, **more: Any) -> Manifest:
        """Return what the corpus says of itself.

        Args:
            sequence: Its name.
            **more: Further fields of the manifest.
        """
        bodies, time = self.bodies, self.take.time
        step = float(np.median(np.diff(time))) if len(time) > 1 else 1 / 20
        own = "zero: the shape is of marey-h and stands in marey_h_shape"
        return Manifest(
            sequence=sequence,
            layout=LAYOUT,
            body=f"{bodies.body.name} {bodies.body.version}",
            betas=own if bodies.is_own else "SMPL's first 10 coefficients",
            people=dict(zip(self.people, bodies.motion.people, strict=True)),
            cameras=dict(zip(self.views, self.cameras.names, strict=True)),
            worn=tuple(n for n, worn in zip(self.views, self.worn, strict=True) if worn),
            num_frames=self.num_frames,
            frame_rate=round(1 / step, 6),
            start_time=float(time[0]) if len(time) else 0.0,
            poses3d="of the body" if bodies.triangulated is None else "of the take, triangulated",
            vertices=self.mesh,
            **more,
        )


def _name_views(worn: Sequence[bool]) -> Iterator[str]:
    counts = {True: 0, False: 0}
    for moves in worn:
        counts[moves] += 1
        yield f"{'aria' if moves else 'cam'}{counts[moves]:02d}"
