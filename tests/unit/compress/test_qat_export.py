"""What was trained with rounding is what ONNX Runtime computes: the same logits, from the same integers."""

from dataclasses import replace

import numpy as np
import onnxruntime as ort
import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AlbertConfig,
    AlbertForSequenceClassification,
    ModernBertConfig,
    ModernBertForSequenceClassification,
)

from leanglot.compress import embedding_rows, static_int8
from leanglot.compress.activation_ranges import activation_ranges
from leanglot.compress.fake_quant import calibrated, plain, prepare, ranges_of
from leanglot.compress.fake_quant_layers import FakeQuantLinear
from leanglot.compress.products import read_products
from leanglot.compress.slicing import slice_heads, slice_neurons
from leanglot.errors import RecipeError
from leanglot.export.onnx import export_onnx
from leanglot.models.graph import GRAPH_NAME, load_graph, load_skeleton
from leanglot.models.structure import blocks_of, heads_of, neurons_of
from leanglot.models.text_classifier import TextClassifier, load_text_classifier
from leanglot.results.environment import read_environment
from leanglot.runtimes.batching import pad
from leanglot.stats.histograms import Range
from leanglot.techniques import Calibration, Int8
from leanglot.techniques.qat import QuantizationAware
from leanglot.techniques.targets import saturates
from tiny_models import LABELS

PAD = 1
# Nearly all logits agree to 1e-6. Where the two engines' sums differ in the last digit, and lie in the middle between
# two integers, a value is rounded up here and down there: that moved one text of 181 at most, by 4e-3 at most.
TOLERANCE, SHARE = 1e-4, 0.97
QUERY, KEY = (f"roberta.encoder.layer.0.attention.self.{part}" for part in ("query", "key"))

# Eight-bit weights are exact only where the processor does not saturate; seven-bit ones are everywhere.
EXACT_REDUCED = saturates(read_environment().isa)


def config(**options):
    return QuantizationAware(**{"reduce_range": EXACT_REDUCED, **options})


@pytest.fixture(scope="module")
def rows(tiny_classifier, tiny_rows):
    encodings = tiny_classifier.tokenizer.encode_batch([row["text"] for row in tiny_rows])
    return [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]


@pytest.fixture
def target(tmp_path):
    folder = tmp_path / "quantized"
    folder.mkdir()
    return folder


@pytest.fixture
def low_threshold(monkeypatch):
    """Have the tiny table count as a large one, and the table of positions as a small one."""
    monkeypatch.setattr(embedding_rows, "_LARGE_TABLE", 10_000)


def batch_of(rows):
    ids, mask = pad(rows, PAD)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


@torch.no_grad()
def torch_logits(module, rows):
    return module(**batch_of(rows)).logits.numpy()


def graph_logits(folder, rows):
    options = ort.SessionOptions()
    options.log_severity_level = 3
    session = ort.InferenceSession(str(folder / GRAPH_NAME), options, providers=["CPUExecutionProvider"])
    ids, mask = pad(rows, PAD)
    return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


def trained_graph(model, prepared, settings, tmp_path, target):
    """The INT8 graph of a trained model; its FP32 graph lies in a folder beside it."""
    source = tmp_path / "float"
    source.mkdir()
    export_onnx(replace(model, module=plain(prepared)), source)
    static_int8.quantize_within(source, target, settings.scheme, ranges_of(prepared))
    return source


def check_agreement(prepared, source, target, rows):
    """The graph answers as the module does, far closer than it answers like the model without rounding."""
    expected, found, exact = torch_logits(prepared.eval(), rows), graph_logits(target, rows), graph_logits(source, rows)
    difference, effect = (np.abs(found - other).max(axis=1) for other in (expected, exact))
    assert np.mean(difference <= TOLERANCE) >= SHARE
    assert difference.max() <= 0.3 * effect.max()
    assert np.median(effect) > max(5 * TOLERANCE, 500 * np.median(difference))
    assert np.array_equal(found.argmax(1), expected.argmax(1))


def noisy(model, seed=0, size=0.15):
    """Weights and biases that answers depend on: those of an untrained model say next to nothing."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.module.parameters():
            weight.add_(torch.randn_like(weight) * size)
    return model


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"per_channel": False},
        {"reduce_range": True},
        {"reduce_range": True, "per_channel": False},
        {"embeddings": True},
        {"embeddings": True, "keep": ("embeddings", "layer.1")},
        {"clipping": "pact"},
        {"ranges": "observed"},
    ],
    ids=str,
)
def test_the_graph_computes_what_was_trained(tiny_classifier, rows, tmp_path, target, low_threshold, options):
    settings = config(**options)
    prepared = calibrated(prepare(tiny_classifier.module, settings), rows[:64], PAD)
    source = trained_graph(tiny_classifier, prepared, settings, tmp_path, target)
    check_agreement(prepared, source, target, rows)


def test_the_graph_computes_what_was_trained_in_every_family(any_family, rows, tmp_path, target):
    model = noisy(load_text_classifier(any_family))
    prepared = calibrated(prepare(model.module, config()), rows[:64], PAD)
    source = trained_graph(model, prepared, config(), tmp_path, target)
    check_agreement(prepared, source, target, rows)


def test_the_graph_of_a_sliced_model_computes_what_was_trained(tiny_classifier, rows, tmp_path, target):
    model = slice_heads(tiny_classifier, [(0, 2, 3), (1,)])
    model = slice_neurons(model, [range(0, 64, 2), range(50)])
    assert [(heads_of(model.module, block), neurons_of(model.module, block)) for block in blocks_of(model.module)] == [
        (3, 32),
        (1, 50),
    ]
    prepared = calibrated(prepare(model.module, config()), rows[:64], PAD)
    source = trained_graph(model, prepared, config(), tmp_path, target)
    check_agreement(prepared, source, target, rows)


def other_family(name):
    """A model whose layers are called again and again, and one whose queries, keys and values are one layer."""
    special = {"pad_token_id": PAD, "bos_token_id": 0, "eos_token_id": 2, "cls_token_id": 0, "sep_token_id": 2}
    shape = {"vocab_size": 500, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    shape |= {"intermediate_size": 64, "max_position_embeddings": 40, "num_labels": len(LABELS)}
    torch.manual_seed(0)
    if name == "albert":
        module = AlbertForSequenceClassification(AlbertConfig(embedding_size=16, **shape, **special))
    else:
        module = ModernBertForSequenceClassification(ModernBertConfig(local_attention=4, **shape, **special))
    words = Tokenizer(WordLevel({f"w{number}": number for number in range(500)}, unk_token="w3"))  # noqa: S106
    return TextClassifier(module.eval(), words, LABELS, 32, PAD, source=name, name=name)


@pytest.mark.parametrize("name", ["albert", "modernbert"])
def test_the_graphs_of_other_structures_compute_what_was_trained(name, rows, tmp_path, target):
    model = noisy(other_family(name))
    prepared = calibrated(prepare(model.module, config()), rows[:64], PAD)
    source = trained_graph(model, prepared, config(), tmp_path, target)
    check_agreement(prepared, source, target, rows)


@pytest.mark.parametrize(
    "options", [{}, {"clipping": "pact"}, {"ranges": "observed"}, {"embeddings": True, "reduce_range": True}], ids=str
)
def test_training_lowers_the_loss_and_the_graph_follows(
    tiny_classifier, tiny_rows, rows, tmp_path, target, low_threshold, options
):
    settings = config(**options)
    prepared = calibrated(prepare(tiny_classifier.module, settings), rows[:64], PAD, Calibration(method="percentile"))
    start = ranges_of(prepared)
    labels = torch.tensor([LABELS.index(row["label"]) for row in tiny_rows])
    optimizer = torch.optim.AdamW(prepared.parameters(), lr=2e-3)
    losses = []
    for _ in range(8):
        torch.manual_seed(0)
        loss = torch.nn.functional.cross_entropy(prepared.train()(**batch_of(rows)).logits, labels)
        losses.append(loss.item())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    assert losses[-1] < 0.7 * losses[0]
    assert sum(start[layer] != found for layer, found in ranges_of(prepared).items()) == 12
    source = trained_graph(tiny_classifier, prepared, settings, tmp_path, target)
    check_agreement(prepared, source, target, rows)
    assert np.abs(graph_logits(source, rows) - torch_logits(tiny_classifier.module, rows)).max() > 0.1


@pytest.mark.parametrize("options", [{}, {"per_channel": False}, {"reduce_range": True}], ids=str)
def test_the_graph_holds_the_integers_that_were_trained(tiny_classifier, rows, tmp_path, target, options):
    settings = config(**{"reduce_range": False, **options})
    prepared = calibrated(prepare(tiny_classifier.module, settings), rows[:8], PAD)
    trained_graph(tiny_classifier, prepared, settings, tmp_path, target)
    graph, arrays = load_skeleton(target)
    layers = {name: layer for name, layer in prepared.module.named_modules() if isinstance(layer, FakeQuantLinear)}
    for name, layer in layers.items():
        whole, scale = (arrays[f"{name}.weight.T_{part}"] for part in ("quantized", "scale"))
        assert np.array_equal((whole * scale).T, layer.rounded_weight().detach().numpy())
    assert len(layers) == 12
    pairs = [node for node in graph.graph.node if node.op_type == "QuantizeLinear"]
    assert len(pairs) == 8


def test_the_calibrated_ranges_give_the_calibrated_graph(onnx_artifact, rows, tmp_path, target):
    settings = Int8(activations="static", reduce_range=False, keep=("layer.0.output",))
    products = read_products(onnx_artifact)
    kept = products.kept(settings.keep) | products.heads
    read = {layer: node.input[0] for node in products.model.graph.node if (layer := products.layers().get(node.name))}
    read = {layer: tensor for layer, tensor in read.items() if layer not in kept}
    found = activation_ranges(onnx_artifact, set(read.values()), rows, PAD, Calibration())
    other = tmp_path / "calibrated"
    other.mkdir()
    static_int8.quantize(onnx_artifact, other, settings, rows, PAD)
    before = {path.name: path.read_bytes() for path in onnx_artifact.iterdir() if path.is_file()}
    made = static_int8.quantize_within(
        onnx_artifact, target, settings, {layer: found[tensor] for layer, tensor in read.items()}
    )
    assert made.path == target / GRAPH_NAME
    assert {path.name: path.read_bytes() for path in onnx_artifact.iterdir() if path.is_file()} == before
    assert graph_logits(target, rows) == pytest.approx(graph_logits(other, rows), abs=0)
    assert sorted(node.op_type for node in load_graph(target).graph.node) == sorted(
        node.op_type for node in load_graph(other).graph.node
    )


def test_layers_without_a_range_stay_as_they_are(onnx_artifact, target):
    static_int8.quantize_within(onnx_artifact, target, Int8(activations="static", reduce_range=False), {QUERY: (-1, 1)})
    before, after = load_skeleton(onnx_artifact)[1], load_skeleton(target)[1]
    assert [name for name in after if name.endswith(".T_quantized")] == [f"{QUERY}.weight.T_quantized"]
    assert np.array_equal(before[f"{KEY}.weight.T"], after[f"{KEY}.weight.T"])


def test_a_table_alone_can_be_quantized(onnx_artifact, target, rows, low_threshold):
    settings = Int8(activations="static", reduce_range=False, embeddings=True)
    static_int8.quantize_within(onnx_artifact, target, settings, {})
    assert "roberta.embeddings.word_embeddings.weight_rows" in load_skeleton(target)[1]
    assert graph_logits(target, rows).shape == (len(rows), 3)


@pytest.mark.parametrize(
    ("options", "ranges", "message"),
    [
        ({"reduce_range": None}, {QUERY: Range(-1, 1)}, "reduce_range is undecided"),
        ({}, {}, "no matrix product"),
        ({}, {"roberta.encoder.layer.7.output.dense": Range(-1, 1)}, r"layer\.7\.output\.dense, and the graph has no"),
        ({"keep": ("layer.0",)}, {QUERY: Range(-1, 1)}, r"keep: .*query have ranges too"),
        ({"keep": ("decoder",)}, {QUERY: Range(-1, 1)}, "'decoder' matches no layer"),
        ({}, {QUERY: Range(-1, np.inf)}, r"query reads is -1 to inf"),
        ({}, {QUERY: Range(np.nan, 1)}, r"query reads is nan to 1"),
        ({}, {QUERY: Range(1, -1)}, r"query reads is 1 to -1"),
        ({}, {QUERY: Range(-1, 1), KEY: Range(-1, 2)}, r"key reads is -1 to 2, and another .* has -1 to 1"),
    ],
)
def test_ranges_that_do_not_fit_are_refused(onnx_artifact, target, options, ranges, message):
    settings = Int8(**{"activations": "static", "reduce_range": False, **options})
    with pytest.raises(RecipeError, match=message):
        static_int8.quantize_within(onnx_artifact, target, settings, ranges)
    assert list(target.iterdir()) == []
