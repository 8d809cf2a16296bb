"""Movement pruning: the published schedule and gradients, exactly as many zeros as asked for, and the same resumed."""

import gc
import random
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrize

from leanglot.compress.learning import Lessons, learn
from leanglot.compress.magnitude import prune
from leanglot.compress.movement import (
    SCORES,
    RisingSparsity,
    make_permanent,
    mask_lowest,
    prune_by_movement,
    put_masks,
    sparsity_at,
)
from leanglot.compress.student import with_own_weights
from leanglot.data.examples import Examples
from leanglot.data.schedule import make_schedule
from leanglot.data.training import hold_out, training_examples
from leanglot.errors import RecipeError
from leanglot.models.text_classifier import (
    TextClassifier,
    linear_layers,
    linear_sparsity,
    load_text_classifier,
    save_text_classifier,
)
from leanglot.results.shaping import PruningFacts
from leanglot.techniques import MagnitudePruning
from leanglot.techniques.distillation import HiddenMatching
from leanglot.techniques.movement import MovementPruning
from leanglot.techniques.training import Training
from leanglot.train import answers, run
from leanglot.train.loop import fit
from leanglot.train.workplace import Workplace
from tiny_training import SHORT, make_learner, make_rows, weights_of

SHORTEST = Training(epochs=1, batch_size=24, learning_rate=1e-3, validation=0, dropout=0.0)
HALF = MovementPruning(sparsity=0.5, training=SHORTEST)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few flushes to the disk, and little garbage to collect after a training."""
    monkeypatch.setattr(answers, "_CHUNKS", 2)
    gc.freeze()
    yield
    gc.unfreeze()


def changed(config=HALF, training=None, **settings):
    training = SHORTEST.model_validate(config.training.model_dump() | (training or {}))
    return config.model_validate(config.model_dump() | {"training": training} | settings)


def many_texts(model, count=400):
    """Fillers around one word that tells the label, as the model's own examples are."""
    rng = random.Random(5)
    telling = sorted(word for word in model.tokenizer.get_vocab() if word.count("-") == 2)
    texts, labels, languages = [], [], []
    for word in rng.choices(telling, k=count):
        words = [f"filler-{rng.randrange(400)}" for _ in range(rng.randint(2, 14))]
        words.insert(rng.randrange(len(words) + 1), word)
        language, label, _ = word.split("-")
        texts.append(" ".join(words))
        labels.append(label)
        languages.append(language)
    return Examples(tuple(texts), tuple(labels), tuple(languages))


def examples(rows):
    return Examples(*(tuple(row[key] for row in rows) for key in ("text", "label", "language")))


@pytest.fixture
def lessons(tiny_rows):
    """Makes lessons of every second row."""

    def make(teacher, folder, **more):
        return Lessons(teacher, training_examples(examples(tiny_rows[::2]), "texts.jsonl"), folder, **more)

    return make


def masked(*matrices):
    """A linear layer for each matrix of weights, with its mask."""
    layers = {str(place): nn.Linear(len(one[0]), len(one), bias=False) for place, one in enumerate(matrices)}
    with torch.no_grad():
        for layer, matrix in zip(layers.values(), matrices, strict=True):
            layer.weight.copy_(torch.tensor(matrix))
    return layers, put_masks(layers)


def scored(*scores):
    """Masks with these scores, one for each list; all weights are 1."""
    layers, masks = masked(*([[1.0] * len(values)] for values in scores))
    with torch.no_grad():
        for mask, values in zip(masks, scores, strict=True):
            mask.scores.copy_(torch.tensor([values]))
    return layers, masks


def kept(masks):
    return [mask.mask.flatten().tolist() for mask in masks]


@dataclass
class Holder:
    """As much of a classifier as magnitude pruning needs."""

    module: nn.Module
    name: str = "holder"
    pruning: tuple = ()

    def with_own(self, layers):
        return TextClassifier.with_own(self, layers)


def holding(weight):
    layer = nn.Linear(weight.shape[1], weight.shape[0], bias=False)
    layer.weight = nn.Parameter(weight.clone())
    return Holder(layer)


def logits(model, texts):
    with torch.inference_mode():
        ids = [torch.tensor([encoding.ids]) for encoding in model.tokenizer.encode_batch(list(texts))]
        return torch.cat([model.module(input_ids=one, attention_mask=torch.ones_like(one)).logits for one in ids])


def accuracy(model, found):
    expected = torch.tensor([model.labels.index(label) for label in found.labels])
    return (logits(model, found.texts).argmax(dim=1) == expected).double().mean().item()


def distance(model, whole, found):
    """Mean divergence of a model's answers from the whole model's."""
    own, other = (logits(each, found.texts).log_softmax(dim=1) for each in (model, whole))
    return functional.kl_div(own, other, log_target=True, reduction="batchmean").item()


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


# The schedule


def test_the_schedule_is_the_published_one():
    config = changed(sparsity=0.8, warmup=0.1, cooldown=0.2)
    found = [sparsity_at(step, 100, config) for step in range(100)]
    assert found[:11] == [0.0] * 11
    assert found[80:] == [0.8] * 20
    for step in range(10, 81):
        assert found[step] == pytest.approx(0.8 + (0 - 0.8) * (1 - (step - 10) / 70) ** 3)
    assert found[45] == pytest.approx(0.8 * 7 / 8)  # halfway, seven eighths are there
    assert all(one < two for one, two in pairwise(found[10:81]))


@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("cooldown", [0.0, 0.2, 0.49])
def test_however_few_steps_there_are_the_last_one_has_the_whole_sparsity(warmup, cooldown):
    config = changed(sparsity=0.7, warmup=warmup, cooldown=cooldown)
    for steps in range(1, 40):
        found = [sparsity_at(step, steps, config) for step in range(steps)]
        assert found[-1] == 0.7
        assert found == sorted(found)
        assert found[0] == (0.0 if steps > 1 and round((1 - cooldown) * steps) > 0 else 0.7)


def test_a_step_has_the_sparsity_of_the_schedule():
    _, masks = scored([0.4, 0.1, 0.3, 0.2], torch.linspace(-1, 1, 96).tolist())
    for scope in ("global", "layer"):
        hook = RisingSparsity(masks, changed(scope=scope))
        zeros = []
        for step in range(20):
            hook(step, 20)
            zeros.append([int((~mask.mask).sum()) for mask in masks])
            share = sparsity_at(step, 20, HALF)
            if scope == "global":
                assert sum(zeros[-1]) == int(share * 100)
            else:
                assert zeros[-1] == [int(share * 4), int(share * 96)]
        assert all(sum(one) <= sum(two) for one, two in pairwise(zeros))
        assert sum(zeros[-1]) == 50


# Masks and gradients


def test_a_scores_gradient_is_that_of_the_masked_weight_times_the_weight():
    weight = [[1.0, -2.0, 0.5], [3.0, 0.25, -1.0]]
    layers, (mask,) = masked(weight)
    mask.mask.copy_(torch.tensor([[True, False, True], [False, True, True]]))
    inputs, target = torch.tensor([[1.0, 2.0, 3.0], [-1.0, 0.5, 2.0]]), torch.tensor([[0.5, -1.0], [2.0, 1.0]])
    output = layers["0"](inputs)
    effective = torch.tensor([[1.0, 0.0, 0.5], [0.0, 0.25, -1.0]])
    assert torch.equal(output, inputs @ effective.T)
    (0.5 * (output - target).square().sum()).backward()
    of_masked = (output.detach() - target).T @ inputs  # dL/dW' of the squared error
    assert torch.allclose(mask.scores.grad, of_masked * torch.tensor(weight))
    assert (mask.scores.grad[~mask.mask] != 0).all()
    original = layers["0"].parametrizations.weight.original
    assert torch.allclose(original.grad, of_masked * mask.mask)


def test_gradients_of_parts_of_a_batch_add_up():
    layers, (mask,) = masked([[1.0, -2.0], [0.5, 3.0]])
    mask_lowest([mask], 0.5)
    inputs = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    layers["0"](inputs).square().sum().backward()
    whole = mask.scores.grad.clone()
    mask.scores.grad = None
    for part in (inputs[:4], inputs[4:]):
        layers["0"](part).square().sum().backward()
    assert torch.allclose(mask.scores.grad, whole)


def test_without_a_mask_the_layer_computes_as_before():
    layers, _ = masked([[1.0, -2.0], [0.0, 3.0]])
    plain = torch.tensor([[1.0, -2.0], [0.0, 3.0]])
    inputs = torch.tensor([[0.3, 0.7]])
    assert torch.equal(layers["0"](inputs), functional.linear(inputs, plain))


def test_the_lowest_scores_of_all_layers_are_masked():
    _, masks = scored([0.1, -0.5, 2.0], [0.0, 0.2, -3.0])
    mask_lowest(masks, 0.5)
    assert kept(masks) == [[True, False, True], [False, True, False]]
    mask_lowest(masks, 0.2)
    assert kept(masks) == [[True, True, True], [True, True, False]]
    mask_lowest(masks, 0.1)
    assert kept(masks) == [[True] * 3] * 2


def test_each_layers_own_ranking_masks_the_same_share_of_each():
    _, masks = scored([0.1, 0.2, 0.3, 0.4], [-4.0, -3.0, -2.0, -1.0])
    RisingSparsity(masks, changed(scope="layer"))(9, 10)
    assert kept(masks) == [[False, False, True, True]] * 2


def test_among_equal_scores_the_first_are_masked_and_the_count_is_exact():
    _, masks = scored([0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0])
    mask_lowest(masks, 4 / 7)
    assert kept(masks) == [[False, True, False], [False, False, True, True]]
    _, (mask,) = scored([0.0] * 1000)
    for share in (0.001, 0.37, 0.5, 0.999):
        mask_lowest([mask], share)
        assert int((~mask.mask).sum()) == round(1000 * share)


def test_weights_that_layers_share_have_one_mask_and_stay_shared():
    one, two = nn.Linear(4, 4), nn.Linear(4, 4)
    two.weight = one.weight
    layers = {"one": one, "two": two}
    (mask,) = put_masks(layers)
    mask_lowest([mask], 0.25)
    assert torch.equal(one.weight, two.weight)
    assert int((two.weight == 0).sum()) == 4
    make_permanent(layers)
    assert one.weight is two.weight
    assert linear_sparsity(nn.Sequential(one, two)) == 0.25


def test_masks_leave_nothing_behind():
    layers, masks = masked([[1.0, -2.0], [-0.5, 3.0]])
    weight = layers["0"].parametrizations.weight.original
    mask_lowest(masks, 0.5)
    make_permanent(layers)
    assert type(layers["0"]) is nn.Linear
    assert not parametrize.is_parametrized(layers["0"])
    assert layers["0"].weight is weight
    assert weight.requires_grad
    assert weight.tolist() == [[0.0, 0.0], [-0.5, 3.0]]
    assert not torch.signbit(weight[weight == 0]).any()
    assert list(layers["0"].state_dict()) == ["weight"]


def test_what_moves_towards_zero_goes_where_magnitude_takes_the_small():
    """Two large weights have to become small, two small ones large."""
    start, wanted = [[2.0, -1.5, 0.2, -0.1]], torch.tensor([[0.4, -0.3, 0.9, -0.8]])
    layers, masks = masked(start)
    layer, config = layers["0"], changed(warmup=0.2)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.02)
    hook = RisingSparsity(masks, config)
    for step in range(20):
        hook(step, 20)
        (layer.weight - wanted).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
    original = layer.parametrizations.weight.original.detach().abs()[0]
    assert original[:2].min() > original[2:].max()  # the large ones are the large ones still
    by_size = prune(holding(original[None]), MagnitudePruning(sparsity=0.5)).model.module
    assert (by_size.weight != 0).tolist() == [[True, True, False, False]]
    make_permanent(layers)
    assert (layer.weight != 0).tolist() == [[False, False, True, True]]


# Whole models


def test_half_of_the_weights_go_and_the_caller_keeps_all(tiny_classifier, lessons, tmp_path):
    before = state(tiny_classifier.module)
    shaped = prune_by_movement(tiny_classifier, HALF, lessons(tiny_classifier, tmp_path))
    assert same(state(tiny_classifier.module), before)
    assert all(weight.requires_grad and weight.grad is None for weight in tiny_classifier.module.parameters())
    assert tiny_classifier.pruning == tiny_classifier.training == ()
    module = shaped.model.module
    assert not module.training
    assert not any(parametrize.is_parametrized(layer) for layer in module.modules())
    assert state(module).keys() == before.keys()
    assert not {id(weight) for weight in module.parameters()} & {id(x) for x in tiny_classifier.module.parameters()}
    (facts,) = shaped.model.pruning
    total = sum(layer.weight.numel() for layer in linear_layers(module).values())
    assert (facts.technique, facts.target, facts.total, facts.removed) == ("movement", 0.5, total, total // 2)
    assert facts.actual == linear_sparsity(module) == facts.removed / facts.total
    (training,) = shaped.model.training
    assert (training.technique, training.steps, training.kept_step) == ("movement", 4, 4)
    assert any("neither faster nor smaller" in note for note in shaped.notes)
    assert any("has 4 steps, too few" in note for note in shaped.notes)


@pytest.mark.parametrize(("scope", "sparsity"), [("layer", 0.37), ("global", 0.913), ("layer", 0.99)])
def test_the_count_of_zeros_is_exact(tiny_classifier, lessons, tmp_path, scope, sparsity):
    config = changed(scope=scope, sparsity=sparsity)
    module = prune_by_movement(tiny_classifier, config, lessons(tiny_classifier, tmp_path)).model.module
    weights = [layer.weight for layer in linear_layers(module).values()]
    zeros = [int((weight == 0).sum()) for weight in weights]
    if scope == "global":
        assert sum(zeros) == int(sparsity * sum(weight.numel() for weight in weights))
    else:
        assert zeros == [int(sparsity * weight.numel()) for weight in weights]


def test_the_check_after_the_last_step_answers_as_the_result_does(tiny_classifier, lessons, tmp_path):
    config = changed(sparsity=0.9, training={"validation": 0.5})
    given = lessons(tiny_classifier, tmp_path)
    shaped = prune_by_movement(tiny_classifier, config, given)
    checks = shaped.model.training[0].epochs[-1].held_out
    data = given.data.examples
    held = data.subset(hold_out(data, 0.5, config.training.seed)[1])
    assert len(held) >= 40
    for tag, places in held.by_language().items():
        n, right = len(places), round(len(places) * accuracy(shaped.model, held.subset(places)))
        assert (checks[tag].n, checks[tag].right) == (n, right)


def test_no_sparsity_is_training_alone(tiny_classifier, lessons, tmp_path):
    config = changed(sparsity=0, training={"clip": None})
    shaped = prune_by_movement(tiny_classifier, config, lessons(tiny_classifier, tmp_path / "masks"))
    plain = with_own_weights(tiny_classifier)
    learn(plain, config, lessons(tiny_classifier, tmp_path / "plain"), "plain")
    assert same(state(shaped.model.module), state(plain.module))
    assert (shaped.model.pruning[0].removed, shaped.model.pruning[0].actual) == (0, 0.0)
    assert not any("too few" in note for note in shaped.notes)


def test_frozen_layers_stay_dense_and_are_named(tiny_classifier, lessons, tmp_path):
    config = changed(training={"freeze": ("layer.0", "embeddings")})
    before = state(tiny_classifier.module)
    shaped = prune_by_movement(tiny_classifier, config, lessons(tiny_classifier, tmp_path))
    after = state(shaped.model.module)
    for name, tensor in before.items():
        assert torch.equal(after[name], tensor) == (".layer.0." in name or ".embeddings." in name), name
    rest = {name: after[f"{name}.weight"] for name in linear_layers(shaped.model.module) if ".layer.0." not in name}
    total = sum(weight.numel() for weight in rest.values())
    assert shaped.model.pruning[0].removed == sum(int((weight == 0).sum()) for weight in rest.values()) == total // 2
    assert shaped.model.pruning[0].actual == linear_sparsity(shaped.model.module) < 0.5
    assert all(weight.requires_grad for weight in shaped.model.module.parameters())
    (note,) = (note for note in shaped.notes if note.startswith("Dense"))
    assert note.startswith("Dense, since they are frozen: roberta.encoder.layer.0.attention.output.dense, ")
    assert note.endswith(" and 2 more.")


def test_what_cannot_be_pruned_is_refused(tiny_classifier, lessons, tmp_path):
    everywhere = changed(training={"freeze": ("encoder", "classifier")})
    with pytest.raises(RecipeError, match="every linear layer of tiny-xlmr stays as it is"):
        prune_by_movement(tiny_classifier, everywhere, lessons(tiny_classifier, tmp_path))
    slip = changed(training={"freeze": ("scores",)})
    with pytest.raises(RecipeError, match="freeze: 'scores' matches no layer with weights"):
        prune_by_movement(tiny_classifier, slip, lessons(tiny_classifier, tmp_path))
    holder = replace(tiny_classifier, module=nn.Sequential(nn.Embedding(2, 2)), name="holder")
    with pytest.raises(RecipeError, match="holder has no linear layer"):
        prune_by_movement(holder, HALF, lessons(tiny_classifier, tmp_path))


def test_every_family_is_pruned_and_hidden_states_may_be_matched(any_family, lessons, tmp_path):
    model = load_text_classifier(any_family)
    config = changed(sparsity=0.6, hidden=HiddenMatching(), training={"micro_batch": 10})
    shaped = prune_by_movement(model, config, lessons(model, tmp_path))
    assert linear_sparsity(shaped.model.module) == pytest.approx(0.6, abs=1e-4)
    assert shaped.model.training[0].epochs[-1].parts["hidden"] > 0
    assert state(shaped.model.module).keys() == state(model.module).keys()


def test_steps_before_are_kept_in_the_record(tiny_classifier, lessons, tmp_path):
    earlier = PruningFacts(technique="layers", target=None, actual=0.5, removed=1, total=2, kept_by_layer=(0,))
    model = replace(tiny_classifier, pruning=(earlier,))
    assert prune_by_movement(model, HALF, lessons(model, tmp_path)).model.pruning[0] == earlier


def test_the_zeros_survive_a_saved_folder(tiny_classifier, lessons, tmp_path):
    model = prune_by_movement(tiny_classifier, HALF, lessons(tiny_classifier, tmp_path / "training")).model
    folder = tmp_path / "saved"
    folder.mkdir()
    save_text_classifier(model, folder)
    loaded = load_text_classifier(folder)
    assert linear_sparsity(loaded.module) == 0.5
    assert same(state(loaded.module), state(model.module))


def test_pruning_in_training_answers_better_than_pruning_alone(tiny_classifier, tiny_rows, tmp_path):
    given = Lessons(tiny_classifier, training_examples(many_texts(tiny_classifier), "many.jsonl"), tmp_path)
    unseen, right = examples(tiny_rows), {}
    for sparsity in (0.5, 0.8):
        config = changed(sparsity=sparsity, training={"epochs": 5, "batch_size": 32, "dropout": None})
        moved = prune_by_movement(tiny_classifier, config, given).model
        small = prune(tiny_classifier, MagnitudePruning(sparsity=sparsity)).model
        assert linear_sparsity(moved.module) == linear_sparsity(small.module)
        assert distance(moved, tiny_classifier, unseen) < distance(small, tiny_classifier, unseen)
        right[sparsity] = accuracy(moved, unseen), accuracy(small, unseen)
    assert right[0.5][0] > right[0.5][1] + 0.01
    assert right[0.8][0] > right[0.8][1] + 0.2


# Going on


def test_a_training_that_was_cut_off_goes_on_with_the_same_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_WRITING_SHARE", 0)
    unbroken, _ = fitted(tmp_path / "unbroken")

    def cut(step, steps, loss):
        if step == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fitted(tmp_path / "cut", tell=cut, seconds=0.0)
    left = []
    resumed, layers = fitted(tmp_path / "cut", tell=lambda step, *_: left.append(step), seconds=0.0)
    assert left == [6, 7, 8]
    assert same(weights_of(unbroken), weights_of(resumed))
    again, others = fitted(tmp_path / "cut", tell=lambda *_: pytest.fail("it is over"))
    assert same(weights_of(unbroken), weights_of(again))
    for each in (layers, others):
        make_permanent(each)
    assert same(weights_of(resumed), weights_of(again))
    assert linear_sparsity(again.model) == 0.5


def test_a_result_that_is_there_is_taken_with_its_zeros(tiny_classifier, lessons, tmp_path):
    steps = []
    given = lessons(tiny_classifier, tmp_path, trained=lambda step, *_: steps.append(step))
    first = prune_by_movement(tiny_classifier, HALF, given)
    assert steps == [1, 2, 3, 4]
    second = prune_by_movement(tiny_classifier, HALF, given)
    assert steps == [1, 2, 3, 4]
    assert same(state(first.model.module), state(second.model.module))
    assert first.model.pruning == second.model.pruning
    assert first.notes == second.notes
    prune_by_movement(tiny_classifier, changed(score_rate=50.0), given)  # another training
    assert steps == [1, 2, 3, 4] * 2


def fitted(folder, **place):
    """A learner trained with rising sparsity, eight steps, and its masked layers."""
    learner, texts = make_learner(), make_rows()
    layers = linear_layers(learner.model)
    hook = RisingSparsity(put_masks(layers), HALF)
    schedule = make_schedule(texts.languages, SHORT.batch_size, "uniform", seed=0)
    fit(learner, texts, None, schedule, SHORT, Workplace(folder, "key", **place), hook, {SCORES: 100.0})
    return learner, layers
