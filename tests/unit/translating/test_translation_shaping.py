"""Steps on a translation model: which sentences they learn from, what they tell, and importance found again."""

import pytest

from leanglot.errors import DataError, RecipeError
from leanglot.models.seq2seq_structure import depths_of
from leanglot.progress import Silent, Telling
from leanglot.techniques import (
    FfnPruning,
    HeadPruning,
    Importance,
    LayerPruning,
    MagnitudePruning,
    SideLayers,
    TrimVocabulary,
)
from leanglot.translating import shaping
from leanglot.translating.materials import TranslationMaking
from leanglot.translating.shaping import carry_out_step, shape
from seq2seq_shapes import examples, many_layered


@pytest.mark.parametrize(
    ("step", "technique"),
    [
        (MagnitudePruning(sparsity=0.5), "magnitude"),
        (SideLayers(decoder=1), "layers"),
        (HeadPruning(sparsity=0.3), "heads"),
        (FfnPruning(sparsity=0.3, multiple=4), "ffn"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_each_step_tells_what_it_did(step, technique):
    model, _ = shape(many_layered("marian"), step, TranslationMaking(training=examples("marian")))
    assert [facts.technique for facts in model.pruning] == [technique]
    assert model.pruning[0].removed > 0


def test_steps_follow_one_another():
    model, making = many_layered("marian"), TranslationMaking(training=examples("marian"))
    for step in (
        TrimVocabulary(),
        SideLayers(decoder=1),
        HeadPruning(sparsity=0.2),
        FfnPruning(sparsity=0.2, multiple=1),
    ):
        model, _ = shape(model, step, making)
    assert [facts.technique for facts in model.pruning] == ["layers", "heads", "ffn"]
    assert depths_of(model.module) == {"encoder": 3, "decoder": 1}
    assert model.vocabulary.pieces_after == model.facts.vocabulary


def test_importance_is_shared_out_over_the_pairs():
    step = HeadPruning(sparsity=0.3, importance=Importance(samples=20))
    shaped = carry_out_step(many_layered("marian"), step, TranslationMaking(training=examples("marian")))
    assert shaped.importance.texts == dict.fromkeys(["de→en", "en→de", "en→fr", "en→ru"], 5)
    assert any("fewer than 8 sentences of de→en, en→de" in note for note in shaped.notes)


def test_importance_can_count_some_pairs_alone():
    how = Importance(samples=8, languages=("en->de",), combine="mean")
    shaped = carry_out_step(
        many_layered("marian"),
        HeadPruning(sparsity=0.3, importance=how),
        TranslationMaking(training=examples("marian")),
    )
    assert shaped.importance.texts == {"en→de": 8}
    absent = Importance(languages=("en->ja",))
    with pytest.raises(DataError, match="Importance asks for en→ja"):
        carry_out_step(
            many_layered("marian"),
            HeadPruning(sparsity=0.3, importance=absent),
            TranslationMaking(training=examples("marian")),
        )


def test_sentences_for_calibration_come_before_those_for_training():
    all_sentences = examples("marian")
    german = all_sentences.subset(all_sentences.by_pair()["en→de"])
    making = TranslationMaking(training=all_sentences, calibration=german)
    shaped = carry_out_step(many_layered("marian"), HeadPruning(sparsity=0.3), making)
    assert set(shaped.importance.texts) == {"en→de"}
    assert shape(many_layered("marian"), TrimVocabulary(), making)[0].vocabulary.languages == ("de", "en")


@pytest.mark.parametrize(
    "step", [HeadPruning(sparsity=0.3), FfnPruning(sparsity=0.3), TrimVocabulary()], ids=lambda step: step.technique
)
def test_steps_that_learn_need_sentences(step):
    with pytest.raises(RecipeError, match="there are none"):
        shape(many_layered("marian"), step, TranslationMaking())


def test_named_heads_need_none():
    model, notes = shape(many_layered("marian"), HeadPruning(remove={0: (1,)}), TranslationMaking())
    assert (model.pruning[0].removed, notes) == (1, ())


def test_a_step_for_classifiers_is_refused():
    with pytest.raises(RecipeError, match="layer pruning is no step"):
        shape(many_layered("marian"), LayerPruning(sparsity=0.5), TranslationMaking())


def test_measured_importance_is_found_again(tmp_path, monkeypatch):
    making = TranslationMaking(training=examples("marian"), work=tmp_path / "work")
    first = carry_out_step(many_layered("marian"), HeadPruning(sparsity=0.3), making)

    def never(*_args, **_kwargs):
        raise AssertionError("measured again")

    monkeypatch.setattr(shaping, "measure_units", never)
    again = carry_out_step(many_layered("marian"), HeadPruning(sparsity=0.3), making)
    assert again.importance == first.importance
    assert again.model.pruning == first.model.pruning
    with pytest.raises(AssertionError, match="measured again"):
        carry_out_step(many_layered("marian"), HeadPruning(sparsity=0.3, importance=Importance(samples=8)), making)


def test_progress_is_told():
    seen = []

    class Watching(Silent):
        def advance(self, candidate, steps=1):
            seen.append(steps)

    making = TranslationMaking(training=examples("marian"), tell=Telling(Watching(), "pruned"))
    shape(many_layered("marian"), HeadPruning(sparsity=0.3), making)
    assert sum(seen) == 96
