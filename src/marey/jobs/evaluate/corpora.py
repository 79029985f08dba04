"""Files of corpora, told by their names and by the names of the arrays inside them."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from itertools import chain, islice
from pathlib import Path
from typing import Any

from marey.core import BodyMotion
from marey.core.errors import FormatError, InputError
from marey.datasets.recording import Recording

Item = Recording | BodyMotion
Names = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A format of a corpus: how a path shows it, and which reader opens it."""

    title: str
    module: str
    """Of `marey.datasets`."""
    pattern: str
    """What the end of the path looks like, lower case, `/` between folders; `/` at its end for
    a folder."""
    inside: Callable[[Names], bool] | None = None
    """Whether the names of an .npz file's arrays are its."""


def _spin(names: Names) -> bool:
    return "imgname" in names and {"center", "scale"} <= names and bool({"part", "S"} & names)


def _refinement(names: Names) -> bool:
    fields = {"joints_2d", "joints_3d", "pose"} & names
    others = {"imgname", "imgshape", "bbox", "shape", "joints_2d", "joints_3d", "pose"}
    return bool(fields) and names <= others


def _humaneva(names: Names) -> bool:
    return any(name.endswith("/pos3d") for name in names)


def _expmaps(names: Names) -> bool:
    return bool(names) and all(re.fullmatch(r"S\d+_[a-z]+_\d+", name) for name in names)


_PACKED = r"(\.gz)?$"
_EXPLAINING = {".md", ".pdf", ".rst"}

CORPORA = (
    Corpus(title="CMU motion (Acclaim)", module="acclaim", pattern=r"\.amc" + _PACKED),
    Corpus(title="CMU motion (FBX)", module="cmu_fbx", pattern=r"\.fbx$"),
    Corpus(
        title="CMU salsa, two people",
        module="cmu_salsa",
        pattern=r"/60_\d+_scaled\.bvh" + _PACKED,
    ),
    Corpus(title="DeepMimic motion", module="deepmimic", pattern=r"/humanoid3d_\w+\.txt$"),
    Corpus(
        title="CMU exponential maps",
        module="cmu_expmap",
        pattern=r"(basketball|signal|traffic|jumping|running|soccer|walking|washwindow)\w*_\d+\.txt"
        + _PACKED,
    ),
    Corpus(title="AMP humanoid motion", module="amp_humanoid", pattern=r"/amp_humanoid_\w+\.npy$"),
    Corpus(
        title="HumanML3D joints",
        module="humanml3d",
        pattern=r"/new_joints(/[^/]+|_[^/]+)\.npy$",
    ),
    Corpus(
        title="3DPW sequence",
        module="threedpw",
        pattern=r"/sequencefiles/(train|validation|test)/[^/]+\.pkl$",
    ),
    Corpus(title="EMDB sequence", module="emdb", pattern=r"/p\d+/[^/]+/[^/]+_data\.pkl$"),
    Corpus(title="TCMR database", module="tcmr", pattern=r"_db\.(pt|h5)$"),
    Corpus(title="MPI-INF-3DHP labels", module="mpi_inf_3dhp", pattern=r"/annot(_data)?\.mat$"),
    Corpus(title="JHMDB joints", module="jhmdb", pattern=r"/joint_positions\.mat$"),
    Corpus(title="JHMDB labels", module="jhmdb", pattern=r"jhmdb[^/]*\.json$"),
    Corpus(title="LSP labels", module="lsp", pattern=r"/joints\.mat$"),
    Corpus(
        title="Shelf or Campus labels", module="shelf", pattern=r"/(actorsgt\.mat|gt_shelf15\.npz)$"
    ),
    Corpus(title="Human3.6M labels", module="h36m", pattern=r"h36m[^/]*\.json$"),
    Corpus(title="PoseTrack labels", module="posetrack", pattern=r"/\d+_(mpii|bonn)[^/]*\.json$"),
    Corpus(title="CMU Panoptic joints", module="panoptic", pattern=r"/hdpose3d_stage1_coco19/$"),
    Corpus(title="HumanEva", module="humaneva", pattern=r"\.npz$", inside=_humaneva),
    Corpus(title="SPIN's preprocessing", module="spin_npz", pattern=r"\.npz$", inside=_spin),
    Corpus(
        title="poses for refinement (DeciWatch's layout)",
        module="deciwatch",
        pattern=r"_(train|test|val)\.npz$",
        inside=_refinement,
    ),
    Corpus(
        title="Human3.6M exponential maps", module="h36m_expmap", pattern=r"\.npz$", inside=_expmaps
    ),
)
"""Formats that neither `marey.io` nor `marey.datasets.outputs` reads under the same names."""


def find_corpus(path: Path) -> Corpus | None:
    """Return the format a path shows, if it is one of a corpus; little or nothing is read."""
    if path.is_dir():
        return _find_folder(path)
    if not path.is_file():
        return None
    end = f"/{path.resolve().as_posix().lower()}"
    fitting = [corpus for corpus in CORPORA if re.search(corpus.pattern, end)]
    names: Names | None = None
    for corpus in fitting:
        if corpus.inside is None:
            return corpus
        names = _list_names(path) if names is None else names
        if corpus.inside(names):
            return corpus
    return None


def _find_folder(path: Path) -> Corpus | None:
    end = f"/{path.resolve().as_posix().lower()}/"
    for corpus in CORPORA:
        if corpus.pattern.endswith("/$") and re.search(corpus.pattern, end):
            return corpus
    processed = path / "processed_data"
    if any((processed / part).is_dir() for part in ("smpl", "smpl_collision", "poses3d")):
        return Corpus(title="Harmony4D or EgoHumans", module="harmony4d", pattern="/$")
    if any(path.glob("*.pyd")):
        return Corpus(title="HardMo clip", module="hardmo", pattern="/$")
    if (path / "motions").is_dir() and (path / "cameras").is_dir():
        return Corpus(title="AIST++", module="aist", pattern="/$")
    return _find_files(path)


def _find_files(path: Path) -> Corpus | None:
    """Return the format of a folder that holds files of one corpus, and no others."""
    found: Corpus | None = None
    for file in list_files(path):
        end = f"/{file.resolve().as_posix().lower()}"
        fitting = (each for each in CORPORA if not each.inside and re.search(each.pattern, end))
        corpus = next(fitting, None)
        if corpus is None or (found is not None and corpus != found):
            return None
        found = corpus
    return found


def list_files(path: Path) -> list[Path]:
    """Return the files of a folder in the order of their names, without what only explains them."""
    inside = (each for each in path.iterdir() if each.is_file() and each.name[0] != ".")
    return sorted(each for each in inside if each.suffix.lower() not in _EXPLAINING)


def _list_names(path: Path) -> Names:
    from marey.io.npz import list_arrays

    try:
        return frozenset(list_arrays(path))
    except FormatError:
        return frozenset()


def read_corpus(path: Path, corpus: Corpus, *, vertices: bool = False) -> Iterator[Item]:
    """Yield what a path of a corpus holds, sequence by sequence; of a folder of files, all of it.

    Args:
        path: Where it lies.
        corpus: What it is.
        vertices: Whether meshes are wanted too, of Harmony4D.

    Raises:
        InputError: If it cannot be read.
    """
    if path.is_dir() and not corpus.pattern.endswith("/$"):
        for file in list_files(path):
            yield from read_corpus(file, corpus)
        return
    module: Any = import_module(f"marey.datasets.{corpus.module}")
    if vertices and corpus.module == "harmony4d":
        yield module.read_sequence(path, vertices=True)
        return
    whole = path.suffix == ".json" or not hasattr(module, "read_sequence")
    if hasattr(module, "read_sequences") and (whole or corpus.module == "deciwatch"):
        yield from module.read_sequences(path)
    elif corpus.module in ("humaneva", "h36m_expmap", "aist"):
        for name in module.sequences(path):
            yield module.read_sequence(path, name)
    else:
        yield module.read_sequence(path)


def take_first(items: Iterator[Item]) -> tuple[Item, Iterator[Item]]:
    """Return the first of what a reader yields, and all of it.

    Raises:
        InputError: If it yields nothing.
    """
    head = list(islice(items, 1))
    if not head:
        raise InputError("there is no sequence in it; is it the right file?")
    return head[0], chain(head, items)
