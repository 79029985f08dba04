"""What each stage of a solve was made of, so that one that stands need not be done again.

A stage is described by a plain table: its options, the digests of the networks or the body, the
version of marey, and a revision that is raised when the code of the stage gives other results.
Take's provenance holds these tables. A stage stands if the video's SHA-256 and the tables up to its
own are what they would be now.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import marey
from marey.assets import find_asset
from marey.body import Body
from marey.capture.observe import PinholeView
from marey.io.overrides import Override, describe_overrides, hash_overrides
from marey.io.take import hash_file
from marey.jobs.export.outputs import digest_output
from marey.jobs.moments import parse_moment
from marey.jobs.solve.options import SolveOptions

Table = Mapping[str, Any]

_PEOPLE_REVISION, _FIT_REVISION, _COLLISION_REVISION, _REFINE_REVISION = 2, 2, 2, 1

_NETWORKS = {
    False: ("blazepose", "hand-landmarks"),
    True: ("blazepose", "hand-landmarks", "face-landmarks"),
}
"""The shipped landmark networks, without faces and with them."""

_FLAGS = {
    "start_s": "--start",
    "end_s": "--end",
    "every": "--every",
    "detector": "--detector",
    "detector_sha256": "--detector",
    "detector_family": "--detector-family",
    "landmarks": "--landmarks or --face",
    "landmarks_sha256": "--landmarks or --face",
    "detect_every": "--detect-every",
    "min_height_px": "--min-height",
    "far_people": "--far-people",
    "masks": "--masks",
    "masks_sha256": "--masks",
    "body": "--body",
    "focal_px": "--fov or --focal-px",
    "focal_source": "--fov or --focal-px",
    "overrides_sha256": "the overrides",
    "between_people": "--no-collision",
    "oneself": "--self-collision",
    "method": "--refine",
    "network_sha256": "--refine",
    "version": "the version of marey",
    "revision": "the version of marey",
}


def describe_stages(
    options: SolveOptions, view: PinholeView, body: Body, overrides: Sequence[Override] = ()
) -> dict[str, Table]:
    """Return the tables of all stages, as a take's provenance."""
    stages: dict[str, Table] = {
        "marey": {"version": marey.__version__},
        "people": describe_people(options),
        "fit": {
            "revision": _FIT_REVISION,
            "body": f"{body.name} {body.version}",
            "focal_px": round(view.focal, 3),
            "focal_source": _focal_source(options),
        },
    }
    stages["collision"] = describe_collision(options)
    if overrides:
        stages["fit"] = {**stages["fit"], "overrides_sha256": hash_overrides(overrides)}
        stages["overrides"] = {"entries": describe_overrides(overrides)}
    if options.refine != "none":
        stages["refine"] = describe_refine(options.refine)
    return stages


def describe_collision(options: SolveOptions) -> Table:
    """Return the table of the stage that takes bodies apart and notes touches."""
    return {
        "revision": _COLLISION_REVISION,
        "between_people": options.collision,
        "oneself": options.self_collision,
    }


def describe_refine(method: str) -> Table:
    """Return the table of the last stage, which is left out where nothing is refined."""
    table = {"revision": _REFINE_REVISION, "method": method}
    if method == "hanet":
        table["network_sha256"] = _digest(find_asset("hanet-rotations", "model.safetensors"))
    return table


def find_changes(old: Mapping[str, Table], new: Mapping[str, Table], stage: str) -> list[str]:
    """Return what differs between two descriptions of a stage, as a user would call it.

    Args:
        old: Tables of an earlier run.
        new: Tables of this run.
        stage: The stage; the version of marey belongs to all of them.
    """
    changed = []
    for name in ("marey", stage):
        before, now = old.get(name, {}), new.get(name, {})
        for key in dict.fromkeys((*before, *now)):
            if before.get(key) != now.get(key):
                changed.append(_FLAGS.get(key, f"{stage}.{key}"))
    return list(dict.fromkeys(changed))


def describe_people(options: SolveOptions) -> Table:
    """Return the table of the first stage: what everyone's keypoints depend on."""
    detector = options.detector or find_asset("person-detector")
    networks = [find_asset(name) for name in _NETWORKS[options.face]]
    landmarks = networks if options.landmarks is None else [options.landmarks]
    moments = {
        f"{name}_s": parse_moment(text, f"--{name}")
        for name, text in (("start", options.start), ("end", options.end))
        if text is not None
    }
    return {
        "revision": _PEOPLE_REVISION,
        **moments,
        "every": options.every,
        "detector": str(options.detector or "person-detector"),
        "detector_sha256": _digest(detector),
        "detector_family": options.detector_family if options.detector else "ssd",
        "landmarks": str(options.landmarks or " + ".join(_NETWORKS[options.face])),
        "landmarks_sha256": [_digest(path) for path in landmarks],
        "detect_every": options.detect_every,
        "min_height_px": options.min_height,
        "far_people": options.far_people,
        **({} if options.masks is None else _describe_masks(options.masks)),
    }


def _describe_masks(path: Path) -> Table:
    return {"masks": str(path), "masks_sha256": digest_output(path) if path.exists() else ""}


def _digest(path: Path) -> str:
    # A file that is absent is refused when it is opened, with a better message.
    return hash_file(path) if path.is_file() else ""


def _focal_source(options: SolveOptions) -> str:
    if options.focal_px is not None:
        return "stated focal length"
    return "stated field of view" if options.fov_deg is not None else "assumed field of view"
