"""Opening ONNX files, ours and the user's, under one set of rules.

One thread per session is the default: the caller runs several people or frames in parallel, and a
session releases the interpreter lock. Spinning is off, because the idle thread pools of several
sessions otherwise fight over the same cores (53 ms instead of 20 ms for three networks on two).
A model must be self-contained: external data would let a file name other files of the machine.
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import numpy as np
import onnxruntime

from marey.core.errors import FormatError, InputError
from marey.models.onnx_structure import refers_to_external_data

MAX_BYTES = 2**30
"""Largest model file that is opened; image networks of this trade stay far below."""


def open_network(
    path: str | Path,
    *,
    threads: int = 1,
    providers: Sequence[str] = ("CPUExecutionProvider",),
) -> onnxruntime.InferenceSession:
    """Open an ONNX file for inference.

    Args:
        path: The file.
        threads: Threads one call may use.
        providers: onnxruntime execution providers, the preferred first.

    Raises:
        InputError: If the file is absent or too large, or a provider is not installed.
        FormatError: If it is not a self-contained ONNX model that this runtime can run.
    """
    path = Path(path)
    content = _read_model(path)
    _check_providers(providers)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 4
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(content, options, providers=list(providers))
    except (RuntimeError, ValueError, *_RUNTIME_ERRORS) as error:
        reason = str(error).split(" : ")[-1].splitlines()[0]
        raise FormatError(
            f"{path} is not an ONNX model that onnxruntime {onnxruntime.__version__} can run "
            f"({reason}); export the network to ONNX again, in opset 21 or below"
        ) from error


def run_network(
    session: onnxruntime.InferenceSession, outputs: Sequence[str], **inputs: np.ndarray
) -> list[np.ndarray]:
    """Run a network.

    Args:
        session: From `open_network`.
        outputs: Names of the outputs wanted.
        inputs: Arrays by input name.
    """
    return [np.asarray(value) for value in session.run(list(outputs), inputs)]


def _read_model(path: Path) -> bytes:
    if not path.is_file():
        raise InputError(f"the model file {path} does not exist; give the path of an .onnx file")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise InputError(
            f"the model file {path} has {size >> 20} MiB, more than the {MAX_BYTES >> 20} MiB "
            "allowed; export it in half precision or use a smaller network"
        )
    content = path.read_bytes()
    if refers_to_external_data(content, name=str(path)):
        raise FormatError(
            f"{path} keeps weights in other files (ONNX external data), which marey refuses to "
            "follow; save the model into a single file"
        )
    return content


def _check_providers(providers: Sequence[str]) -> None:
    available = onnxruntime.get_available_providers()
    unknown = [name for name in providers if name not in available]
    if unknown:
        raise InputError(
            f"onnxruntime has no provider {', '.join(unknown)} here; choose among "
            f"{', '.join(available)}"
        )


# The module with the error classes has no type stubs.
_STATE = import_module("onnxruntime.capi.onnxruntime_pybind11_state")
# onnxruntime raises classes of its own, which share no base but Exception.
_RUNTIME_ERRORS: tuple[type[Exception], ...] = tuple(
    kind
    for name in (
        "Fail",
        "InvalidArgument",
        "InvalidGraph",
        "InvalidProtobuf",
        "NoSuchFile",
        "NotImplemented",
        "RuntimeException",
        "EPFail",
        "ModelLoaded",
        "NoModel",
    )
    if isinstance(kind := getattr(_STATE, name, None), type)
)
