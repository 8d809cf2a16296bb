"""Rounding while training: as ONNX Runtime's quantizer rounds, with gradients that teach the weights and the bounds."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from onnxruntime.quantization.quant_utils import compute_scale_zp, quantize_data
from pydantic import ValidationError
from torch import nn
from torch.nn.utils import parametrizations
from transformers import AlbertConfig, AlbertForSequenceClassification, GPT2Config, GPT2ForSequenceClassification

from leanglot.compress import embedding_rows
from leanglot.compress.activation_ranges import activation_ranges
from leanglot.compress.embedding_rows import quantize_rows
from leanglot.compress.fake_quant import calibrated, plain, prepare, ranges_of
from leanglot.compress.fake_quant_layers import MOMENTUM, FakeQuantEmbedding, FakeQuantLinear, InputQuantizer, Pass
from leanglot.compress.fake_quant_rounding import clipped, rounded, row_scales, scale_and_zero, weight_scales
from leanglot.compress.products import read_products
from leanglot.errors import ModelError, RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.models.text_classifier import load_text_classifier
from leanglot.runtimes.batching import pad
from leanglot.techniques import Calibration
from leanglot.techniques.qat import QuantizationAware

PAD = 1
FLOATS = st.floats(-1e4, 1e4, width=32)


def config(**options):
    return QuantizationAware(**{"reduce_range": False, **options})


@pytest.fixture(scope="module")
def rows(tiny_classifier, tiny_rows):
    encodings = tiny_classifier.tokenizer.encode_batch([row["text"] for row in tiny_rows])
    return [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]


@pytest.fixture
def low_threshold(monkeypatch):
    """Have the tiny table count as a large one, and the table of positions as a small one."""
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)


def batch_of(rows):
    ids, mask = pad(rows, PAD)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


@torch.no_grad()
def logits(module, rows):
    return module(**batch_of(rows)).logits


def layers_of(prepared):
    return {name: layer for name, layer in prepared.module.named_modules() if isinstance(layer, FakeQuantLinear)}


def values_of(module):
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


@given(FLOATS, FLOATS)
def test_scales_and_zero_points_are_the_quantizers(one, other):
    low, high = np.float32(min(one, other)), np.float32(max(one, other))
    zero, scale = compute_scale_zp(np.asarray(low), np.asarray(high), np.uint8(0), np.uint8(255))
    found_scale, found_zero = scale_and_zero(torch.tensor(low), torch.tensor(high))
    assert (found_scale.item(), found_zero.item()) == (float(np.float32(scale)), float(zero))


def test_a_range_of_nothing_has_the_quantizers_scale():
    scale, zero = scale_and_zero(torch.tensor(0.0), torch.tensor(0.0))
    assert (scale.item(), zero.item()) == (1, 0)
    values = torch.tensor([-1.0, 0.2, 300.0])
    assert clipped(values, torch.tensor(0.0), torch.tensor(0.0)).tolist() == [0, 0, 255]


@pytest.mark.parametrize("reduced", [False, True])
@pytest.mark.parametrize("per_channel", [False, True])
def test_weights_are_rounded_as_the_quantizer_rounds_them(per_channel, reduced):
    weight = np.random.default_rng(0).normal(size=(16, 40)).astype(np.float32)
    weight[3] = 0
    weight[4] = 1e-45
    tensor = torch.from_numpy(weight)
    found = rounded(tensor, weight_scales(tensor, per_channel=per_channel, reduced=reduced)).numpy()
    for part, found_part in zip(weight if per_channel else [weight], found if per_channel else [found], strict=True):
        _, scale, whole = quantize_data(part.flatten(), TensorProto.INT8, symmetric=True, reduce_range=reduced)
        assert np.array_equal(found_part.flatten(), whole * np.float32(scale))


def test_rows_are_rounded_as_they_are_stored():
    table = np.random.default_rng(0).normal(size=(50, 24)).astype(np.float32)
    table[7] = 0
    table[8] = 1e-45
    whole, scales = quantize_rows(table)
    tensor = torch.from_numpy(table)
    assert np.array_equal(rounded(tensor, row_scales(tensor)).numpy(), whole * scales)


def test_the_gradients_of_two_bounds_are_pacts():
    """Of each bound the sum of the gradients of what it clips: at the upper one and above, below the lower one."""
    values = torch.tensor([-3.0, -1.0, -0.5, 0.0, 1.9, 2.0, 5.0], requires_grad=True)
    low, high = (torch.tensor(bound, requires_grad=True) for bound in (-1.0, 2.0))
    result = clipped(values, low, high)
    result.backward(torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]))
    assert values.grad.tolist() == [0, 2, 4, 8, 16, 0, 0]
    assert low.grad.item() == 1
    assert high.grad.item() == 32 + 64
    scale = 3 / 255
    assert result.detach().tolist() == pytest.approx([-1, -1, -0.5, 0, 1.9, 2, 2], abs=scale / 2 + 1e-6)
    assert result[3] == 0
    assert result.unique().numel() == 5


@pytest.mark.parametrize(("least", "expected"), [(-0.1, 32 + 64 - 1), (0.0, 32 + 64)])
def test_the_gradient_of_one_bound_is_pacts(least, expected):
    quantizer = InputQuantizer(config(clipping="pact"), Pass())
    quantizer.bounds.start(least, 2.0)
    values = torch.tensor([-3.0, -1.0, -0.5, 0.0, 1.9, 2.0, 5.0], requires_grad=True)
    quantizer(values, first=True).backward(torch.tensor([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0]))
    assert quantizer.bounds.alpha.grad.item() == expected
    assert values.grad.tolist() == ([0, 2, 4, 8, 16, 0, 0] if least < 0 else [0, 0, 0, 8, 16, 0, 0])


def test_a_bound_on_the_wrong_side_of_zero_can_come_back():
    values = torch.tensor([-3.0, 1.0], requires_grad=True)
    low, high = (torch.tensor(bound, requires_grad=True) for bound in (0.5, 2.0))
    clipped(values, low, high).sum().backward()
    assert (values.grad.tolist(), low.grad.item(), high.grad.item()) == ([0, 1], 1, 0)


def test_gradients_of_weights_and_rows_pass_through_the_rounding():
    weight = torch.randn(3, 4, requires_grad=True)
    gradient = torch.randn(3, 4)
    rounded(weight, weight_scales(weight, per_channel=True, reduced=False)).backward(gradient)
    assert torch.equal(weight.grad, gradient)


def test_half_precision_activations_are_rounded_in_full():
    values = torch.linspace(-3, 3, 200).bfloat16().requires_grad_()
    low, high = torch.tensor(-3.0), torch.tensor(3.0)
    found = clipped(values, low, high)
    assert torch.equal(found, clipped(values.detach().float(), low, high))
    found.sum().backward()
    assert values.grad.dtype == torch.bfloat16


def test_the_layers_are_those_of_static_quantization(any_family, tmp_path):
    model = load_text_classifier(any_family)
    before = values_of(model.module)
    prepared = prepare(model.module, config())
    export_onnx(model, tmp_path)
    products = read_products(tmp_path)
    assert set(layers_of(prepared)) == {*products.layers().values()} - products.heads
    assert len(layers_of(prepared)) == 12
    assert len(products.heads) == 2
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.named_parameters())
    assert not any(isinstance(layer, FakeQuantLinear) for layer in model.module.modules())
    assert not {weight.data_ptr() for weight in prepared.parameters()} & {
        weight.data_ptr() for weight in model.module.parameters()
    }


def test_layers_that_read_one_tensor_share_its_range(any_family):
    layers = layers_of(prepare(load_text_classifier(any_family).module, config()))
    shared = {}
    for name, layer in layers.items():
        shared.setdefault(id(layer.inputs), []).append(name)
    assert sorted(map(len, shared.values())) == [1] * 6 + [3, 3]
    for names in shared.values():
        assert sum(layers[name].first for name in names) == 1
        if len(names) == 3:
            assert len({name.rpartition(".")[0] for name in names}) == 1


def test_a_layer_that_is_called_again_has_one_range():
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "embedding_size": 16, "intermediate_size": 64, "num_attention_heads": 4}
    module = AlbertForSequenceClassification(
        AlbertConfig(vocab_size=50, num_hidden_layers=3, max_position_embeddings=40, pad_token_id=1, **shape)
    ).eval()
    layers = layers_of(prepare(module, config()))
    assert len(layers) == 7
    assert len({id(layer.inputs) for layer in layers.values()}) == 5


def test_calibration_finds_the_ranges_of_static_quantization(tiny_classifier, onnx_artifact, rows):
    prepared = calibrated(prepare(tiny_classifier.module, config()), rows, PAD)
    products = read_products(onnx_artifact)
    tensors = {
        layer: node.input[0] for node in products.model.graph.node if (layer := products.layers().get(node.name))
    }
    found = ranges_of(prepared)
    expected = activation_ranges(onnx_artifact, {tensors[layer] for layer in found}, rows, PAD, Calibration())
    assert len(found) == 12
    for layer, bounds in found.items():
        assert bounds == pytest.approx(expected[tensors[layer]], abs=1e-4)


def test_calibration_sees_no_padding(tiny_classifier, rows):
    """Texts one by one, which have no padding, give the ranges of texts in batches, whatever padding looks like."""
    model = tiny_classifier.with_own([tiny_classifier.module.get_input_embeddings()])
    with torch.no_grad():
        model.module.get_input_embeddings().weight[PAD, :2] = torch.tensor([1e3, -1e3])
    prepared = prepare(model.module, config())
    chosen = [min(rows, key=len), max(rows, key=len)]
    together = ranges_of(calibrated(prepared, chosen, PAD))
    single = [ranges_of(calibrated(prepared, [row], PAD)) for row in chosen]
    for layer, (low, high) in together.items():
        assert low == pytest.approx(min(one[layer].low for one in single), abs=1e-4)
        assert high == pytest.approx(max(one[layer].high for one in single), abs=1e-4)


def test_values_of_padding_are_told_by_the_mask():
    quantizer = InputQuantizer(config(), Pass())
    values = torch.arange(12.0).reshape(2, 3, 2)
    assert torch.equal(quantizer.tokens(values), values)
    quantizer.shared.mask = torch.tensor([[1, 1, 0], [1, 0, 0]])
    kept = values[[0, 0, 1], [0, 1, 0]]
    assert torch.equal(quantizer.tokens(values), kept)
    assert torch.equal(quantizer.tokens(values.reshape(6, 2)), kept)
    assert torch.equal(quantizer.tokens(values.reshape(4, 3)), values.reshape(4, 3))


def test_percentiles_are_narrower_and_keep_the_extremes_out(tiny_classifier, rows):
    prepared = prepare(tiny_classifier.module, config())
    whole = ranges_of(calibrated(prepared, rows, PAD))
    cut = ranges_of(calibrated(prepared, rows, PAD, Calibration(method="percentile", percentile=98)))
    assert all(whole[layer].low <= cut[layer].low < cut[layer].high <= whole[layer].high for layer in whole)
    assert sum(whole[layer] != cut[layer] for layer in whole) == 12
    shortest = ranges_of(calibrated(prepared, rows, PAD, Calibration(method="entropy")))
    assert shortest != whole


def test_calibration_leaves_what_it_is_given_alone(tiny_classifier, rows):
    prepared = prepare(tiny_classifier.module, config()).train()
    ready = calibrated(prepared, rows[:4], PAD)
    assert ready.training
    assert ready.shared.record is None
    assert ranges_of(ready) == ranges_of(calibrated(prepared.eval(), rows[:4], PAD))
    with pytest.raises(ModelError, match="nan to nan"):
        ranges_of(prepared)
    weights = {name: weight for name, weight in ready.named_parameters() if "bounds" not in name}
    own = dict(prepared.named_parameters())
    assert weights
    assert all(weight is own[name] for name, weight in weights.items())


def test_rounding_stays_close_to_the_model(tiny_classifier, rows):
    exact = logits(tiny_classifier.module, rows)
    approximate = logits(calibrated(prepare(tiny_classifier.module, config()), rows, PAD), rows)
    assert 0 < (exact - approximate).norm() / exact.norm() < 0.1
    assert (exact.argmax(1) == approximate.argmax(1)).float().mean() > 0.95


def test_what_is_learned_is_a_parameter_once(tiny_classifier, rows):
    before = {name for name, _ in tiny_classifier.module.named_parameters()}
    for options, number in (({}, 16), ({"clipping": "pact"}, 8), ({"ranges": "observed"}, 0)):
        prepared = calibrated(prepare(tiny_classifier.module, config(**options)), rows[:8], PAD).train()
        bounds = prepared.bounds()
        assert len({*bounds}) == len(bounds) == number
        names = dict(prepared.named_parameters())
        assert {f"module.{name}" for name in before} < {*names} or not bounds
        assert len(names) == len(before) + number
        assert len({*map(id, prepared.parameters())}) == len(names)
        prepared(**batch_of(rows[:8])).logits.square().sum().backward()
        assert all(weight.grad is not None for name, weight in names.items() if "pooler" not in name)


def test_observed_ranges_follow_the_tokens_of_a_training_batch(tiny_classifier, rows):
    """A layer's dropout changes nothing of what the first layer reads, so that its extremes are known."""
    prepared = calibrated(prepare(tiny_classifier.module, config(ranges="observed")), rows[:4], PAD)
    for layer in prepared.modules():
        if isinstance(layer, nn.Dropout):
            layer.p = 0.0
    before = ranges_of(prepared)
    logits(prepared, rows[4:40])
    assert ranges_of(prepared) == before
    seen = ranges_of(calibrated(prepare(tiny_classifier.module, config()), rows[4:40], PAD))
    prepared.train()
    logits(prepared, rows[4:40])
    after = ranges_of(prepared)
    for part in ("query", "key", "value"):
        layer = f"roberta.encoder.layer.0.attention.self.{part}"
        for old, new, extreme in zip(before[layer], after[layer], seen[layer], strict=True):
            assert extreme != pytest.approx(old, abs=1e-3)
            assert new == pytest.approx(MOMENTUM * old + (1 - MOMENTUM) * extreme, abs=1e-6)
    assert sum(before[layer] != after[layer] for layer in before) == 12


def test_learned_ranges_stay_until_a_step(tiny_classifier, rows):
    prepared = calibrated(prepare(tiny_classifier.module, config()), rows[:4], PAD).train()
    before = ranges_of(prepared)
    logits(prepared, rows)
    assert ranges_of(prepared) == before


@pytest.mark.parametrize("embeddings", [False, True])
def test_the_plain_model_is_the_one_that_was_prepared(tiny_classifier, rows, low_threshold, embeddings):
    prepared = calibrated(prepare(tiny_classifier.module, config(embeddings=embeddings)), rows[:4], PAD).train()
    tables = [layer for layer in prepared.modules() if isinstance(layer, FakeQuantEmbedding)]
    assert len(tables) == embeddings
    back = plain(prepared)
    assert type(back) is type(tiny_classifier.module)
    assert not back.training
    assert [(name, type(layer)) for name, layer in back.named_modules()] == [
        (name, type(layer)) for name, layer in tiny_classifier.module.named_modules()
    ]
    assert torch.equal(logits(back, rows), logits(tiny_classifier.module, rows))
    with torch.no_grad():
        for weight in back.parameters():
            weight.zero_()
    assert not torch.equal(logits(prepared.eval(), rows), torch.zeros(len(rows), 3))


def test_rows_of_the_table_are_rounded_and_trained(tiny_classifier, rows, low_threshold):
    prepared = calibrated(prepare(tiny_classifier.module, config(embeddings=True)), rows[:8], PAD)
    without = calibrated(prepare(tiny_classifier.module, config()), rows[:8], PAD)
    assert (logits(prepared, rows) - logits(without, rows)).abs().max() > 1e-3
    assert ranges_of(prepared) == ranges_of(without)
    prepared.train()(**batch_of(rows[:2])).logits.sum().backward()
    gradient = prepared.module.get_input_embeddings().weight.grad
    used = {int(token) for row in rows[:2] for token in row} - {PAD}
    assert set(gradient.abs().sum(1).nonzero().flatten().tolist()) == used


def test_kept_layers_and_tables_are_not_rounded(tiny_classifier, low_threshold):
    prepared = prepare(tiny_classifier.module, config(embeddings=True, keep=("embeddings", "layer.0")))
    assert len(layers_of(prepared)) == 6
    assert not any("layer.0" in name for name in layers_of(prepared))
    assert not any(isinstance(layer, FakeQuantEmbedding) for layer in prepared.modules())


def test_a_shared_table_is_not_rounded(tiny_classifier, low_threshold):
    model = tiny_classifier.with_own(tiny_classifier.module.modules())
    embeddings = model.module.roberta.embeddings
    embeddings.token_type_embeddings.weight = embeddings.word_embeddings.weight
    prepared = prepare(model.module, config(embeddings=True))
    assert not any(isinstance(layer, FakeQuantEmbedding) for layer in prepared.modules())


def test_without_ranges_nothing_is_answered(tiny_classifier, rows):
    with pytest.raises(ModelError, match="nan to nan") as caught:
        logits(prepare(tiny_classifier.module, config()), rows)
    assert "calibrated(" in caught.value.hint


def test_ranges_that_are_no_numbers_are_refused(tiny_classifier, rows):
    prepared = calibrated(prepare(tiny_classifier.module, config()), rows[:4], PAD)
    with torch.no_grad():
        prepared.bounds()[1].fill_(torch.inf)
    with pytest.raises(ModelError, match=r"self\.query reads is -2\.\d+ to inf"):
        ranges_of(prepared)


def test_no_texts_are_refused(tiny_classifier):
    with pytest.raises(RecipeError, match="no text to calibrate on"):
        calibrated(prepare(tiny_classifier.module, config()), [], PAD)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"reduce_range": None}, "reduce_range is undecided"),
        ({"keep": ("decoder",)}, "'decoder' matches no layer"),
        ({"keep": ("encoder", "classifier")}, "leaves nothing to quantize"),
    ],
)
def test_configs_that_fit_nothing_are_refused(tiny_classifier, options, message):
    with pytest.raises(RecipeError, match=message):
        prepare(tiny_classifier.module, config(**options))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"clipping": "pact", "ranges": "observed"}, "set ranges to learned"),
        ({"ranges": "guessed"}, "'learned' or 'observed'"),
        ({"keep": (".",)}, "names no layer"),
        ({"bits": 4}, "bits"),
    ],
)
def test_settings_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValidationError, match=message):
        QuantizationAware(**options)


def test_the_scheme_is_that_of_the_config():
    scheme = config(embeddings=True, per_channel=False, reduce_range=True, keep=("embeddings",)).scheme
    assert (scheme.activations, scheme.weights) == ("static", "signed")
    assert (scheme.embeddings, scheme.per_channel, scheme.reduce_range, scheme.keep) == (
        True,
        False,
        True,
        ("embeddings",),
    )


QUERY = "roberta.encoder.layer.0.attention.self.query"


def _with_nan(module):
    module.get_submodule(QUERY).weight.data[0, 0] = torch.nan


def _with_parametrization(module):
    parametrizations.weight_norm(module.get_submodule(QUERY))


def _with_a_hook(module):
    module.get_submodule(QUERY).register_forward_hook(lambda *_: None)


def _with_tied_weights(module):
    module.get_submodule(QUERY).weight = module.get_submodule(QUERY.replace("query", "key")).weight


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_with_nan, r"self\.query\.weight hold NaN"),
        (_with_parametrization, "its weights are parametrized"),
        (_with_a_hook, "it has hooks"),
        (_with_tied_weights, "shares its weights"),
    ],
)
def test_layers_that_would_compute_otherwise_are_refused(tiny_classifier, change, message):
    module = tiny_classifier.with_own(tiny_classifier.module.modules()).module
    change(module)
    with pytest.raises(ModelError, match=message):
        prepare(module, config())


def test_models_of_other_layers_are_refused():
    shape = {"vocab_size": 50, "n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 16, "pad_token_id": 1}
    with pytest.raises(ModelError, match="Conv1D"):
        prepare(GPT2ForSequenceClassification(GPT2Config(**shape)).eval(), config())


def test_activations_that_are_no_numbers_are_refused(tiny_classifier, rows):
    model = tiny_classifier.with_own(tiny_classifier.module.modules())
    with torch.no_grad():
        model.module.get_submodule(QUERY.replace("query", "value")).weight.fill_(3e38)
    prepared = prepare(model.module, config())
    with pytest.raises(ModelError, match="NaN or infinite on a calibration text"):
        calibrated(prepared, rows[:2], PAD)
