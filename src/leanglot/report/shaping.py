"""What pruning removed, layer by layer, and what was measured for it, as words and a table of text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from leanglot.charts.quantities import ABSENT, count, megabytes, percent, ratio, smaller
from leanglot.report.format import concerned, plain, plural
from leanglot.report.summary import baseline_of
from leanglot.report.tables import REFERENCE
from leanglot.results.records import Candidate, RunReport
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import MagnitudePruning, MovementPruning

ZEROS: Final = (
    "Zeros alone bring neither speed nor size in a dense runtime: the columns show what was measured, and gzip what "
    "zeros save where files are stored or sent compressed."
)
_WORD: Final = {"magnitude": "magnitude", "heads": "heads", "ffn": "FFN", "layers": "layers", "movement": "movement"}
_UNIT: Final = {"magnitude": "weight", "movement": "weight", "heads": "head", "ffn": "neuron", "layers": "layer"}
_SHOWN: Final = 3
_ELLIPSIS: Final = "\N{HORIZONTAL ELLIPSIS}"
_ARROW: Final = "\N{RIGHTWARDS ARROW}"


@dataclass(frozen=True)
class PruningStep:
    """One pruning step in words.

    Attributes:
        technique: Such as ``heads``.
        asked: The share, the pattern, or that units were named.
        reached: Such as ``50.0% of 144 heads``.
        kept: What each layer has left; empty where single weights went.
        kept_short: The same with the first layers alone.
    """

    technique: str
    asked: str
    reached: str
    kept: str
    kept_short: str


@dataclass(frozen=True)
class PruningRow:
    """One candidate that was pruned, or the baseline to compare it with.

    Attributes:
        candidate: The candidate.
        steps: Its pruning steps; none for the baseline.
        size: Its artifact on disk.
        compressed: Its weights after gzip.
        compressed_change: These against the baseline's.
        speedup: Measured side by side with the baseline.
    """

    candidate: Candidate
    steps: tuple[PruningStep, ...]
    size: str
    compressed: str
    compressed_change: str
    speedup: str

    @property
    def compressed_told(self) -> str:
        """Its weights after gzip, with the change where there is one to tell."""
        alone = self.speedup == REFERENCE or self.compressed_change == ABSENT
        return self.compressed if alone else f"{self.compressed} ({self.compressed_change})"


@dataclass(frozen=True)
class PruningTable:
    """All pruned candidates that did not fail.

    Attributes:
        rows: The baseline, which they are compared with, then one per candidate.
        has_compressed: Whether any has zeros that gzip could save.
        remarks: How to read it, and why numbers are absent.
    """

    rows: tuple[PruningRow, ...]
    has_compressed: bool
    remarks: tuple[str, ...]

    @property
    def kept(self) -> dict[str, tuple[str, ...]]:
        """What the layers have left, and the names of the candidates of which it is true."""
        return concerned((step.kept, row.candidate.name) for row in self.rows for step in row.steps if step.kept)

    @property
    def kept_short(self) -> dict[str, tuple[str, ...]]:
        """The same with the first layers alone."""
        steps = ((step.kept_short, row.candidate.name) for row in self.rows for step in row.steps)
        return concerned((kept, name) for kept, name in steps if kept)


def pruning_table(report: RunReport) -> PruningTable | None:
    """The pruned candidates; None where the run has none.

    Raises:
        RunError: When the report has no baseline of the name it gives.
    """
    reference = baseline_of(report)
    others = [each for each in report.candidates if each.pruning and each.status != "failed" and each is not reference]
    shown = [reference, *others]
    if not any(each.pruning for each in shown):
        return None
    has_compressed = any(map(has_zeros, shown))
    told = [ZEROS, *_twins(report, others)] if has_compressed else []
    absences = _absences(shown, gzip=has_compressed)
    return PruningTable(tuple(_row(each, reference) for each in shown), has_compressed, (*told, *absences))


def has_zeros(candidate: Candidate) -> bool:
    """Whether single weights of it were set to zero."""
    return any(facts.makes_zeros for facts in candidate.pruning)


def pruning_lines(facts: Sequence[PruningFacts]) -> list[str]:
    """Pruning steps as sentences, one each."""
    lines = []
    for each in facts:
        done = f"{_reached(each)} {'is' if each.removed == 1 else 'are'} {_gone(each)}"
        asked = "" if each.target is None else f", {percent(each.target)} asked for"
        kept = kept_by_layer(each, short=True)
        lines.append(f"Pruned by {_WORD[each.technique]}: {done}{asked}{f'; {kept}' if kept else ''}.")
    return lines


def kept_by_layer(facts: PruningFacts, *, short: bool) -> str:
    """What each layer has left, such as ``heads 12 → 8 6 7 … (4 to 9) per layer``; empty for single weights.

    Args:
        facts: One pruning step.
        short: Only the first layers, and the range of all.
    """
    kept = facts.kept_by_layer
    if facts.technique == "magnitude" or not kept:
        return ""
    if facts.technique == "layers":
        return _layers_left(facts)
    cut = short and len(kept) > _SHOWN
    shown = " ".join(map(count, kept[:_SHOWN] if cut else kept))
    shown += f" {_ELLIPSIS}" if cut else ""
    units = f"{_UNIT[facts.technique]}s"
    before = f"{count(facts.before_by_layer[0])} {_ARROW} " if _was_even(facts) else ""
    if len(set(kept)) == 1:
        return f"{units} {before}{count(kept[0])} in each of {plural(len(kept), 'layer')}"
    ends = f" ({count(min(kept))} to {count(max(kept))})" if cut else ""
    return f"{units} {before}{shown}{ends} per layer"


def _layers_left(facts: PruningFacts) -> str:
    """Such as ``layers 12 → 6: 0 2 4 6 8 10 of 0 to 11``; each side of a translation model by itself."""
    kept = facts.kept_by_layer
    if not facts.before_by_layer:
        return f"layers {_fewer(facts.total, kept)}"
    encoder, decoder = facts.before_by_layer
    of_decoder = [place - encoder for place in kept if place >= encoder]
    return (
        f"encoder's layers {_fewer(encoder, kept[: len(kept) - len(of_decoder)])}; "
        f"decoder's layers {_fewer(decoder, of_decoder)}"
    )


def _fewer(before: int, kept: Sequence[int]) -> str:
    """Such as ``4 → 3: 0 2 3 of 0 to 3``."""
    if len(kept) == before:
        return f"{count(before)}, all kept"
    shown = " ".join(map(count, kept))
    return f"{count(before)} {_ARROW} {count(len(kept))}: {shown} of 0 to {before - 1}"


def _was_even(facts: PruningFacts) -> bool:
    """Whether all layers are known to have had the same number before."""
    return len(set(facts.before_by_layer)) == 1


def _reached(facts: PruningFacts) -> str:
    return f"{percent(facts.actual)} of {plural(facts.total, _UNIT[facts.technique])}"


def _gone(facts: PruningFacts) -> str:
    return "zero" if facts.makes_zeros else "cut out"


def _row(candidate: Candidate, reference: Candidate) -> PruningRow:
    patterns = _patterns(candidate)
    own, whole = candidate.compressed_bytes, reference.compressed_bytes
    return PruningRow(
        candidate=candidate,
        steps=tuple(_step(facts, pattern) for facts, pattern in zip(candidate.pruning, patterns, strict=True)),
        size=megabytes(candidate.size_bytes),
        compressed=megabytes(own),
        compressed_change=ABSENT if own is None or not whole else smaller(1 - own / whole),
        speedup=REFERENCE if candidate is reference else ratio(candidate.speedup),
    )


def _step(facts: PruningFacts, pattern: str | None) -> PruningStep:
    share = "by name" if facts.target is None else percent(facts.target)
    return PruningStep(
        technique=_WORD[facts.technique],
        asked=share if pattern is None else pattern,
        reached=_reached(facts),
        kept=kept_by_layer(facts, short=False),
        kept_short=kept_by_layer(facts, short=True),
    )


def _patterns(candidate: Candidate) -> list[str | None]:
    """The N:M pattern behind each record, where recipe and records can be told to belong together."""
    asked = [step.pattern for step in candidate.recipe if isinstance(step, MagnitudePruning)]
    matches = len(asked) == sum(facts.technique == "magnitude" for facts in candidate.pruning)
    following = iter(asked)
    return [next(following) if matches and facts.technique == "magnitude" else None for facts in candidate.pruning]


def _twins(report: RunReport, pruned: Sequence[Candidate]) -> list[str]:
    """How fast the same recipes are on the same engine without the zeros, where the run has measured it."""
    found = []
    for each in filter(has_zeros, pruned):
        rest = tuple(step for step in each.recipe if not isinstance(step, MagnitudePruning | MovementPruning))
        for twin in report.candidates:
            if (twin.recipe, twin.runtime) == (rest, each.runtime) and twin.speedup is not None and rest != each.recipe:
                found.append(f"{plain(each.name)} as {plain(twin.name)} {ratio(twin.speedup)}")
                break
    return [f"Speed-up of the same without the zeros: {', '.join(found)}."] if found else []


def _absences(shown: Sequence[Candidate], *, gzip: bool) -> list[str]:
    """Why numbers are absent, one sentence per reason with all whom it concerns; the baseline stands first."""
    found: list[tuple[str, str]] = []
    for each in shown:
        is_reference = each is shown[0]
        missing = ["no size was measured"] if each.size_bytes is None else []
        if not is_reference and each.speedup is None:
            missing.append("no speed-up was measured")
        if gzip and each.compressed_bytes is None:
            counts = is_reference or has_zeros(each)
            missing.append("gzip was not measured" if counts else "gzip is measured where single weights are zero")
        found += [(why, plain(each.name)) for why in missing]
    return [f"{ABSENT} for {', '.join(names)}: {why}." for why, names in concerned(found).items()]
