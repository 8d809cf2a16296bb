"""One model measured: latency percentiles, accuracy by language, size, cold start."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from leanglot.data.examples import Examples
from leanglot.data.given import examples_of, listed
from leanglot.data.labels import resolve_labels
from leanglot.errors import ConfigError, DataError
from leanglot.familiar.benchmark_result import BenchmarkResult
from leanglot.familiar.latencies import Latencies, latencies
from leanglot.familiar.tasks import examples_in
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.compressed import weight_files
from leanglot.measure.latency import time_in_rotation
from leanglot.measure.ledger import size_ledger
from leanglot.measure.quality import answer_all, score
from leanglot.measure.speed import P99_CALLS
from leanglot.measure.subject import open_subject
from leanglot.models.hub import resolve_model
from leanglot.results.environment import available_cores, read_environment
from leanglot.results.measures import ColdStart, Quality
from leanglot.runtimes.batching import DEFAULT_BATCH_TOKENS

_COLD_TEXT: Final = "leanglot"
_MEGABYTE: Final = 1e6


class MultilingualModelBenchmark:
    """Measures one classifier.

    Args:
        model_name: An artifact, a model folder, or a name on the hub.
        device: ``cpu``, or None for the same: what is measured here runs on the CPU.
        threads: Threads of the runtime; None takes those of the artifact, or the physical cores.
        allow_pickle: Whether pickled weights may be read.

    Raises:
        ConfigError: Another device is asked for.
        ModelError: There is no such model, or it cannot be used.
    """

    def __init__(
        self,
        model_name: str | Path,
        device: str | None = None,
        *,
        threads: int | None = None,
        allow_pickle: bool = False,
    ) -> None:
        if device not in {None, "cpu"}:
            raise ConfigError(f"The device {device!r} cannot be measured on.", "Allowed is cpu, or no device.")
        self.model_name = str(model_name)
        self.folder = resolve_model(self.model_name, allow_pickle=allow_pickle)
        self.threads = threads
        self.allow_pickle = allow_pickle
        self.classifier = open_subject(self.folder, threads, allow_pickle=allow_pickle)

    def measure_latency(self, texts: Sequence[str], num_runs: int = P99_CALLS) -> Latencies:
        """Latency of one text at batch size 1, after warm-up, tokenization outside.

        Args:
            texts: At least one; where there are fewer than calls, they come again.
            num_runs: Timed calls. By default there are enough for each percentile; with fewer, those that so few calls
                cannot place are None, with why in ``missing``.

        Returns:
            A mapping of ``p50``, ``p95``, ``p99`` and ``mean``, in milliseconds.

        Raises:
            DataError: There are no texts, or one is empty.
            ConfigError: Fewer than one call is asked for.
        """
        if num_runs < 1:
            raise ConfigError(f"num_runs is {num_runs!r}.", "Allowed are whole numbers from 1 on.")
        rows = self.classifier.encode(_readable(texts)).rows
        return latencies(time_in_rotation(self.classifier, {"": rows}, num_runs)[""])

    def measure_accuracy_per_language(
        self, texts: Sequence[str], labels: Iterable[object], languages: Iterable[str]
    ) -> dict[str, float]:
        """Share of right answers by language.

        Args:
            texts: What the model reads.
            labels: The right answer to each: a label's name, or its position in the model's head.
            languages: Language tag of each.

        Returns:
            Accuracy by canonical language tag, such as ``pt-BR``.

        Raises:
            DataError: A column cannot be used.
            ModelError: The model's answers are not finite.
        """
        quality = self._quality(examples_of(texts, labels, languages))
        return {tag: own.accuracy for tag, own in quality.languages.items()}

    def get_model_size_mb(self) -> float:
        """Bytes of the weights as they are stored, in units of 10^6 as everywhere in leanglot."""
        ledger = size_ledger(self.folder, self.classifier.manifest)
        stored = sum(row.size_bytes for row in ledger)
        return (stored or sum(path.stat().st_size for path in weight_files(self.folder))) / _MEGABYTE

    def measure_cold_start(self) -> float:
        """Seconds that a fresh process takes from its start to its first answer; the median of three.

        Raises:
            ModelError: A process failed.
        """
        return self._cold_start(_COLD_TEXT).seconds

    def run_benchmark(
        self,
        test_data: object,
        labels: Iterable[object] | None = None,
        languages: Iterable[str] | None = None,
        *,
        num_runs: int = P99_CALLS,
    ) -> BenchmarkResult:
        """Everything above in one record.

        Args:
            test_data: Texts, with ``labels`` and ``languages`` for each. Or, with ``labels`` None: a data file; rows
                with the keys ``text``, ``label`` and ``language``; columns ``texts``, ``labels`` and ``languages`` by
                name; or by language tag the texts with their labels, as a pair, as columns or as rows.
            labels: The right answer to each text.
            languages: Language tag of each text; with ``labels`` None, the languages to take, all by default.
            num_runs: Timed calls.

        Raises:
            LeanglotError: The data cannot be used, or a measurement failed.
        """
        if num_runs < 1:
            raise ConfigError(f"num_runs is {num_runs!r}.", "Allowed are whole numbers from 1 on.")
        examples = examples_in(test_data, labels, languages)
        quality = self._quality(examples)
        by_language, overall = self._latencies(examples, num_runs)
        cold = self._cold_start(examples.texts[0])
        return BenchmarkResult(
            model_name=self.model_name,
            latency=overall,
            latency_by_language=by_language,
            accuracy=quality.accuracy,
            accuracy_by_language={tag: own.accuracy for tag, own in quality.languages.items()},
            quality_by_language=quality.languages,
            model_size_mb=self.get_model_size_mb(),
            cold_start_s=cold.seconds,
            peak_rss_bytes=cold.peak_rss_bytes,
            environment=read_environment(self.threads or available_cores()),
        )

    def _quality(self, examples: Examples) -> Quality:
        names = self.classifier.manifest.labels
        expected, _ = resolve_labels(examples, names)
        answers = answer_all(self.classifier, self.classifier.encode(examples.texts).rows, DEFAULT_BATCH_TOKENS)
        right, answered = ([names[at] for at in column] for column in (expected, answers.predicted))
        return score(right, answered, examples.languages)

    def _latencies(self, examples: Examples, calls: int) -> tuple[dict[str, Latencies], Latencies]:
        """By language, and over all of them."""
        rows = self.classifier.encode(examples.texts).rows
        by_language = {tag: [rows[at] for at in positions] for tag, positions in examples.by_language().items()}
        times = time_in_rotation(self.classifier, by_language, -(-calls // len(by_language)))
        return {tag: latencies(own) for tag, own in times.items()}, latencies(np.concatenate(list(times.values())))

    def _cold_start(self, text: str) -> ColdStart:
        threads = self.threads or available_cores()
        return measure_cold_start(self.folder, text, threads, allow_pickle=self.allow_pickle)


def _readable(texts: Sequence[str]) -> list[str]:
    """The texts, none of them empty."""
    found = listed("texts", texts)
    if not found:
        raise DataError("There are no texts.", "Give at least one.")
    for position, text in enumerate(found):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"Text {position} is empty or no string: {text!r:.60}.", "Leave it out.")
    return found
