"""The size ledger: every byte of the weights in its part of the model, whoever stored it."""

import json
import shutil
from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file

from leanglot.artifacts import make_artifact
from leanglot.config import CandidateConfig
from leanglot.errors import ModelError
from leanglot.measure.ledger import part_of, size_ledger
from leanglot.models.graph import DATA_NAME, GRAPH_NAME, save_graph
from leanglot.models.text_classifier import load_text_classifier
from leanglot.quantizers import Making
from leanglot.results.manifest import Manifest, read_manifest
from leanglot.techniques import HalfPrecision, Int8, WeightOnly

LAYER = "bert.encoder.layer.0"


def manifest_for(runtime):
    return Manifest(name="x", runtime=runtime, model_file="m", labels=("a", "b"), max_length=8, pad_id=0, source="s")


def by_part(rows):
    sums = Counter()
    for row in rows:
        sums[row.part] += row.size_bytes
    return dict(sums)


def total(rows):
    return sum(row.size_bytes for row in rows)


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("roberta.embeddings.word_embeddings.weight", "embeddings"),
        ("roberta.embeddings.word_embeddings.weight_rows", "embeddings"),
        ("roberta.embeddings.word_embeddings.weight_scales", "embeddings"),
        ("roberta.embeddings.LayerNorm.weight", "embeddings"),
        ("electra.embeddings_project.weight", "embeddings"),
        ("deberta.encoder.rel_embeddings.weight", "embeddings"),
        (f"{LAYER}.attention.self.query.weight.T_quantized", "attention"),
        (f"{LAYER}.attention.self.qkv.weight.T", "attention"),
        (f"{LAYER}.attention.output.dense.weight.T_scale", "attention"),
        (f"{LAYER}.attention.output.LayerNorm.bias", "attention"),
        ("distilbert.transformer.layer.1.attention.q_lin.weight.T_zero_point", "attention"),
        ("distilbert.transformer.layer.1.sa_layer_norm.weight", "attention"),
        ("model.layers.0.attn.Wqkv.weight", "attention"),
        (f"{LAYER}.intermediate.dense.weight.T_Q4", "ffn"),
        (f"{LAYER}.output.dense.weight.T", "ffn"),
        (f"{LAYER}.output.LayerNorm.weight", "ffn"),
        ("distilbert.transformer.layer.0.ffn.lin1.weight", "ffn"),
        ("distilbert.transformer.layer.0.output_layer_norm.weight", "ffn"),
        ("bert.pooler.dense.weight.T", "head"),
        ("pre_classifier.weight", "head"),
        ("classifier.out_proj.weight.T", "head"),
        ("classifier.weight", "head"),
        ("classification_head.out_proj.weight.T", "head"),
        ("lm_head.weight", "head"),
        ("model.logits_head.weight", "head"),
        ("score.weight.T_Q8", "head"),
        ("model.shared.weight", "embeddings"),
        ("shared.weight_rows", "embeddings"),
        ("transformer.mask_emb", "embeddings"),
        ("transformer.wte.weight", "embeddings"),
        ("transformer.layer.0.ff.layer_1.weight.T", "ffn"),
        ("transformer.layer.0.ff.layer_norm.weight", "ffn"),
        ("transformer.layer.0.rel_attn.q", "attention"),
        ("transformer.h.0.mlp.c_fc.weight_quantized", "ffn"),
        ("h.0.c_fc.weight", "ffn"),
        ("transformer.h.0.attn.c_attn.weight_quantized", "attention"),
        ("transformer.h.0.attn.c_proj.weight", "attention"),
        ("transformer.h.0.mlp.c_proj.weight", "ffn"),
        ("transformer.h.0.ln_2.weight", "ffn"),
        ("transformer.h.0.input_layernorm.weight", "attention"),
        ("model.layers.0.shared_expert.up.weight", "other"),
        ("self.module.bert.encoder.layer.0.output.dense.weight/scale", "ffn"),
        ("/module/bert/encoder/layer.0/attention/self/query/MatMul_output_0_scale", "attention"),
        ("onnx::MatMul_417", "other"),
        ("outputs", "other"),
        ("", "other"),
    ],
)
def test_names_tell_the_part(name, part):
    assert part_of(name) == part


@pytest.mark.parametrize("runtime", ["pytorch", "onnxruntime"])
def test_every_family_is_known_and_the_sum_is_that_of_the_weights(any_family, tmp_path, runtime):
    model = load_text_classifier(any_family)
    make_artifact(model, CandidateConfig(name="plain", runtime=runtime), tmp_path, Making())
    rows = size_ledger(tmp_path, read_manifest(tmp_path))
    parts = by_part(rows)
    table = model.module.get_input_embeddings().weight
    assert parts["embeddings"] >= table.numel() * 4
    assert parts["attention"] >= 2 * 4 * 32 * 32 * 4  # two layers of four matrices
    assert parts["ffn"] >= 2 * 2 * 32 * 64 * 4
    assert parts["head"] >= 32 * 3 * 4
    # ONNX graphs carry a few constants of the tracing beside the weights.
    assert parts.get("other", 0) < 0.01 * total(rows)
    assert total(rows) >= sum(weight.numel() * 4 for weight in model.module.parameters())


def test_the_sum_is_what_the_files_hold(torch_artifact, onnx_artifact):
    rows = size_ledger(torch_artifact, read_manifest(torch_artifact))
    stored = (torch_artifact / "model.safetensors").read_bytes()
    assert total(rows) == len(stored) - 8 - int.from_bytes(stored[:8], "little")
    rows = size_ledger(onnx_artifact, read_manifest(onnx_artifact))
    tensors = onnx.load(str(onnx_artifact / GRAPH_NAME), load_external_data=False).graph.initializer
    inside = sum(len(tensor.raw_data) for tensor in tensors)
    padding = (onnx_artifact / DATA_NAME).stat().st_size + inside - total(rows)
    assert 0 <= padding < 64 * len(tensors)


def test_rows_come_in_order_and_once(onnx_artifact):
    rows = size_ledger(onnx_artifact, read_manifest(onnx_artifact))
    keys = [(row.part, row.dtype) for row in rows]
    assert len(keys) == len(set(keys))
    order = ["embeddings", "attention", "ffn", "head", "other"]
    places = [order.index(part) for part, _ in keys]
    assert places == sorted(places)


def test_the_sum_is_what_openvino_holds(tiny_classifier, tmp_path):
    pytest.importorskip("openvino")
    make_artifact(tiny_classifier, CandidateConfig(name="plain", runtime="openvino"), tmp_path, Making())
    rows = size_ledger(tmp_path, read_manifest(tmp_path))
    assert total(rows) == (tmp_path / "model.bin").stat().st_size
    assert all(row.size_bytes for row in rows)
    assert by_part(rows)["attention"] >= 2 * 4 * 32 * 32 * 4
    assert by_part(rows).get("other", 0) < 100


@pytest.mark.parametrize(
    ("runtime", "step", "dtype"),
    [
        ("onnxruntime", Int8(), "int8"),
        ("onnxruntime", WeightOnly(bits=4), "int4"),
        ("onnxruntime", WeightOnly(bits=8), "int8"),
        ("onnxruntime", HalfPrecision(), "float16"),
        ("pytorch", Int8(), "int8"),
        ("pytorch", WeightOnly(bits=4, symmetric=False), "int4"),
        ("pytorch", HalfPrecision(dtype="bf16"), "bfloat16"),
    ],
)
def test_quantized_matrices_are_told_as_what_they_are(tiny_classifier, tmp_path, runtime, step, dtype):
    config = CandidateConfig(name="small", runtime=runtime, recipe=(step,))
    make_artifact(tiny_classifier, config, tmp_path, Making())
    rows = {(row.part, row.dtype): row.size_bytes for row in size_ledger(tmp_path, read_manifest(tmp_path))}
    bits = {"int4": 4, "int8": 8}.get(dtype, 16)
    assert rows["attention", dtype] >= 2 * 4 * 32 * 32 * bits // 8
    assert rows["ffn", dtype] >= 2 * 2 * 32 * 64 * bits // 8
    # ONNX Runtime's INT8 leaves the head in FP32.
    spared = runtime == "onnxruntime" and isinstance(step, Int8)
    assert rows["head", "float32" if spared else dtype] >= (32 * 32 + 32 * 3) * bits // 8


@pytest.mark.parametrize("bits", [4, 8])
def test_packed_weights_are_told_by_their_bits(tmp_path, bits):
    weight = f"{LAYER}.output.dense.weight.T"
    stored = {
        f"{weight}_Q{bits}": np.zeros((64, 2, 16 * bits // 4), np.uint8),
        f"{weight}_scales": np.ones(128, np.float32),
        f"{weight}_zero_points": np.zeros(64 * 2 * bits // 8, np.uint8),
        "classifier.weight.T": np.zeros((64, 3), np.float16),
    }
    node = helper.make_node(
        "MatMulNBits", ["x", *list(stored)[:3]], ["h"], domain="com.microsoft", K=64, N=64, bits=bits, block_size=32
    )
    nodes = [node, helper.make_node("MatMul", ["h", "classifier.weight.T"], ["y"])]
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in "xy"]
    tensors = [numpy_helper.from_array(array, name) for name, array in stored.items()]
    save_graph(helper.make_model(helper.make_graph(nodes, "g", values[:1], values[1:], tensors)), tmp_path)
    rows = {(row.part, row.dtype): row.size_bytes for row in size_ledger(tmp_path, manifest_for("onnxruntime"))}
    packed = stored[f"{weight}_Q{bits}"].nbytes + stored[f"{weight}_zero_points"].nbytes
    assert rows == {("ffn", f"int{bits}"): packed, ("ffn", "float32"): 512, ("head", "float16"): 384}


def test_the_tensors_of_a_quantized_torch_weight_stay_together(tmp_path):
    name = f"{LAYER}.attention.self.query.weight"
    tensors = {f"{name}.codes": np.zeros((8, 8), np.int8), f"{name}.scales": np.ones(8, np.float32)}
    tensors |= {"classifier.weight.codes": np.zeros((3, 4), np.uint8), "extra": np.zeros(3, np.int64)}
    save_file(tensors, tmp_path / "model.safetensors")
    rows = {(row.part, row.dtype): row.size_bytes for row in size_ledger(tmp_path, manifest_for("pytorch"))}
    assert rows == {
        ("attention", "int8"): 64,
        ("attention", "float32"): 32,
        ("head", "int4"): 12,
        ("other", "int64"): 24,
    }


def test_all_shards_count(tmp_path):
    for number in (1, 2):
        save_file(
            {"classifier.weight": np.zeros(10, np.float32)}, tmp_path / f"model-0000{number}-of-00002.safetensors"
        )
    assert total(size_ledger(tmp_path, manifest_for("pytorch"))) == 80


def test_pickled_weights_are_not_read(tmp_path):
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    assert size_ledger(tmp_path, manifest_for("pytorch")) == ()


def test_an_unknown_type_of_number_keeps_its_name(tmp_path):
    header = json.dumps({"classifier.weight": {"dtype": "F4_NEW", "shape": [8], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    (row,) = size_ledger(tmp_path, manifest_for("pytorch"))
    assert (row.dtype, row.size_bytes) == ("f4_new", 4)


@pytest.mark.parametrize(
    "content",
    [b"", b"short", (5).to_bytes(8, "little") + b"[1,2]", (2**63).to_bytes(8, "little") + b"{}x", bytes(8) + b"{}"],
)
def test_a_damaged_file_is_an_error(torch_artifact, tmp_path, content):
    folder = shutil.copytree(torch_artifact, tmp_path / "damaged")
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        size_ledger(folder, manifest_for("pytorch"))
