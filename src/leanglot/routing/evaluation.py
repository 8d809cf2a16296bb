"""Evaluates a router on labelled data: each text by the variant of its language, as the data tell it."""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from leanglot.decide.verdict import judge
from leanglot.errors import DataError
from leanglot.exam import FULL, Exam, prepare_exam
from leanglot.measure.quality import Answers, answer_all, score
from leanglot.measure.subject import open_subject
from leanglot.models.hub import resolve_model
from leanglot.progress import Observer, Silent
from leanglot.results.predictions import Predictions
from leanglot.results.router_manifest import is_router
from leanglot.runtimes.classifier import Classifier
from leanglot.runtimes.router import Router, load_router
from leanglot.steps import Evaluation, Setting, answer_exam


def evaluate_router(
    folder: Path,
    setting: Setting,
    against: str | None = None,
    margin: float = 0.01,
    alpha: float = 0.05,
    observer: Observer | None = None,
) -> Evaluation:
    """Accuracy by language, languages told as in the data; a note says what detecting them does.

    Args:
        folder: The router.
        setting: Data and how to answer them.
        against: A model or artifact to judge it against.
        margin: Largest drop that counts as harmless.
        alpha: Error level.
        observer: Told of the progress.

    Raises:
        LeanglotError: The router, the other model or the data cannot be used.
    """
    observer, name = observer or Silent(), str(folder)
    observer.plan([name] if against is None else [name, against])
    router = load_router(folder, setting.threads)
    exam = prepare_exam(setting.data, router.manifest.labels, FULL, setting.limit, setting.seed)
    texts, languages = exam.examples.texts, exam.examples.languages
    told = router.routes(texts, languages)
    observer.enter(name, "evaluating", len(texts))
    answers, cut = _answer(router, texts, told, setting.batch_tokens, partial(observer.advance, name))
    predictions = exam.predictions(answers, router.manifest.labels)
    notes = _detected(router, exam, told, answers, setting.batch_tokens)
    observer.enter(name, "done")
    opponent = None if against is None else _opponent(against, router, setting)
    verdicts = None
    if opponent is not None and against is not None:
        other = _other_answers(opponent, against, exam, setting, observer)
        verdicts = judge(
            other.correct,
            predictions.correct,
            predictions.language,
            margin=margin,
            alpha=alpha,
            groups=predictions.group,
        )
    return Evaluation(
        subject=name,
        against=against,
        data=exam.summary.model_copy(update={"notes": (*exam.summary.notes, *notes)}),
        quality=score(predictions.label, predictions.predicted, predictions.language),
        truncated=cut,
        verdicts=verdicts,
    )


def _answer(
    router: Router,
    texts: Sequence[str],
    routes: Sequence[str],
    batch_tokens: int,
    advance: Callable[[int], None] | None = None,
) -> tuple[Answers, int]:
    """Answers in the order of the texts, and how many texts were cut."""
    predicted, confidence, cut = np.zeros(len(texts), dtype=np.int64), np.zeros(len(texts), dtype=np.float32), 0
    for name in dict.fromkeys(routes):
        places = [place for place, route in enumerate(routes) if route == name]
        encoded = router.classifiers[name].encode([texts[place] for place in places])
        own = answer_all(router.classifiers[name], encoded.rows, batch_tokens, advance)
        predicted[places], confidence[places] = own.predicted, own.confidence
        cut += sum(encoded.truncated)
    return Answers(predicted, confidence), cut


def _detected(router: Router, exam: Exam, told: Sequence[str], answers: Answers, batch_tokens: int) -> tuple[str, ...]:
    """What detecting the languages does, where the router can."""
    languages = f"Languages were told as in the data, by {len(router.manifest.variants)} variants"
    if router.identifier is None:
        return (f"{languages}; the router detects none.",)
    texts = exam.examples.texts
    detected = router.routes(texts)
    other = [place for place in range(len(texts)) if detected[place] != told[place]]
    predicted = answers.predicted.copy()
    if other:
        again, _ = _answer(
            router, [texts[place] for place in other], [detected[place] for place in other], batch_tokens
        )
        predicted[other] = again.predicted
    accuracy = float((predicted == exam.expected).mean())
    moved = f"{len(other):,} of {len(texts):,} texts go to another one"
    return (f"{languages}; detected, {moved}, and the accuracy is {accuracy:.1%}.",)


def _opponent(against: str, router: Router, setting: Setting) -> Classifier | Router:
    folder = resolve_model(against, allow_pickle=setting.allow_pickle)
    other: Classifier | Router
    if is_router(folder):
        other = load_router(folder, setting.threads)
    else:
        other = open_subject(folder, setting.threads, allow_pickle=setting.allow_pickle)
    if other.manifest.labels != router.manifest.labels:
        raise DataError(f"{against} answers with other labels than the router.", "Compare models with the same head.")
    return other


def _other_answers(
    opponent: Classifier | Router, against: str, exam: Exam, setting: Setting, observer: Observer
) -> Predictions:
    texts = exam.examples.texts
    if isinstance(opponent, Classifier):
        return answer_exam(opponent, against, opponent.encode(texts), exam, setting, observer)
    observer.enter(against, "evaluating", len(texts))
    routes = opponent.routes(texts, exam.examples.languages)
    answers, _ = _answer(opponent, texts, routes, setting.batch_tokens, partial(observer.advance, against))
    observer.enter(against, "done")
    return exam.predictions(answers, opponent.manifest.labels)
