"""The gate over whatever is given: models, artifacts and stored predictions, held to the same examples."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from leanglot.config.places import expanded
from leanglot.data.labels import resolve_labels
from leanglot.data.reading import read_examples
from leanglot.data.split import sample_per_language
from leanglot.decide.gate import Contestant, GateRule, check_rule, check_same_examples, decide_gate
from leanglot.errors import DataError
from leanglot.progress import Observer, Silent
from leanglot.results.gate import GateReport, GateSide
from leanglot.results.manifest import is_artifact
from leanglot.results.predictions import Predictions, read_predictions
from leanglot.results.stored_answers import StoredAnswers, examples_of, find_stored

if TYPE_CHECKING:
    from leanglot.steps import Setting


@dataclass(frozen=True)
class _Answered:
    """One side with its answers.

    Attributes:
        contestant: The side.
        source: Name of the data; None where nothing names them.
        labels: The label names in the order of the head; None where that is not known.
        notes: What to know.
    """

    contestant: Contestant
    source: str | None
    labels: tuple[str, ...] | None
    notes: tuple[str, ...]


def gate(
    baseline: str,
    candidate: str,
    rule: GateRule | None = None,
    setting: "Setting | None" = None,
    observer: Observer | None = None,
) -> GateReport:
    """Decides whether a candidate may take the baseline's place.

    Args:
        baseline: A model folder, an artifact, a name on the hub, or stored predictions: a ``predictions.parquet``, a
            candidate's folder in a run, or ``RUN:NAME``.
        candidate: Likewise.
        rule: What the candidate has to fulfil; None takes a margin of one point in every language.
        setting: The data, and how models answer them. Stored predictions alone need none; where it is given all the
            same, they must be answers to these data.
        observer: Told of the progress.

    Returns:
        The decision.

    Raises:
        LeanglotError: A side cannot be used, both did not answer the same examples, or a limit cannot be held.
    """
    rule = rule or GateRule()
    check_rule(rule)
    stored = {side: find_stored(side) for side in (baseline, candidate)}
    if setting is None and (live := [side for side, found in stored.items() if found is None]):
        raise DataError(f"{live[0]} is to answer, and nothing says what.", "Add --data FILE.")
    observer = observer or Silent()
    observer.plan([side for side, found in stored.items() if found is None])
    known = {side: _from_store(side, found) for side, found in stored.items() if found is not None}
    if setting is not None and None not in stored.values():
        for each in known.values():
            check_same_examples(_given(setting, each), each.contestant)
    for side in stored:
        if setting is not None and side not in known:
            known[side] = _answered(side, setting, observer)
    sides = (known[baseline], known[candidate])
    return decide_gate(
        sides[0].contestant,
        sides[1].contestant,
        rule,
        datetime.now(UTC),
        next((each.source for each in sides if each.source is not None), None),
        [*_same(baseline, candidate), *dict.fromkeys(note for each in sides for note in each.notes)],
    )


def _from_store(side: str, stored: StoredAnswers) -> _Answered:
    answers = read_predictions(stored.file)
    if not len(answers):
        raise DataError(f"The predictions {stored.file} are empty.", "Run the command that wrote them again.")
    data, notes = examples_of(stored, answers)
    contestant = Contestant(
        GateSide(name=side, kind="predictions", size_bytes=stored.size_bytes),
        answers,
        None if data is None else data.digest,
    )
    if data is None:
        return _Answered(contestant, None, None, notes)
    return _Answered(contestant, data.source, data.labels, notes)


def _answered(side: str, setting: "Setting", observer: Observer) -> _Answered:
    # Engines take seconds to import, which stored answers alone need not wait for.
    from leanglot.exam import prepare_exam
    from leanglot.measure.subject import open_subject
    from leanglot.measure.weight import folder_size
    from leanglot.models.hub import resolve_model
    from leanglot.steps import answer_exam

    folder = resolve_model(side, allow_pickle=setting.allow_pickle)
    classifier = open_subject(folder, setting.threads, allow_pickle=setting.allow_pickle)
    labels = classifier.manifest.labels
    exam = prepare_exam(setting.data, labels, limit=setting.limit, seed=setting.seed)
    encoded = classifier.encode(exam.examples.texts)
    answers = answer_exam(classifier, side, encoded, exam, setting, observer)
    cut = sum(encoded.truncated)
    notes = (f"Texts longer than {side} reads, which were cut: {cut:,}.",) if cut else ()
    described = GateSide(name=side, kind="artifact" if is_artifact(folder) else "model", size_bytes=folder_size(folder))
    contestant = Contestant(described, answers, exam.summary.digest)
    return _Answered(contestant, exam.summary.source, labels, (*exam.summary.notes, *notes))


def _given(setting: "Setting", stored: _Answered) -> Contestant:
    """The data as if somebody had answered them rightly, to hold stored answers against."""
    examples, _ = read_examples(setting.data.path, setting.data.columns)
    if setting.limit is not None:
        examples = sample_per_language(examples, setting.limit, setting.seed)
    labels = examples.labels
    if stored.labels is not None:
        labels = tuple(stored.labels[position] for position in resolve_labels(examples, stored.labels)[0])
    answers = Predictions(
        index=np.arange(len(examples)),
        language=examples.languages,
        group=examples.groups,
        label=labels,
        predicted=labels,
        correct=np.ones(len(examples), dtype=np.bool_),
        confidence=None,
    )
    return Contestant(GateSide(name=str(setting.data.path), kind="predictions"), answers, examples.digest())


def _same(baseline: str, candidate: str) -> tuple[str, ...]:
    """A note where both sides are one and the same, which compares nothing."""
    one, other = (expanded(side) for side in (baseline, candidate))
    same = baseline == candidate or (one.exists() and other.exists() and one.samefile(other))
    return ("Both sides are the same, so that nothing was compared.",) if same else ()
