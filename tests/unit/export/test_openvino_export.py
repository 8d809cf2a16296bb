"""The OpenVINO export: the same answers as PyTorch for every family and shape, FP32 on disk, the model left alone."""

from pathlib import Path

import numpy as np
import pytest
import torch

from leanglot.export.openvino import export_openvino, openvino_graph
from leanglot.measure.subject import describe
from leanglot.models.openvino_graph import DATA_NAME, GRAPH_NAME
from leanglot.models.text_classifier import load_text_classifier
from leanglot.runtimes.batching import pad
from leanglot.runtimes.openvino import open_predictor
from leanglot.runtimes.pytorch import TorchPredictor


@pytest.fixture(scope="module")
def classifier(any_family):
    return load_text_classifier(any_family)


@pytest.fixture(scope="module")
def exported(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exported")
    assert export_openvino(classifier, folder) == folder / GRAPH_NAME
    return folder


@pytest.fixture(scope="module")
def predictor(classifier, exported):
    manifest = describe(classifier).model_copy(update={"runtime": "openvino", "model_file": GRAPH_NAME})
    return open_predictor(exported, manifest, threads=1)


def random_rows(lengths, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(4, 400, size=length) for length in lengths]


def test_it_answers_like_pytorch_at_every_length(classifier, predictor):
    reference = TorchPredictor(classifier.module, threads=1)
    for row in random_rows(range(1, classifier.max_length + 1)):
        ids, mask = row[None], np.ones_like(row[None])
        assert np.abs(predictor.logits(ids, mask) - reference.logits(ids, mask)).max() < 1e-4


@pytest.mark.parametrize("lengths", [[7, 7, 7], [1, 32, 5, 17], [3] * 40])
def test_it_answers_like_pytorch_in_padded_batches(classifier, predictor, lengths):
    ids, mask = pad(random_rows(lengths), classifier.pad_id)
    found = predictor.logits(ids, mask)
    assert found.shape == (len(lengths), len(classifier.labels))
    assert np.abs(found - TorchPredictor(classifier.module, threads=1).logits(ids, mask)).max() < 1e-4


def test_padding_and_batch_mates_change_nothing(classifier, predictor):
    rows = random_rows([4, 9, 30])
    together = predictor.logits(*pad(rows, classifier.pad_id))
    alone = np.concatenate([predictor.logits(row[None], np.ones_like(row[None])) for row in rows])
    assert np.abs(together - alone).max() < 1e-4


def test_weights_are_stored_in_fp32(classifier, exported):
    parameters = {id(weight): weight.numel() for weight in classifier.module.parameters()}
    # What is all zero or one, as in an untrained model, is folded away; matrices never are.
    matrices = sum(weight.numel() for weight in classifier.module.parameters() if weight.dim() == 2)
    size = (exported / DATA_NAME).stat().st_size
    assert 4 * matrices <= size < 4 * sum(parameters.values()) + 10_000


def test_the_graph_names_inputs_output_and_weights(tiny_classifier):
    graph = openvino_graph(tiny_classifier)
    assert [one.get_any_name() for one in graph.inputs] == ["input_ids", "attention_mask"]
    assert {one.get_element_type().get_type_name() for one in graph.inputs} == {"i64"}
    assert {str(one.get_partial_shape()) for one in graph.inputs} == {"[?,?]"}
    (output,) = graph.outputs
    assert output.get_any_name() == "logits"
    assert output.get_element_type().get_type_name() == "f32"
    assert str(output.get_partial_shape()) == "[?,3]"
    names = {operator.get_friendly_name() for operator in graph.get_ops()}
    assert {f"{name}.weight" for name, layer in tiny_classifier.module.named_modules() if matrix(layer)} <= names
    assert "classifier.out_proj/aten::linear/MatMul" in names


def matrix(layer):
    return isinstance(layer, torch.nn.Linear | torch.nn.Embedding)


def test_the_model_stays_as_it_is(any_family, tmp_path, capfd):
    classifier = load_text_classifier(any_family)
    module = classifier.module.train()
    before = {name: (weight, weight.clone(), weight.requires_grad) for name, weight in module.named_parameters()}
    attention, forward = module.config._attn_implementation, type(module).forward
    export_openvino(classifier, tmp_path)
    assert module.training
    assert all(child.training for child in module.modules())
    assert module.config._attn_implementation == attention
    assert type(module).forward is forward
    for name, weight in module.named_parameters():
        same, values, trained = before[name]
        assert weight is same
        assert torch.equal(weight, values)
        assert weight.requires_grad is trained
    assert capfd.readouterr() == ("", "")


def test_an_export_from_a_model_in_training_mode_has_no_dropout(any_family, tmp_path):
    classifier = load_text_classifier(any_family)
    (evaluating := tmp_path / "eval").mkdir()
    (training := tmp_path / "train").mkdir()
    export_openvino(classifier, evaluating)
    classifier.module.train()
    export_openvino(classifier, training)
    assert weights(evaluating) == weights(training)
    manifest = describe(classifier).model_copy(update={"runtime": "openvino", "model_file": GRAPH_NAME})
    ids, mask = pad(random_rows([5, 12]), classifier.pad_id)
    first, second = (open_predictor(folder, manifest, threads=1).logits(ids, mask) for folder in (evaluating, training))
    np.testing.assert_array_equal(first, second)


def weights(folder: Path) -> bytes:
    return (folder / DATA_NAME).read_bytes()
