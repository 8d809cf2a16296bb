"""One translation candidate's way through a run: made, evaluated, weighed, started cold, timed; each stage kept."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leanglot.artifacts import versions
from leanglot.config import CandidateConfig, TranslationConfig
from leanglot.exam import Effort
from leanglot.measure.cold_start import measure_cold_start
from leanglot.measure.speed import measure_turns
from leanglot.measure.translation_subject import translator_in_memory
from leanglot.measure.translation_weight import weigh_translator
from leanglot.models.translation_model import TranslationModel
from leanglot.progress import Observer, Telling
from leanglot.results.atomic import atomic_folder
from leanglot.results.baseline_store import forget_lost_baseline, is_whole
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.folder import RunFolder
from leanglot.results.manifest import file_digest
from leanglot.results.measures import ColdStart, Speed, Weight
from leanglot.results.records import Environment
from leanglot.results.translation_store import read_translations, write_translations
from leanglot.results.translations import Translations
from leanglot.runtimes.loading import load_translator
from leanglot.runtimes.translator import Translator
from leanglot.stages import Evaluated, Failed, Made, attempt
from leanglot.techniques.support import trains, trims
from leanglot.translating.exam import TranslationExam
from leanglot.translating.making import TranslationMaking, make_translation_artifact
from leanglot.translating.remembering import remember_translations

TRANSLATIONS_NAME = "translations.parquet"


@dataclass(frozen=True, slots=True)
class TranslationBench:
    """What all trials of a run share.

    Attributes:
        model: The baseline model.
        exam: The judged and the timed sentences.
        settings: How translations are searched for and judged.
        environment: The machine.
        making: The target machine, and sentences to learn from.
        threads: Threads of every engine; None takes each candidate's own fastest number.
        effort: How much is measured.
        batch_tokens: Largest batch in tokens.
        folder: The run's folder.
        observer: Who is told of the progress.
    """

    model: TranslationModel
    exam: TranslationExam
    settings: TranslationConfig
    environment: Environment
    making: TranslationMaking
    threads: int | None
    effort: Effort
    batch_tokens: int
    folder: RunFolder
    observer: Observer


@dataclass(frozen=True, slots=True)
class TranslationTrial:
    """Everything measured of one candidate.

    Attributes:
        config: What was asked for.
        threads: Threads that it ran with.
        made: The artifact.
        evaluated: Facts about the tokenized sentences.
        translations: What it made of each sentence.
        weight: Size and sparsity.
        cold_start: Time and memory of a fresh process.
        speed: Latency and throughput.
    """

    config: CandidateConfig
    threads: int
    made: Made
    evaluated: Evaluated
    translations: Translations
    weight: Weight
    cold_start: ColdStart
    speed: Speed


def run_trial(bench: TranslationBench, config: CandidateConfig, baseline: Translator | None) -> TranslationTrial:
    """Take a candidate through all stages, keeping what an earlier run of the same inputs finished.

    Args:
        bench: What the trials share.
        config: The candidate.
        baseline: What it is timed against; None when it is the baseline itself.
    """
    place = bench.folder.candidate(config.name)
    artifact, store = place.artifact, Checkpoints(place.path)
    enter = functools.partial(bench.observer.enter, config.name)
    advance = functools.partial(bench.observer.advance, config.name)

    enter("making")
    made_key = _made_key(bench, config)
    made = _keep_made(bench, config, artifact, store, made_key)
    threads = bench.threads or made.manifest.threads or bench.environment.threads
    opened = functools.cache(
        lambda: translator_in_memory(bench.model, threads) if baseline is None else load_translator(artifact, threads)
    )

    enter("evaluating", len(bench.exam.examples))
    # INT8 products are not the same on every processor, so translations are not either.
    processor = (bench.environment.cpu, bench.environment.isa)
    exam_key = key_of(made_key, bench.exam.summary.digest, bench.batch_tokens, processor, bench.settings)
    evaluated, translations = _evaluate(bench, place.path / TRANSLATIONS_NAME, store, exam_key, opened, advance)
    remembered_key = key_of(exam_key, evaluated.predictions)
    remember_translations(store, remembered_key, artifact, bench.exam.summary.source, translations, opened)

    enter("weighing")
    weight = store.keep("weight", made_key, Weight, lambda: weigh_translator(artifact, opened()))

    enter("cold start")
    machine = key_of(bench.environment.cpu, bench.environment.isa, bench.environment.threads, bench.effort)
    first = bench.exam.latency_positions[0]
    text, pair = bench.exam.examples.sources[first], bench.exam.examples.pairs[first]
    cold = store.keep(
        "cold-start",
        key_of(made_key, machine, text, pair),
        ColdStart,
        lambda: measure_cold_start(artifact, text, threads, repetitions=bench.effort.cold_starts, pair=pair),
    )

    enter("timing", len(bench.exam.latency_positions))
    speed_key = key_of(exam_key, machine, bench.exam.latency_positions, bench.exam.batch_positions)
    speed = store.keep("speed", speed_key, Speed, lambda: _time(bench, opened(), baseline, advance))
    enter("done" if store.saved else "kept")
    return TranslationTrial(config, threads, made, evaluated, translations, weight, cold, speed)


def try_candidate(
    bench: TranslationBench, config: CandidateConfig, baseline: TranslationTrial
) -> TranslationTrial | Failed:
    """Run a candidate's trial; whatever goes wrong with it alone does not stop the run.

    Raises:
        StorageError: The disk is full, which would stop every other candidate too.
    """
    reference = translator_in_memory(bench.model, baseline.threads)
    return attempt(lambda: run_trial(bench, config, reference), config, bench.folder, bench.observer)


def _made_key(bench: TranslationBench, config: CandidateConfig) -> str:
    """Everything that shapes an artifact, and the machine where its threads were searched."""
    making = bench.making
    learns = trains(config.recipe) or trims(config.recipe) or bool(config.recipe and config.runtime != "ctranslate2")
    digests = [None if pool is None else pool.digest() for pool in (making.training, making.calibration)]
    searched = (bench.environment.cpu, bench.environment.threads) if bench.threads is None else ()
    return key_of(
        bench.model.source,
        bench.model.max_length,
        bench.model.facts,
        config,
        making.isa,
        versions(config.runtime),
        digests if learns else [],
        searched,
    )


def _keep_made(bench: TranslationBench, config: CandidateConfig, artifact: Path, store: Checkpoints, key: str) -> Made:
    made = store.load("made", key, Made)
    if made is not None and is_whole(artifact, made.manifest):
        forget_lost_baseline(artifact)
        return made
    with atomic_folder(artifact) as folder:
        telling = Telling(bench.observer, config.name)
        making = bench.making.told(telling)
        made = Made(manifest=make_translation_artifact(bench.model, config, folder, making))
    store.save("made", key, made)
    return made


def _evaluate(
    bench: TranslationBench,
    stored: Path,
    store: Checkpoints,
    key: str,
    opened: Callable[[], Translator],
    advance: Callable[[int], None],
) -> tuple[Evaluated, Translations]:
    evaluated = store.load("evaluated", key, Evaluated)
    if evaluated is not None and stored.is_file() and file_digest(stored) == evaluated.predictions:
        return evaluated, read_translations(stored)
    translations = bench.exam.translate(opened(), bench.settings, bench.batch_tokens, advance)
    write_translations(stored, translations)
    evaluated = _describe_tokens(bench, opened(), file_digest(stored))
    store.save("evaluated", key, evaluated)
    return evaluated, translations


def _describe_tokens(bench: TranslationBench, translator: Translator, digest: str) -> Evaluated:
    examples = bench.exam.examples
    encoded = translator.text.encode(examples.sources, examples.pairs)
    lengths, cut = np.asarray([len(row) for row in encoded.rows]), np.asarray(encoded.truncated)
    by_pair = examples.by_pair().items()
    return Evaluated(
        tokens_per_example={pair: float(lengths[places].mean()) for pair, places in by_pair},
        truncated={pair: int(cut[places].sum()) for pair, places in by_pair},
        predictions=digest,
    )


def _time(
    bench: TranslationBench, translator: Translator, baseline: Translator | None, advance: Callable[[int], None]
) -> Speed:
    exam = bench.exam
    both = [translator] if baseline is None else [baseline, translator]
    timed = [exam.timed(each, bench.settings, bench.batch_tokens) for each in both]
    return measure_turns(timed, exam.latency_pairs, len(exam.batch_positions), bench.effort.rounds, advance)
