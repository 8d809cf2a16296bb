"""Recipes that were tried, for the parts of a search."""

import pytest

from leanglot.results.searching import FullResult, Levels, PartialResult, Tried
from leanglot.searching.recipes import Space, candidate_of


@pytest.fixture(scope="session")
def space():
    """Everything can be tried on a model of twelve layers."""
    return Space(
        schemes=("fp32", "int8", "int8-emb", "int8-static", "int4-weights"),
        vocabularies=("whole", "used", "frequent"),
        layers=(0, 1, 2, 3, 4),
        heads=(0, 10, 20, 30),
        ffn=(0, 20, 40, 60),
        depth=12,
    )


@pytest.fixture(scope="session")
def tried():
    """Makes a recipe that was tried: measured, with these numbers, unless told otherwise."""

    def make(levels=None, *, drop=0.0, harm=0.0, speedup=5.0, size=100, seconds=40.0, **changes):
        levels = Levels() if levels is None else levels
        candidate = candidate_of(levels, 12)
        part = PartialResult(examples=300, accuracy_drop=drop, harm=harm, speedup=speedup, size_bytes=size)
        full = FullResult(status="unrefuted", accuracy_drop=drop, harm=harm, harmed=0, speedup=speedup, size_bytes=size)
        return Tried(
            name=candidate.name,
            runtime=candidate.runtime,
            recipe=candidate.recipe,
            levels=levels,
            origin="ladder",
            state="measured",
            seconds=seconds,
            part=part,
            full=full,
        ).model_copy(update=changes)

    return make
