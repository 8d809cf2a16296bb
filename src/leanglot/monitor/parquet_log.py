"""Reads a prediction log that is a Parquet file, in bounded steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from leanglot.errors import DataError
from leanglot.monitor.log_rows import FIELDS

_ROWS_PER_STEP: Final = 4096
_NEEDED: Final = frozenset({"prediction", "label", "ground_truth", "chrf", "shadow"})


def parquet_rows(path: Path, start: int = 0) -> Iterator[list[dict[str, Any]]]:
    """The rows of a file, some thousand at a time.

    Args:
        path: The file.
        start: Rows that are passed over; whole row groups of them are not read.

    Yields:
        Rows with the fields of a log that the file has; times in seconds since 1970.

    Raises:
        DataError: When the file is damaged or has none of the columns that a log needs.
    """
    try:
        with pq.ParquetFile(path) as file:
            names = [str(name) for name in file.schema_arrow.names]
            if repeated := sorted({name for name in names if names.count(name) > 1}):
                raise DataError(f"{path} has columns of the same name: {', '.join(repeated)}.", "Rename all but one.")
            if not _NEEDED.intersection(names):
                raise DataError(
                    f"{path} has no column prediction and no column label.",
                    f"Its columns are {', '.join(names[:20])}; the columns of a log are {', '.join(FIELDS)}.",
                )
            yield from _batches(file, [name for name in names if name in FIELDS], start)
    except (pa.ArrowException, OSError, ValueError) as error:
        told = (str(error).splitlines() or [type(error).__name__])[0][:300]
        message = f"{path} cannot be read as Parquet: {told}"
        raise DataError(message, "It is damaged, of another format, or not written to its end yet.") from error


def _batches(file: pq.ParquetFile, columns: list[str], start: int) -> Iterator[list[dict[str, Any]]]:
    passed = 0
    for group in range(file.num_row_groups):
        size = file.metadata.row_group(group).num_rows
        if passed + size <= start:
            passed += size
            continue
        for batch in file.iter_batches(batch_size=_ROWS_PER_STEP, row_groups=[group], columns=columns):
            left = batch.slice(max(0, start - passed))
            passed += batch.num_rows
            if left.num_rows:
                yield _with_seconds(left).to_pylist()


def _with_seconds(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Points in time as numbers: Python has no time zones without names and no nanoseconds."""
    for number, field in enumerate(batch.schema):
        if pa.types.is_timestamp(field.type):
            exact = batch.column(number).cast(pa.timestamp("us", field.type.tz), safe=False).cast(pa.int64())
            seconds = pa.compute.divide(exact.cast(pa.float64(), safe=False), 1e6)
            batch = batch.set_column(number, pa.field(field.name, pa.float64()), seconds)
    return batch
