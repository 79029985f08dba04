"""Saved predictions to numbers: metrics.json and a page, by a protocol."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from marey.core.errors import InputError
from marey.core.files import atomic_path
from marey.evaluate.benchmark import Measured
from marey.evaluate.poses import PoseSet
from marey.evaluate.result import Difference, Result
from marey.jobs.files import refuse_existing

METRICS, PAGE = "metrics.json", "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What was measured and written."""

    measured: Measured
    differences: tuple[Difference, ...]
    """An earlier result beside this one, if one was asked for."""
    written: tuple[Path, ...]


def evaluate_files(  # noqa: PLR0913
    predictions: str | Path,
    truth: str | Path,
    folder: str | Path,
    *,
    protocol: str,
    without: tuple[str, ...] = (),
    smpl_dir: str | Path | None = None,
    allow_missing: bool = False,
    against: str | Path | None = None,
    force: bool = False,
    format: str | None = None,
    overwrite: bool = False,
) -> Evaluation:
    """Measure a file of predictions against a file of truth; write metrics.json and a page.

    Args:
        predictions: A file of poses (`marey.evaluate.write_poses`), a folder of them, a take, or
            another program's results (`marey.datasets.outputs`).
        truth: Another.
        folder: Where to write; made if it does not exist.
        protocol: Name of the protocol.
        without: Switches of the protocol to turn off.
        smpl_dir: Folder of the licensed files that some protocols need.
        allow_missing: Whether predictions may be incomplete; the result says how much is missing.
        against: An earlier metrics.json, or its folder, to set the new result against.
        force: Whether that may be of another protocol.
        format: Name of the program that wrote the predictions, where their content does not tell.
        overwrite: Whether existing results may be replaced.

    Raises:
        InputError: If the files cannot be read or compared, or the folder cannot be written to.
        OutputExistsError: If results exist and may not be replaced.
    """
    from marey.evaluate import compare, evaluate, get_protocol, read_metrics, write_metrics
    from marey.jobs.evaluate.page import render_evaluation

    chosen = get_protocol(protocol).without(*without)
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give the name of a folder")
    if not folder.resolve().parent.is_dir():
        raise InputError(f"the folder {folder.parent} does not exist; create it first")
    paths = [folder / METRICS, folder / PAGE]
    for path in paths:
        refuse_existing(path, overwrite=overwrite)
    licensed = None if smpl_dir is None else Path(smpl_dir)
    # Read before anything is written: it may be what this result replaces.
    earlier = None if against is None else read_metrics(_metrics_of(Path(against)))
    if chosen.pairing == "image":
        predicted, wanted = _read_both_views(Path(predictions), Path(truth), format, licensed)
    else:
        wanted = read_side(truth, unit=chosen.unit, bodies=licensed)
        predicted = read_side(predictions, unit=chosen.unit, format=format, bodies=licensed)
    measured = evaluate(
        chosen,
        predicted,
        wanted,
        smpl_dir=licensed,
        allow_missing=allow_missing,
    )
    differences = () if earlier is None else compare(earlier, measured.result, force=force)
    folder.mkdir(exist_ok=True)
    write_metrics(measured.result, paths[0], overwrite=overwrite)
    with atomic_path(paths[1], overwrite=overwrite) as temporary:
        temporary.write_text(render_evaluation(measured), encoding="utf-8", errors="replace")
    return Evaluation(measured=measured, differences=differences, written=tuple(paths))


def _read_both_views(
    predictions: Path, truth: Path, format: str | None, bodies: Path | None
) -> tuple[PoseSet, PoseSet]:
    """Read predictions and truth camera by camera, with meshes where both sides can have them."""
    from marey.jobs.evaluate.meshes import explain_no_meshes, read_meshes, say_no_meshes
    from marey.jobs.evaluate.view_poses import find_sizes, read_true_views, read_views

    reason = explain_no_meshes(predictions, truth)
    wanted = read_true_views(truth, meshes=not reason)
    if wanted is None:
        wanted = read_side(truth, unit="m", bodies=bodies)
    predicted = read_views(
        predictions,
        wanted,
        format=format,
        bodies=bodies,
        sizes=find_sizes(truth),
        meshes=not reason,
    )
    if predicted is None:
        predicted = read_side(predictions, unit="m", format=format, bodies=bodies)
    wanted = read_meshes(truth, predicted, wanted)
    return say_no_meshes(predicted, reason), say_no_meshes(wanted, reason)


def read_side(
    path: str | Path, *, unit: str, format: str | None = None, bodies: Path | None = None
) -> PoseSet:
    """Read one side of a comparison: poses, a folder of them, a take, others' results or labels.

    Args:
        path: Where it lies. Large meshes are kept in several files of one folder.
        unit: What is wanted of a take: `m` its joints in the world, `px` its keypoints.
        format: Name of the program that wrote the file, where its content does not tell.
        bodies: Folder of licensed bodies, for results that state no joints.

    Raises:
        InputError: If it cannot be read.
    """
    from marey.datasets.outputs.sniff import may_be_output
    from marey.evaluate import poses_of_take, read_poses
    from marey.io.take import read_take
    from marey.jobs.evaluate.corpora import find_corpus
    from marey.jobs.evaluate.corpus_poses import read_corpus_poses
    from marey.jobs.evaluate.output_poses import read_output_poses

    path = Path(path)
    corpus = find_corpus(path) if format is None else None
    if corpus is not None:
        return read_corpus_poses(path, corpus, unit=unit)
    if format is not None or (path.is_file() and may_be_output(path)):
        return read_output_poses(path, unit=unit, format=format, bodies=bodies)
    if path.suffix == ".take":
        return poses_of_take(read_take(path), unit=unit, name=path.resolve().stem)
    if path.suffix == ".npz" and not path.is_dir():
        return read_poses(path)
    files = sorted(path.glob("*.npz")) if path.is_dir() else []
    if not files:
        raise InputError(
            f"{path}: expected an .npz file that marey.evaluate.write_poses saved, a folder of "
            "them, a .take, another program's results, or labels of a corpus (docs/datasets.md)"
        )
    parts = [read_poses(file) for file in files]
    for file, part in zip(files, parts, strict=True):
        if (part.skeleton, part.unit) != (parts[0].skeleton, parts[0].unit):
            raise InputError(
                f"{file} holds {part.skeleton} in {part.unit}, {files[0].name} beside it "
                f"{parts[0].skeleton} in {parts[0].unit}; keep one kind in a folder"
            )
    sequences = tuple(each for part in parts for each in part.sequences)
    return replace(parts[0], sequences=sequences)


def _metrics_of(path: Path) -> Path:
    return path / METRICS if path.is_dir() else path


def describe_rows(result: Result, differences: Sequence[Difference] = ()) -> list[str]:
    """Return a result as lines of text, each metric with what it rests on.

    Args:
        result: What was measured.
        differences: An earlier result beside it, if one was asked for.
    """
    before = {each.name: each.first for each in differences}
    lines = [result.full_name, *(f"  note: {note}" for note in result.notes)]
    for row in (*result.rows, *result.additions):
        if result.additions and row is result.additions[0]:
            lines.append("  beside the published columns:")
        if row.note:
            lines.append(f"  {row.name:<16} not measured: {row.note}")
            continue
        text = f"  {row.name:<16} {row.score.value:10.4f} {row.unit:<10}"
        if row.interval is not None:
            text += f" [{row.interval[0]:.4f}, {row.interval[1]:.4f}]"
        frames = "person-frames" if row.per_person else "frames"
        text += f" over {row.score.num_values} values in {row.score.num_frames} {frames}"
        if row.score.num_missing:
            text += f", {row.score.num_missing} missing"
        if row.name in before:
            text += f"; before {before[row.name]:.4f}"
        lines.append(text)
    return lines
