"""Asks Optuna for the next recipe: what a sampler learned from those tried, on several objectives at once."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np

from leanglot.extras import require
from leanglot.results.searching import Levels, Tried
from leanglot.searching.recipes import Space

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_ASKED: Final = 32
_STARTUP: Final = 6
_WORSE: Final = 1.0
"""What stands for a violated constraint of a candidate that was dropped, and not judged to the end."""


def require_optuna() -> None:
    """Check that Optuna is there.

    Raises:
        MissingExtraError: It is not; names the command that installs it.
    """
    require("optuna", "search")


def objectives(tried: Tried, *, priced: bool) -> tuple[float, ...] | None:
    """What is made small: harm, time of one text, size, and where costs are given the cost of a month.

    Harm is the largest lower bound of a language's drop, which languages of few examples cannot raise by chance, plus
    the drop of the accuracy over all examples. Of a dropped candidate the part of the data counts that it was dropped
    on.

    Args:
        tried: A recipe that was tried.
        priced: Whether costs are given.

    Returns:
        A number per objective; None where it was not measured, or its cost is unknown.
    """
    found = tried.full or tried.part
    if tried.state not in {"measured", "dropped"} or found is None or found.speedup <= 0:
        return None
    values = (max(0.0, found.accuracy_drop) + found.harm, 1 / found.speedup, float(found.size_bytes))
    if not priced:
        return values
    cost = None if tried.full is None else tried.full.monthly_cost
    return None if cost is None else (*values, cost)


def suggest(
    space: Space, tried: Sequence[Tried], fits: Callable[[Levels], bool], seed: int, *, priced: bool = False
) -> Levels | None:
    """The next point to try.

    The study is built anew from the record each time, so that a search that was killed goes on as if it had not been.
    Its sampler is the multivariate tree-structured Parzen estimator for several objectives (Ozaki et al., 2022); a
    candidate that harms a language, or was dropped, violates its constraint.

    Args:
        space: What can be tried.
        tried: What was tried; trainings are no part of the space and teach nothing here.
        fits: Whether a point may still be tried.
        seed: Seed of the sampler.
        priced: Whether the cost of a month is an objective.

    Returns:
        The sampler's choice; one at random where it asks for tried ones alone; None where nothing is left.
    """
    left = [point for point in space.points() if fits(point)]
    if not left:
        return None
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    axes = _axes(space)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True, n_startup_trials=_STARTUP)
    study = optuna.create_study(directions=["minimize"] * (4 if priced else 3), sampler=sampler)
    for each in tried:
        trial = _trial(each, axes, space, priced=priced)
        if trial is not None:
            study.add_trial(trial)
    for _ in range(_ASKED if axes else 0):
        asked = study.ask(dict(axes))
        levels = Levels.model_validate({"scheme": space.schemes[0], **asked.params})
        if fits(levels):
            return levels
        study.tell(asked, state=optuna.trial.TrialState.FAIL)
    return left[int(np.random.default_rng(seed).integers(len(left)))]


def _axes(space: Space) -> Mapping[str, "BaseDistribution"]:
    """The axes on which there is something to choose."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    axes: dict[str, BaseDistribution] = {}
    if len(space.schemes) > 1:
        axes["scheme"] = CategoricalDistribution(space.schemes)
    if len(space.vocabularies) > 1:
        axes["vocabulary"] = CategoricalDistribution(space.vocabularies)
    for name, levels in (("layers", space.layers), ("heads", space.heads), ("ffn", space.ffn)):
        if len(levels) > 1:
            steps = {after - before for before, after in itertools.pairwise(levels)}
            even = len(steps) == 1
            axes[name] = (
                IntDistribution(levels[0], levels[-1], step=steps.pop()) if even else CategoricalDistribution(levels)
            )
    return axes


def _trial(tried: Tried, axes: Mapping[str, "BaseDistribution"], space: Space, *, priced: bool) -> "FrozenTrial | None":
    """A tried recipe as Optuna keeps it; None where it says nothing about the space."""
    from optuna.trial import TrialState, create_trial

    values = objectives(tried, priced=priced)
    if values is None or tried.levels.student or not space.holds(tried.levels):
        return None
    own = tried.levels.model_dump()
    trial = create_trial(
        state=TrialState.COMPLETE,
        params={name: own[name] for name in axes},
        distributions=dict(axes),
        values=list(values),
    )
    trial.set_constraint("harmed", float(tried.full.harmed) if tried.full is not None else _WORSE)
    return trial
