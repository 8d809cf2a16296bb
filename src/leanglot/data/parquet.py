"""Reads the rows of a Parquet file in bounded steps."""

from collections.abc import Collection
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from leanglot.errors import DataError

_ROWS_PER_STEP: Final = 1024


def read_parquet(
    path: Path, wanted: Collection[str], limit_bytes: int
) -> tuple[tuple[str, ...], list[dict[str, object]]]:
    """Reads the wanted columns of a Parquet file.

    Args:
        path: The file.
        wanted: Columns to load, where the file has them.
        limit_bytes: Largest size of their values in memory; a small file can unpack to any size.

    Returns:
        The names of all its columns, and the wanted values of each row.

    Raises:
        DataError: When the file is damaged or unpacks to more than the limit.
    """
    rows: list[dict[str, object]] = []
    size = 0
    try:
        with pq.ParquetFile(path) as file:
            columns = tuple(str(name) for name in file.schema_arrow.names)
            if repeated := sorted({name for name in columns if columns.count(name) > 1}):
                message = f"{path} has columns of the same name: {', '.join(repeated)}."
                raise DataError(message, "Rename all but one.")
            loaded = [name for name in columns if name in wanted]
            for batch in file.iter_batches(batch_size=_ROWS_PER_STEP, columns=loaded):
                size += batch.nbytes
                if size > limit_bytes:
                    message = f"{path} unpacks to more than the limit of {limit_bytes:,} bytes."
                    raise DataError(message, "Judge on a sample of it, or raise limit_bytes.")
                rows.extend(batch.to_pylist())
    except (pa.ArrowException, OSError, ValueError) as error:
        message = f"{path} cannot be read as Parquet: {_first_line(error)}"
        raise DataError(message, "It is damaged or of another format: fetch or write it again.") from error
    return columns, rows


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
