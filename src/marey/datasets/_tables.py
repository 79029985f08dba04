"""Tables of numbers in text, a frame to a line, within limits."""

from array import array
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from marey.core.errors import FormatError, NothingFoundError
from marey.datasets._folder import check_file
from marey.io.bvh._lines import open_lines

MAX_VALUES = 2**25


def read_table(path: str | Path, num_columns: int, what: str) -> Float64[np.ndarray, "T n"]:
    """Read numbers separated by commas or blanks; the file may be gzipped.

    Args:
        path: The file.
        num_columns: How many numbers each line has to hold.
        what: What the file should be, for messages.

    Raises:
        InputError: If it cannot be read.
        FormatError: If a line has another number of values, or one that is not finite.
        NothingFoundError: If it is empty.
    """
    path = check_file(path, what)
    values = array("d")
    with open_lines(path) as lines:
        while (words := lines.read_words()) is not None:
            numbers = " ".join(words).replace(",", " ").split()
            try:
                values.extend(map(float, numbers))
            except ValueError as error:
                raise lines.fault("numbers", f"'{' '.join(numbers)}'") from error
            if len(numbers) != num_columns:
                raise lines.fault(f"{num_columns} numbers ({what})", f"{len(numbers)}")
            if len(values) > MAX_VALUES:
                raise lines.fault(f"at most {MAX_VALUES} numbers", "more; cut the file by time")
    if not values:
        raise NothingFoundError(f"{path} holds no frames; expected {what}")
    table = np.frombuffer(values).reshape(-1, num_columns)
    if not np.isfinite(table).all():
        row = int(np.argmin(np.isfinite(table).all(1)))
        raise FormatError(f"{path}: frame {row} holds a value that is not finite; cut it out")
    return table
