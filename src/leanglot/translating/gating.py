"""The gate over translation models, artifacts and stored translations, held to the same sentences."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from leanglot.config import TranslationConfig
from leanglot.decide.gate import GateRule
from leanglot.decide.translation_gate import TranslationContestant, decide_translation_gate
from leanglot.errors import DataError, RunError
from leanglot.measure.translation_quality import metric_record
from leanglot.progress import Observer
from leanglot.results.folder import read_report
from leanglot.results.gate import GateReport, GateSide
from leanglot.results.manifest import is_artifact
from leanglot.results.stored_answers import StoredAnswers, find_stored
from leanglot.results.translation_store import read_translations

if TYPE_CHECKING:
    from leanglot.steps import Setting


def gate_translations(
    baseline: str,
    candidate: str,
    rule: GateRule,
    setting: "Setting | None",
    settings: TranslationConfig,
    observer: Observer,
) -> GateReport:
    """Decides whether a candidate may take the baseline's place.

    Args:
        baseline: A model folder, an artifact, a name on the hub, or stored translations.
        candidate: Likewise.
        rule: What the candidate has to fulfil.
        setting: The data, and how models answer them; stored translations alone need none.
        settings: How translations are searched for, and the metric.
        observer: Told of the progress.

    Raises:
        LeanglotError: A side cannot be used, both did not translate the same sentences, or a limit cannot be held.
    """
    stored = {side: find_stored(side) for side in (baseline, candidate)}
    live = [side for side, found in stored.items() if found is None]
    if setting is None and live:
        raise DataError(f"{live[0]} is to translate, and nothing says what.", "Add --data FILE.")
    observer.plan(live)
    source = None if setting is None else setting.data.path.name
    notes: list[str] = []
    sides = []
    for side in (baseline, candidate):
        found = stored[side]
        if found is not None:
            sides.append(_from_store(side, found))
            source = source or _source_of(found)
        elif setting is not None:
            contestant, told = _translated(side, setting, settings, observer)
            sides.append(contestant)
            notes += told
    metric = metric_record(settings.metric, sorted(set(sides[1].translations.pair)))
    told_once = tuple(dict.fromkeys(notes))
    return decide_translation_gate(sides[0], sides[1], rule, metric, datetime.now(UTC), source, told_once)


def _from_store(side: str, stored: StoredAnswers) -> TranslationContestant:
    translations = read_translations(stored.file)
    if not len(translations):
        raise DataError(f"The translations {stored.file} are empty.", "Run the command that wrote them again.")
    return TranslationContestant(GateSide(name=side, kind="predictions", size_bytes=stored.size_bytes), translations)


def _source_of(stored: StoredAnswers) -> str | None:
    try:
        return None if stored.run is None else read_report(stored.run).data.source
    except RunError:
        return None


def _translated(
    side: str, setting: "Setting", settings: TranslationConfig, observer: Observer
) -> tuple[TranslationContestant, tuple[str, ...]]:
    # Engines take seconds to import, which stored translations alone need not wait for.
    from leanglot.measure.translation_subject import open_translator
    from leanglot.measure.weight import folder_size
    from leanglot.models.hub import resolve_model
    from leanglot.translating.exam import prepare_translation_exam
    from leanglot.translating.steps import translate_exam

    folder = resolve_model(side, allow_pickle=setting.allow_pickle)
    translator = open_translator(folder, setting.threads, allow_pickle=setting.allow_pickle)
    exam = prepare_translation_exam(setting.data, translator.text.check_pair, limit=setting.limit, seed=setting.seed)
    translations = translate_exam(translator, side, exam, setting, settings, observer)
    described = GateSide(name=side, kind="artifact" if is_artifact(folder) else "model", size_bytes=folder_size(folder))
    return TranslationContestant(described, translations), exam.summary.notes
