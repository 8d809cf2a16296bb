"""The way of a candidate of several steps: the candidates that show it step by step."""

from collections.abc import Sequence

from leanglot.config import BASELINE_NAME, CandidateConfig
from leanglot.results.checkpoints import key_of


def with_steps(
    candidates: Sequence[CandidateConfig],
) -> tuple[tuple[CandidateConfig, ...], dict[str, tuple[str, ...]]]:
    """Adds, before each candidate of several steps, those that lack to show its way: the export, then each step.

    Args:
        candidates: What was asked for; one that is a step of another's way serves as such.

    Returns:
        All candidates, and for each of several steps the names along its way: the baseline first, itself last.
    """
    # Two candidates of the same recipe and engine are one step: the first stands for both.
    known = {_form(each): each.name for each in reversed(candidates)}
    taken = {each.name.casefold() for each in candidates}
    everything: list[CandidateConfig] = []
    chains: dict[str, tuple[str, ...]] = {}
    for candidate in candidates:
        way = [BASELINE_NAME]
        for step in _ways(candidate) if len(candidate.recipe) > 1 else ():
            if (form := _form(step)) not in known:
                known[form] = _free_name(step.name, taken)
                taken.add(known[form].casefold())
                everything.append(step.model_copy(update={"name": known[form]}))
            way.append(known[form])
        if len(way) > 1:
            chains[candidate.name] = (*way, candidate.name)
        everything.append(candidate)
    return tuple(everything), chains


def _ways(candidate: CandidateConfig) -> list[CandidateConfig]:
    """The candidate before its last step, before its last two, and so on, the shortest first."""
    shortest = 1 if candidate.runtime == "pytorch" else 0  # without a step, PyTorch is the baseline itself
    found = []
    for length in range(shortest, len(candidate.recipe)):
        last = "export" if length == 0 else candidate.recipe[length - 1].technique
        ending = f".{length}-{last}"
        name = f"{candidate.name[: 64 - len(ending)]}{ending}"
        found.append(candidate.model_copy(update={"name": name, "recipe": candidate.recipe[:length]}))
    return found


def _form(candidate: CandidateConfig) -> str:
    return key_of(candidate.runtime, *candidate.recipe)


def _free_name(name: str, taken: set[str]) -> str:
    """The name, or one with a number where it is taken."""
    names = (name, *(f"{name[:60]}-{number}" for number in range(2, len(taken) + 3)))
    return next(each for each in names if each.casefold() not in taken)
