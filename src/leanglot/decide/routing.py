"""Spreads the languages over the candidates: the cheapest assignment under limits, against one candidate for all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from leanglot.config.costs import Costs
from leanglot.config.deciding import RoutingConfig
from leanglot.decide.routing_costs import Bill, make_bill, ordered
from leanglot.decide.routing_limits import refuse_limits
from leanglot.decide.routing_options import Options, find_options
from leanglot.decide.routing_program import Flags, Floats, Program, Solution, solve
from leanglot.decide.routing_reasons import Choice, notes_on, reason_for
from leanglot.decide.standing import baseline_of
from leanglot.errors import RunError
from leanglot.results.predictions import Predictions
from leanglot.results.records import Candidate
from leanglot.stats.error_rates import DRAWS, ErrorDraws, error_rate_draws

FASTER: Final = 0.05
"""Part of the latency that must be saved for a language to leave the main variant, where no costs are given."""

_SPLITS: Final = 3
_DRAWS: Final = 2_000


@dataclass(frozen=True, eq=False)
class Question:
    """What a routing is decided from.

    Attributes:
        candidates: All candidates of a run, the baseline among them.
        predictions: Answers to the same examples, by candidate; one without any is not considered.
        config: The limits.
        costs: Prices; None minimizes latency.
        margin: Largest drop that counts as harmless.
        seed: Seed of the draws.
    """

    candidates: Sequence[Candidate]
    predictions: Mapping[str, Predictions]
    config: RoutingConfig
    costs: Costs | None = None
    margin: float = 0.01
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Routed:
    """A routing and what it is worth; see `leanglot.results.routing.RoutingFacts`.

    Attributes:
        assignment: Language to candidate.
        main: Candidate that languages stay with.
        fallback: The safest one loaded.
        variants: All that are loaded, the safest first.
        value: Monthly cost, or mean latency.
        single: The best candidate for all languages; None where none is allowed.
        single_value: Its value.
        baseline_value: The baseline's value; None where it is unknown.
        chance_better: Probability that the routing costs less than the single one; None where it cannot be told.
        honest_saving: What is saved by choosing on one half of the examples and pricing on the other.
        memory_bytes: Memory of all variants together; None where one's is unknown.
        reasons: Why each language goes where it goes.
        excluded: Why candidates were not considered.
        notes: What to know.
        bill: What the languages cost on all variants that were considered.
    """

    assignment: dict[str, str]
    main: str
    fallback: str
    variants: tuple[str, ...]
    value: float
    single: str | None
    single_value: float | None
    baseline_value: float | None
    chance_better: float | None
    honest_saving: float | None
    memory_bytes: int | None
    reasons: dict[str, str]
    excluded: dict[str, str]
    notes: tuple[str, ...]
    bill: Bill


def route(question: Question) -> Routed:
    """Find the assignment of languages to candidates that costs least under the limits.

    A language goes only to candidates that are not proven to harm it (with ``strict``, only to those proven safe, or to
    the baseline). It leaves the main variant, where that is allowed for it, only where the saving is probable. One
    without traffic, or without judged examples, goes to the safest variant loaded that may serve it.

    Raises:
        ConfigError: No assignment keeps within the limits.
        RunError: The baseline's answers are missing.
    """
    question, unknown = _comparable(question)
    options = find_options(question.candidates, question.config, question.costs, question.margin, unknown)
    everything = np.arange(len(next(iter(question.predictions.values()))))
    draws = _draws(question, everything)
    bill = make_bill(options.variants, _tags(question), question.costs)
    chances = _chances(bill, draws)
    solution = solve(_program(question, options, bill, draws, chances))
    if solution is None:
        tags = _tags(question)
        refuse_limits(question.candidates, question.config, question.costs, question.margin, tags, unknown)
    plain = bill.program(_observed(draws, bill))
    single = _single(options, bill, plain)
    choice = Choice(
        options=options,
        solution=solution,
        bill=bill,
        chances=chances,
        costs=question.costs,
        unjudged=frozenset(bill.tags) - frozenset(draws.languages),
        strict=question.config.strict,
    )
    names = [bill.names[number] for number in solution.loaded]
    memory = [each.peak_rss_bytes for each in options.variants if each.name in names]
    return Routed(
        assignment=choice.assignment,
        main=bill.names[solution.main],
        fallback=names[0],
        variants=tuple(names),
        value=plain.value(solution.assignment),
        single=None if single is None else bill.names[single],
        single_value=None if single is None else plain.value(np.full(len(bill.tags), single)),
        baseline_value=_baseline_value(question, draws),
        chance_better=_chance_better(question, bill, draws, solution, single),
        honest_saving=_honest_saving(question, options, bill),
        memory_bytes=None if None in memory else sum(size for size in memory if size is not None),
        reasons={tag: reason_for(choice, tag) for tag in bill.tags},
        excluded=options.excluded,
        notes=notes_on(choice),
        bill=bill,
    )


def _tags(question: Question) -> tuple[str, ...]:
    judged = {tag for each in question.candidates for tag in each.languages}
    return tuple(sorted(judged | set(() if question.costs is None else question.costs.traffic)))


def _comparable(question: Question) -> tuple[Question, dict[str, str]]:
    """The question with the answers that can be compared with the baseline's, and why the others cannot.

    Raises:
        RunError: The baseline's answers are missing.
    """
    reference = question.predictions.get(baseline_of(question.candidates).name)
    if reference is None or not len(reference):
        raise RunError(
            "Languages cannot be routed: the baseline's answers are missing.", "Run again, which finishes them."
        )
    kept, unknown = {}, {}
    for each in question.candidates:
        own = question.predictions.get(each.name)
        if own is None:
            unknown[each.name] = "its single answers are missing"
        elif (own.language, own.group, own.label) != (reference.language, reference.group, reference.label):
            unknown[each.name] = "it answered other examples than the baseline"
        else:
            kept[each.name] = own
    return replace(question, predictions=kept), unknown


def _draws(question: Question, positions: NDArray[np.int64]) -> ErrorDraws:
    first = next(iter(question.predictions.values()))
    return error_rate_draws(
        {name: each.correct[positions] for name, each in question.predictions.items()},
        [first.language[position] for position in positions],
        None if first.group is None else [first.group[position] for position in positions],
        draws=_DRAWS if len(positions) < len(first) else DRAWS,
        seed=question.seed,
    )


def _observed(draws: ErrorDraws, bill: Bill) -> Floats:
    return ordered(draws.over(bill.tags).observed, draws.candidates, bill.names)


def _chances(bill: Bill, draws: ErrorDraws) -> Floats:
    """Probability that a language is cheaper on a variant than on another, shape ``(main, languages, variants)``."""
    rates, number = ordered(draws.over(bill.tags).rates, draws.candidates, bill.names), len(bill.names)
    chances = np.zeros((number, len(bill.tags), number))
    for main in range(number):
        for variant in range(number):
            if variant == main:
                continue
            if bill.priced:
                chances[main, :, variant] = (bill.saving_draws(rates, main, variant) > 0).mean(axis=1)
            else:
                chances[main, :, variant] = bill.running[:, variant] < (1 - FASTER) * bill.running[:, main]
    return chances


def _program(question: Question, options: Options, bill: Bill, draws: ErrorDraws, chances: Floats) -> Program:
    allowed = np.array([[options.may(tag, name) for name in bill.names] for tag in bill.tags], dtype=bool)
    allowed = allowed.reshape(bill.load.shape)
    shares = None if question.costs is None else question.costs.shares
    observed = set(draws.languages)
    apart = [tag not in observed or (shares is not None and not shares.get(tag)) for tag in bill.tags]
    to_safest = np.asarray(apart, dtype=bool)
    return replace(
        bill.program(_observed(draws, bill)),
        allowed=allowed,
        may_leave=_leaving(allowed, chances >= _needed_chance(question.config, to_safest, len(bill.names)), to_safest),
        to_safest=to_safest,
        memory=np.asarray([float(each.peak_rss_bytes or 0) for each in options.variants]),
        max_memory=question.config.max_memory_bytes,
        max_variants=question.config.max_variants,
    )


def _needed_chance(config: RoutingConfig, to_safest: Flags, variants: int) -> float:
    """The probability that one move needs, so that together all moves that were looked at are as probable as asked.

    Bonferroni's adjustment: among many languages and variants, some look cheaper by luck alone.
    """
    moves = int((~to_safest).sum()) * (variants - 1)
    return 1 - (1 - config.min_chance) / max(1, moves)


def _leaving(allowed: Flags, probable: Flags, to_safest: Flags) -> Flags:
    """Whether a language may be on a variant when another is the main one, shape ``(main, languages, variants)``."""
    number = allowed.shape[1]
    itself = np.eye(number, dtype=bool)[:, None, :]
    barred = ~allowed.T[:, :, None]
    return np.asarray(allowed[None] & (itself | barred | probable | to_safest[None, :, None]))


def _single(options: Options, bill: Bill, plain: Program) -> int | None:
    """The cheapest variant that may serve every language."""
    for_all = [number for number, name in enumerate(bill.names) if all(options.may(tag, name) for tag in bill.tags)]
    return min(for_all, key=lambda number: plain.value(np.full(len(bill.tags), number)), default=None)


def _baseline_value(question: Question, draws: ErrorDraws) -> float | None:
    baseline = baseline_of(question.candidates)
    bill = make_bill([baseline], _tags(question), question.costs)
    value = bill.program(_observed(draws, bill)).value(np.zeros(len(bill.tags), dtype=np.int64))
    return value if np.isfinite(value) else None


def _chance_better(
    question: Question, bill: Bill, draws: ErrorDraws, solution: Solution, single: int | None
) -> float | None:
    """Probability over the joint draws that the routing costs less than the single variant."""
    if single is None or question.costs is None or set(solution.loaded) == {single}:
        return None
    rates = np.nan_to_num(ordered(draws.over(bill.tags).rates, draws.candidates, bill.names))
    rows = np.arange(len(bill.tags))
    difference = rates[single, rows] - rates[solution.assignment, rows]
    plain = bill.program(np.zeros((len(bill.names), len(bill.tags))))
    running = plain.value(np.full(len(bill.tags), single)) - plain.value(solution.assignment)
    return float((running + bill.error_price @ difference > 0).mean())


def _honest_saving(question: Question, options: Options, bill: Bill) -> float | None:
    """What is saved over the single variant where both are chosen on one half of the examples, priced on the other.

    The verdicts stay those of all examples; halves are drawn several times, and the mean is told.
    """
    if question.costs is None:
        return None
    savings = []
    first = next(iter(question.predictions.values()))
    for split in range(_SPLITS):
        halves = [_draws(question, half) for half in halves_of(first, question.seed + split)]
        for chosen_on, priced_on in (halves, halves[::-1]):
            solution = solve(_program(question, options, bill, chosen_on, _chances(bill, chosen_on)))
            single = _single(options, bill, bill.program(_observed(chosen_on, bill)))
            if solution is None or single is None:
                return None
            price = bill.program(_observed(priced_on, bill))
            savings.append(price.value(np.full(len(bill.tags), single)) - price.value(solution.assignment))
    return float(np.mean(savings))


def halves_of(predictions: Predictions, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of two halves of each language's groups; a language with one group is in both."""
    groups = predictions.group or tuple(str(number) for number in range(len(predictions)))
    by_language: dict[str, dict[str, list[int]]] = {}
    for position, (tag, group) in enumerate(zip(predictions.language, groups, strict=True)):
        by_language.setdefault(tag, {}).setdefault(group, []).append(position)
    halves: tuple[list[int], list[int]] = ([], [])
    for tag, members in by_language.items():
        names = sorted(members)
        order = np.random.default_rng([seed, *tag.encode()]).permutation(len(names))
        for turn, number in enumerate(order):
            for half in (0, 1) if len(names) == 1 else (turn % 2,):
                halves[half].extend(members[names[number]])
    first, second = (np.sort(np.asarray(half, dtype=np.int64)) for half in halves)
    return first, second
