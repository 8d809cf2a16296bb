"""Importance of heads and neurons: the derivatives it says it is, by language, and nothing of the model changes."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from leanglot.compress.importance import Scores, load_scores, measure_units, save_scores
from leanglot.compress.slicing import mask_heads, mask_neurons
from leanglot.errors import ModelError, RecipeError
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import load_text_classifier

KINDS = ["heads", "ffn"]


@pytest.fixture(scope="module")
def texts(tiny_classifier, tiny_rows):
    """Token ids by language, 11 texts in all, of different lengths."""
    rows = {}
    for tag, count in (("de", 5), ("en", 3), ("th", 2), ("sw", 1)):
        own = [row["text"] for row in tiny_rows if row["language"] == tag][:count]
        rows[tag] = [
            np.asarray(encoding.ids, dtype=np.int64) for encoding in tiny_classifier.tokenizer.encode_batch(own)
        ]
    return rows


def watched(model, kind):
    """For each layer the linear layer that reads the units, and how many it reads."""
    for block in blocks_of(model.module):
        if kind == "heads":
            yield model.module.get_submodule(block.attention_output), heads_of(model.module, block)
        else:
            yield model.module.get_submodule(block.ffn_output), neurons_of(model.module, block)


def margin(module, row):
    logits = module(input_ids=torch.from_numpy(row)[None], attention_mask=torch.ones(1, len(row), dtype=torch.long))
    best = logits.logits.topk(2).values[0]
    return best[0] - best[1]


def in_double(model):
    return replace(model, module=copy.deepcopy(model.module).double())


def by_finite_differences(model, kind, layer, unit, row, step=1e-4):
    """How the margin changes with a factor on one unit's activations, at 1."""
    model = in_double(model)
    linear, units = list(watched(model, kind))[layer]
    found = []
    for factor in (1 + step, 1 - step):

        def scaled(_, inputs, factor=factor):
            values = inputs[0].unflatten(-1, (units, -1)).clone()
            values[..., unit, :] *= factor
            return (values.flatten(-2),)

        handle = linear.register_forward_pre_hook(scaled)
        with torch.no_grad():
            found.append(float(margin(model.module, row)))
        handle.remove()
    return (found[0] - found[1]) / (2 * step)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layer", [0, 1])
def test_taylor_is_the_mean_sensitivity_to_a_factor_at_one(any_family, tiny_classifier, texts, kind, layer):
    for model in (load_text_classifier(any_family), tiny_classifier):
        scores = measure_units(model, kind, "taylor", texts)
        for tag in ("en", "sw"):
            expected = [
                np.mean([abs(by_finite_differences(model, kind, layer, unit, row)) for row in texts[tag]])
                for unit in (0, 3)
            ]
            found = scores.by_language[tag][layer][[0, 3]]
            assert found == pytest.approx(expected, rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("kind", KINDS)
def test_gradient_sums_the_gradients_sizes(tiny_classifier, texts, kind):
    scores = measure_units(tiny_classifier, kind, "gradient", texts)
    model = in_double(tiny_classifier)
    expected = 0
    for row in texts["en"]:
        held = []
        handles = [
            linear.register_forward_pre_hook(lambda _, inputs, held=held: held.append(inputs[0]))
            for linear, _ in watched(model, kind)
        ]
        loss = margin(model.module, row)
        gradients = torch.autograd.grad(loss, held)
        for handle in handles:
            handle.remove()
        units = [count for _, count in watched(model, kind)]
        each = [g[0].abs().unflatten(-1, (n, -1)).sum(dim=(0, 2)) for g, n in zip(gradients, units, strict=True)]
        expected = expected + torch.stack(each).numpy() / len(texts["en"])
    found = np.stack(scores.by_language["en"])
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6 * expected.max())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("method", ["taylor", "gradient"])
def test_batch_mates_and_padding_do_not_count(any_family, texts, kind, method):
    model = load_text_classifier(any_family)
    alone = measure_units(model, kind, method, texts, batch_tokens=1)
    together = measure_units(model, kind, method, texts, batch_tokens=10_000)
    for tag in texts:
        for one, other in zip(alone.by_language[tag], together.by_language[tag], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * one.max())


@pytest.mark.parametrize("kind", KINDS)
def test_activations_are_means_over_tokens_then_languages(any_family, texts, kind):
    model = load_text_classifier(any_family)
    given: dict[str, list[torch.Tensor]] = {}
    linear, _ = list(watched(model, kind))[1]
    handle = linear.register_forward_pre_hook(lambda _, inputs: given[tag].append(inputs[0][0]))
    for tag, own in texts.items():
        given[tag] = []
        for row in own:
            margin(model.module, row)
    handle.remove()
    expected = np.mean([torch.cat(own).double().mean(dim=0).detach().numpy() for own in given.values()], axis=0)
    for budget in (16, 1024):
        found = measure_units(model, kind, "taylor", texts, batch_tokens=budget).activations
        np.testing.assert_allclose(found[1], expected, rtol=1e-4, atol=1e-6)


def test_a_language_is_measured_on_its_own_texts_alone(tiny_classifier, texts):
    together = measure_units(tiny_classifier, "heads", "taylor", texts)
    assert together.texts == {"de": 5, "en": 3, "sw": 1, "th": 2}
    for tag in texts:
        alone = measure_units(tiny_classifier, "heads", "taylor", {tag: texts[tag], "vi": []})
        assert list(alone.by_language) == [tag]
        for one, other in zip(alone.by_language[tag], together.by_language[tag], strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5 * one.max())


@pytest.mark.parametrize("method", ["taylor", "gradient"])
def test_what_is_silenced_already_matters_to_nobody(tiny_classifier, texts, method):
    heads = mask_heads(tiny_classifier, [[0, 2, 3], [0, 1, 2, 3]])
    neurons = mask_neurons(tiny_classifier, [range(64), range(5, 64)])
    for tag in texts:
        by_head = measure_units(heads, "heads", method, texts).by_language[tag]
        assert by_head[0][1] == 0
        assert (by_head[0][[0, 2, 3]] > 0).all()
        by_neuron = measure_units(neurons, "ffn", method, texts).by_language[tag]
        assert (by_neuron[1][:5] == 0).all()
        assert (by_neuron[1][5:] > 0).mean() > 0.5


def state_of(model):
    hooks = [len(part._forward_pre_hooks) + len(part._forward_hooks) for part in model.module.modules()]
    flags = [(weight.requires_grad, weight.grad) for weight in model.module.parameters()]
    modes = [part.training for part in model.module.modules()]
    return hooks, flags, modes, "forward" in vars(model.module)


@pytest.mark.parametrize("broken", [False, True])
def test_the_model_is_left_as_it_was(tiny_classifier, texts, broken):
    module = copy.deepcopy(tiny_classifier.module)
    model = replace(tiny_classifier, module=module)
    next(module.parameters()).requires_grad_(requires_grad=False)
    module.train()
    if broken:
        with torch.no_grad():
            module.classifier.out_proj.bias[0] = torch.nan
    before, weights = state_of(model), {name: value.clone() for name, value in module.state_dict().items()}
    if broken:
        with pytest.raises(ModelError, match="not finite"):
            measure_units(model, "heads", "taylor", texts)
    else:
        measure_units(model, "heads", "taylor", texts)
    assert state_of(model) == before
    assert all(torch.equal(value, weights[name]) or broken for name, value in module.state_dict().items())


def test_it_works_where_gradients_are_switched_off(tiny_classifier, texts):
    expected = measure_units(tiny_classifier, "ffn", "taylor", texts).by_language["en"]
    with torch.no_grad():
        found = measure_units(tiny_classifier, "ffn", "taylor", texts).by_language["en"]
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("length", [1, 2, 32])
def test_one_text_of_any_length_is_enough(tiny_classifier, length):
    row = np.arange(length, dtype=np.int64) % 2 + 4
    for kind in KINDS:
        (layers,) = measure_units(tiny_classifier, kind, "taylor", {"en": [row]}).by_language.values()
        assert all(np.isfinite(layer).all() for layer in layers)
        assert sum(layer.sum() for layer in layers) > 0


def test_progress_is_told_by_batch(tiny_classifier, texts):
    told = []
    measure_units(tiny_classifier, "heads", "taylor", texts, batch_tokens=40, on_batch=told.append)
    assert told == sorted(set(told))
    assert len(told) > 2
    assert told[-1] == 11


@pytest.mark.parametrize("none", [{}, {"en": []}])
def test_no_texts_are_refused(tiny_classifier, none):
    with pytest.raises(RecipeError, match="measured on texts, and there are none") as caught:
        measure_units(tiny_classifier, "heads", "taylor", none)
    assert "--calibration FILE" in str(caught.value.hint)


SCORES = Scores(
    "layers",
    "ablation",
    {"en": 2, "zh-CN": 1},
    {"en": (np.array([0.25]), np.array([1.5])), "zh-CN": (np.array([0.1]), np.array([1e-300]))},
    (1,),
    "mean",
    (np.array([0.5, -0.25]), np.array([1.0])),
)


def test_scores_come_back_from_a_file(tmp_path):
    path = tmp_path / "new" / "scores.safetensors"
    save_scores(SCORES, path, "key")
    found = load_scores(path, "key")
    assert (found.kind, found.method, found.texts, found.order, found.combine) == (
        *("layers", "ablation", {"en": 2, "zh-CN": 1}, (1,), "mean"),
    )
    assert [values.tolist() for values in found.activations] == [[0.5, -0.25], [1.0]]
    assert list(found.by_language) == ["en", "zh-CN"]
    for tag, layers in SCORES.by_language.items():
        assert [layer.tolist() for layer in found.by_language[tag]] == [layer.tolist() for layer in layers]


def test_scores_of_another_key_or_none_are_not_taken(tmp_path):
    path = tmp_path / "scores.safetensors"
    assert load_scores(path, "key") is None
    save_scores(SCORES, path, "other")
    assert load_scores(path, "key") is None


@pytest.mark.parametrize("cut", [0, 4, 100, -1])
def test_a_damaged_file_is_not_taken(tmp_path, cut):
    path = tmp_path / "scores.safetensors"
    save_scores(SCORES, path, "key")
    path.write_bytes(path.read_bytes()[:cut])
    assert load_scores(path, "key") is None


def test_a_file_without_its_facts_is_not_taken(tmp_path):
    from safetensors.numpy import save_file

    for metadata in ({"key": "key"}, {"key": "key", "scores": "no JSON"}, {"key": "key", "scores": "[1]"}):
        save_file({"en/0": np.zeros(1)}, tmp_path / "scores.safetensors", metadata=metadata)
        assert load_scores(tmp_path / "scores.safetensors", "key") is None
