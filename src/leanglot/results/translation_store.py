"""A candidate's translations, kept as Parquet with their counts: without them no paired test can be done again."""

from pathlib import Path
from typing import Final, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from leanglot.errors import RunError
from leanglot.results.atomic import file_atomically
from leanglot.results.translation import FailureKind
from leanglot.results.translations import Statistics, Translations

CHRF_COUNTS: Final = 18
BLEU_COUNTS: Final = 10
KINDS: Final[tuple[FailureKind, ...]] = get_args(FailureKind)

_SCHEMA: Final = pa.schema(
    [
        pa.field("index", pa.int64(), nullable=False),
        pa.field("pair", pa.string(), nullable=False),
        pa.field("group", pa.string(), nullable=True),
        pa.field("source", pa.string(), nullable=False),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("hypothesis", pa.string(), nullable=False),
        pa.field("chrf", pa.list_(pa.int32(), CHRF_COUNTS), nullable=False),
        pa.field("bleu", pa.list_(pa.int32(), BLEU_COUNTS), nullable=False),
        pa.field("sentence_chrf", pa.float64(), nullable=False),
        pa.field("confidence", pa.float64(), nullable=False),
        pa.field("tokens", pa.int64(), nullable=False),
        *(pa.field(f"failed_{kind}", pa.bool_(), nullable=True) for kind in KINDS),
    ]
)


def write_translations(path: Path, translations: Translations) -> None:
    """Writes translations as Parquet, whole or not at all.

    Args:
        path: The file; missing parent folders are made.
        translations: The translations.

    Raises:
        RunError: When the columns differ in length, or counts have another shape than the metrics'.
        StorageError: When the disk is full or the place not writable.
    """
    columns = _columns(translations)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        found = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise RunError(f"The columns of the translations differ in length: {found}.", "Each needs one per sentence.")
    table = pa.table([columns[name] for name in _SCHEMA.names], schema=_SCHEMA)
    with file_atomically(path) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def read_translations(path: Path) -> Translations:
    """Reads translations.

    Args:
        path: A file that `write_translations` wrote.

    Raises:
        RunError: When the file is missing, damaged, or of other columns.
    """
    again = "Run the command that wrote them again."
    if not path.is_file():
        raise RunError(f"There are no translations at {path}.", again)
    try:
        table = pq.read_table(path).select(_SCHEMA.names).cast(_SCHEMA)
        table.validate(full=True)
    except (pa.ArrowException, KeyError, OSError, ValueError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:300]
        raise RunError(f"The translations {path} are damaged: {reason}", again) from error
    optional = ["group", *(f"failed_{kind}" for kind in KINDS)]
    if partial := [name for name in optional if 0 < table[name].null_count < len(table)]:
        raise RunError(f"The translations {path} are damaged: some of {', '.join(partial)} are null.", again)
    if holes := [field.name for field in _SCHEMA if not field.nullable and table[field.name].null_count]:
        raise RunError(f"The translations {path} are damaged: some of {', '.join(holes)} are null.", again)
    counts = {name: _unpacked(table[name], width) for name, width in (("chrf", CHRF_COUNTS), ("bleu", BLEU_COUNTS))}
    if any((values < 0).any() for values in counts.values()) or not _are_fractions(table, counts):
        raise RunError(f"The translations {path} are damaged: counts or scores are out of range.", again)
    return Translations(
        index=table["index"].to_numpy(),
        pair=tuple(table["pair"].to_pylist()),
        group=None if table["group"].null_count else tuple(table["group"].to_pylist()),
        source=tuple(table["source"].to_pylist()),
        reference=tuple(table["reference"].to_pylist()),
        hypothesis=tuple(table["hypothesis"].to_pylist()),
        chrf=counts["chrf"],
        bleu=counts["bleu"],
        sentence_chrf=table["sentence_chrf"].to_numpy(),
        confidence=table["confidence"].to_numpy(),
        tokens=table["tokens"].to_numpy(),
        failed={kind: _flags(table, kind) for kind in KINDS if not table[f"failed_{kind}"].null_count},
    )


def _columns(translations: Translations) -> dict[str, pa.Array]:
    length = len(translations)
    columns: dict[str, pa.Array] = {
        "chrf": _packed("chrf", translations.chrf, CHRF_COUNTS),
        "bleu": _packed("bleu", translations.bleu, BLEU_COUNTS),
    }
    for kind in KINDS:
        shown = translations.failed.get(kind)
        columns[f"failed_{kind}"] = pa.nulls(length, pa.bool_()) if shown is None else pa.array(shown, type=pa.bool_())
    for name in _SCHEMA.names:
        if name not in columns:
            values = getattr(translations, name)
            empty = pa.nulls(length, pa.string())
            columns[name] = empty if values is None else pa.array(values, type=_SCHEMA.field(name).type)
    return columns


def _packed(name: str, counts: Statistics, width: int) -> pa.Array:
    if counts.ndim != 2 or counts.shape[1] != width:
        raise RunError(
            f"The counts of {name} have the shape {counts.shape}.", f"They are of shape (sentences, {width})."
        )
    return pa.FixedSizeListArray.from_arrays(pa.array(counts.astype(np.int32).ravel(), type=pa.int32()), width)


def _unpacked(column: pa.ChunkedArray, width: int) -> Statistics:
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    return np.asarray(flat, dtype=np.float64).reshape(-1, width)


def _flags(table: pa.Table, kind: FailureKind) -> NDArray[np.bool_]:
    return np.asarray(table[f"failed_{kind}"].to_numpy(), dtype=np.bool_)


def _are_fractions(table: pa.Table, counts: dict[str, Statistics]) -> bool:
    values = np.concatenate([table[name].to_numpy() for name in ("sentence_chrf", "confidence")])
    finite = all(np.isfinite(each).all() for each in counts.values())
    return bool(((values >= 0) & (values <= 1 + 1e-9)).all()) and finite
