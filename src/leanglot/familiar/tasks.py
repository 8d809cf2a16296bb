"""Labelled examples in the forms in which test data are handed to a benchmark."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from leanglot.data.examples import Examples
from leanglot.data.given import examples_of, listed
from leanglot.data.reading import read_examples
from leanglot.errors import DataError
from leanglot.languages import canonical_tag

_FORMS = (
    "Give texts with labels= and languages=; a data file; rows with text, label and language; columns texts, labels "
    "and languages by name; or, by language tag, a pair of texts and labels."
)
_COLUMNS = {"texts": "text", "labels": "label", "languages": "language"}


def examples_in(test_data: object, labels: Iterable[object] | None, languages: Iterable[str] | None) -> Examples:
    """The examples, in whatever form they are given.

    Args:
        test_data: See `MultilingualModelBenchmark.run_benchmark`.
        labels: Label of each text, where ``test_data`` are texts alone.
        languages: Language of each text there; elsewhere the languages to take, None for all.

    Raises:
        DataError: The form is none of those, an example cannot be used, or a language asked for has none.
    """
    if labels is not None:
        if languages is None:
            raise DataError("The texts have labels and no languages.", "Pass languages= with a tag for each text.")
        return examples_of(_iterable(test_data), labels, languages)
    if isinstance(test_data, str | Path):
        found, _ = read_examples(Path(test_data))
    elif isinstance(test_data, Mapping):
        found = _of_mapping(test_data)
    else:
        found = _of_rows(listed("test data", _iterable(test_data)))
    return found if languages is None else _only(found, listed("languages", languages))


def _of_mapping(data: Mapping[str, Any]) -> Examples:
    for names in (tuple(_COLUMNS), tuple(_COLUMNS.values())):
        if set(names) <= set(data):
            return examples_of(*(data[name] for name in names))
    texts: list[str] = []
    labels: list[object] = []
    tags: list[str] = []
    for tag, own in data.items():
        first, second = _texts_and_labels(tag, own)
        if len(first) != len(second):
            raise DataError(f"{tag} has {len(first):,} texts and {len(second):,} labels.", "Every text needs one.")
        texts, labels, tags = [*texts, *first], [*labels, *second], [*tags, *[tag] * len(first)]
    return examples_of(texts, labels, tags)


def _texts_and_labels(tag: str, own: object) -> tuple[list[Any], list[Any]]:
    """The texts of one language and their labels: a pair of lists, columns by name, or rows."""
    if isinstance(own, Mapping):
        for names in (("texts", "labels"), ("text", "label")):
            if set(names) <= set(own):
                first, second = (listed(name, own[name]) for name in names)
                return first, second
    elif isinstance(own, Sequence) and own and all(isinstance(row, Mapping) for row in own):
        return [row.get("text") for row in own], [row.get("label") for row in own]
    elif isinstance(own, Sequence) and len(own) == 2 and not any(isinstance(part, str) for part in own):
        return listed("texts", own[0]), listed("labels", own[1])
    raise DataError(f"The test data of {tag!r} are {own!r:.60}.", _FORMS)


def _of_rows(rows: Sequence[object]) -> Examples:
    columns: dict[str, list[Any]] = {name: [] for name in _COLUMNS.values()}
    for position, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise DataError(f"Item {position} of the test data is {row!r:.60}, and there are no labels.", _FORMS)
        for name, column in columns.items():
            column.append(row.get(name))
    return examples_of(*columns.values())


def _only(examples: Examples, languages: Sequence[str]) -> Examples:
    """The examples of these languages."""
    wanted = [canonical_tag(tag) for tag in languages]
    present = examples.by_language()
    if absent := [tag for tag in wanted if tag not in present]:
        raise DataError(
            f"The test data have no examples in {', '.join(absent)}.", f"Their languages are {', '.join(present)}."
        )
    return examples.subset([at for at, tag in enumerate(examples.languages) if tag in wanted])


def _iterable(data: object) -> Iterable[Any]:
    if isinstance(data, Iterable):
        return data
    raise DataError(f"The test data are {data!r:.60}.", _FORMS)
