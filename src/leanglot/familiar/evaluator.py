"""Quality and latency language by language, held against thresholds and weighed by what errors cost."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final

from leanglot.data.examples import Examples
from leanglot.data.given import examples_of, listed
from leanglot.data.labels import resolve_labels
from leanglot.decide.cost import error_costs
from leanglot.errors import ConfigError, DataError
from leanglot.familiar.language_report import render_metrics
from leanglot.familiar.latencies import Latencies, latencies
from leanglot.familiar.metrics import LanguageMetrics, metrics_of
from leanglot.familiar.tags import by_tag, shares_of
from leanglot.measure.latency import time_in_rotation
from leanglot.measure.quality import answer_all, score
from leanglot.measure.speed import P95_CALLS
from leanglot.measure.subject import in_memory, open_subject
from leanglot.models.given import text_classifier_of
from leanglot.models.hub import resolve_model
from leanglot.results.measures import Quality
from leanglot.runtimes.base import TokenIds
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS
from leanglot.runtimes.classifier import Classifier

_ALLOWED: Final = "A threshold is a share: 0.80 is 80%."


class PerLanguageEvaluator:
    """Evaluates one model language by language.

    Args:
        model: A sequence classifier of transformers with its tokenizer; or, with ``tokenizer`` None, what
            ``leanglot.load`` returns, or the path or hub name of an artifact or a model. None where `evaluate` is
            always given the predictions.
        tokenizer: The fast tokenizer of a transformers model.
        language_thresholds: Least accuracy by language.
        error_costs: Cost of one wrong answer by language.
        default_threshold: Least accuracy of the languages that have no threshold of their own; None leaves them
            without one, and says so.
        latency_calls: Timed calls per language; 0 times nothing.

    Raises:
        ConfigError: A language is unknown, or a threshold or a cost is out of range.
        ModelError: The model or its tokenizer cannot be used.
    """

    def __init__(
        self,
        model: object,
        tokenizer: object = None,
        language_thresholds: Mapping[str, float] | None = None,
        error_costs: Mapping[str, float] | None = None,
        *,
        default_threshold: float | None = None,
        latency_calls: int = P95_CALLS,
    ) -> None:
        if default_threshold is not None and not 0 <= default_threshold <= 1:
            raise ConfigError(f"default_threshold is {default_threshold!r}.", _ALLOWED)
        if latency_calls < 0:
            raise ConfigError(f"latency_calls is {latency_calls!r}.", "Allowed are whole numbers from 0 on.")
        self.language_thresholds = by_tag("language_thresholds", language_thresholds or {}, _ALLOWED, 1.0)
        self.error_costs = by_tag("error_costs", error_costs or {}, "A cost is a number from 0 on.")
        self.default_threshold = default_threshold
        self.latency_calls = latency_calls
        self.classifier = _classifier(model, tokenizer)

    def evaluate(
        self,
        texts: Sequence[str],
        labels: Iterable[object],
        languages: Iterable[str],
        predictions: Iterable[object] | None = None,
    ) -> dict[str, LanguageMetrics]:
        """Quality and latency by language.

        Args:
            texts: What the model reads.
            labels: The right answer to each: a label's name, or its position in the model's head.
            languages: Language tag of each.
            predictions: What was answered to each, in place of asking the model.

        Returns:
            Metrics by canonical language tag, such as ``pt-BR``.

        Raises:
            DataError: A column cannot be used.
            ModelError: The model's answers are not finite.
        """
        examples = examples_of(texts, labels, languages)
        rows = None if self.classifier is None else self.classifier.encode(examples.texts).rows
        quality = self._quality(examples, rows, predictions)
        times = self._latencies(examples, rows)
        untimed = "latency_calls is 0" if self.classifier is not None else "there is no model to time"
        return {
            tag: metrics_of(tag, own, times.get(tag), self._threshold(tag), untimed)
            for tag, own in quality.languages.items()
        }

    def check_thresholds(self, metrics: Mapping[str, LanguageMetrics]) -> dict[str, bool | None]:
        """Which languages miss their threshold.

        Returns:
            True for a violation, False where the threshold is met, None where there is no threshold.
        """
        checks = {tag: own.meets_threshold.met for tag, own in metrics.items()}
        return {tag: None if met is None else not met for tag, met in checks.items()}

    def calculate_error_weighted_cost(
        self,
        metrics: Mapping[str, LanguageMetrics],
        traffic_distribution: Mapping[str, float],
        error_costs: Mapping[str, float] | None = None,
        *,
        normalize: bool = False,
    ) -> dict[str, float]:
        """What errors cost per prediction, by language: share of the traffic times error rate times cost per error.

        Args:
            metrics: What `evaluate` found.
            traffic_distribution: Share of each language; the shares sum to 1.
            error_costs: Cost of one wrong answer by language; None takes the evaluator's own.
            normalize: Divide shares that do not sum to 1 by their sum, rather than refuse them.

        Returns:
            For each language evaluated; 0 for one without traffic. Their sum is the cost of an average prediction.

        Raises:
            ConfigError: The shares do not sum to 1, or a language with traffic has no cost.
            DataError: A language with traffic was not evaluated: its errors are unknown, not zero.
        """
        shares = shares_of("traffic_distribution", traffic_distribution, normalize=normalize)
        prices = self.error_costs if error_costs is None else by_tag("error_costs", error_costs, "From 0 on.")
        return _priced(metrics, {tag: share for tag, share in shares.items() if share > 0}, prices)

    def generate_report(
        self,
        metrics: Mapping[str, LanguageMetrics],
        traffic_distribution: Mapping[str, float] | None = None,
        *,
        normalize: bool = False,
    ) -> str:
        """The metrics as a table of plain text, the lowest accuracy first.

        Args:
            metrics: What `evaluate` found.
            traffic_distribution: Share of each language, to show beside it with what its errors cost.
            normalize: Divide shares that do not sum to 1 by their sum, rather than refuse them.

        Raises:
            ConfigError: The shares do not sum to 1.
        """
        if traffic_distribution is None:
            return render_metrics(metrics, {}, self.error_costs)
        shares = shares_of("traffic_distribution", traffic_distribution, normalize=normalize)
        return render_metrics(metrics, shares, self.error_costs)

    def _threshold(self, tag: str) -> float | None:
        return self.language_thresholds.get(tag, self.default_threshold)

    def _quality(
        self, examples: Examples, rows: Sequence[TokenIds] | None, predictions: Iterable[object] | None
    ) -> Quality:
        if predictions is not None:
            return _score_given(examples, predictions, self.classifier)
        if self.classifier is None or rows is None:
            raise DataError("There is neither a model nor predictions.", "Pass predictions=, or give a model.")
        names = self.classifier.manifest.labels
        expected, _ = resolve_labels(examples, names)
        answered = answer_all(self.classifier, rows, DEFAULT_BATCH_TOKENS).predicted
        return score([names[at] for at in expected], [names[at] for at in answered], examples.languages)

    def _latencies(self, examples: Examples, rows: Sequence[TokenIds] | None) -> Mapping[str, Latencies]:
        if self.classifier is None or rows is None or self.latency_calls == 0:
            return MappingProxyType({})
        by_language = {tag: [rows[at] for at in positions] for tag, positions in examples.by_language().items()}
        times = time_in_rotation(self.classifier, by_language, self.latency_calls)
        return {tag: latencies(own) for tag, own in times.items()}


def _classifier(model: object, tokenizer: object) -> Classifier | None:
    if tokenizer is not None:
        return in_memory(text_classifier_of(model, tokenizer))
    if model is None or isinstance(model, Classifier):
        return model
    if isinstance(model, str | Path):
        return open_subject(resolve_model(str(model)))
    raise ConfigError(
        f"The model is a {type(model).__name__} without a tokenizer.",
        "Give its tokenizer too; or an artifact, a model folder, or what leanglot.load returns, which have their own.",
    )


def _score_given(examples: Examples, predictions: Iterable[object], classifier: Classifier | None) -> Quality:
    """Scores answers that were given from outside, as names or as ids like the labels."""
    given = listed("predictions", predictions)
    if len(given) != len(examples):
        raise DataError(f"There are {len(given):,} predictions for {len(examples):,} texts.", "Give one for each.")
    answers = examples_of(examples.texts, given, examples.languages)
    if classifier is None:
        return score(examples.labels, answers.labels, examples.languages)
    names = classifier.manifest.labels
    (expected, _), (answered, _) = resolve_labels(examples, names), resolve_labels(answers, names)
    return score([names[at] for at in expected], [names[at] for at in answered], examples.languages)


def _priced(
    metrics: Mapping[str, LanguageMetrics], shares: Mapping[str, float], prices: Mapping[str, float]
) -> dict[str, float]:
    if unknown := [tag for tag in shares if tag not in metrics]:
        raise DataError(
            f"{', '.join(unknown)} {'has' if len(unknown) == 1 else 'have'} traffic and was not evaluated, so what "
            "errors there cost is unknown.",
            "Evaluate these languages too, or leave them out of the traffic.",
        )
    accuracy = {tag: metrics[tag].accuracy for tag in shares}
    costs = error_costs(accuracy, shares, prices, 1.0)
    return {tag: costs.get(tag, 0.0) for tag in metrics}
