"""Searches how far a translation model can be pruned, and how shallow its decoder may be, for every language pair."""

import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from leanglot.compress.seq2seq_layers import drop_layers
from leanglot.compress.seq2seq_pruning import prune_weights
from leanglot.data.parallel import ParallelExamples
from leanglot.errors import ConfigError
from leanglot.measure.translation_quality import metric_record, score_translations
from leanglot.models.seq2seq_structure import depths_of
from leanglot.models.translation_model import TranslationModel
from leanglot.results.atomic import write_text_atomically
from leanglot.results.checkpoints import Checkpoints, key_of
from leanglot.results.storage import storage_errors
from leanglot.results.translation_limits import LIMITS_NAME, Limit, LimitKind, LimitProbe, TranslationLimits
from leanglot.results.translations import Translations
from leanglot.runtimes.seq2seq import Decoding
from leanglot.techniques import MagnitudePruning, SequenceDistillation
from leanglot.train.seq2seq_teacher import torch_threads_kept
from leanglot.translating.distilling import distil_translations
from leanglot.translating.lessons import fast_translator
from leanglot.tune.translation_limits import LimitRule, search_limit

KINDS: Final[tuple[LimitKind, ...]] = ("magnitude", "decoder-layers")
_SPARSITIES: Final = tuple(number / 20 for number in range(1, 20))
_BATCH_TOKENS: Final = 4096
_CHOSEN: Final = (
    "Each level was chosen on the sentences that its verdicts are given on, which favours it: judge the model on "
    "others before it ships."
)
_NOTES: Final = ("A search takes it that a further cut hurts more, and does not try every level.", _CHOSEN)


@dataclass(frozen=True, slots=True)
class LimitPlan:
    """What is searched, and how probes are made.

    Attributes:
        kinds: What is cut.
        rule: What every pair has to keep.
        beam: Beam width of all translations.
        training: Sentences that each probe is trained on again, none of them judged; None leaves probes as they were
            cut.
        step: How it is trained: its sizes are those of the probe.
    """

    kinds: tuple[LimitKind, ...] = KINDS
    rule: LimitRule = field(default_factory=LimitRule)
    beam: int = 1
    training: ParallelExamples | None = None
    step: SequenceDistillation = field(default_factory=SequenceDistillation)

    def __post_init__(self) -> None:
        if not self.kinds or (odd := [kind for kind in self.kinds if kind not in KINDS]):
            raise ConfigError(
                f"{', '.join(odd) if self.kinds else 'Nothing'} cannot be searched.", f"Allowed are {', '.join(KINDS)}."
            )


def search_limits(
    model: TranslationModel,
    examples: ParallelExamples,
    folder: Path,
    plan: LimitPlan | None = None,
    tell: Callable[[str], None] | None = None,
) -> TranslationLimits:
    """Find the highest sparsity and the shallowest decoder that cost no pair the allowed drop.

    Every probe is kept in the folder as soon as it is judged: called again, the search goes on where it was.

    Args:
        model: Left as it is.
        examples: The judged sentences.
        folder: Gets the record, and what the search is gone on with.
        plan: What is searched, and how; None takes the defaults.
        tell: Called with a sentence after each probe.

    Returns:
        The record, which is also written to ``limits.json`` in the folder.

    Raises:
        LeanglotError: The model or the sentences cannot be used, or the folder cannot be written.
    """
    plan = plan or LimitPlan()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    probing = _Probing(model, examples, folder, plan, tell or _silent)
    baseline = probing.translations(model)
    scores = plan.rule.scores(baseline)
    found = TranslationLimits(
        model=model.name,
        metric=metric_record(plan.rule.metric, sorted(scores)),
        max_drop=plan.rule.max_drop,
        alpha=plan.rule.alpha,
        beam=plan.beam,
        baseline=scores,
        examples={pair: len(places) for pair, places in examples.by_pair().items()},
        limits=tuple(probing.search(kind, baseline) for kind in plan.kinds),
        notes=_NOTES,
    )
    with storage_errors(folder):
        write_text_atomically(folder / LIMITS_NAME, found.model_dump_json(indent=1) + "\n")
    return found


@dataclass(frozen=True, slots=True)
class _Probing:
    """Makes and judges probes of one model."""

    model: TranslationModel
    examples: ParallelExamples
    folder: Path
    plan: LimitPlan
    tell: Callable[[str], None]

    def search(self, kind: LimitKind, baseline: Translations) -> Limit:
        """The limit of one way of cutting."""
        levels = self._levels(kind)
        trained = self.plan.training is not None

        def probe(level: float) -> LimitProbe:
            return self._kept(kind, level, baseline)

        return search_limit(kind, levels, probe, self.plan.rule, trained=trained)

    def translations(self, model: TranslationModel) -> Translations:
        """What a model makes of the judged sentences."""
        inside = self.folder / "engine"
        try:
            with torch_threads_kept():
                translator = fast_translator(model, inside)
                rows = translator.text.encode(self.examples.sources, self.examples.pairs).rows
                decoding = Decoding(self.plan.beam, model.facts.length_penalty, model.facts.max_target)
                decoded = translator.generate(rows, _BATCH_TOKENS, None, decoding)
        finally:
            shutil.rmtree(inside, ignore_errors=True)
        texts = [translator.text.decode(each.ids) for each in decoded]
        return score_translations(self.examples, texts, decoded)

    def _levels(self, kind: LimitKind) -> Sequence[float]:
        if kind == "magnitude":
            return _SPARSITIES
        return [float(count) for count in range(depths_of(self.model.module)["decoder"] - 1, 0, -1)]

    def _kept(self, kind: LimitKind, level: float, baseline: Translations) -> LimitProbe:
        """The stored probe of a level, or a new one."""
        plan, model = self.plan, self.model
        taught = None if plan.training is None else (plan.training.digest(), plan.step)
        learnt = (model.source, model.recipe, model.pruning, model.vocabulary)
        rule = (plan.rule.metric, plan.rule.max_drop, plan.rule.alpha, plan.rule.seed)
        key = key_of(kind, level, learnt, self.examples.digest(), rule, plan.beam, taught)
        name = f"probe-{kind}-{level:g}"
        probe = Checkpoints(self.folder).keep(name, key, LimitProbe, lambda: self._judged(kind, level, baseline))
        marks = "within" if probe.within else "not within"
        self.tell(f"{kind} {level:g}: {probe.worst} loses {100 * probe.drop:.2f}, {marks} the limit.")
        return probe

    def _judged(self, kind: LimitKind, level: float, baseline: Translations) -> LimitProbe:
        started = time.monotonic()
        cut = self._trained(self._cut(kind, level))
        done = cut.pruning[-1]
        depth = depths_of(self.model.module)["decoder"]
        actual = done.actual if kind == "magnitude" else 1 - level / depth
        found = self.translations(cut)
        return self.plan.rule.judge(baseline, found, level, actual, time.monotonic() - started)

    def _cut(self, kind: LimitKind, level: float) -> TranslationModel:
        if kind == "magnitude":
            return prune_weights(self.model, MagnitudePruning(sparsity=level)).model
        return drop_layers(self.model, decoder=int(level))

    def _trained(self, cut: TranslationModel) -> TranslationModel:
        """The model after its training, where there is one; weights that are zero stay zero."""
        if self.plan.training is None:
            return cut
        step = self.plan.step.model_copy(update={"encoder": None, "decoder": None})
        return distil_translations(self.model, cut, step, self.plan.training, self.folder / "training")[0]


def _silent(_: str) -> None:
    """Tells nobody."""
