"""What pruning or trimming did to a model, measured at once: size, compressed size, and speed on random tokens."""

from pathlib import Path

from leanglot.measure.duel import time_in_turns
from leanglot.measure.neighbours import NeighbourWatch
from leanglot.measure.subject import open_subject
from leanglot.measure.weight import weigh
from leanglot.models.hub import resolve_model
from leanglot.results.manifest import read_manifest
from leanglot.results.measures import Effect
from leanglot.runtimes.loading import fitting_threads


def measure_effect(model: str, artifact: Path, *, allow_pickle: bool = False) -> Effect:
    """Weigh both, and time both in turns with the threads that suit the artifact.

    Args:
        model: The model that the artifact was made from.
        artifact: The artifact.
        allow_pickle: Whether pickled weights may be read.

    Raises:
        LeanglotError: One of them cannot be used.
    """
    folder = resolve_model(model, allow_pickle=allow_pickle)
    threads = fitting_threads(read_manifest(artifact))
    before, after = (open_subject(each, threads, allow_pickle=allow_pickle) for each in (folder, artifact))
    with NeighbourWatch() as watch:
        speedup = time_in_turns(before, after)
    return Effect(
        model=model,
        before=weigh(folder, before, compressed=True),
        after=weigh(artifact, after, compressed=True),
        speedup=speedup,
        engines=(before.manifest.runtime, after.manifest.runtime),
        threads=threads,
        warnings=watch.warnings(),
    )
