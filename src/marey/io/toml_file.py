"""TOML files that people write: opened within limits, with one wording for what is wrong."""

import tomllib
from pathlib import Path
from typing import Any

from marey.core.errors import FormatError, InputError

MAX_BYTES = 1_000_000
"""Largest file that anybody writes by hand."""


def read_toml(path: Path, *, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return what a TOML file says.

    Raises:
        InputError: If it cannot be opened.
        FormatError: If it is larger than `max_bytes`, or no TOML.
    """
    try:
        if path.stat().st_size > max_bytes:
            raise FormatError(
                f"{path} is larger than {max_bytes // 1000} kB; is it the right file?"
            )
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; check the path") from error
    except UnicodeDecodeError as error:
        raise FormatError(f"{path} is no text file; is it the right file?") from error
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{path} is not TOML ({error})") from error
