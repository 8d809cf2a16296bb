"""The server's metrics in the Prometheus text format: requests, batches and queue, and predictions by language."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from leanglot.monitor.events import UNDETERMINED
from leanglot.results.monitor_baseline import TRANSLATED
from leanglot.results.monitoring import Snapshot
from leanglot.serve.answers import Answer, Batch, Translated
from leanglot.serve.snapshot_metrics import SnapshotCollector

OTHER: Final = "other"
DEFAULT_LANGUAGES_LIMIT: Final = 200
_MOST_VALUES: Final = 50  # of every other label; the server's own are far fewer

REFUSALS: Final = ("queue full", "timeout", "memory", "not ready")
SHADOW_DROPS: Final = ("queue full", "engine failed", "stopping")
LOG_DROPS: Final = ("queue full", "disk full", "not writable")

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_CONFIDENCE: Final = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1.0)
_TEXTS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)
_TOKENS: Final = (16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768)


class LabelValues:
    """A bounded set of values of one label: those reserved, then the first ones met; all others are `OTHER`.

    Reserved values keep their place whatever callers send before them.

    Args:
        limit: Most values, the reserved ones included; reserved values beyond it are kept nevertheless.
        reserved: Values that always stand for themselves.
    """

    def __init__(self, limit: int, reserved: Iterable[str] = ()) -> None:
        self._known = set(reserved)
        self._limit = limit
        self._lock = threading.Lock()

    def of(self, value: str) -> str:
        """The value itself, or `OTHER`."""
        if value in self._known:
            return value
        with self._lock:
            if len(self._known) >= self._limit and value not in self._known:
                return OTHER
            self._known.add(value)
            return value


@dataclass(frozen=True, slots=True)
class _Series:
    """What every answer in a language by a variant counts in."""

    predictions: Counter
    seconds: Histogram
    confidence: Histogram
    tokens: Counter


class Metrics:
    """Counts what the server does, in a registry of its own.

    All methods may be called from any thread, and return at once.

    Args:
        name: Name of the served artifact or router.
        version: Version of leanglot.
        languages: Tags that always have series of their own: those the model was judged in.
        limit: Most languages with series of their own; further ones count as ``other``.
    """

    def __init__(
        self, name: str, version: str, languages: Iterable[str] = (), limit: int = DEFAULT_LANGUAGES_LIMIT
    ) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._languages = LabelValues(limit, (UNDETERMINED, *languages))
        self._series: dict[tuple[str, str], _Series] = {}
        self._plain = {label: LabelValues(_MOST_VALUES) for label in ("route", "reason", "variant")}
        self._gauge("leanglot_build_info", "Version of leanglot and name of what it serves.", "version", "name").labels(
            version, name
        ).set(1)
        self._add_server()
        self._add_predictions()
        self._add_aside()

    def _add_server(self) -> None:
        """Metrics of requests, batches and the queue."""
        self._requests = self._counter("leanglot_requests", "Requests by route and status code.", "route", "code")
        self._request_seconds = self._histogram(
            "leanglot_request_seconds", "From a request's arrival to its answer.", _SECONDS, "route"
        )
        self._refused = self._counter("leanglot_refused", "Requests turned away, or given up, and why.", "reason")
        self._queue_requests = self._gauge("leanglot_queue_requests", "Requests that wait for the engine.")
        self._queue_texts = self._gauge("leanglot_queue_texts", "Texts that wait for the engine.")
        self._batch_texts = self._histogram("leanglot_batch_texts", "Texts in a batch.", _TEXTS, "variant")
        self._batch_tokens = self._histogram(
            "leanglot_batch_tokens", "Tokens in a batch, without padding.", _TOKENS, "variant"
        )
        self._batch_seconds = self._histogram(
            "leanglot_batch_seconds", "Time of a batch in the engine.", _SECONDS, "variant"
        )
        self._padding = self._counter("leanglot_padding_tokens", "Tokens that only filled batches up.", "variant")

    def _add_predictions(self) -> None:
        """Metrics of single answers, by language."""
        self._predictions = self._counter("leanglot_predictions", "Answered texts.", "language", "variant")
        self._seconds = self._histogram(
            "leanglot_prediction_seconds", "From a request's arrival to its answer, by text.", _SECONDS, "language"
        )
        self._confidence = self._histogram(
            "leanglot_confidence", "Softmax probability of the answer.", _CONFIDENCE, "language"
        )
        self._tokens = self._counter("leanglot_tokens", "Tokens of answered texts, special ones included.", "language")
        self._unknown = self._counter("leanglot_unknown_tokens", "Unknown tokens of answered texts.", "language")
        self._truncated = self._counter(
            "leanglot_truncated_texts", "Texts cut at the model's maximum length.", "language"
        )
        self._failures = self._counter(
            "leanglot_translation_failures", "Translations that show a failure, by kind.", "language", "failure"
        )
        self._translated = self._counter("leanglot_translation_tokens", "Tokens of translations.", "language")
        self._split = self._counter(
            "leanglot_split_texts", "Texts that were translated in parts, because they are too long.", "language"
        )
        self._labels = self._counter("leanglot_labels", "Right labels that callers sent later.")

    def _add_aside(self) -> None:
        """Metrics of the shadow and of the log."""
        self._shadow = self._counter(
            "leanglot_shadow_predictions", "Texts that the baseline model answered as well.", "language"
        )
        self._flips = self._counter(
            "leanglot_shadow_flips", "Of those, the ones that it answered differently.", "language"
        )
        self._shadow_dropped = self._counter(
            "leanglot_shadow_dropped_texts", "Sampled texts that the baseline model did not answer.", "reason"
        )
        self._log_lines = self._counter("leanglot_log_lines", "Lines written to the prediction log.")
        self._log_dropped = self._counter("leanglot_log_dropped_lines", "Lines that could not be logged.", "reason")
        # A series that begins above zero hides its first increase from Prometheus.
        for reason in REFUSALS:
            self._refused.labels(reason)
        for reason in SHADOW_DROPS:
            self.shadow_dropped(reason, 0)
        for reason in LOG_DROPS:
            self.log_dropped(reason, 0)

    def requested(self, route: str, status: int, seconds: float) -> None:
        """A request was answered, well or not."""
        known = self._plain["route"].of(route)
        self._requests.labels(known, str(status)).inc()
        self._request_seconds.labels(known).observe(seconds)

    def answered(self, answers: Sequence[Answer], seconds: float) -> None:
        """Texts of one request were answered, `seconds` after its arrival."""
        for answer in answers:
            language = self._languages.of(answer.language or UNDETERMINED)
            series = self._series.get((language, answer.variant)) or self._find(language, answer.variant)
            series.predictions.inc()
            series.seconds.observe(seconds)
            series.confidence.observe(answer.confidence)
            series.tokens.inc(answer.tokens)
            if answer.unknown:
                self._unknown.labels(language).inc(answer.unknown)
            if answer.truncated:
                self._truncated.labels(language).inc()
            if answer.translation is not None:
                self._count_translation(language, answer.label, answer.translation)

    def _count_translation(self, language: str, outcome: str, translation: Translated) -> None:
        self._translated.labels(language).inc(translation.tokens)
        if translation.parts > 1:
            self._split.labels(language).inc()
        if outcome != TRANSLATED:
            self._failures.labels(language, outcome).inc()

    def _find(self, language: str, variant: str) -> _Series:
        """The series of a language and variant; remembered, for finding them takes longer than counting."""
        known = self._plain["variant"].of(variant)
        series = _Series(
            self._predictions.labels(language, known),
            self._seconds.labels(language),
            self._confidence.labels(language),
            self._tokens.labels(language),
        )
        if known == variant:
            self._series[language, variant] = series
        return series

    def labelled(self) -> None:
        """The right label of an earlier answer became known."""
        self._labels.inc()

    def batched(self, batch: Batch) -> None:
        """An engine answered a batch."""
        variant = self._plain["variant"].of(batch.variant)
        self._batch_texts.labels(variant).observe(batch.texts)
        self._batch_tokens.labels(variant).observe(batch.tokens)
        self._batch_seconds.labels(variant).observe(batch.seconds)
        self._padding.labels(variant).inc(max(0, batch.padded - batch.tokens))

    def refused(self, reason: str) -> None:
        """Work was turned away."""
        self._refused.labels(self._plain["reason"].of(reason)).inc()

    def queued(self, requests: int, texts: int) -> None:
        """The queue has this length now."""
        self._queue_requests.set(requests)
        self._queue_texts.set(texts)

    def shadowed(self, language: str | None, *, flipped: bool) -> None:
        """The baseline model answered a served text as well."""
        known = self._languages.of(language or UNDETERMINED)
        self._shadow.labels(known).inc()
        self._flips.labels(known).inc(int(flipped))

    def shadow_dropped(self, reason: str, texts: int) -> None:
        """Sampled texts were not given to the baseline model, or it could not answer them."""
        self._shadow_dropped.labels(self._plain["reason"].of(reason)).inc(texts)

    def logged(self, lines: int) -> None:
        """Lines were written to the log."""
        self._log_lines.inc(lines)

    def log_dropped(self, reason: str, lines: int) -> None:
        """Lines could not be written to the log."""
        self._log_dropped.labels(self._plain["reason"].of(reason)).inc(lines)

    def watch(self, snapshot: Callable[[], Snapshot]) -> None:
        """Export what a monitor knows as well, as of the moment of each scrape."""
        self._registry.register(SnapshotCollector(snapshot))

    def exposition(self, accept: str = "") -> tuple[bytes, str]:
        """All metrics, and their content type.

        Args:
            accept: The header ``Accept`` of the scrape; without one it is the plain text format 0.0.4.
        """
        try:
            encode, content_type = choose_encoder(accept)
        except (TypeError, ValueError):  # a version that is no number
            encode, content_type = choose_encoder("")
        return encode(_WithoutCreated(self._registry)), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(name, text, labels, registry=self._registry, buckets=buckets)


class _WithoutCreated(Collector):
    """A registry without the time at which each series began: a third more series, which nobody asks for."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry

    def collect(self) -> Iterator[Metric]:
        for metric in self._registry.collect():
            metric.samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            yield metric


def metrics_router(metrics: Metrics) -> APIRouter:
    """The route ``GET /metrics``, for Prometheus."""
    router = APIRouter()

    # A plain function: the exposition of many languages takes milliseconds, which the event loop would stand still.
    @router.get("/metrics", tags=["metrics"], summary="Metrics for Prometheus", response_class=Response)
    def scrape(request: Request) -> Response:
        content, content_type = metrics.exposition(request.headers.get("accept", ""))
        return Response(content, media_type=content_type)

    return router
