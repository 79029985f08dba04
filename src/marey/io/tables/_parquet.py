"""Long tables of joints as Parquet files; pyarrow is imported when it is needed."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from marey.core import Keypoints3D
from marey.core.errors import FormatError, MissingExtraError
from marey.io.tables._read import NEEDED, PointRows, check_file
from marey.io.tables._rows import COLUMNS, Block

BATCH_ROWS = 2**14

MAX_ROWS_PER_BYTE = 2
"""A table of equal rows packs into nothing; a recording does not."""
MAX_UNPACKED = 64
"""Times the file's size."""


def load_pyarrow() -> tuple[Any, Any]:
    """Return the modules pyarrow and pyarrow.parquet.

    Raises:
        MissingExtraError: If pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: PLC0415
        import pyarrow.parquet  # noqa: PLC0415
    except ImportError as error:
        raise MissingExtraError("pyarrow", "tables", "reading and writing Parquet") from error
    return pyarrow, pyarrow.parquet


def write_blocks(blocks: Iterable[Block], path: Path) -> None:
    """Write blocks of rows, each a row group."""
    pa, parquet = load_pyarrow()
    kinds = {"person": pa.string(), "joint": pa.string(), "frame": pa.int64()}
    kinds["time_s"] = pa.float64()
    schema = pa.schema([(name, kinds.get(name, pa.float32())) for name in COLUMNS])
    with parquet.ParquetWriter(
        path, schema, compression="zstd", write_page_checksum=True
    ) as writer:
        for block in blocks:
            writer.write_table(pa.table(_make_columns(pa, block), schema=schema))


def read_points(path: Path) -> Keypoints3D:
    """Read a Parquet table (see `marey.io.tables`)."""
    pa, _ = load_pyarrow()
    check_file(path, ".parquet")
    rows = PointRows(path)
    # Everything pyarrow raises about a file; a refusal of our own is a ValueError, too.
    broken = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, MemoryError)
    try:
        _read_batches(path, rows)
    except FormatError:
        raise
    except broken as error:
        reason = " ".join(str(error).split())[:120]
        raise FormatError(f"{path} is no Parquet table of joints ({reason})") from error
    return rows.lay_out()


def _read_batches(path: Path, rows: PointRows) -> None:
    _, parquet = load_pyarrow()
    _check_columns(parquet.read_schema(path), rows)
    # Names stay codes, so that a long one that is repeated takes no room.
    options = {"page_checksum_verification": True, "pre_buffer": False}
    with parquet.ParquetFile(path, read_dictionary=["person", "joint"], **options) as file:
        about, size = file.metadata, path.stat().st_size
        if about.num_rows > 2**20 + MAX_ROWS_PER_BYTE * size:
            raise rows.fault(f"states {about.num_rows} rows, more than it can hold")
        groups = (about.row_group(number) for number in range(about.num_row_groups))
        if sum(group.total_byte_size for group in groups) > 2**26 + MAX_UNPACKED * size:
            raise rows.fault("unpacks to far more than a recording does")
        wanted = [*NEEDED, "confidence"]
        for batch in file.iter_batches(BATCH_ROWS, columns=wanted, use_threads=False):
            _add_batch(rows, batch)


def _check_columns(schema: Any, rows: PointRows) -> None:
    pa, _ = load_pyarrow()
    kind = pa.types
    texts = (pa.string(), pa.large_string())
    checks = {"person": texts.__contains__, "joint": texts.__contains__, "frame": kind.is_integer}
    if tuple(schema.names) != COLUMNS:
        raise rows.fault(f"must have the columns {', '.join(COLUMNS)}")
    for name in COLUMNS:
        if not checks.get(name, kind.is_floating)(schema.field(name).type):
            raise rows.fault(f"holds {schema.field(name).type} in the column '{name}'")


def _add_batch(rows: PointRows, batch: Any) -> None:
    codes = [batch.column(name) for name in ("person", "joint")]
    numbers = ("frame", "time_s", "x_m", "y_m", "z_m", "confidence")
    (people, joints), values = (
        [column.dictionary.to_pylist() for column in codes],
        [batch.column(name).to_pylist() for name in numbers],
    )
    for person, joint, frame, *row in zip(
        *(column.indices.to_pylist() for column in codes), *values, strict=True
    ):
        if person is None or joint is None or not isinstance(frame, int):
            raise rows.fault("has rows without person, frame or joint")
        place = [np.nan if number is None else float(number) for number in row]
        rows.add(people[person], frame, joints[joint], place)


def _make_columns(pa: Any, block: Block) -> dict[str, Any]:
    count, width = block.confidence.shape
    numbers = {
        **dict(zip(("x_m", "y_m", "z_m"), _split(block.position), strict=True)),
        **dict(zip(("rot_x_deg", "rot_y_deg", "rot_z_deg"), _split(block.rotation), strict=True)),
        "confidence": block.confidence.reshape(-1),
    }
    return {
        "person": pa.repeat(pa.scalar(block.person), count * width),
        "frame": np.repeat(block.frame, width),
        "time_s": np.repeat(block.time, width),
        "joint": pa.array(block.joints * count),
        **{
            name: pa.array(values.astype(np.float32), mask=np.isnan(values))
            for name, values in numbers.items()
        },
    }


def _split(values: Float[np.ndarray, "L K 3"]) -> Float[np.ndarray, "3 rows"]:
    return values.reshape(-1, 3).T
