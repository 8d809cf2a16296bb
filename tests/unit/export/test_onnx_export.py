"""The exported graph answers like PyTorch, whatever the batch, the length and the padding."""

from dataclasses import replace

import numpy as np
import onnx
import onnxruntime as ort
import pytest
import torch

from leanglot.compress.magnitude import prune
from leanglot.export.onnx import OPSET, export_onnx
from leanglot.models.text_classifier import load_text_classifier
from leanglot.techniques import MagnitudePruning


@pytest.fixture(scope="module")
def exported(any_family, tmp_path_factory):
    """A model of each family and its exported folder."""
    model = load_text_classifier(any_family)
    folder = tmp_path_factory.mktemp("exported")
    assert export_onnx(model, folder) == folder / "model.onnx"
    return model, folder


def batch(lengths, seed=0):
    """Random tokens, padded on the right with 1."""
    rng = np.random.default_rng(seed)
    ids = rng.integers(4, 400, size=(len(lengths), max(lengths)))
    mask = (np.arange(max(lengths)) < np.array(lengths)[:, None]).astype(np.int64)
    return np.where(mask == 1, ids, 1), mask


def torch_logits(model, ids, mask):
    with torch.inference_mode():
        return model.module(input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)).logits.numpy()


def onnx_logits(folder, ids, mask):
    session = ort.InferenceSession(str(folder / "model.onnx"), providers=["CPUExecutionProvider"])
    return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]


@pytest.mark.parametrize("lengths", [[2], [9], [32], [8, 8], [5, 3, 17, 2], [1, 32], [4] * 40])
def test_logits_equal_pytorchs(exported, lengths):
    model, folder = exported
    ids, mask = batch(lengths, seed=len(lengths))
    np.testing.assert_allclose(onnx_logits(folder, ids, mask), torch_logits(model, ids, mask), atol=1e-5)


def test_padding_changes_no_answer(exported):
    _, folder = exported
    ids, mask = batch([5, 3, 17])
    alone = onnx_logits(folder, ids[1:2, :3], mask[1:2, :3])
    np.testing.assert_allclose(onnx_logits(folder, ids, mask)[1:2], alone, atol=1e-5)


def test_the_module_is_left_as_it_was(any_family, tmp_path):
    model = load_text_classifier(any_family)
    attention = model.module.config._attn_implementation
    assert attention == "sdpa"
    before = {name: weight.clone() for name, weight in model.module.state_dict().items()}
    export_onnx(model, tmp_path)
    assert model.module.config._attn_implementation == attention
    assert not model.module.training
    assert all(torch.equal(weight, before[name]) for name, weight in model.module.state_dict().items())


def test_the_folder_holds_the_graph_and_its_weights_alone(exported):
    _, folder = exported
    assert sorted(path.name for path in folder.rglob("*")) == ["model.onnx", "model.onnx.data"]
    graph = onnx.load(str(folder / "model.onnx"), load_external_data=False)
    assert [item.version for item in graph.opset_import if not item.domain] == [OPSET]
    assert [item.name for item in graph.graph.input] == ["input_ids", "attention_mask"]
    assert [item.name for item in graph.graph.output] == ["logits"]
    onnx.checker.check_model(str(folder / "model.onnx"), full_check=True)


def test_a_padding_id_that_is_not_the_tables_own(any_family, tmp_path):
    model = load_text_classifier(any_family)
    export_onnx(replace(model, pad_id=0), tmp_path)
    ids, mask = batch([6, 11])
    np.testing.assert_allclose(onnx_logits(tmp_path, ids, mask), torch_logits(model, ids, mask), atol=1e-5)


def test_a_pruned_model_keeps_its_zeros(tiny_classifier, tmp_path):
    pruned = prune(tiny_classifier, MagnitudePruning(sparsity=0.5)).model
    export_onnx(pruned, tmp_path)
    ids, mask = batch([6, 11])
    given = onnx_logits(tmp_path, ids, mask)
    np.testing.assert_allclose(given, torch_logits(pruned, ids, mask), atol=1e-5)
    assert np.abs(given - torch_logits(tiny_classifier, ids, mask)).max() > 1e-3
