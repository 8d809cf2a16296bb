"""Quality of translations: chrF and BLEU by sacrebleu, kept as counts per sentence that sum to any corpus score."""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from leanglot.data.parallel import ParallelExamples
from leanglot.errors import DataError, ModelError
from leanglot.extras import require
from leanglot.languages import canonical_tag, script, split_pair
from leanglot.measure.silent_failures import Detectors, Output, learn_detectors
from leanglot.results.translation import Metric, PairQuality
from leanglot.results.translations import Statistics, Translations
from leanglot.runtimes.base import TokenIds
from leanglot.stats.corpus_scores import CORPUS_SCORES, corpus_chrf
from leanglot.techniques import MetricName

_EXTRA: Final = "translation"

# Scripts written without spaces between words, and Korean, whose words carry their particles: characters are compared.
_BY_CHARACTER: Final = frozenset({"Jpan", "Hira", "Kana", "Kore", "Hang", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"})
_CHINESE: Final = frozenset({"Hans", "Hant", "Hani"})


class DecodedTokens(Protocol):
    """What is known of a translation besides its text; the engines' `Decoded` is one."""

    @property
    def ids(self) -> TokenIds:
        """Its tokens, without the end token."""
        ...

    @property
    def log_probability(self) -> float:
        """Sum of the natural log probabilities of its tokens, the end token's included."""
        ...

    @property
    def finished(self) -> bool:
        """Whether it ended by itself."""
        ...


def score_translations(
    examples: ParallelExamples,
    hypotheses: Sequence[str],
    decoded: Sequence[DecodedTokens],
    detectors: Detectors | None = None,
    index: NDArray[np.int64] | None = None,
) -> Translations:
    """Scores what a model made of sentences, one by one.

    Args:
        examples: The sentences with their references.
        hypotheses: A translation of each, in the same order.
        decoded: The tokens of each.
        detectors: What finds silent failures; None learns it from the sentences themselves, once for each set of them.
        index: Position of each sentence in the data; None counts them from 0.

    Returns:
        The translations with their counts and failures.

    Raises:
        DataError: Not every sentence has one translation.
        ModelError: A log probability is no number.
        MissingExtraError: sacrebleu is not installed.
    """
    lengths = {len(examples), len(hypotheses), len(decoded), len(examples) if index is None else len(index)}
    if len(lengths) > 1:
        raise DataError(
            f"{len(examples):,} sentences, {len(hypotheses):,} translations, {len(decoded):,} of them with tokens.",
            "Score one translation of each sentence, in the same order.",
        )
    chrf, bleu = np.zeros((len(examples), 18)), np.zeros((len(examples), 10))
    for pair, places in examples.by_pair().items():
        texts = [hypotheses[place] for place in places]
        references = [examples.references[place] for place in places]
        chrf[places] = _counts(_chrf(), texts, references)
        bleu[places] = _counts(_bleu(bleu_tokenizer(pair)), texts, references)
    output = Output(tuple(hypotheses), np.asarray([each.finished for each in decoded], dtype=np.bool_))
    return Translations(
        index=np.arange(len(examples), dtype=np.int64) if index is None else index,
        pair=examples.pairs,
        group=examples.groups,
        source=examples.sources,
        reference=examples.references,
        hypothesis=tuple(hypotheses),
        chrf=chrf,
        bleu=bleu,
        sentence_chrf=corpus_chrf(chrf),
        confidence=np.asarray([_confidence(*each) for each in enumerate(decoded)], dtype=np.float64),
        tokens=np.asarray([len(each.ids) for each in decoded], dtype=np.int64),
        failed=(detectors or _detectors_of(examples)).find(examples, output),
    )


def pair_quality(translations: Translations, *, copying: bool = True) -> dict[str, PairQuality]:
    """How well each pair was translated.

    Args:
        translations: Scored translations.
        copying: Score handing the sources back, too, which needs sacrebleu.

    Returns:
        The record by pair, in alphabetical order.
    """
    found = {}
    for pair, places in translations.by_pair().items():
        found[pair] = PairQuality(
            n=len(places),
            chrf=_score(translations, "chrf", places),
            bleu=_score(translations, "bleu", places),
            copying=_copying(translations, places) if copying else None,
            failures={kind: int(shown[places].sum()) for kind, shown in translations.failed.items()},
            failing=_failing(translations, places),
            tokens=int(translations.tokens[places].sum()),
            characters=sum(len(translations.source[place]) for place in places),
        )
    return found


def _failing(translations: Translations, places: NDArray[np.int64]) -> int | None:
    """Sentences with any kind of failure; None where none was looked for."""
    shown = [failed[places] for failed in translations.failed.values()]
    return int(np.any(shown, axis=0).sum()) if shown else None


def overall(translations: Translations, metric: MetricName) -> float | None:
    """The corpus score over all sentences, whatever their pair, as a fraction; None where there are none.

    With several target languages it is no published score: BLEU counts then mix tokenizers.
    """
    return _score(translations, metric, np.arange(len(translations))) if len(translations) else None


def metric_record(metric: MetricName, pairs: Sequence[str]) -> Metric:
    """The record of a metric and of the other one beside it, with sacrebleu's signatures.

    Args:
        metric: ``chrf`` or ``bleu``.
        pairs: The language pairs, whose targets decide how BLEU tokenizes.
    """
    others: list[MetricName] = [other for other in get_args(MetricName) if other != metric]
    return _record(metric, pairs).model_copy(update={"beside": _record(others[0], pairs)})


def _record(metric: MetricName, pairs: Sequence[str]) -> Metric:
    if metric == "chrf":
        return Metric(name=metric, signature=_signature(_chrf()))
    usual = _signature(_bleu("13a"))
    signatures = {pair: _signature(_bleu(bleu_tokenizer(pair))) for pair in pairs}
    return Metric(
        name=metric,
        signature=usual,
        pair_signatures={pair: signature for pair, signature in signatures.items() if signature != usual},
    )


def bleu_tokenizer(tag: str) -> str:
    """Name of sacrebleu's tokenizer for a target language.

    ``zh`` for Chinese. ``char`` for scripts without spaces between words (Japanese, Thai, Lao, Khmer, Burmese,
    Tibetan), where ``13a`` would take a sentence for one word; and for Korean, whose words carry their particles, so
    that a right noun with another particle would count as wrong. sacrebleu's own tokenizers for these two need
    large dictionaries. ``13a``, sacrebleu's default, for all others.

    Args:
        tag: A language or a language pair.
    """
    _, target = split_pair(canonical_tag(tag)) or ("", tag)
    written = script(target)
    if written in _CHINESE:
        return "zh"
    return "char" if written in _BY_CHARACTER else "13a"


@lru_cache(maxsize=2)
def _detectors_of(examples: ParallelExamples) -> Detectors:
    """Every candidate of a run translates the same sentences."""
    return learn_detectors(examples)


def _counts(metric: Any, hypotheses: Sequence[str], references: Sequence[str]) -> Statistics:  # noqa: ANN401
    # sacrebleu offers the counts to nobody; its own significance tests take them from here.
    counts = metric._extract_corpus_statistics(hypotheses, [references])  # noqa: SLF001
    return np.asarray(counts, dtype=np.float64)


def _score(translations: Translations, metric: MetricName, places: NDArray[np.int64]) -> float:
    counts = translations.chrf if metric == "chrf" else translations.bleu
    return float(CORPUS_SCORES[metric](counts[places].sum(axis=0)))


def _copying(translations: Translations, places: NDArray[np.int64]) -> float:
    sources = tuple(translations.source[place] for place in places)
    return _likeness(sources, tuple(translations.reference[place] for place in places))


@lru_cache(maxsize=256)
def _likeness(texts: tuple[str, ...], references: tuple[str, ...]) -> float:
    """Corpus chrF2 of texts; every candidate of a run has the same sources."""
    return float(corpus_chrf(_counts(_chrf(), texts, references).sum(axis=0)))


def _confidence(position: int, decoded: DecodedTokens) -> float:
    """Exponential of the mean log probability per token, the end token's included."""
    if math.isnan(decoded.log_probability):
        raise ModelError(
            f"The log probability of translation {position + 1:,} is no number.",
            "The model's weights or its engine are broken: check the model with plain transformers.",
        )
    number = max(1, len(decoded.ids) + int(decoded.finished))
    return math.exp(min(0.0, decoded.log_probability / number))


def _signature(metric: Any) -> str:  # noqa: ANN401
    metric.num_refs = 1
    return str(metric.get_signature())


def _chrf() -> Any:  # noqa: ANN401
    return require("sacrebleu.metrics", _EXTRA).CHRF()


def _bleu(tokenizer: str) -> Any:  # noqa: ANN401
    # Forced: it else warns of texts that end in " .", as some languages write them.
    return require("sacrebleu.metrics", _EXTRA).BLEU(tokenize=tokenizer, force=True)
