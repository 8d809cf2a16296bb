"""Tells translation models from classifiers, before anything of either is loaded."""

from leanglot.measure.task import task_of
from leanglot.models.hub import resolve_model
from leanglot.results.stored_answers import find_stored


def translates(subject: str, *, allow_pickle: bool = False) -> bool:
    """Whether what was given translates: a model, an artifact or a router; whoever opens it says what else is wrong.

    Args:
        subject: A model folder, an artifact, a router, or a name on the hub.
        allow_pickle: Whether pickled weights may be fetched.

    Raises:
        ModelError: It is no folder, or an artifact or router that is damaged.
    """
    folder = resolve_model(subject, allow_pickle=allow_pickle)
    return task_of(folder) == "translation"


def translates_side(side: str, *, allow_pickle: bool = False) -> bool:
    """Whether one side of a gate is a translation model, an artifact of one, or stored translations."""
    stored = find_stored(side)
    return translates(side, allow_pickle=allow_pickle) if stored is None else stored.translates
