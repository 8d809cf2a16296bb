"""Tells translation models from classifiers, before anything of either is loaded."""

from leanglot.measure.task import task_of
from leanglot.models.hub import resolve_model
from leanglot.results.router_manifest import is_router


def translates(subject: str, *, allow_pickle: bool = False) -> bool:
    """Whether what was given is a translation model or artifact; whoever opens it says what else is wrong with it.

    Args:
        subject: A model folder, an artifact, or a name on the hub.
        allow_pickle: Whether pickled weights may be fetched.

    Raises:
        ModelError: It is no folder, or an artifact that is damaged.
    """
    folder = resolve_model(subject, allow_pickle=allow_pickle)
    return not is_router(folder) and task_of(folder) == "translation"
