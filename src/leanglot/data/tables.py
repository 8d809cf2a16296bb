"""Opens data files of every supported format as rows with their line numbers, and refuses damaged ones."""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.data.faults import Faults, Kind
from leanglot.data.parquet import read_parquet
from leanglot.errors import DataError

MAX_FILE_BYTES: Final = 2**30

_SUFFIXES: Final = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
_NO_JSON: Final = Kind("is not valid JSON", "Each line must hold one JSON object.")
_NO_OBJECT: Final = Kind("is not an object", 'Each must be an object, such as {"text": "...", ...}.')
_FIELDS: Final = Kind(
    "has the wrong number of fields", 'Put fields that hold separators or line ends in quotes: "a, b".'
)


@dataclass(frozen=True)
class Table:
    """The rows of a data file, unchecked.

    Attributes:
        unit: What a position counts: ``line``, ``row`` or ``item``, from 1.
        columns: Names of all columns, in the order met.
        rows: Position and values of each row.
    """

    unit: str
    columns: tuple[str, ...]
    rows: tuple[tuple[int, Mapping[str, object]], ...]


def read_table(path: Path, wanted: Collection[str], limit_bytes: int = MAX_FILE_BYTES) -> Table:
    """Reads a .jsonl, .ndjson, .json, .csv, .tsv (each also as .gz) or .parquet file.

    Args:
        path: The file.
        wanted: The columns that matter; Parquet files load only these.
        limit_bytes: Largest size of the file, uncompressed.

    Returns:
        Its rows, at least one.

    Raises:
        DataError: When there is no such file, or it is too large, empty, damaged, not UTF-8 or of an unknown
            format.
    """
    suffix = _suffix(path)
    if suffix == ".parquet":
        columns, values = read_parquet(path, wanted, limit_bytes)
        table = Table("row", columns, tuple(enumerate(values, start=1)))
    else:
        text = _decoded(path, _contents(path, limit_bytes))
        readers: dict[str, Callable[[Path, str], Table]] = {
            ".json": _from_json,
            ".csv": lambda path, text: _from_csv(path, text, ","),
            ".tsv": lambda path, text: _from_csv(path, text, "\t"),
        }
        table = readers.get(suffix, _from_json_lines)(path, text)
    if not table.rows:
        raise DataError(f"{path} holds no rows.", "It needs at least one labelled example per language.")
    return table


def _suffix(path: Path) -> str:
    """The format's suffix, once it is clear that there is such a file."""
    if path.is_dir():
        names = sorted(entry.name for entry in path.iterdir())
        files = [name for name in names if name.removesuffix(".gz").endswith(_SUFFIXES)]
        found = f"In it are {', '.join(files[:5])}." if files else "It holds no data files."
        raise DataError(f"{path} is a folder, not a file.", f"Give one data file. {found}")
    if not path.exists():
        raise DataError(f"There is no data file {path}.", "Check the path and the working folder.")
    suffix = Path(path.name.lower().removesuffix(".gz")).suffix
    packed = path.name.lower().endswith(".gz")
    if suffix not in _SUFFIXES or not path.is_file() or (packed and suffix == ".parquet"):
        allowed = f"Allowed are {', '.join(_SUFFIXES)}; all but the last also as .gz."
        raise DataError(f"{path} is of no known format.", allowed)
    return suffix


def _contents(path: Path, limit_bytes: int) -> bytes:
    try:
        with gzip.open(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
            raw = file.read(limit_bytes + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path} is damaged: {error}", "Fetch or write the file again.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check its permissions.") from error
    if len(raw) > limit_bytes:
        message = f"{path} is larger than the limit of {limit_bytes:,} bytes."
        raise DataError(message, "Judge on a sample of it, or raise limit_bytes.")
    if not raw.strip():
        raise DataError(f"{path} is empty.", "It needs at least one labelled example per language.")
    return raw


def _decoded(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        encoding = "UTF-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "LATIN1"
        raise DataError(
            f"{path} is not UTF-8: byte {raw[error.start]:#04x} at offset {error.start}, line {line}.",
            f"Convert it: iconv -f {encoding} -t UTF-8 {path.name} > utf8-{path.name}"
            f" (put the file's encoding in place of {encoding}).",
        ) from error


def _from_json_lines(path: Path, text: str) -> Table:
    faults, rows = Faults(), []
    # Not splitlines(): it also splits at characters that JSON allows inside a text, such as U+2028.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except json.JSONDecodeError as error:
            faults.add(_NO_JSON, number, f"{error.msg} at column {error.colno}")
            continue
        except (ValueError, RecursionError) as error:  # A number or a nesting of hostile size.
            faults.add(_NO_JSON, number, str(error))
            continue
        if isinstance(value, dict):
            rows.append((number, value))
        else:
            faults.add(_NO_OBJECT, number, type(value).__name__)
    faults.raise_any(path, "line")
    return Table("line", _keys(rows), tuple(rows))


def _from_json(path: Path, text: str) -> Table:
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        message = f"{path}, line {error.lineno}, column {error.colno} is not valid JSON: {error.msg}."
        raise DataError(message, "If each line is an object of its own, name the file .jsonl.") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not valid JSON: {error}.", "It must be a list of objects.") from error
    if not isinstance(values, list):
        message = f"{path} holds a {type(values).__name__}, not a list."
        raise DataError(message, "It must be a list of objects.")
    faults = Faults()
    for number, value in enumerate(values, start=1):
        if not isinstance(value, dict):
            faults.add(_NO_OBJECT, number, type(value).__name__)
    faults.raise_any(path, "item")
    rows = tuple(enumerate(values, start=1))
    return Table("item", _keys(rows), rows)


def _from_csv(path: Path, text: str, separator: str) -> Table:
    faults, rows = Faults(), []
    with _unlimited_fields(len(text)):
        lines = _numbered(path, text, separator)
        _, header = next(lines, (1, [""]))
        _check_header(path, header, separator)
        for number, fields in lines:
            if len(fields) == len(header):
                rows.append((number, dict(zip(header, fields, strict=True))))
            else:
                faults.add(_FIELDS, number, f"{len(fields)} where the header has {len(header)}")
    faults.raise_any(path, "line")
    return Table("line", tuple(header), tuple(rows))


def _numbered(path: Path, text: str, separator: str) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line it begins on; quoted fields can span lines."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            message = f"{path}, line {number} cannot be read: {error}."
            hint = 'Put fields with quotes in quotes, and double those inside: "she said ""yes""".'
            raise DataError(message, hint) from error
        if fields:
            yield number, fields


@contextmanager
def _unlimited_fields(size: int) -> Iterator[None]:
    """Lifts the csv module's limit of 131,072 characters per field, which holds for the whole process."""
    before = csv.field_size_limit(max(size, 1))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_header(path: Path, header: list[str], separator: str) -> None:
    if repeated := sorted({name for name in header if header.count(name) > 1}):
        raise DataError(f"{path} has columns of the same name: {', '.join(repeated)}.", "Rename all but one.")
    other = next((mark for mark in ";\t,|" if mark != separator and mark in header[0]), None)
    if len(header) == 1 and other is not None:
        name = {"\t": "tabs", ";": "semicolons", ",": "commas"}.get(other, f'"{other}"')
        raise DataError(
            f"{path} seems to be separated by {name}: its header is the one column {header[0]!r:.120}.",
            "Write .csv files with commas and .tsv files with tabs.",
        )


def _keys(rows: Iterable[tuple[int, Mapping[str, object]]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(key for _, values in rows for key in values))
