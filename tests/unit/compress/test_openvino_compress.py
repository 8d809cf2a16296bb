"""OpenVINO's quantization: what is stored in how many bits, what stays in FP32, and answers that stay close."""

import logging

import numpy as np
import openvino
import pytest

from leanglot.compress import nncf
from leanglot.compress.openvino import quantize
from leanglot.errors import RecipeError
from leanglot.export.openvino import export_openvino
from leanglot.measure.subject import describe
from leanglot.models.openvino_graph import DATA_NAME, GRAPH_NAME, weight_arrays
from leanglot.models.text_classifier import linear_layers, load_text_classifier
from leanglot.runtimes.batching import pad
from leanglot.runtimes.openvino import open_predictor
from leanglot.techniques import Calibration, HalfPrecision, Int8, WeightOnly

TABLES = {f"roberta.embeddings.{kind}_embeddings" for kind in ("word", "position", "token_type")}
KEEP = ("layer.0", "classifier")


def export(classifier, folder):
    export_openvino(classifier, folder)
    return folder


@pytest.fixture(scope="module")
def exported(tiny_classifier, tmp_path_factory):
    return export(tiny_classifier, tmp_path_factory.mktemp("fp32"))


@pytest.fixture(scope="module")
def texts(tiny_classifier, tiny_rows):
    encodings = tiny_classifier.tokenizer.encode_batch([row["text"] for row in tiny_rows])
    return [np.asarray(encoding.ids, dtype=np.int64) for encoding in encodings]


@pytest.fixture(scope="module")
def answers(tiny_classifier, texts):
    """Logits of an exported folder over all texts."""
    manifest = describe(tiny_classifier).model_copy(update={"runtime": "openvino", "model_file": GRAPH_NAME})

    def logits(folder):
        return open_predictor(folder, manifest, threads=1).logits(*pad(texts, tiny_classifier.pad_id))

    return logits


@pytest.fixture(scope="module")
def made(exported, texts, tmp_path_factory):
    """Folders of quantized graphs, each made once."""
    folders = {}

    def make(config):
        key = config.model_dump_json()
        if key not in folders:
            folder = tmp_path_factory.mktemp("quantized")
            rows = texts[:12] if isinstance(config, Int8) else None
            assert quantize(exported, folder, config, rows, 1) == folder / GRAPH_NAME
            folders[key] = folder
        return folders[key]

    return make


STATIC = Int8(activations="static", reduce_range=False)
KEEPING = Int8(
    activations="static",
    embeddings=True,
    per_channel=False,
    keep=KEEP,
    calibration=Calibration(method="percentile", percentile=99.9),
)
W8 = WeightOnly(bits=8, symmetric=True)
W8_ALL = WeightOnly(bits=8, embeddings=True, symmetric=False)
W4 = WeightOnly(bits=4, symmetric=True)
W4_ALL = WeightOnly(bits=4, embeddings=True, symmetric=False, keep=KEEP)
HALF = HalfPrecision()
HALF_KEEPING = HalfPrecision(keep=("embeddings", "LayerNorm"))


def kind_of(folder, module):
    return weight_arrays(folder)[f"{module}.weight"][0]


def linear_kinds(folder, classifier, without=()):
    return {kind_of(folder, name) for name in linear_layers(classifier.module) if not name.startswith(tuple(without))}


def operators(folder):
    return openvino.Core().read_model(str(folder / GRAPH_NAME)).get_ordered_ops()


def constants(folder, kind):
    ops = [op for op in operators(folder) if op.get_type_name() == "Constant"]
    return [op.get_data() for op in ops if op.get_element_type().get_type_name() == kind]


@pytest.mark.parametrize("config", [STATIC, KEEPING, W8, W8_ALL, W4, W4_ALL, HALF, HALF_KEEPING], ids=str)
def test_answers_stay_close_and_the_file_gets_smaller(config, made, exported, answers):
    folder = made(config)
    assert {path.name for path in folder.iterdir()} == {GRAPH_NAME, DATA_NAME}
    assert (folder / DATA_NAME).stat().st_size < 0.85 * (exported / DATA_NAME).stat().st_size
    exact, approximate = answers(exported), answers(folder)
    assert not np.array_equal(exact, approximate)
    assert (exact.argmax(axis=1) == approximate.argmax(axis=1)).mean() > 0.9
    assert np.abs(exact - approximate).max() < 0.25 * np.abs(exact).max()


def test_static_int8_stores_every_linear_layer_in_int8(made, tiny_classifier):
    folder = made(STATIC)
    assert linear_kinds(folder, tiny_classifier) == {"int8"}
    assert {kind_of(folder, table) for table in TABLES} == {"float32"}
    assert any(op.get_type_name() == "FakeQuantize" for op in operators(folder))


def test_scales_are_per_channel_or_per_matrix_and_per_row_of_a_table(made, tiny_classifier):
    name, width = "roberta.encoder.layer.1.intermediate.dense.weight/scale", 64
    assert weight_arrays(made(STATIC))[name] == ("float32", 4 * width)
    arrays = weight_arrays(made(KEEPING))
    assert arrays[name] == ("float32", 4)
    rows = tiny_classifier.module.config.vocab_size
    assert arrays["roberta.embeddings.word_embeddings.weight"] == ("int8", 32 * rows)
    assert arrays["roberta.embeddings.word_embeddings.weight/scale"] == ("float32", 4 * rows)


def test_a_kept_table_stays_in_fp32_beside_one_that_is_not(exported, texts, tmp_path):
    config = W8.model_copy(update={"embeddings": True, "keep": ("position_embeddings",)})
    quantize(exported, tmp_path, config, texts[:2], 1)
    assert kind_of(tmp_path, "roberta.embeddings.position_embeddings") == "float32"
    assert kind_of(tmp_path, "roberta.embeddings.word_embeddings") == "int8"


def test_weights_get_seven_bits_unless_eight_are_known_to_be_safe(made):
    assert max(np.abs(values).max() for values in constants(made(STATIC), "i8")) > 64
    linear = [values for values in constants(made(KEEPING), "i8") if values.shape in {(32, 32), (64, 32), (32, 64)}]
    assert len(linear) == 6
    assert max(np.abs(values).max() for values in linear) <= 64


@pytest.mark.parametrize("config", [STATIC, W8, W4], ids=str)
def test_tables_alone_can_be_quantized(exported, texts, tmp_path, tiny_classifier, answers, config):
    config = config.model_copy(update={"embeddings": True, "keep": ("encoder", "classifier")})
    quantize(exported, tmp_path, config, texts[:2], 1)
    assert linear_kinds(tmp_path, tiny_classifier) == {"float32"}
    assert {kind_of(tmp_path, table) for table in TABLES} == {"int8"}
    assert np.abs(answers(tmp_path) - answers(exported)).max() < 0.5


def test_only_the_rows_that_are_looked_up_are_widened(made):
    lookups = [op for op in operators(made(KEEPING)) if op.get_type_name() == "Gather" and source(op, 0) == "Constant"]
    tables = [op.input_value(0).get_node() for op in lookups]
    kinds = [table.get_element_type().get_type_name() for table in tables if table.get_friendly_name().count("embedd")]
    assert sorted(kinds) == ["f32"] * 3 + ["i8"] * 3


def test_what_is_kept_stays_in_fp32_with_its_activations(made, tiny_classifier):
    folder = made(KEEPING)
    assert linear_kinds(folder, tiny_classifier, ["roberta.encoder.layer.0", "classifier"]) == {"int8"}
    for name in linear_layers(tiny_classifier.module):
        if name.startswith(("roberta.encoder.layer.0", "classifier")):
            assert kind_of(folder, name) == "float32"
    assert {kind_of(folder, table) for table in TABLES} == {"int8"}
    kept = [op for op in operators(folder) if op.get_friendly_name().startswith(("roberta.encoder.layer.0", "classif"))]
    products = [op for op in kept if op.get_type_name() in {"MatMul", "ScaledDotProductAttention"}]
    assert len(products) == 9  # six linear layers and their attention; two of the head
    sources = {source(op, port) for op in products for port in range(2)}
    assert "FakeQuantize" not in sources


def source(operator, port):
    return operator.input_value(port).get_node().get_type_name()


@pytest.mark.parametrize(
    ("config", "linear", "tables"), [(W8, "int8", "float32"), (W8_ALL, "uint8", "int8"), (W4, "int4", "float32")]
)
def test_weight_only_stores_weights_in_so_many_bits(made, tiny_classifier, config, linear, tables):
    folder = made(config)
    assert linear_kinds(folder, tiny_classifier, ["classifier.out_proj"]) == {linear}
    assert {kind_of(folder, table) for table in TABLES} == {tables}
    assert not [op for op in operators(folder) if op.get_type_name() == "FakeQuantize"]


def test_weight_only_keeps_the_last_layer_in_eight_bits_and_what_it_is_told_to_in_fp32(made, tiny_classifier):
    assert kind_of(made(W4), "classifier.out_proj") == "int8"
    folder = made(W4_ALL)
    kept = ["roberta.encoder.layer.0", "classifier"]
    assert linear_kinds(folder, tiny_classifier, kept) == {"uint4"}
    assert {
        kind_of(folder, name) for name in linear_layers(tiny_classifier.module) if name.startswith(tuple(kept))
    } == {"float32"}
    assert {kind_of(folder, table) for table in TABLES} == {"int8"}


def test_four_bits_share_a_scale_within_a_block(made):
    arrays = weight_arrays(made(W4))
    assert arrays["roberta.encoder.layer.1.output.dense.weight"] == ("int4", 32 * 64 // 2)
    assert arrays["roberta.encoder.layer.1.output.dense.weight/scale"] == ("float16", 2 * 32 * 64 // 32)


def test_half_precision_stores_all_but_what_is_kept_in_fp16(made, tiny_classifier):
    names = [name for name, weight in tiny_classifier.module.named_parameters() if "token_type" not in name]
    arrays = weight_arrays(made(HALF))
    assert {arrays[name][0] for name in names} == {"float16"}
    keeping = weight_arrays(made(HALF_KEEPING))
    for name in names:
        stays = "embeddings" in name or "LayerNorm" in name
        assert keeping[name][0] == ("float32" if stays else "float16"), name


@pytest.mark.parametrize("config", [STATIC, W8_ALL, W4_ALL, HALF], ids=str)
def test_padding_and_batch_mates_change_nothing_that_matters(config, made, tiny_classifier, texts):
    manifest = describe(tiny_classifier).model_copy(update={"runtime": "openvino", "model_file": GRAPH_NAME})
    predictor = open_predictor(made(config), manifest, threads=1)
    rows = sorted(texts, key=len)[::20]
    together = predictor.logits(*pad(rows, tiny_classifier.pad_id))
    alone = np.concatenate([predictor.logits(row[None], np.ones_like(row[None])) for row in rows])
    assert np.abs(together - alone).max() < 0.02 * np.abs(alone).max()


@pytest.fixture(scope="module")
def family(any_family, tmp_path_factory):
    classifier = load_text_classifier(any_family)
    return classifier, export(classifier, tmp_path_factory.mktemp("family"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "kinds"),
    [(STATIC, {"int8"}), (W4, {"int4", "int8"}), (HALF, {"float16"})],
    ids=["static", "weight-only", "half"],
)
def test_every_family_can_be_quantized(family, tmp_path, texts, config, kinds):
    classifier, source = family
    quantize(source, tmp_path, config, texts[:2], 1)
    assert linear_kinds(tmp_path, classifier) == kinds


def test_it_is_silent_and_leaves_no_trace(exported, tmp_path, texts, capfd):
    tracking = nncf.nncf_module("nncf.common.logging.track_progress")
    logger = logging.getLogger("nncf")
    before = {path.name: path.read_bytes() for path in exported.iterdir()}
    level, shown = logger.level, tracking.track.__init__
    quantize(exported, tmp_path, W8)
    assert {path.name: path.read_bytes() for path in exported.iterdir()} == before
    assert (logger.level, tracking.track.__init__) == (level, shown)
    assert capfd.readouterr() == ("", "")


def test_progress_comes_back_after_a_failure():
    tracking = nncf.nncf_module("nncf.common.logging.track_progress")
    shown = tracking.track.__init__
    with pytest.raises(ZeroDivisionError), nncf.quiet_nncf():
        1 / (tracking.track.__init__ is shown)
    assert tracking.track.__init__ is shown


@pytest.mark.parametrize(
    ("config", "message", "hint"),
    [
        (Int8(), "no INT8 with dynamic activations", "static"),
        (Int8(activations="static", weights="unsigned"), "no INT8 with unsigned weights", "signed"),
        (
            Int8(activations="static", calibration=Calibration(method="entropy")),
            "no method entropy",
            "minmax and percentile",
        ),
        (
            WeightOnly(block=64),
            r"Blocks of 64 do not divide the 32 inputs of .* and \d+ more",
            "Set block: 32, or keep",
        ),
        (HalfPrecision(dtype="bf16"), "no bf16 weights", "fp16"),
        (WeightOnly(keep=("no_such_layer",)), "'no_such_layer' matches no layer", "names such as"),
        (W8.model_copy(update={"keep": ("word_embeddings",)}), "matches no layer", "names such as"),
        (HalfPrecision(keep=("no_such_layer",)), "'no_such_layer' matches no layer", "names such as"),
        (WeightOnly(keep=("roberta", "classifier")), "nothing is left to quantize", "Leave some"),
        (HalfPrecision(keep=("roberta", "classifier")), "nothing is left", "Leave some"),
    ],
)
def test_what_cannot_be_done_is_refused_with_what_can(exported, texts, tmp_path, config, message, hint):
    with pytest.raises(RecipeError, match=message) as caught:
        quantize(exported, tmp_path, config, texts[:2], 1)
    assert hint in caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("rows", [None, ()])
def test_static_int8_needs_calibration_texts(exported, tmp_path, rows):
    with pytest.raises(RecipeError, match="no calibration data") as caught:
        quantize(exported, tmp_path, STATIC, rows, 1)
    assert "languages" in caught.value.hint


def linear_graph(folder, weights):
    """A graph of one linear layer, named as the exporter would; no layer without weights."""
    ops = openvino.opset13
    inputs = ops.parameter([-1, weights.shape[1] if weights is not None else 4], np.float32, name="x")
    if weights is None:
        result = ops.relu(inputs)
    else:
        result = ops.matmul(inputs, ops.constant(weights, name="dense.weight"), False, True)
        result.set_friendly_name("dense/aten::linear/MatMul")
    openvino.save_model(openvino.Model([result], [inputs]), str(folder / GRAPH_NAME), compress_to_fp16=False)
    return folder


@pytest.mark.parametrize("config", [STATIC, W8, W4, HALF], ids=str)
def test_a_graph_with_nothing_to_quantize_is_refused(tmp_path, texts, config):
    (source := tmp_path / "source").mkdir()
    with pytest.raises(RecipeError, match=r"no matrix product|no weights"):
        quantize(linear_graph(source, None), tmp_path, config, texts[:2], 1)


def test_blocks_that_fit_nothing_are_said_to(tmp_path):
    (source := tmp_path / "source").mkdir()
    with pytest.raises(RecipeError, match="do not divide the 40 inputs of dense") as caught:
        quantize(linear_graph(source, np.ones((8, 40), np.float32)), tmp_path, W4)
    assert caught.value.hint == "Keep these layers in FP32."


def test_weights_beyond_fp16_are_refused_by_name(tmp_path):
    (source := tmp_path / "source").mkdir()
    weights = np.full((8, 40), 1.0, np.float32)
    weights[3, 5] = -70_000
    with pytest.raises(RecipeError, match=r"dense lie beyond FP16's largest number, 65504") as caught:
        quantize(linear_graph(source, weights), tmp_path, HALF)
    assert "keep: dense" in caught.value.hint
