"""What a search tries before it has learned anything: known recipes, the cheap and promising ones first."""

from typing import Final

from leanglot.results.searching import Levels, Vocabulary
from leanglot.searching.recipes import Space

EPOCHS: Final = (6, 4, 3, 2)
"""Epochs that a student may be trained for, the best first."""


def ladder(space: Space) -> tuple[Levels, ...]:
    """The first recipes, in order: as it is, INT8, fewer pieces, then mild cuts, each with the cheapest quantization.

    Args:
        space: What can be tried; rungs outside of it are left out.
    """
    least: Vocabulary = "used" if "used" in space.vocabularies else "whole"
    rungs = [
        Levels(scheme="fp32"),
        Levels(scheme="int8"),
        Levels(scheme="int8-emb"),
        Levels(scheme="int8-emb", vocabulary=least),
        Levels(scheme="int8-emb", vocabulary=least, ffn=20),
        Levels(scheme="int8-emb", vocabulary=least, layers=1),
        Levels(scheme="int8-emb", vocabulary=least, heads=20, ffn=20),
        Levels(scheme="int8-emb", vocabulary="frequent"),
        Levels(scheme="int8-static", vocabulary=least),
        Levels(scheme="int4-weights", vocabulary=least),
        Levels(scheme="openvino-int8", vocabulary=least),
        Levels(scheme="int8-emb", vocabulary=least, layers=1, ffn=20),
    ]
    return tuple(dict.fromkeys(rung for rung in rungs if space.holds(rung)))


def students(space: Space) -> tuple[Levels, ...]:
    """Trainings worth their time, in order; their epochs are set by the time there is.

    Args:
        space: What can be tried.
    """
    vocabulary: Vocabulary = "used" if "used" in space.vocabularies else "whole"
    found = []
    for layers, ffn in ((space.depth // 4, 60), (space.depth // 2, 40)):
        slim = max(level for level in space.ffn if level <= ffn)
        if 0 < layers < space.depth:
            found.append(Levels(scheme="int8-emb", vocabulary=vocabulary, ffn=slim, student=layers, epochs=EPOCHS[0]))
    return tuple(dict.fromkeys(found))
