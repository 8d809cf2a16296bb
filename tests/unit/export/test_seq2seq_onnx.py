"""The exported graphs of translation models: sliced models, padding, long steps, and what is refused."""

from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
import torch
from onnx.reference import ReferenceEvaluator
from transformers.activations import ACT2FN

from leanglot.errors import ModelError
from leanglot.export.graph_writer import GraphWriter
from leanglot.export.seq2seq_anatomy import take_apart
from leanglot.export.seq2seq_layers import activation
from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.models.graph import DATA_NAME, load_skeletons
from leanglot.models.seq2seq_structure import attentions_of, cut
from leanglot.runtimes.onnx_seq2seq import OnnxSteps, open_engine
from leanglot.runtimes.pytorch_seq2seq import TorchSeq2Seq
from leanglot.runtimes.seq2seq import Decoding, SourceRow
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME
from tiny_translators import load_tiny, manifest_of

FILES = (ENCODER_NAME, DECODER_NAME)


def opened(model, folder):
    export_seq2seq_onnx(model, folder)
    return opened_again(model, folder)


def opened_again(model, folder):
    manifest = manifest_of(model, "onnxruntime", DECODER_NAME)
    return open_engine(folder, manifest, 1)


def log_probabilities(engine, ids, mask, tokens):
    """Of the next token, over the whole vocabulary, sorted by token."""
    steps = OnnxSteps.of(engine, ids, mask, cache=False)
    found = steps.next(tokens, 10_000)
    return np.take_along_axis(found.scores, np.argsort(found.tokens, axis=1), axis=1)


def expected(module, ids, mask, tokens):
    with torch.inference_mode():
        logits = module(
            input_ids=torch.tensor(ids), attention_mask=torch.tensor(mask), decoder_input_ids=torch.tensor(tokens)
        ).logits[:, -1]
    return torch.log_softmax(logits, dim=-1).numpy()


@pytest.mark.parametrize("kind", ["marian", "m2m_100", "mbart", "t5"])
def test_log_probabilities_are_those_of_the_model(kind, tmp_path):
    model = load_tiny(tmp_path / "model", kind, width=32)
    rng = np.random.default_rng(0)
    ids = rng.integers(3, 60, size=(3, 11))
    mask = np.ones_like(ids)
    ids[1, 4:], mask[1, 4:] = model.pad_id, 0
    tokens = rng.integers(3, 60, size=(3, 17))
    engine = opened(model, tmp_path)
    wanted = expected(model.module, ids, mask, tokens)
    np.testing.assert_allclose(log_probabilities(engine, ids, mask, tokens), wanted, atol=2e-5)


@pytest.mark.parametrize("kind", ["marian", "m2m_100", "t5"])
def test_cut_heads_and_neurons_stay_cut(kind, tmp_path):
    model = load_tiny(tmp_path / "model", kind, width=32)
    module = deepcopy(model.module)
    for units in attentions_of(module):
        cut(module, units, [1])
    engine = opened(replace(model, module=module), tmp_path)
    ids, tokens = np.asarray([[5, 6, 7, 8]]), np.asarray([[9, 10]])
    wanted = expected(module, ids, np.ones_like(ids), tokens)
    np.testing.assert_allclose(log_probabilities(engine, ids, np.ones_like(ids), tokens), wanted, atol=2e-5)
    assert not np.allclose(wanted, expected(model.module, ids, np.ones_like(ids), tokens), atol=1e-3)


def test_the_decoder_never_answers_a_row_of_the_vocabulary(tmp_path):
    opened(load_tiny(tmp_path / "model"), tmp_path)
    graph = onnx.load(str(tmp_path / DECODER_NAME), load_external_data=False).graph
    (scores,) = [output for output in graph.output if output.name == "log_probabilities"]
    assert scores.type.tensor_type.shape.dim[1].dim_param == "candidates"
    assert not [node for node in graph.node if node.op_type == "Identity"]


def test_graphs_pass_onnx_own_checks(tmp_path):
    opened(load_tiny(tmp_path / "model", "t5"), tmp_path)
    for name in FILES:
        onnx.checker.check_model(str(tmp_path / name), full_check=True)


def test_pruned_weights_stay_zero(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", width=32)
    with torch.no_grad():
        model.module.get_parameter("model.decoder.layers.0.fc1.weight")[:, ::2] = 0
    opened(model, tmp_path)
    _, weights = load_skeletons(tmp_path, FILES)
    assert (weights["model.decoder.layers.0.fc1.weight.T"][::2] == 0).all()


def test_a_shared_table_is_stored_once(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", width=32)
    opened(model, tmp_path)
    weights = sum(weight.numel() * 4 for weight in model.module.parameters())
    sines = model.module.get_parameter("model.encoder.embed_positions.weight").numel() * 4
    assert (tmp_path / DATA_NAME).stat().st_size < weights - sines + 64 * 200


def test_the_engine_translates_after_it_was_written_elsewhere(tmp_path):
    """Nothing in the graphs points to where they were made."""
    model = load_tiny(tmp_path / "model", "marian", steps=30)
    (tmp_path / "made").mkdir()
    opened(model, tmp_path / "made")
    (tmp_path / "made").rename(tmp_path / "moved")
    row = SourceRow(np.asarray([5, 6, 7, model.facts.eos_id]), (model.facts.decoder_start_id,))
    (found,) = opened_again(model, tmp_path / "moved").generate([row], Decoding(max_tokens=8))
    (wanted,) = TorchSeq2Seq(model.module, 1, model.facts.suppressed).generate([row], Decoding(max_tokens=8))
    assert found.ids.tolist() == wanted.ids.tolist()


@pytest.mark.parametrize("damaged", FILES)
def test_damaged_graphs_are_told(damaged, tmp_path):
    model = load_tiny(tmp_path / "model")
    opened(model, tmp_path)
    (tmp_path / damaged).write_bytes(b"no graph")
    with pytest.raises(ModelError, match=f"cannot load .*{damaged}"):
        opened_again(model, tmp_path)
    with pytest.raises(ModelError, match=f"{damaged} cannot be read"):
        load_skeletons(tmp_path, FILES)


def test_unknown_families_are_refused():
    module = SimpleNamespace(config=SimpleNamespace(model_type="prophetnet"))
    with pytest.raises(ModelError, match="'prophetnet' cannot be exported"):
        take_apart(module)


def test_half_weights_are_refused(tmp_path):
    model = load_tiny(tmp_path / "model")
    with pytest.raises(ModelError, match="not FP32"):
        take_apart(model.module.half())


def test_unknown_activations_are_refused():
    with pytest.raises(ModelError, match="'mish' cannot be exported"):
        activation(GraphWriter("graph"), "x", "mish")


@pytest.mark.parametrize("name", ["relu", "gelu", "gelu_new", "silu", "swish"])
def test_activations_are_those_of_transformers(name):
    graph = GraphWriter("graph")
    graph.output(activation(graph, graph.input("x", 1, (5,)), name), "y", 1, (5,))
    values = np.linspace(-4, 4, 5, dtype=np.float32)
    (found,) = ReferenceEvaluator(graph.model({})).run(None, {"x": values})
    np.testing.assert_allclose(found, ACT2FN[name](torch.tensor(values)).numpy(), atol=1e-6)
