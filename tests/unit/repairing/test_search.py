"""Names of repaired candidates, and which of them can be repaired."""

import pytest

from leanglot.config import CandidateConfig
from leanglot.errors import RecipeError
from leanglot.repairing.search import keeping
from leanglot.techniques import Int8, MagnitudePruning

PLAIN = CandidateConfig(name="int8", recipe=(MagnitudePruning(sparsity=0.1), Int8(keep=("classifier",))))


def test_layers_join_those_that_are_kept_already():
    repaired = keeping(PLAIN, ["layer.0", "classifier"])
    assert repaired.name == "int8-repaired"
    assert repaired.recipe == (MagnitudePruning(sparsity=0.1), Int8(keep=("classifier", "layer.0")))


def test_a_name_that_is_taken_gets_a_number():
    assert keeping(PLAIN, [], ["INT8-repaired"]).name == "int8-repaired-2"
    assert keeping(PLAIN, [], ["int8-repaired", "int8-repaired-2"]).name == "int8-repaired-3"


def test_long_names_stay_folder_names_and_apart():
    long = PLAIN.model_copy(update={"name": "x" * 64})
    first = keeping(long, []).name
    second = keeping(long, [], [first]).name
    assert len(first) == len(second) == 64
    assert first != second
    assert CandidateConfig(name=second).name == second


def test_what_is_not_quantized_cannot_be_repaired():
    with pytest.raises(RecipeError, match="pruned is not quantized"):
        keeping(CandidateConfig(name="pruned", recipe=(MagnitudePruning(sparsity=0.1),)), [])
