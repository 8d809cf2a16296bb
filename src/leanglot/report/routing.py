"""What the reports tell of routing: who answers which language and why, against one for all, and detection."""

from dataclasses import dataclass

from leanglot.charts.quantities import count, megabytes, milliseconds, percent, score
from leanglot.charts.style import VERDICT_SIGN, VERDICT_WORD
from leanglot.decide.amounts import money
from leanglot.report.format import in_points, language, plural
from leanglot.results.records import RunReport, Verdict, VerdictKind
from leanglot.results.routing import Detection, RoutingFacts
from leanglot.results.terms import Terms, terms_of

LANGUAGE_HEADINGS = ("language", "variant", "drop", "verdict", "why")
DETECTION_HEADINGS = ("language", "texts", "told right", "at least", "unknown", "to another variant")


@dataclass(frozen=True)
class VariantRow:
    """One variant and the languages that it answers.

    Attributes:
        name: The variant.
        role: What it is besides: the main variant, the fallback.
        languages: Their tags.
    """

    name: str
    role: str
    languages: tuple[str, ...]

    @property
    def told(self) -> str:
        """Number and tags."""
        return f"{len(self.languages)}: {', '.join(self.languages)}" if self.languages else "none by themselves"


@dataclass(frozen=True)
class LanguageRow:
    """Where one language goes.

    Attributes:
        tag: The language.
        variant: Where it goes.
        drop: Drop of the accuracy against the baseline, in points.
        verdict: What is proven of that, with its sign.
        kind: The verdict; None where nothing was judged.
        reason: Why it goes there.
    """

    tag: str
    variant: str
    drop: str
    verdict: str
    kind: VerdictKind | None
    reason: str

    @property
    def cells(self) -> tuple[str, ...]:
        """Under `LANGUAGE_HEADINGS`."""
        return language(self.tag), self.variant, self.drop, self.verdict, self.reason


def variant_rows(report: RunReport) -> tuple[VariantRow, ...]:
    """The variants that are loaded, the safest first; none where there is no routing."""
    facts, routing = report.routing_facts, report.routing
    if facts is None or routing is None:
        return ()
    roles = {facts.fallback: ["fallback"]}
    if len(facts.variants) > 1:
        roles.setdefault(facts.main, []).insert(0, "main")
    return tuple(
        VariantRow(name, ", ".join(roles.get(name, [])), tuple(sorted(tag for tag in routing if routing[tag] == name)))
        for name in facts.variants
    )


def language_rows(report: RunReport) -> tuple[LanguageRow, ...]:
    """All languages that are routed, in the order of their tags; none where there is no routing."""
    facts, routing = report.routing_facts, report.routing
    if facts is None or routing is None:
        return ()
    return tuple(_language(tag, routing[tag], facts) for tag in sorted(routing))


def _language(tag: str, variant: str, facts: RoutingFacts) -> LanguageRow:
    verdict = facts.verdicts.get(tag)
    kind = None if verdict is None else verdict.verdict
    return LanguageRow(
        tag=tag,
        variant=variant,
        drop=in_points(None if verdict is None else verdict.drop, signed=True),
        verdict=f"{VERDICT_SIGN[kind]} {VERDICT_WORD[kind]}",
        kind=kind,
        reason=facts.reasons.get(tag, ""),
    )


def detection_rows(report: RunReport) -> tuple[tuple[str, ...], ...]:
    """How each language is told, under `DETECTION_HEADINGS`, the worst first; none without an identifier."""
    found = None if report.routing_facts is None else report.routing_facts.detection
    if found is None:
        return ()
    return tuple(
        (
            language(tag),
            count(found.examples[tag]),
            percent(found.right[tag]),
            percent(found.right_low.get(tag)),
            percent(found.unknown[tag]),
            percent(found.misrouted[tag]),
        )
        for tag in sorted(found.examples, key=lambda tag: (found.right[tag], tag))
    )


def routing_sentences(report: RunReport) -> tuple[str, ...]:
    """What routing is worth, one sentence each; none where there is no routing."""
    facts, terms = report.routing_facts, terms_of(report.metric)
    if facts is None:
        return ()
    return tuple(
        sentence
        for sentence in (
            _headline(facts, terms),
            _comparison(facts, terms),
            _luck(facts),
            _proof(facts, terms),
            *_detection(facts, terms),
        )
        if sentence
    )


def _headline(facts: RoutingFacts, terms: Terms) -> str:
    memory = "unknown memory" if facts.memory_bytes is None else megabytes(facts.memory_bytes)
    how = "in one fresh process" if facts.memory_measured else "as the sum of processes with one each"
    loaded = plural(len(facts.variants), "variant")
    unknown = f"{terms.told('Unknown languages')} go to {facts.fallback}."
    return f"{loaded} loaded: {', '.join(facts.variants)}; {memory} {how}. {unknown}"


def _comparison(facts: RoutingFacts, terms: Terms) -> str:
    value = f"The {facts.objective} is {_amount(facts, facts.value)}"
    if facts.single is None or facts.single_value is None:
        return f"{value}; {terms.told('no single candidate is allowed for all languages under these limits.')}"
    if set(facts.variants) == {facts.single}:
        return f"{value}: no {terms.language} has a reason to leave {facts.single}, which needs no router."
    chance = (
        ""
        if facts.chance_better is None
        else f", with a probability of {percent(facts.chance_better, 0)} before luck is counted"
    )
    saved = _amount(facts, facts.single_value - facts.value)
    return (
        f"{value}; the best single candidate that is allowed for all, {facts.single}, takes "
        f"{_amount(facts, facts.single_value)}: routing saves {saved}{chance}."
    )


def _luck(facts: RoutingFacts) -> str:
    if facts.honest_saving is None or facts.single is None or set(facts.variants) == {facts.single}:
        return ""
    told = f"Chosen on one half of the examples and priced on the other, it saves {_amount(facts, facts.honest_saving)}"
    return f"{told}: what was found may be luck." if facts.honest_saving <= 0 else f"{told}."


def _proof(facts: RoutingFacts, terms: Terms) -> str:
    shown = f"{terms.quality} {score(facts.accuracy, terms)}, {_counts(facts.verdicts, terms)}"
    told = f"{terms.told('Languages')} told by the caller: {shown}."
    return told if facts.verdicts else ""


def _detection(facts: RoutingFacts, terms: Terms) -> tuple[str, ...]:
    found = facts.detection
    if found is None:
        return ()
    sentences = []
    if facts.detected_accuracy is not None and facts.detected_value is not None:
        sentences.append(
            f"Languages detected: {terms.quality} {score(facts.detected_accuracy, terms)}, "
            f"{_counts(facts.detected_verdicts, terms)}, {facts.objective} {_amount(facts, facts.detected_value)}."
        )
    took = "" if found.text_p50_ms is None else f", in {milliseconds(found.text_p50_ms)} a text on top"
    sentences.append(
        f"Of {sum(found.examples.values()):,} texts {percent(_share(found, found.right))} are told right{took}; "
        f"{percent(_share(found, found.unknown))} are called unknown and go to the fallback; "
        f"{percent(_share(found, found.misrouted))} go to another variant than their language's. "
        f"It learned from {found.learned_from}."
    )
    return tuple(sentences)


def _share(found: Detection, shares: dict[str, float]) -> float:
    total = sum(found.examples.values())
    return sum(found.examples[tag] * shares[tag] for tag in found.examples) / total if total else 0.0


def _counts(verdicts: dict[str, Verdict], terms: Terms) -> str:
    numbers = {kind: sum(each.verdict == kind for each in verdicts.values()) for kind in ("safe", "harmed")}
    rest = len(verdicts) - sum(numbers.values())
    return (
        f"{numbers['safe']} safe, {numbers['harmed']} harmed, {rest} not proven of "
        f"{plural(len(verdicts), terms.language)}"
    )


def _amount(facts: RoutingFacts, value: float) -> str:
    return milliseconds(value) if facts.currency is None else money(value, facts.currency)
