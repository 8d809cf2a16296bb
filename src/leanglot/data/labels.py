"""Maps the labels of the data, names or ids, to the positions in the model's head."""

import difflib
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.data.examples import Examples
from leanglot.errors import DataError

_LISTED: Final = 5
_ALLOWED_LISTED: Final = 20
_INTEGER: Final = re.compile(r"-?(0|[1-9][0-9]{0,17})")


def resolve_labels(examples: Examples, model_labels: Sequence[str]) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Maps each example's label to its position in the model's head.

    Labels are read as ids only when all of them are integers and none is a label name: the two are never
    mixed, because a name such as "1" need not stand at position 1.

    Args:
        examples: The labelled examples.
        model_labels: The label names in the order of the head.

    Returns:
        Positions in ``[0, len(model_labels))``, of shape ``(len(examples),)``, and notes, one sentence each.

    Raises:
        DataError: When a label is no name of the head's, or an id is outside the head.
    """
    counts = Counter(examples.labels)
    ids = {name: position for position, name in enumerate(model_labels)}
    if not any(label in ids for label in counts) and all(_INTEGER.fullmatch(label) for label in counts):
        ids = _by_number(counts, len(model_labels))
    elif unknown := [(label, count) for label, count in counts.most_common() if label not in ids]:
        raise _unknown_labels(unknown, model_labels)
    positions = np.array([ids[label] for label in examples.labels], dtype=np.int64)
    met = set(positions.tolist())
    unmet = [name for position, name in enumerate(model_labels) if position not in met]
    if not unmet:
        return positions, ()
    count = f"{len(unmet)} of the model's {len(model_labels)} labels have no example"
    return positions, (f"{count}: {_listed(unmet, _LISTED)}.",)


def _by_number(counts: Counter[str], size: int) -> dict[str, int]:
    outside = [(label, count) for label, count in counts.most_common() if not 0 <= int(label) < size]
    if outside:
        rows = sum(count for _, count in outside)
        named = _listed([label for label, _ in outside], _LISTED)
        raise DataError(
            f"{_rows(rows)} carry label ids outside the model's head: {named}.",
            f"Allowed are 0 to {size - 1}, or the label names. Drop rows without a label (often marked -1).",
        )
    return {label: int(label) for label in counts}


def _unknown_labels(unknown: Sequence[tuple[str, int]], model_labels: Sequence[str]) -> DataError:
    listed = unknown[:_LISTED]
    lines = [f"  {label!r:.80} ({_rows(count)}){_suggested(label, model_labels)}" for label, count in listed]
    if len(unknown) > _LISTED:
        rest = sum(count for _, count in unknown[_LISTED:])
        lines.append(f"  and {len(unknown) - _LISTED} more ({_rows(rest)})")
    count = "1 label is" if len(unknown) == 1 else f"{len(unknown)} labels are"
    names = _listed(model_labels, _ALLOWED_LISTED)
    return DataError(
        f"{count} unknown to the model:\n" + "\n".join(lines),
        f"Allowed are {names}; or, in all rows, integers 0 to {len(model_labels) - 1}.",
    )


def _suggested(label: str, model_labels: Sequence[str]) -> str:
    folded = {name.casefold(): name for name in model_labels}
    near = difflib.get_close_matches(label.strip().casefold(), folded, n=1)
    return f': did you mean "{folded[near[0]]}"?' if near else ""


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _listed(names: Sequence[str], limit: int) -> str:
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
