"""What `import marey` costs, what its rooms may load, and that every public name is there."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import marey

HEAVY = ("torch", "cv2", "onnxruntime", "rich", "numba", "scipy", "av", "tyro")


def run_python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_import_is_light():
    loaded = run_python(
        f"import sys, marey; print([name for name in {HEAVY} if name in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_import_is_quick():
    # The interpreter's own start does not count. The best of three: others use the machine too.
    code = "import time; t = time.perf_counter(); import marey; print(time.perf_counter() - t)"
    assert min(float(run_python(code)) for _ in range(3)) < 0.2


@pytest.mark.parametrize("room", ["marey.core", "marey.io.take", "marey.io.video"])
def test_files_are_read_without_torch(room):
    # None in sys.modules makes every `import torch` fail.
    run_python(f"import sys; sys.modules['torch'] = None; import {room}")


def test_help_does_not_wait_for_networks():
    loaded = run_python(
        "import sys, marey.cli; print([n for n in ('torch', 'onnxruntime', 'cv2') "
        "if n in sys.modules])"
    )
    assert loaded.strip() == "[]"


def test_every_public_name_resolves():
    assert marey.__all__ == sorted(marey.__all__)
    for name in marey.__all__:
        assert getattr(marey, name) is not None
        assert name in dir(marey)


def test_type_checkers_see_the_same_names():
    # The names are typed by imports that run for type checkers only; both lists must agree.
    source = ast.parse(Path(marey.__file__).read_text())
    block = next(node for node in source.body if isinstance(node, ast.If))
    typed = {alias.asname for node in block.body for alias in getattr(node, "names", [])}
    assert typed == set(marey.__all__)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = marey.nothing
