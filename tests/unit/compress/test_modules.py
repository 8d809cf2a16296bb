"""Quantizing any module: sizes, outputs, what stays float, what is shared, and what is refused."""

import copy
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
import torch
from safetensors.torch import load_model, save_model
from torch import nn
from torch.nn.utils import prune
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from transformers import BertConfig, BertForSequenceClassification, BertModel

from leanglot.compress import modules
from leanglot.compress.modules import quantize
from leanglot.errors import ConfigError, ModelError, RecipeError
from leanglot.models import packed_layers

# Largest relative error of the outputs that each width may have on the small modules here.
CLOSE = {16: 0.02, 8: 0.03, 4: 0.3}
SHAPE = {"vocab_size": 200, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}


class Tagger(nn.Module):
    """Every kind of layer that is quantized, and two that are not."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(300, 48, padding_idx=0)
        self.encoder = nn.LSTM(48, 40, num_layers=2, batch_first=True, bidirectional=True, dropout=0.1)
        self.conv = nn.Conv1d(80, 80, 1)
        self.decoder = nn.GRU(80, 36, batch_first=True, bias=False)
        self.norm = nn.LayerNorm(36)
        self.head = nn.Linear(36, 5)

    def forward(self, ids):
        states, _ = self.encoder(self.table(ids))
        states, _ = self.decoder(self.conv(states.mT).mT)
        return self.head(self.norm(states))


@pytest.fixture
def tagger():
    torch.manual_seed(0)
    return Tagger().eval()


@pytest.fixture
def ids():
    return torch.randint(1, 300, (4, 9), generator=torch.Generator().manual_seed(0))


def off_by(result, expected):
    return float((result.float() - expected.float()).norm() / expected.float().norm())


def call(module, *inputs, **named):
    with torch.inference_mode():
        return module(*inputs, **named)


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_outputs_are_close_and_the_module_is_smaller(tagger, ids, bits):
    result = quantize(tagger, bits)
    output = call(result, ids)
    assert output.dtype == torch.float32
    assert 0 < off_by(output, call(tagger, ids)) < CLOSE[bits]
    assert result.size_before_bytes == sum(weight.nbytes for weight in tagger.parameters())
    held = (*result.module.parameters(), *result.module.buffers())
    assert result.size_after_bytes == sum(tensor.nbytes for tensor in held)
    assert not any(tensor.requires_grad for tensor in held)


def test_fewer_bits_are_smaller_and_less_exact(tagger, ids):
    results = [quantize(tagger, bits) for bits in (16, 8, 4)]
    sizes = [result.size_after_bytes for result in results]
    errors = [off_by(call(result, ids), call(tagger, ids)) for result in results]
    assert sizes == sorted(sizes, reverse=True)
    assert errors == sorted(errors)


@pytest.mark.parametrize("bits", [8, 4])
def test_each_layer_says_what_it_holds(tagger, bits):
    result = quantize(tagger, bits)
    assert [(layer.name, layer.kind) for layer in result.layers] == [
        ("table", "Embedding"),
        ("encoder", "LSTM"),
        ("decoder", "GRU"),
        ("head", "Linear"),
    ]
    table = result.layers[0]
    scales = 300 * 4 if bits == 8 else 300 * 2 * (4 + 1)  # a block has a zero point too
    columns = 48 if bits == 8 else 64 // 2  # filled up to blocks of 32, two values in a byte
    assert (table.before_bytes, table.after_bytes) == (300 * 48 * 4, 300 * columns + scales)
    assert all(layer.after_bytes < layer.before_bytes for layer in result.layers)


def test_what_stays_float_is_told_with_its_reason(tagger):
    skipped = dict(quantize(tagger, 8, keep=["table"]).skipped)
    assert skipped["table.weight"] == "kept in full precision, as asked"
    assert skipped["conv.weight"] == "Conv1d has no quantized form here"
    assert skipped["norm.bias"] == "LayerNorm has no quantized form here"
    assert skipped["encoder.bias_ih_l0"] == skipped["head.bias"] == "biases stay in floating point"
    assert not {"head.weight", "encoder.weight_ih_l0", "decoder.weight_hh_l0"} & set(skipped)
    assert dict(quantize(tagger, 16, keep=["table"]).skipped) == {"table.weight": "kept in full precision, as asked"}


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_the_original_is_left_as_it_was_and_shares_nothing(tagger, ids, bits):
    tagger.train()
    before, flags = copy.deepcopy(tagger.state_dict()), [weight.requires_grad for weight in tagger.parameters()]
    result = quantize(tagger, bits)
    output = call(result, ids)
    assert tagger.training
    assert [weight.requires_grad for weight in tagger.parameters()] == flags
    assert all(torch.equal(value, before[name]) for name, value in tagger.state_dict().items())
    with torch.no_grad():
        for weight in tagger.parameters():
            weight.zero_()
    assert torch.equal(call(result, ids), output)


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_kept_layers_stay_as_they_are(tagger, ids, bits):
    result = quantize(tagger, bits, keep=["table", "encoder"])
    inner = result.module.inner if bits == 16 else result.module
    assert torch.equal(inner.table.weight, tagger.table.weight)
    assert inner.encoder.weight_ih_l0.dtype == torch.float32
    assert off_by(call(result, ids), call(tagger, ids)) < CLOSE[bits]
    assert {layer.name for layer in result.layers} & {"table", "encoder"} == set()


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
@pytest.mark.parametrize(
    "settings",
    [{}, {"batch_first": True, "bias": False}, {"bidirectional": True, "num_layers": 3, "dropout": 0.5}],
    ids=["plain", "no bias", "deep"],
)
def test_recurrent_layers_take_whatever_they_took_before(kind, settings, bits):
    torch.manual_seed(0)
    layer = kind(12, 10, **settings).eval()
    result = quantize(layer, bits)
    x = torch.randn(5, 3, 12)
    _, last = call(layer, x)
    for inputs in ((x,), (x, last), (x[:, 0],)):  # a batch, with a state to begin from, and a single sequence
        expected, outputs = call(layer, *inputs), call(result, *inputs)
        assert outputs[0].shape == expected[0].shape
        assert off_by(outputs[0], expected[0]) < CLOSE[bits]
    lengths = [5, 2, 4] if not settings.get("batch_first") else [3, 1, 2, 3, 1]
    sequences = pack_padded_sequence(
        x, torch.tensor(lengths), batch_first=settings.get("batch_first", False), enforce_sorted=False
    )
    expected, outputs = (pad_packed_sequence(call(module, sequences)[0])[0] for module in (layer, result))
    assert off_by(outputs, expected) < CLOSE[bits]
    assert kind.__name__ in repr(result.module)


def test_recurrent_layers_may_run_in_several_threads():
    torch.manual_seed(0)
    result = quantize(nn.LSTM(16, 16))
    inputs = [torch.randn(4, 2, 16) for _ in range(32)]
    alone = [call(result, x)[0] for x in inputs]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda x: call(result, x)[0], inputs))
    assert all(map(torch.equal, together, alone))


def test_a_layer_alone_is_a_module():
    layer = nn.Linear(64, 16)
    result = quantize(layer)
    assert [(record.name, record.kind) for record in result.layers] == [("", "Linear")]
    assert result.skipped == (("bias", "biases stay in floating point"),)
    x = torch.randn(2, 3, 64)
    assert off_by(call(result, x), call(layer, x)) < CLOSE[8]
    assert call(result, torch.zeros(0, 64)).shape == (0, 16)
    assert torch.equal(call(result, torch.zeros(1, 64))[0], layer.bias)


def test_a_row_does_not_depend_on_its_batch_mates():
    torch.manual_seed(0)
    result = quantize(nn.Linear(64, 16))
    x = torch.randn(8, 64)
    x[1:] *= 1000
    assert torch.equal(call(result, x)[:1], call(result, x[:1]))


def test_what_is_not_finite_comes_out_as_not_finite():
    result = quantize(nn.Linear(8, 4))
    x = torch.ones(3, 8)
    x[0, 1], x[1, 2] = torch.nan, torch.inf
    output = call(result, x)
    assert not output[:2].isfinite().any()
    assert output[2].isfinite().all()


def test_machines_without_integer_products_get_the_same(monkeypatch):
    torch.manual_seed(0)
    result = quantize(nn.Linear(300, 50))
    x = torch.randn(20, 300)
    outputs = []
    for able in (True, False):
        monkeypatch.setattr(packed_layers, "_has_integer_products", lambda able=able: able)
        outputs.append(call(result, x))
    torch.testing.assert_close(*outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("bits", [8, 4])
def test_tied_weights_stay_tied(bits):
    tied = nn.Sequential(nn.Embedding(100, 32), nn.Linear(32, 100, bias=False))
    tied[1].weight = tied[0].weight
    result = quantize(tied, bits)
    assert result.size_before_bytes == 100 * 32 * 4
    assert result.module[1].packed is result.module[0].packed
    assert result.size_after_bytes == result.layers[0].after_bytes == result.layers[1].after_bytes
    kept = quantize(tied, bits, keep=["1"])
    assert kept.size_after_bytes == result.size_after_bytes + 100 * 32 * 4
    assert kept.skipped == (("1.weight", "kept in full precision, as asked"),)


def test_tied_weights_stay_tied_in_16_bits():
    tied = nn.Sequential(nn.Embedding(100, 32), nn.Linear(32, 100, bias=False))
    tied[1].weight = tied[0].weight
    assert quantize(tied, 16).size_after_bytes == 100 * 32 * 2


def test_a_layer_used_twice_is_quantized_once():
    layer = nn.Linear(32, 32)
    result = quantize(nn.Sequential(layer, nn.ReLU(), layer))
    assert result.module[0] is result.module[2]
    assert result.size_after_bytes == 32 * 32 + 32 * 4 + 32 * 4
    assert {name for name, _ in result.skipped} == {"0.bias", "2.bias"}
    kept = quantize(nn.Sequential(layer, nn.Linear(32, 32), layer), 16, keep=["0"])
    assert kept.module.inner[0] is not kept.module.inner[1]
    assert kept.module.inner[2].weight.dtype == torch.float32


@pytest.mark.parametrize("bits", [8, 4])
def test_state_dicts_survive_safetensors(tagger, ids, bits, tmp_path):
    result = quantize(tagger, bits)
    save_model(result.module, str(tmp_path / "model.safetensors"))
    with torch.no_grad():
        for weight in tagger.parameters():
            weight.mul_(0.5)
    other = quantize(tagger, bits)
    assert not torch.equal(call(other, ids), call(result, ids))
    load_model(other.module, str(tmp_path / "model.safetensors"))
    assert torch.equal(call(other, ids), call(result, ids))
    assert torch.equal(call(copy.deepcopy(result.module), ids), call(result, ids))


@pytest.mark.parametrize(("bits", "keep"), [(16, ()), (16, ("embeddings",)), (16, ("layer.1", "pooler")), (8, ())])
def test_a_transformers_model_answers_as_before(bits, keep):
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig(**SHAPE, intermediate_size=64, initializer_range=0.2)).eval()
    inputs = {"input_ids": torch.randint(0, 200, (3, 8)), "attention_mask": torch.ones(3, 8, dtype=torch.int64)}
    inputs["attention_mask"][1, 5:] = 0
    result = quantize(model, bits, keep=keep)
    output = call(result, **inputs)
    assert output.logits.dtype == torch.float32
    assert off_by(output.logits, call(model, **inputs).logits) < CLOSE[bits]
    assert result.module.config is not model.config


def test_4_bits_compute_what_their_codes_say():
    """On an untrained model INT4 alone moves the answers far: only the same weights in FP32 can judge them."""
    model = BertForSequenceClassification(BertConfig(**SHAPE, intermediate_size=64, initializer_range=0.2)).eval()
    result = quantize(model, 4, keep=["token_type_embeddings"])
    with torch.no_grad():
        for layer in result.layers:
            weight = model.get_submodule(layer.name).weight
            widened = result.module.get_submodule(layer.name).weight
            assert (widened - weight).abs().max() <= weight.abs().max() / 7.5
            weight.copy_(widened)
    ids = torch.randint(0, 200, (3, 8))
    torch.testing.assert_close(call(result, ids).logits, call(model, ids).logits)


def test_a_tuple_of_transformers_keeps_its_kind():
    model = BertModel(BertConfig(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2)).eval()
    ids = torch.randint(0, 50, (2, 4))
    tuples, named = (call(quantize(model, 16), ids, return_dict=wanted) for wanted in (False, True))
    assert type(tuples) is tuple
    assert torch.equal(tuples[0], named.last_hidden_state)


class Nested(nn.Module):
    """Answers with tensors inside of other things."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x, extra):
        y = self.layer(x["x"]) + extra[0]
        return {"y": y, "list": [y, torch.ones(2, dtype=torch.int64)], "max": y.max(dim=-1), "word": "as it was"}


def test_16_bits_cast_tensors_wherever_they_are():
    result = quantize(Nested(), 16)
    output = call(result, {"x": torch.ones(2, 4)}, extra=(torch.ones(4),))
    assert (output["y"].dtype, output["list"][0].dtype, output["list"][1].dtype) == (
        torch.float32,
        torch.float32,
        torch.int64,
    )
    assert output["max"].values.dtype == torch.float32
    assert output["word"] == "as it was"
    assert result.module.layer is result.module.inner.layer
    with pytest.raises(AttributeError, match="nothing_such"):
        _ = result.module.nothing_such


class Answer(NamedTuple):
    """A named tuple, as modules may return."""

    values: torch.Tensor


class Answering(nn.Linear):
    """Returns a named tuple."""

    def forward(self, x):
        return Answer(super().forward(x))


def test_16_bits_cast_packed_sequences_and_named_tuples():
    output = call(quantize(Answering(4, 4), 16), torch.ones(2, 4))
    assert isinstance(output, Answer)
    assert output.values.dtype == torch.float32
    layer = nn.GRU(4, 4).eval()
    sequences = pack_padded_sequence(torch.randn(5, 2, 4), torch.tensor([5, 3]))
    states, last = call(quantize(layer, 16), sequences)
    expected, _ = call(layer, sequences)
    assert states.data.dtype == last.dtype == torch.float32
    assert off_by(states.data, expected.data) < CLOSE[16]


def test_quantized_layers_show_what_they_are():
    shown = repr(quantize(nn.Sequential(nn.Embedding(9, 4, padding_idx=1), nn.Linear(4, 6))).module)
    assert "9, 4, padding_idx=1" in shown
    assert "in_features=4, out_features=6, arithmetic=integer" in shown
    assert "rows=6, columns=4, bits=8, blocks=1" in shown


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_attention_layers_of_pytorch_keep_what_they_read_themselves(bits):
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False).eval()
    x = torch.randn(2, 5, 32)
    result = quantize(encoder, bits)
    assert off_by(call(result, x), call(encoder, x)) < CLOSE[bits]
    if bits != 16:
        assert (
            dict(result.skipped)["layers.0.self_attn.in_proj_weight"] == "MultiheadAttention has no quantized form here"
        )


class Scaled(nn.Linear):
    """A linear layer that computes otherwise."""

    def forward(self, x):
        return 2 * super().forward(x)


class Renamed(nn.Linear):
    """A linear layer in all but name."""


def test_layers_that_compute_otherwise_are_left_alone():
    hooked = nn.Linear(8, 8)
    hooked.register_forward_hook(lambda module, inputs, output: output + 1)
    parametrized = nn.utils.parametrizations.weight_norm(nn.Linear(8, 8))
    net = nn.Sequential(Renamed(8, 8), Scaled(8, 8), hooked, parametrized, nn.Embedding(8, 8, max_norm=1.0))
    result = quantize(net)
    assert [(layer.name, layer.kind) for layer in result.layers] == [("0", "Renamed")]
    reasons = {name.split(".")[0]: reason for name, reason in result.skipped}
    assert reasons["1"] == "Scaled computes otherwise than Linear"
    assert "hooks" in reasons["2"]
    assert "max_norm" in reasons["4"]
    x = torch.randn(3, 8)
    assert off_by(call(result.module[:4], x), call(net[:4], x)) < CLOSE[8]


def test_double_and_half_modules_keep_their_types():
    for dtype in (torch.float64, torch.bfloat16):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Embedding(50, 32), nn.Linear(32, 32), nn.LSTM(32, 8)).to(dtype).eval()
        ids = torch.randint(0, 50, (3, 4))
        for bits in (8, 4):
            output = call(quantize(net, bits), ids)[0]
            assert output.dtype == dtype
            assert off_by(output, call(net, ids)[0]) < CLOSE[bits]


@pytest.mark.parametrize(
    ("isa", "dtype"),
    [
        (("avx512_bf16",), torch.bfloat16),
        (("asimdhp",), torch.float16),
        (("asimdhp", "bf16"), torch.bfloat16),
        ((), torch.bfloat16),
    ],
)
def test_16_bits_are_those_of_the_machine(monkeypatch, isa, dtype):
    environment = modules.read_environment().model_copy(update={"isa": isa})
    monkeypatch.setattr(modules, "read_environment", lambda: environment)
    result = quantize(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4)), 16)
    assert {tensor.dtype for tensor in result.module.state_dict().values()} == {dtype, torch.int64}


def test_weights_beyond_half_precision_are_refused(monkeypatch):
    environment = modules.read_environment().model_copy(update={"isa": ("asimdhp",)})
    monkeypatch.setattr(modules, "read_environment", lambda: environment)
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    nn.init.constant_(net[1].weight, 1e5)
    with pytest.raises(ModelError, match=r"weights 1\.weight reach 1e\+05, beyond torch\.float16"):
        quantize(net, 16)
    assert quantize(net, 16, keep=["1"]).layers[0].name == "0"


@pytest.mark.parametrize("bits", [16, 8, 4])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_weights_that_are_not_finite_are_refused_by_name(tagger, bits, bad):
    with torch.no_grad():
        tagger.encoder.weight_hh_l1[3, 4] = bad
    with pytest.raises(ModelError, match=r"encoder\.weight_hh_l1 hold NaN or infinity"):
        quantize(tagger, bits)


@pytest.mark.parametrize("layer", [nn.Linear(4, 4, device="meta"), nn.LazyLinear(4)])
def test_weights_without_values_are_refused(layer):
    with pytest.raises(ModelError, match="have no values yet"):
        quantize(nn.Sequential(nn.Linear(4, 4), layer))


@pytest.mark.parametrize("net", [nn.ReLU(), nn.Sequential(nn.Conv1d(2, 2, 1), nn.RNN(2, 2))])
def test_a_module_without_such_layers_is_refused(net):
    with pytest.raises(RecipeError, match=f"{type(net).__name__} has no layer to quantize") as caught:
        quantize(net)
    assert "Linear, LSTM, GRU and Embedding" in caught.value.hint


def test_what_is_quantized_already_is_refused(tagger):
    with pytest.raises(RecipeError, match="has no layer to quantize"):
        quantize(quantize(nn.Linear(4, 4)).module, 4)
    with pytest.raises(RecipeError, match="16-bit weights already"):
        quantize(tagger.bfloat16(), 16)


def test_keeping_everything_is_refused(tagger):
    with pytest.raises(RecipeError, match="keep leaves nothing of Tagger"):
        quantize(tagger, keep=["table", "encoder", "decoder", "head"])
    with pytest.raises(RecipeError, match="'pooler' matches no layer"):
        quantize(tagger, keep="pooler")


@pytest.mark.parametrize("bits", [2, 32, True, "8", None])
def test_other_widths_are_refused(tagger, bits):
    with pytest.raises(ConfigError, match=f"bits is {bits!r}") as caught:
        quantize(tagger, bits)
    assert caught.value.hint == "Allowed are 16, 8 and 4."


@pytest.mark.parametrize("block", [0, 33, -2, True, 32.0])
def test_odd_blocks_are_refused(tagger, block):
    with pytest.raises(ConfigError, match=f"block is {block!r}"):
        quantize(tagger, 4, block=block)


def test_weights_computed_from_others_are_refused():
    pruned = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    prune.random_unstructured(pruned[0], "weight", 0.5)
    pruned(torch.ones(4))  # its weight is a result now, which PyTorch does not copy
    with pytest.raises(ModelError, match="Sequential cannot be copied") as caught:
        quantize(pruned)
    assert "made permanent" in caught.value.hint


def test_torchao_is_imported_in_silence():
    program = "from torch import nn; from leanglot.compress.modules import quantize; quantize(nn.Linear(4, 4))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize("bits", [8, 4])
def test_an_empty_batch_stays_empty(bits):
    table, layer = nn.Embedding(10, 64), nn.Linear(64, 3)
    rows = quantize(table, bits=bits)(torch.zeros(0, dtype=torch.long))
    assert rows.shape == (0, 64)
    assert quantize(layer, bits=bits)(rows).shape == (0, 3)
