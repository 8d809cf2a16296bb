"""Calibration texts: from the training split alone, free of judged texts, and balanced over the languages."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from leanglot.config import Columns, DataConfig
from leanglot.data.examples import Examples
from leanglot.data.reading import NO_COLUMN
from leanglot.data.rows import check_rows
from leanglot.data.split import sample_balanced
from leanglot.data.tables import Table, read_table
from leanglot.errors import DataError
from leanglot.languages import canonical_tag
from leanglot.techniques import Calibration

_TRAINING: Final = frozenset({"train", "training"})
_LABEL: Final = "(label)"


@dataclass(frozen=True, slots=True)
class CalibrationPool:
    """Texts that calibration may draw from; none of them is judged.

    Attributes:
        texts: At least one.
        languages: Canonical BCP 47 tag of each.
        source: Name of the data, such as the file's name.
        notes: What was left out and why, one sentence each.
    """

    texts: tuple[str, ...]
    languages: tuple[str, ...]
    source: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CalibrationTexts:
    """Texts drawn for one calibration.

    Attributes:
        texts: In the order of the pool.
        languages: Canonical BCP 47 tag of each.
        counts: Number of texts by language.
        notes: What to know about the draw, one sentence each.
    """

    texts: tuple[str, ...]
    languages: tuple[str, ...]
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


def read_calibration(
    path: Path, columns: Columns, judged: Collection[str] = (), *, also_judged: bool = False
) -> CalibrationPool:
    """Reads texts to calibrate on; labels and groups do not matter.

    Where the data have a split column, only rows of its training part are taken.

    Args:
        path: A file of any format that `read_examples` takes.
        columns: Names of the columns; the label's and the group's are not looked at.
        judged: Texts that candidates are judged on.
        also_judged: Whether candidates are judged on this same file, which then needs a split column.

    Raises:
        DataError: When the file or a row of it cannot be used, or no text is left.
    """
    split = columns.split or "split"
    table = read_table(path, (columns.text, columns.language, split))
    _check_columns(path, columns, table.columns)
    split_column = split if split in table.columns and columns.split != NO_COLUMN else None
    if also_judged and split_column is None:
        raise DataError(
            f"{path} has no column {split!r}, so all its rows are there to judge on, and none to calibrate on.",
            "Give other texts: --calibration FILE, or the key calibration in a config file; or add the column.",
        )
    rows, notes = _training_rows(path, table, split_column)
    filled = [row for row in rows if not _is_blank(row[1].get(columns.text))]
    if not filled:
        raise DataError(f"{path}: all {len(rows):,} texts are empty.", "Give texts like those the model meets.")
    if len(filled) < len(rows):
        notes.append(f"Empty texts were left out: {len(rows) - len(filled):,}.")
    # Labels may be absent: every row gets the same one, so that all else is checked as in data to judge on.
    labelled = tuple((position, {**values, _LABEL: "any"}) for position, values in filled)
    alike = Columns(text=columns.text, label=_LABEL, language=columns.language)
    checked = check_rows(path, Table(table.unit, table.columns, labelled), alike)
    return calibration_pool(checked.examples, str(path), judged, notes)


def read_pool(calibration: DataConfig | None, judged: DataConfig, texts: Collection[str]) -> CalibrationPool:
    """Reads texts to calibrate on from the file that is named for it, else from the training split of the judged data.

    Args:
        calibration: The file named for it; None where none is.
        judged: The data that candidates are judged on.
        texts: The judged texts.

    Raises:
        DataError: There are none, or they cannot be used.
    """
    source = calibration or judged
    same = source.path.resolve() == judged.path.resolve()
    return read_calibration(source.path, source.columns, texts, also_judged=same)


def find_pool(calibration: DataConfig | None, judged: DataConfig, texts: Collection[str]) -> CalibrationPool | None:
    """The same as `read_pool`, but None where no file was named and the judged data have no training split.

    Raises:
        DataError: The file that was named cannot be used.
    """
    try:
        return read_pool(calibration, judged, texts)
    except DataError:
        if calibration is not None:
            raise
        return None


def calibration_pool(
    examples: Examples, source: str, judged: Collection[str] = (), notes: Sequence[str] = ()
) -> CalibrationPool:
    """The examples' texts, without those that are judged, whatever their letter case and spacing.

    Args:
        examples: Of a training split.
        source: Name of the data.
        judged: Texts that candidates are judged on.
        notes: What is known about the data already.

    Raises:
        DataError: When no text is left.
    """
    known = set(map(_plain, judged))
    pairs = zip(examples.texts, examples.languages, strict=True)
    left = [(text, tag) for text, tag in pairs if _plain(text) not in known]
    if not left:
        raise DataError(
            f"{source}: all {len(examples):,} texts are among those that candidates are judged on.",
            "Calibrate on training data: ranges fitted to the test texts would flatter the result.",
        )
    out = len(examples) - len(left)
    said = (f"Calibration texts that are also judged were left out: {out:,}.",) if out else ()
    texts, languages = zip(*left, strict=True)
    return CalibrationPool(texts, languages, source, (*notes, *said))


def draw(pool: CalibrationPool, config: Calibration, served: Collection[str] = ()) -> CalibrationTexts:
    """Draws texts with the config's balance between the languages.

    The same seed draws the same texts, and what is drawn from one language depends on the others only in number.

    Args:
        pool: What to draw from.
        config: How many, and how they are shared out.
        served: Languages that the model is judged or used in.

    Raises:
        DataError: When the pool lacks a language that is asked for, or all languages of the traffic.
    """
    examples = Examples(pool.texts, ("",) * len(pool.texts), pool.languages)
    if config.languages is not None:
        examples = _restricted(examples, pool.source, config.languages)
    traffic, notes = _traffic(config.traffic, set(examples.languages))
    drawn = sample_balanced(
        examples,
        config.samples,
        config.seed,
        config.balance,
        temperature=config.temperature,
        traffic=traffic,
    )
    if len(drawn) < config.samples:
        notes.append(f"Calibration asks for {config.samples:,} texts; there are {len(drawn):,}, and all are used.")
    notes += _gaps(set(drawn.languages), set(served))
    counts = dict(sorted(Counter(drawn.languages).items()))
    return CalibrationTexts(drawn.texts, drawn.languages, counts, (*pool.notes, *notes))


def _check_columns(path: Path, columns: Columns, present: Sequence[str]) -> None:
    asked = {"text": columns.text, "language": columns.language}
    if columns.split not in (None, NO_COLUMN):
        asked["split"] = columns.split
    missing = {role: name for role, name in asked.items() if name not in present}
    if missing:
        lines = [
            f'  no column "{name}" for the {role}: set it with --{role}-column NAME' for role, name in missing.items()
        ]
        raise DataError(
            f"{path} lacks {'a column' if len(lines) == 1 else 'columns'}:\n" + "\n".join(lines),
            f"Its columns are {', '.join(present[:20])}{', ...' if len(present) > 20 else ''}.",
        )


_Rows = Sequence[tuple[int, Mapping[str, object]]]


def _training_rows(path: Path, table: Table, split: str | None) -> tuple[_Rows, list[str]]:
    """The rows to draw from, and a note on those of other splits."""
    if split is None:
        return table.rows, []
    splits = [str(values.get(split)).strip() for _, values in table.rows]
    rows = [row for row, name in zip(table.rows, splits, strict=True) if name.casefold() in _TRAINING]
    others = Counter(name for name in splits if name.casefold() not in _TRAINING)
    told = ", ".join(f"{count:,} of {name[:40]}" for name, count in others.most_common(5))
    if not rows:
        raise DataError(
            f"{path} has no training rows to calibrate on: its column {split!r} holds {told}.",
            "Give the file with the rows of the split train; or, if none of its texts is ever judged on, take all rows "
            "with --split-column none.",
        )
    return rows, [f"Only training rows are calibrated on; left out were {told}."] if others else []


def _is_blank(value: object) -> bool:
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, float) and math.isnan(value))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _restricted(examples: Examples, source: str, languages: Sequence[str]) -> Examples:
    by_language = examples.by_language()
    wanted = list(dict.fromkeys(map(canonical_tag, languages)))
    if missing := [tag for tag in wanted if tag not in by_language]:
        raise DataError(
            f"Calibration asks for {', '.join(missing)}, and {source} has no such texts.",
            f"There are texts in {', '.join(by_language)}.",
        )
    return examples.subset(sorted(int(position) for tag in wanted for position in by_language[tag]))


def _traffic(shares: Mapping[str, float] | None, present: Collection[str]) -> tuple[dict[str, float] | None, list[str]]:
    """The shares by canonical tag, and notes on what they do not fit."""
    if shares is None:
        return None, []
    traffic: dict[str, float] = {}
    for tag, share in shares.items():
        traffic[canonical_tag(tag)] = traffic.get(canonical_tag(tag), 0.0) + share
    notes = []
    if abs((total := sum(traffic.values())) - 1) > 0.005:
        notes.append(f"The shares of the traffic add up to {total:.3g}, not 1, and are scaled.")
    if absent := sorted(traffic.keys() - set(present)):
        notes.append(f"Languages with traffic but without calibration texts: {', '.join(absent)}.")
    if left := sorted(set(present) - traffic.keys()):
        notes.append(f"Languages without a share of the traffic, which give no calibration texts: {', '.join(left)}.")
    return traffic, notes


def _gaps(drawn: Collection[str], served: Collection[str]) -> list[str]:
    """Warnings on languages that the model serves and the texts do not cover."""
    absent = sorted(set(served) - set(drawn))
    if not served and len(drawn) == 1:
        (only,) = drawn
        return [f"Calibration data are in one language, {only}: right for a model that serves no other."]
    if not absent:
        return []
    if len(drawn) == 1:
        (only,) = drawn
        everything = ", ".join(sorted(served))
        return [f"Calibration data are in one language, {only}; the model serves {len(served)}: {everything}."]
    return [f"Languages that the model serves and calibration has no texts in: {', '.join(absent)}."]
