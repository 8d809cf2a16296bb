"""The pruning benchmark as text: tables that read well in a terminal and in Markdown alike."""

from collections.abc import Sequence
from typing import Final

from peer_records import Spread
from peer_tables import table
from pruning_records import GOAL, GOAL_LENGTH, Comparison, EngineLedger, Facts, Results, ShapeResults

_NONE: Final = "–"


def render(results: Results) -> str:
    """The whole run in Markdown."""
    machine = results.environment
    told = (
        f"{machine.cpu} ({', '.join(machine.isa)}), threads of every variant: {machine.threads}; torch "
        f"{machine.versions['torch']}, ONNX Runtime {machine.versions['onnxruntime']}; {results.rounds} rounds of "
        f"{results.calls} calls per length, two variants in turns; {results.created_at:%Y-%m-%d %H:%M} UTC, "
        f"{results.seconds / 60:.0f} minutes."
    )
    return "\n\n".join(["# What pruning is worth in time", told, _legend(), *map(render_shape, results.shapes)]) + "\n"


def _legend() -> str:
    return (
        "Each × is the speed against the variant in the second column, from the turns of that pair alone: the median "
        f"over the rounds, at length {GOAL_LENGTH} also the smallest and the largest. `promised` is the FLOPs of that "
        f"variant divided by its own, at length {GOAL_LENGTH}; the goal is {GOAL:.0%} of it. GFLOP are those "
        "of one text of that length. Between FP32 and INT8 nothing is promised: FLOPs do not tell what another number "
        "format brings. MB are 10⁶ bytes of the whole artifact, tokenizer included; peak RSS that of a fresh process "
        "with one answer."
    )


def render_shape(shape: ShapeResults) -> str:
    """Tables of one shape."""
    return "\n\n".join([f"## {shape.shape}", f"{shape.about}.", *map(_render_engine, shape.engines)])


def _render_engine(ledger: EngineLedger) -> str:
    baseline = next(iter(ledger.facts.values()))
    parts = [
        f"### {ledger.engine}",
        _speeds(ledger),
        _neighbours(ledger.comparisons),
        "Where the time of one call goes, in the engine's own profile, which slows it a little; the calmest call:",
        _splits(ledger, baseline),
        *_misses(ledger),
    ]
    return "\n\n".join(parts)


def _neighbours(comparisons: Sequence[Comparison]) -> str:
    disturbed = [f"{one.variant} against {one.against} ({one.neighbours:.0%})" for one in comparisons if one.warnings]
    if not disturbed:
        most = max((one.neighbours for one in comparisons), default=0)
        return f"Other processes used at most {most:.0%} of the processor while a pair was timed."
    return (
        f"**Other processes used more than a tenth of the processor while these were timed: {', '.join(disturbed)}. "
        "Measure on a quiet machine.**"
    )


def _speeds(ledger: EngineLedger) -> str:
    lengths = sorted(next(iter(ledger.facts.values())).flops)
    header = ["variant", "against", "weights, M", "MB", "peak RSS, MB", "GFLOP", "promised"]
    header += [*(f"length {length}" for length in lengths), "of the promise", "batch, texts/s", "goal"]
    baseline = next(iter(ledger.facts.values()))
    body = [[baseline.variant, _NONE, *_facts(baseline), _NONE, *[_NONE] * len(lengths), _NONE, _NONE, _NONE]]
    for one in ledger.comparisons:
        times = [_times(one, length) for length in lengths]
        promised = one.promised.get(lengths[-1])
        body.append(
            [
                one.variant,
                one.against,
                *_facts(ledger.facts[one.variant]),
                _NONE if promised is None else f"{promised:.2f}×",
                *times,
                _share(one.reached(lengths[-1])),
                f"{one.throughput.value:.0f} ({one.throughput.against_reference.median:.2f}×)",
                _verdict(one, lengths[-1]),
            ]
        )
    return table(header, body)


def _facts(facts: Facts) -> list[str]:
    memory = _NONE if facts.peak_rss_bytes is None else f"{facts.peak_rss_bytes / 1e6:.0f}"
    longest = max(facts.flops)
    return [
        f"{facts.weights / 1e6:.1f}",
        f"{facts.size_bytes / 1e6:.0f}",
        memory,
        f"{facts.flops[longest] / 1e9:.2f}",
    ]


def _times(one: Comparison, length: int) -> str:
    pace = one.latency[length]
    extremes = f", {_extremes(pace.against_reference)}" if length == max(one.latency) else ""
    return f"{pace.value:.1f} ms ({pace.against_reference.median:.2f}×{extremes})"


def _extremes(spread: Spread) -> str:
    return f"{spread.low:.2f}–{spread.high:.2f}"


def _share(share: float | None) -> str:
    return _NONE if share is None else f"{share:.0%}"


def _verdict(one: Comparison, length: int) -> str:
    share = one.reached(length)
    if not one.judged or share is None:
        return _NONE
    verdict = "met" if share >= GOAL else f"MISSED by {GOAL - share:.0%}"
    return f"{verdict}, disturbed" if one.warnings else verdict


def _splits(ledger: EngineLedger, baseline: Facts) -> str:
    header = ["variant", "products, ms", "other operators, ms", "share of others", "GFLOP/s in products", "fused"]
    body = []
    for facts in ledger.facts.values():
        split, longest = facts.split, max(baseline.flops)
        body.append(
            [
                facts.variant,
                f"{split.products_ms:.2f}",
                f"{split.other_ms:.2f}",
                f"{split.other_ms / split.total_ms:.0%}",
                f"{facts.flops[longest] / split.products_ms / 1e6:.0f}",
                ", ".join(f"{name.rpartition('::')[2]} {count}" for name, count in split.fused.items()) or _NONE,
            ]
        )
    return table(header, body)


def _misses(ledger: EngineLedger) -> Sequence[str]:
    """What each variant that missed the goal spends beyond what its FLOPs promise, by the profile."""
    lines = []
    for one in ledger.comparisons:
        length = max(one.latency)
        share = one.reached(length)
        if not one.judged or share is None or share >= GOAL:
            continue
        before, after = ledger.facts[one.against].split, ledger.facts[one.variant].split
        promised = one.promised[length]
        lines.append(
            f"- {one.variant} against {one.against} reaches {share:.0%}: beyond what the FLOPs promise, its products "
            f"take {after.products_ms - before.products_ms / promised:+.2f} ms, and its other operators "
            f"{after.other_ms - before.other_ms / promised:+.2f} ms, of {after.total_ms:.2f} ms."
        )
    return ["Where the goal is missed:\n\n" + "\n".join(lines)] if lines else []
