"""The space of recipes: what is in it, by what is there; names, keys and candidates of its points."""

from importlib import util

import pytest

from leanglot.data.pool import TextPool
from leanglot.quantizers import Making
from leanglot.results.searching import Levels
from leanglot.searching import recipes
from leanglot.searching.ladder import EPOCHS, ladder, students
from leanglot.searching.recipes import Space, candidate_of, name_of, recipe_key, space_of
from leanglot.techniques import Distillation, FfnPruning, HeadPruning, Int8, LayerPruning, TrimVocabulary

POOL = TextPool(("Licht an", "turn on"), ("de", "en"), "log")


def test_every_point_has_a_name_and_a_recipe_of_its_own(space):
    made = [candidate_of(point, 12) for point in space.points()]
    assert len(made) == 5 * 3 * 5 * 4 * 4
    assert len({each.name for each in made}) == len(made)
    assert len({recipe_key(each) for each in made}) == len(made)
    assert max(len(each.name) for each in made) <= 64


def test_the_recipe_at_a_point_cuts_first_and_quantizes_last():
    levels = Levels(scheme="int8-emb", vocabulary="frequent", layers=2, heads=20, ffn=30)
    made = candidate_of(levels, 12)
    assert made.name == "minus2layers-heads20-ffn30-trim999-int8-emb"
    assert made.recipe == (
        LayerPruning(sparsity=0.1667),
        HeadPruning(sparsity=0.2),
        FfnPruning(sparsity=0.3),
        TrimVocabulary(coverage=0.999),
        Int8(embeddings=True),
    )


@pytest.mark.parametrize("depth", [2, 3, 6, 7, 12, 24])
def test_the_share_of_layers_makes_their_number(depth):
    for layers in range(1, depth):
        step = candidate_of(Levels(layers=layers), depth).recipe[0]
        assert int(step.sparsity * depth) == layers


def test_a_student_gets_layers_of_one_width():
    made = candidate_of(Levels(scheme="int8-emb", ffn=60, student=3, epochs=4), 12)
    assert made.name == "ffn60-student3x4-int8-emb"
    ffn, distil, _ = made.recipe
    assert ffn.scope == "layer"
    assert isinstance(distil, Distillation)
    assert (distil.student.layers, distil.training.epochs) == (3, 4)


def test_what_no_engine_carries_out_is_no_candidate(monkeypatch):
    impossible = {"int8": ("pytorch", Int8(activations="static"))}
    monkeypatch.setattr(recipes, "_SCHEMES", impossible)
    assert candidate_of(Levels(scheme="int8"), 12) is None


def test_without_texts_only_quantization_is_left(tiny_classifier):
    space = space_of(tiny_classifier, Making())
    assert space.vocabularies == ("whole",)
    assert (space.layers, space.heads, space.ffn) == ((0,), (0,), (0,))
    assert "int8-static" not in space.schemes
    assert {"fp32", "int8", "int8-emb", "int4-weights"} < set(space.schemes)
    told = " ".join(space.notes)
    assert "--calibration FILE" in told
    assert "--corpus FILE" in told


def test_with_texts_a_tiny_model_has_few_levels(tiny_classifier):
    space = space_of(tiny_classifier, Making(calibration=POOL))
    assert space.vocabularies == ("whole", "used", "frequent")
    assert space.layers == (0,)  # a third of two layers is none
    assert space.heads == (0, 20, 30, 40, 50)  # of eight heads a tenth is none
    assert space.ffn == (0, 30, 50)  # of four groups of neurons
    assert "int8-static" in space.schemes
    assert space.depth == 2


def test_of_percents_that_cut_the_same_the_least_is_kept(tiny_classifier):
    """0.3 of four groups is one, and so is 0.4."""
    space = space_of(tiny_classifier, Making(calibration=POOL))
    cut = [int(percent / 100 * 4) for percent in space.ffn]
    assert cut == [0, 1, 2]


def test_a_corpus_alone_allows_for_trimming_and_not_for_pruning(tiny_classifier):
    space = space_of(tiny_classifier, Making(corpus=POOL))
    assert space.vocabularies == ("whole", "used", "frequent")
    assert space.heads == (0,)


def test_an_engine_that_is_not_installed_is_told(tiny_classifier, monkeypatch):
    found = util.find_spec
    monkeypatch.setattr(recipes, "find_spec", lambda name: None if name == "openvino" else found(name))
    space = space_of(tiny_classifier, Making(calibration=POOL))
    assert not [scheme for scheme in space.schemes if scheme.startswith("openvino")]
    assert 'pip install "leanglot[openvino]"' in space.notes[0]


def test_a_model_of_unknown_layers_is_not_pruned(tiny_classifier, monkeypatch):
    def unknown(_module):
        raise recipes.ModelError("0 of the 2 layers are known.")

    monkeypatch.setattr(recipes, "blocks_of", unknown)
    space = space_of(tiny_classifier, Making(calibration=POOL))
    assert (space.layers, space.heads, space.ffn, space.depth) == ((0,), (0,), (0,), 0)
    assert "Pruning was not tried: 0 of the 2 layers are known." in space.notes
    assert students(space) == ()


def test_the_ladder_begins_with_what_is_cheap(space):
    names = [name_of(rung) for rung in ladder(space)]
    assert names[:5] == ["fp32", "int8", "int8-emb", "trim-int8-emb", "ffn20-trim-int8-emb"]
    assert len(set(names)) == len(names)
    assert "trim-openvino-int8" not in names  # not in the space
    assert all(space.holds(rung) for rung in ladder(space))


def test_the_ladder_of_a_poor_space_is_short():
    assert [name_of(rung) for rung in ladder(Space(("fp32", "int8")))] == ["fp32", "int8"]


def test_students_have_a_quarter_and_half_of_the_layers(space):
    assert [(each.student, each.ffn, each.epochs) for each in students(space)] == [
        (3, 60, EPOCHS[0]),
        (6, 40, EPOCHS[0]),
    ]
    assert [each.student for each in students(Space(("fp32",), depth=2))] == [1]
    assert students(Space(("fp32",), depth=1)) == ()
