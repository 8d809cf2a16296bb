"""Structured pruning as a step: what is named or matters least goes, and the facts say so."""

import numpy as np
import pytest
import torch

from leanglot.compress import structured
from leanglot.compress.importance import Scores
from leanglot.compress.slicing import drop_layers, slice_heads
from leanglot.compress.structured import depends_on, measure, prune, prune_ffn, prune_heads, prune_layers
from leanglot.errors import DataError, RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import load_text_classifier
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import FfnPruning, HeadPruning, Importance, LayerPruning


@pytest.fixture(scope="module")
def texts(tiny_classifier, tiny_rows):
    rows = {}
    for tag in ("de", "en", "th"):
        own = [row["text"] for row in tiny_rows if row["language"] == tag][:12]
        rows[tag] = [np.asarray(one.ids, dtype=np.int64) for one in tiny_classifier.tokenizer.encode_batch(own)]
    return rows


@pytest.fixture(scope="module")
def measured(tiny_classifier, texts):
    configs = (HeadPruning(sparsity=0), FfnPruning(sparsity=0), LayerPruning(sparsity=0))
    return {config.technique: measure(tiny_classifier, config, texts) for config in configs}


def scores_of(kind, by_language, **more):
    rows = {tag: tuple(np.asarray(layer, dtype=float) for layer in layers) for tag, layers in by_language.items()}
    return Scores(kind, "taylor" if kind != "layers" else "ablation", dict.fromkeys(rows, 1), rows, **more)


def heads(model):
    return [heads_of(model.module, block) for block in blocks_of(model.module)]


def neurons(model):
    return [neurons_of(model.module, block) for block in blocks_of(model.module)]


def logits(model, text="filler-1 en-music-2 filler-3"):
    ids = torch.tensor([model.tokenizer.encode(text).ids])
    with torch.no_grad():
        return model.module(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[0]


HEADS = {"en": [[4, 1, 2, 3], [9, 9, 9, 9]], "th": [[0, 50, 0, 0], [1, 1, 1, 1]]}


def test_heads_that_matter_least_to_every_language_go(tiny_classifier):
    shaped = prune_heads(tiny_classifier, HeadPruning(sparsity=0.25), scores_of("heads", HEADS))
    assert heads(shaped.model) == [2, 4]
    chosen = shaped.importance
    assert (chosen.kind, chosen.method, chosen.combine, chosen.texts) == (
        "heads",
        "taylor",
        "worst",
        {"en": 1, "th": 1},
    )
    assert chosen.kept == ((0, 1), (0, 1, 2, 3))  # the second is a head that th alone needs
    assert sum(map(sum, chosen.scores["th"])) == pytest.approx(1)
    assert chosen.scores["en"][0] == pytest.approx([4 / 46, 1 / 46, 2 / 46, 3 / 46])
    assert chosen.combined[0] == pytest.approx([4 / 46, 50 / 54, 2 / 46, 3 / 46])
    (facts,) = shaped.model.pruning
    assert facts.chosen
    assert facts.model_copy(update={"chosen": ""}) == PruningFacts(
        technique="heads",
        target=0.25,
        actual=0.25,
        removed=2,
        total=8,
        kept_by_layer=(2, 4),
        before_by_layer=(4, 4),
    )
    assert shaped.notes == ()
    assert torch.equal(logits(shaped.model), logits(slice_heads(tiny_classifier, chosen.kept)))


def test_the_mean_and_the_traffic_choose_others(tiny_classifier):
    scores = scores_of("heads", {"en": [[9, 9, 9, 9], [9, 9, 1, 9]], "th": [[9, 1, 9, 9], [9, 9, 9, 9]]})
    kept = {}
    for how, traffic in (("mean", None), ("traffic", {"en": 0.1, "th": 0.9})):
        importance = Importance(combine=how, traffic=traffic)
        config = HeadPruning(sparsity=0.125, importance=importance)
        kept[how] = prune_heads(tiny_classifier, config, scores).importance.kept
    assert kept == {"mean": ((0, 2, 3), (0, 1, 2, 3)), "traffic": ((0, 2, 3), (0, 1, 2, 3))}
    other = HeadPruning(sparsity=0.125, importance=Importance(combine="traffic", traffic={"en": 0.9, "th": 0.1}))
    assert prune_heads(tiny_classifier, other, scores).importance.kept == ((0, 1, 2, 3), (0, 1, 3))


def test_each_layers_share_of_heads(tiny_classifier):
    config = HeadPruning(sparsity=0.5, scope="layer")
    assert heads(prune_heads(tiny_classifier, config, scores_of("heads", HEADS)).model) == [2, 2]


def test_what_keeps_from_reaching_the_share_is_told(tiny_classifier):
    scores = scores_of("heads", HEADS)
    bare = prune_heads(tiny_classifier, HeadPruning(sparsity=0.95), scores)
    assert heads(bare.model) == [1, 1]
    assert bare.notes == ("6 of 8 heads are removed, not 7: each layer keeps at least 1.",)
    assert bare.model.pruning[0].actual == 0.75
    rounded = prune_heads(tiny_classifier, HeadPruning(sparsity=0.2, scope="layer"), scores)
    assert rounded.notes == (
        "0 of 8 heads are removed, not 1: the share of each layer is rounded down, and it keeps at least 1.",
    )
    neurons = prune_ffn(
        tiny_classifier, FfnPruning(sparsity=0.45, scope="layer", multiple=24), scores_of("ffn", NEURONS)
    )
    (note,) = neurons.notes
    assert note.startswith(
        "32 of 128 neurons are removed, not 57: the share of each layer is rounded down to a multiple"
    )
    assert note.endswith("of 24, and it keeps at least 24.")


NEURONS = {"en": [range(1, 65), range(101, 165)], "th": [range(1, 65), range(101, 165)]}


def test_neurons_that_matter_least_go_in_multiples(tiny_classifier):
    shaped = prune_ffn(tiny_classifier, FfnPruning(sparsity=0.3), scores_of("ffn", NEURONS))
    assert neurons(shaped.model) == [32, 64]
    chosen = shaped.importance
    assert chosen.kept == ((32,), (64,))
    total = sum(map(sum, NEURONS["en"]))
    assert chosen.scores["en"] == (
        (pytest.approx(sum(NEURONS["en"][0]) / total),),
        (pytest.approx(sum(NEURONS["en"][1]) / total),),
    )
    (facts,) = shaped.model.pruning
    assert (facts.technique, facts.target, facts.actual, facts.removed, facts.total) == ("ffn", 0.3, 0.25, 32, 128)
    assert facts.kept_by_layer == (32, 64)
    assert shaped.notes == ()


def test_named_heads_go_without_scores(any_family):
    model = load_text_classifier(any_family)
    shaped = prune_heads(model, HeadPruning(remove={1: (3, 0, 3)}))
    assert heads(shaped.model) == [4, 2]
    assert shaped.importance is None
    assert torch.equal(logits(shaped.model), logits(slice_heads(model, [range(4), [1, 2]])))
    (facts,) = shaped.model.pruning
    assert (facts.target, facts.actual, facts.removed, facts.kept_by_layer) == (None, 0.25, 2, (4, 2))


def test_named_layers_go_without_scores(any_family):
    model = load_text_classifier(any_family)
    shaped = prune_layers(model, LayerPruning(remove=(0, 0)))
    assert shaped.importance is None
    assert torch.equal(logits(shaped.model), logits(drop_layers(model, [1])))
    (facts,) = shaped.model.pruning
    assert facts == PruningFacts(technique="layers", target=None, actual=0.5, removed=1, total=2, kept_by_layer=(1,))


def test_layers_go_in_their_order(tiny_classifier):
    scores = scores_of("layers", {"en": [[3], [1]], "th": [[1], [3]]}, order=(1,), combine="worst")
    shaped = prune_layers(tiny_classifier, LayerPruning(sparsity=0.5), scores)
    assert len(blocks_of(shaped.model.module)) == 1
    chosen = shaped.importance
    assert chosen.kept == ((0,), ())
    assert (chosen.kind, chosen.method) == ("layers", "ablation")
    assert chosen.scores == {"en": ((0.75,), (0.25,)), "th": ((0.25,), (0.75,))}
    assert shaped.model.pruning[0].kept_by_layer == (0,)


def test_a_share_of_layers_is_rounded_down(tiny_classifier, measured):
    shaped = prune_layers(tiny_classifier, LayerPruning(sparsity=0.49), measured["layers"])
    assert len(blocks_of(shaped.model.module)) == 2
    assert (shaped.model.pruning[0].target, shaped.model.pruning[0].actual) == (0.49, 0)
    assert shaped.importance.kept == ((0,), (0,))


CONFIGS = (HeadPruning(sparsity=0.5), FfnPruning(sparsity=0.5), LayerPruning(sparsity=0.5))


@pytest.mark.parametrize("config", CONFIGS)
def test_steps_are_measured_and_carried_out(tiny_classifier, texts, config):
    done = []
    scores = measure(tiny_classifier, config, texts, done.append)
    assert (scores.kind, done[-1]) == (config.technique, 36)
    shaped = prune(tiny_classifier, config, scores)
    (facts,) = shaped.model.pruning
    assert (facts.technique, facts.actual) == (config.technique, 0.5)
    assert torch.isfinite(logits(shaped.model)).all()
    assert shaped.importance.texts == {"de": 12, "en": 12, "th": 12}
    assert tiny_classifier.pruning == ()
    assert (heads(tiny_classifier), neurons(tiny_classifier)) == ([4, 4], [64, 64])


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("given", [False, True])
def test_no_sparsity_gives_an_equal_model_with_facts(tiny_classifier, measured, config, given):
    scores = measured[config.technique] if given else None
    shaped = prune(tiny_classifier, config.model_copy(update={"sparsity": 0.0}), scores)
    assert torch.equal(logits(shaped.model), logits(tiny_classifier))
    (facts,) = shaped.model.pruning
    assert (facts.target, facts.actual, facts.removed) == (0, 0, 0)
    assert (shaped.importance is None) is not given


def test_a_second_step_counts_from_the_first(tiny_classifier):
    once = prune_heads(tiny_classifier, HeadPruning(remove={0: (0, 1)})).model
    twice = prune_heads(once, HeadPruning(remove={1: (0,)})).model
    assert [(facts.removed, facts.total) for facts in twice.pruning] == [(2, 8), (1, 6)]
    assert twice.pruning[1].actual == pytest.approx(1 / 6)
    assert twice.pruning[1].kept_by_layer == (2, 3)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (HeadPruning(remove={2: (0,)}), "no layer 2 to remove heads of: tiny-xlmr has 2 layers"),
        (HeadPruning(remove={1: (0, 4)}), "Layer 1 of tiny-xlmr has no head 4: it has 4"),
        (HeadPruning(remove={1: (0, 1, 2, 3)}), "Layer 1 of tiny-xlmr would lose all of its 4 heads"),
        (LayerPruning(remove=(0, 2)), "no layer 2 to remove: tiny-xlmr has 2 layers"),
        (LayerPruning(remove=(0, 1)), "tiny-xlmr would lose all of its 2 layers"),
    ],
)
def test_what_is_not_there_cannot_be_removed(tiny_classifier, config, message):
    with pytest.raises(RecipeError, match=message):
        prune(tiny_classifier, config)


@pytest.mark.parametrize("config", CONFIGS)
def test_importance_without_texts_is_refused(tiny_classifier, config):
    with pytest.raises(RecipeError, match="measured on texts, and there are none") as caught:
        prune(tiny_classifier, config)
    assert "--calibration FILE, or the key calibration in a config file" in str(caught.value.hint)
    with pytest.raises(RecipeError, match="there are none"):
        measure(tiny_classifier, config, {})


def test_scores_of_another_model_or_kind_are_refused(tiny_classifier, measured):
    fewer = slice_heads(tiny_classifier, [range(3), range(4)])
    with pytest.raises(RecipeError, match="other heads than those of tiny-xlmr"):
        prune_heads(fewer, HeadPruning(sparsity=0.5), measured["heads"])
    with pytest.raises(RecipeError, match="other ffn than those of"):
        prune_heads(tiny_classifier, HeadPruning(sparsity=0.5), measured["ffn"])


def test_an_order_found_with_other_weights_is_refused(tiny_classifier, measured):
    config = LayerPruning(sparsity=0.5, importance=Importance(combine="mean"))
    with pytest.raises(RecipeError, match="found with combine: worst, not mean"):
        prune_layers(tiny_classifier, config, measured["layers"])


def test_traffic_without_texts_is_refused(tiny_classifier, measured):
    importance = Importance(combine="traffic", traffic={"en": 0.5, "sw": 0.5})
    with pytest.raises(DataError, match="traffic in sw"):
        prune_heads(tiny_classifier, HeadPruning(sparsity=0.5, importance=importance), measured["heads"])


def test_what_scores_depend_on():
    assert depends_on(HeadPruning(sparsity=0.1)) == depends_on(HeadPruning(sparsity=0.5, scope="layer"))
    mean = Importance(combine="mean")
    assert depends_on(FfnPruning(sparsity=0.1)) == depends_on(FfnPruning(sparsity=0.1, importance=mean))
    assert depends_on(LayerPruning(sparsity=0.1)) == depends_on(LayerPruning(sparsity=0.5))
    assert depends_on(LayerPruning(sparsity=0.1)) != depends_on(LayerPruning(sparsity=0.1, importance=mean))
    gradient = Importance(method="gradient")
    assert depends_on(HeadPruning(sparsity=0.1)) != depends_on(HeadPruning(sparsity=0.1, importance=gradient))
    assert structured.depends_on(HeadPruning(sparsity=0.1)) != depends_on(FfnPruning(sparsity=0.1))


def test_the_head_that_matters_most_to_any_language_stays(tiny_classifier, texts):
    config = HeadPruning(sparsity=0.5)
    chosen = prune_heads(tiny_classifier, config, measure(tiny_classifier, config, texts)).importance
    for tag, layers in chosen.scores.items():
        _, place, head = max((score, place, head) for place, row in enumerate(layers) for head, score in enumerate(row))
        assert head in chosen.kept[place], tag
