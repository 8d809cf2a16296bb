"""Why each language goes where it goes, in one sentence, and what to know of a routing."""

from collections.abc import Sequence
from dataclasses import dataclass

from leanglot.config.costs import Costs
from leanglot.decide.routing_costs import Bill
from leanglot.decide.routing_options import Options
from leanglot.decide.routing_program import Floats, Solution

MOST_NAMED = 12


@dataclass(frozen=True, eq=False)
class Choice:
    """A decision, with what it was decided from.

    Attributes:
        options: Who may go where.
        solution: What was decided.
        bill: What languages cost where.
        chances: Probability that a language is cheaper on a variant than on the main one, shape ``(main, languages,
            variants)``.
        costs: Prices; None where latency was minimized.
        unjudged: Languages without judged examples.
        strict: Whether only what is proven safe was allowed.
    """

    options: Options
    solution: Solution
    bill: Bill
    chances: Floats
    costs: Costs | None
    unjudged: frozenset[str]
    strict: bool

    @property
    def assignment(self) -> dict[str, str]:
        """Language to candidate."""
        numbers = self.solution.assignment.tolist()
        return {tag: self.bill.names[number] for tag, number in zip(self.bill.tags, numbers, strict=True)}

    @property
    def main(self) -> str:
        """The candidate that languages stay with."""
        return self.bill.names[self.solution.main]


def reason_for(choice: Choice, tag: str) -> str:
    """Why a language goes where it goes."""
    row = choice.bill.tags.index(tag)
    number = int(choice.solution.assignment[row])
    name, main = choice.bill.names[number], choice.main
    if tag in choice.unjudged:
        return f"No examples were judged, so it goes to the safest variant loaded, {name}."
    if choice.costs is not None and not choice.costs.shares.get(tag):
        return f"It has no traffic, so it goes to the safest variant loaded that may serve it, {name}."
    if name == main:
        return f"Stays with the main variant, {main}{_unproven(choice, tag)}."
    why = choice.options.obstacles.get(tag, {}).get(main)
    if why is not None:
        best = "fastest" if choice.costs is None else "cheapest"
        return f"{main} {why}; {name} is the {best} that is left{_unproven(choice, tag)}."
    if choice.costs is None:
        before, after = (
            choice.bill.running[row, place] * len(choice.bill.tags) for place in (choice.solution.main, number)
        )
        return f"{name} takes {after:.3g} ms where {main} takes {before:.3g} ms{_unproven(choice, tag)}."
    chance = choice.chances[choice.solution.main, row, number]
    return f"Cheaper on {name} than on {main} with a probability of {chance:.0%}{_unproven(choice, tag)}."


def notes_on(choice: Choice) -> tuple[str, ...]:
    """What to know of a routing, one sentence each."""
    notes = [_weights(choice)]
    assignment = choice.assignment
    unproven = [tag for tag in choice.bill.tags if _is_unproven(choice, tag, assignment[tag])]
    if unproven:
        verb = "goes to a variant that is" if len(unproven) == 1 else "go to variants that are"
        notes.append(f"{_languages(unproven)} {verb} not proven safe for {_them(unproven)}; strict rules that out.")
    lacking = sorted(choice.unjudged)
    if lacking:
        notes.append(
            f"No examples of {', '.join(lacking[:MOST_NAMED])} were judged: what their errors cost is unknown and left "
            "out of all values."
        )
    if choice.costs is not None and choice.costs.monthly_infra:
        notes.append("Monthly figures that were given are taken as paid by the share of the traffic that is served.")
    return tuple(notes)


def _weights(choice: Choice) -> str:
    if choice.costs is None:
        return "No costs were given: the mean latency is minimized, each judged language equally often."
    return (
        "The monthly cost is minimized: machines that load all variants and serve the traffic as it comes, and errors."
    )


def _is_unproven(choice: Choice, tag: str, name: str) -> bool:
    candidate = next(each for each in choice.options.variants if each.name == name)
    if candidate.status == "baseline" or tag in choice.unjudged:
        return False
    return candidate.languages[tag].verdict != "safe"


def _unproven(choice: Choice, tag: str) -> str:
    return ", which is not proven safe for it" if _is_unproven(choice, tag, choice.assignment[tag]) else ""


def _languages(tags: Sequence[str]) -> str:
    named = ", ".join(tags[:MOST_NAMED]) + (", …" if len(tags) > MOST_NAMED else "")
    return f"{len(tags)} {'language' if len(tags) == 1 else 'languages'} ({named})"


def _them(tags: Sequence[str]) -> str:
    return "it" if len(tags) == 1 else "them"
