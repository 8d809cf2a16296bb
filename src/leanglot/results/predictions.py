"""A candidate's answer to every example, kept as Parquet: without it no paired test can be done again."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leanglot.errors import RunError
from leanglot.results.atomic import file_atomically

_SCHEMA: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("language", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=True),
        pa.field("label", pa.string(), nullable=False),
        pa.field("predicted", pa.string(), nullable=False),
        pa.field("correct", pa.bool_(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=True),
    ]
)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Answers to examples, aligned by position.

    Attributes:
        index: Number of each example among those judged, from 0, of shape ``(n,)``, int64.
        language: Language tag of each.
        group: Cluster of each; None where the data name none.
        label: The right label's name.
        predicted: The given label's name.
        correct: Whether the two agree, of shape ``(n,)``, bool.
        confidence: The model's probability of its answer, of shape ``(n,)``, float64; None where it gives none.

    Raises:
        RunError: When the columns differ in length.
    """

    index: NDArray[np.int64]
    language: tuple[str, ...]
    group: tuple[str, ...] | None
    label: tuple[str, ...]
    predicted: tuple[str, ...]
    correct: NDArray[np.bool_]
    confidence: NDArray[np.float64] | None

    def __post_init__(self) -> None:
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        lengths = {name: len(column) for name, column in columns.items() if column is not None}
        if len(set(lengths.values())) > 1:
            found = ", ".join(f"{name} {length}" for name, length in lengths.items())
            message = f"The columns of the predictions differ in length: {found}."
            raise RunError(message, "Each needs one value per example.")

    def __len__(self) -> int:
        return len(self.label)


def write_predictions(path: Path, predictions: Predictions) -> None:
    """Writes predictions as Parquet, whole or not at all.

    Args:
        path: The file; missing parent folders are made.
        predictions: The answers.

    Raises:
        StorageError: When the disk is full or the place not writable.
    """
    absent = pa.nulls(len(predictions))
    columns = {name: getattr(predictions, name) for name in _SCHEMA.names}
    arrays = {name: absent if column is None else column for name, column in columns.items()}
    table = pa.table(
        {name: pa.array(arrays[name], type=_SCHEMA.field(name).type) for name in _SCHEMA.names}, schema=_SCHEMA
    )
    with file_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_predictions(path: Path) -> Predictions:
    """Reads predictions.

    Args:
        path: A file that `write_predictions` wrote.

    Returns:
        The answers.

    Raises:
        RunError: When the file is missing, damaged, or of other columns.
    """
    again = "Run the command that wrote them again."
    if not path.is_file():
        raise RunError(f"There are no predictions at {path}.", again)
    try:
        table = pq.read_table(path).select(_SCHEMA.names).cast(_SCHEMA)
        table.validate(full=True)
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:300]
        raise RunError(f"The predictions {path} are damaged: {reason}", again) from error
    if partial := [name for name in ("group", "confidence") if 0 < table[name].null_count < len(table)]:
        raise RunError(f"The predictions {path} are damaged: some of {', '.join(partial)} are null.", again)
    right = pc.equal(table["label"], table["predicted"])
    if wrong := pc.sum(pc.not_equal(right, table["correct"])).as_py():
        message = f"The predictions {path} are damaged: {wrong:,} marks for right or wrong contradict the labels."
        raise RunError(message, again)
    return Predictions(
        index=table["index"].to_numpy(),
        language=tuple(table["language"].to_pylist()),
        group=None if table["group"].null_count else tuple(table["group"].to_pylist()),
        label=tuple(table["label"].to_pylist()),
        predicted=tuple(table["predicted"].to_pylist()),
        correct=table["correct"].to_numpy(),
        confidence=None if table["confidence"].null_count else table["confidence"].to_numpy(),
    )
