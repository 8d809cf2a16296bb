"""INT8 of exported translation models: what is quantized, what is held once, and how little it changes."""

import numpy as np
import onnx
import pytest
import torch

from leanglot.compress.seq2seq_int8 import quantize_columns, quantize_seq2seq
from leanglot.errors import ModelError, RecipeError
from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.models.graph import DATA_NAME, load_skeletons
from leanglot.runtimes.onnx_seq2seq import open_engine
from leanglot.runtimes.seq2seq import Decoding, SourceRow
from leanglot.runtimes.seq2seq_graphs import DECODER_NAME, ENCODER_NAME
from leanglot.runtimes.translation_text import TranslationText
from leanglot.techniques import Int8
from tiny_translators import load_tiny, manifest_of, parallel

VNNI = ("avx2", "avx512_vnni")
FILES = (ENCODER_NAME, DECODER_NAME)


@pytest.fixture(scope="module", params=["marian", "t5", "marian-separate"])
def exported(request, tmp_path_factory):
    """A model that has learnt its sentences, 32 wide, and the folder of its graphs."""
    folder = tmp_path_factory.mktemp(request.param)
    model = load_tiny(folder / "model", request.param, steps=150, width=32)
    (folder / "graphs").mkdir()
    export_seq2seq_onnx(model, folder / "graphs")
    return model, folder / "graphs"


def quantized(folder, target, isa=VNNI, **options):
    return quantize_seq2seq(folder, target, Int8(**options), isa)


def operators(folder):
    return [node for name in FILES for node in onnx.load(str(folder / name), load_external_data=False).graph.node]


def opened(model, folder):
    manifest = manifest_of(model, "onnxruntime", DECODER_NAME)
    return open_engine(folder, manifest, 1)


def translated(model, folder, decoding=Decoding(max_tokens=16)):  # noqa: B008 - it is frozen
    pairs = [("en", "de")] if model.facts.telling == "none" else [("en", "de"), ("en", "ru"), ("de", "en")]
    examples = parallel(pairs)
    rows = (
        TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
        .encode(examples.sources, examples.pairs)
        .rows
    )
    return [one.ids.tolist() for one in opened(model, folder).generate(rows, decoding)]


@pytest.mark.parametrize(
    "options", [{}, {"embeddings": True}, {"weights": "unsigned"}, {"reduce_range": True}], ids=str
)
def test_translates_nearly_as_before(exported, tmp_path, options):
    model, folder = exported
    assert quantized(folder, tmp_path, **options) == ()
    before, after = translated(model, folder), translated(model, tmp_path)
    same = np.mean([one == other for one, other in zip(before, after, strict=True)])
    assert same > 0.8


@pytest.mark.parametrize("beam", [1, 3])
def test_batch_mates_change_nothing(exported, tmp_path, beam):
    """Neither the other sentences nor their padding: every row has scales of its own."""
    model, folder = exported
    quantized(folder, tmp_path, embeddings=True)
    engine = opened(model, tmp_path)
    rng = np.random.default_rng(0)
    start = (model.facts.decoder_start_id,)
    rows = [SourceRow(rng.integers(4, 40, size=length), start) for length in (3, 17, 5, 30, 9)]
    decoding = Decoding(beam=beam, max_tokens=16)
    for row, together in zip(rows, engine.generate(rows, decoding), strict=True):
        (alone,) = engine.generate([row], decoding)
        assert alone.ids.tolist() == together.ids.tolist()
        assert alone.log_probability == pytest.approx(together.log_probability, abs=1e-3)


def test_beams_work_on_quantized_graphs(exported, tmp_path):
    model, folder = exported
    quantized(folder, tmp_path, embeddings=True)
    wide = Decoding(beam=3, max_tokens=16)
    before, after = translated(model, folder, wide), translated(model, tmp_path, wide)
    assert np.mean([one == other for one, other in zip(before, after, strict=True)]) > 0.8


def test_every_linear_layer_is_quantized(exported, tmp_path):
    _, folder = exported
    quantized(folder, tmp_path, embeddings=True)
    kinds = {node.op_type for node in operators(tmp_path)}
    assert {"MatMulIntegerToFloat", "MatMulNBits", "GatherBlockQuantized"} <= kinds
    assert "Gemm" not in kinds
    _, weights = load_skeletons(tmp_path, FILES)
    large = [
        name
        for name, values in weights.items()
        if values.dtype == np.float32 and values.ndim == 2 and values.size > 4096
    ]
    assert [name for name in large if "positions" not in name and "scales" not in name] == []


def test_table_and_projection_are_the_same_bytes(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", width=32)
    for name in ("graphs", "int8", "int4"):
        (tmp_path / name).mkdir()
    export_seq2seq_onnx(model, tmp_path / "graphs")
    rows = model.module.config.vocab_size
    total = sum(weight.numel() * 4 for weight in model.module.parameters())
    positions = model.module.get_parameter("model.encoder.embed_positions.weight").numel() * 4
    # Both sides' sines count once, and so does the table; each array starts at a multiple of 64 bytes.
    assert (tmp_path / "graphs" / DATA_NAME).stat().st_size < total - positions + 64 * 200
    quantized(tmp_path / "graphs", tmp_path / "int8", embeddings=True)
    quantized(tmp_path / "graphs", tmp_path / "int4", embeddings=True, embedding_bits=4)
    sizes = {name: (tmp_path / name / DATA_NAME).stat().st_size for name in ("int8", "int4")}
    assert sizes["int8"] - sizes["int4"] == pytest.approx(rows * 32 / 2, abs=rows * 2 + 256)
    places = {
        tensor.name: [entry.value for entry in tensor.external_data if entry.key == "offset"]
        for name in FILES
        for tensor in onnx.load(str(tmp_path / "int8" / name), load_external_data=False).graph.initializer
    }
    assert places["model.shared.weight_int8"] == places["model.shared.weight_int8_rows"]


def test_four_bit_tables_still_translate(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", steps=150, width=32)
    for name in ("graphs", "int4"):
        (tmp_path / name).mkdir()
    export_seq2seq_onnx(model, tmp_path / "graphs")
    quantized(tmp_path / "graphs", tmp_path / "int4", embeddings=True, embedding_bits=4)
    before, after = translated(model, tmp_path / "graphs"), translated(model, tmp_path / "int4")
    assert np.mean([one == other for one, other in zip(before, after, strict=True)]) > 0.5


def test_what_is_kept_stays_in_fp32(exported, tmp_path):
    _, folder = exported
    quantized(folder, tmp_path, keep=("decoder", "lm_head"))
    decoder = onnx.load(str(tmp_path / DECODER_NAME), load_external_data=False)
    kinds = {node.op_type for node in decoder.graph.node}
    assert "Gemm" in kinds
    assert not kinds & {"MatMulIntegerToFloat", "MatMulNBits"}


def test_patterns_that_match_nothing_are_slips(exported, tmp_path):
    with pytest.raises(RecipeError, match="matches no layer"):
        quantized(exported[1], tmp_path, keep=("classifier",))


def test_keeping_everything_leaves_nothing(exported, tmp_path):
    with pytest.raises(RecipeError, match="nothing to quantize"):
        quantized(exported[1], tmp_path, keep=("*",))


def test_static_ranges_are_refused(exported, tmp_path):
    with pytest.raises(RecipeError, match="static is not possible"):
        quantized(exported[1], tmp_path, activations="static")


def test_tables_of_odd_width_stay_with_a_note(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", width=16)
    for name in ("graphs", "int8"):
        (tmp_path / name).mkdir()
    export_seq2seq_onnx(model, tmp_path / "graphs")
    (note,) = quantized(tmp_path / "graphs", tmp_path / "int8", embeddings=True)
    assert note == "model.shared.weight stays in FP32: its width 16 is no multiple of 32."
    translated(model, tmp_path / "int8")


def test_damaged_weights_are_refused(tmp_path):
    model = load_tiny(tmp_path / "model", "marian", width=32)
    with torch.no_grad():
        model.module.get_parameter("model.decoder.layers.1.fc1.weight")[0, 0] = float("nan")
    for name in ("graphs", "int8"):
        (tmp_path / name).mkdir()
    export_seq2seq_onnx(model, tmp_path / "graphs")
    with pytest.raises(ModelError, match="fc1 hold NaN"):
        quantized(tmp_path / "graphs", tmp_path / "int8")


@pytest.mark.parametrize(("isa", "most"), [(VNNI, 127), (("avx2",), 63)])
def test_targets_without_vnni_get_seven_bits(exported, tmp_path, isa, most):
    quantized(exported[1], tmp_path, isa)
    _, weights = load_skeletons(tmp_path, FILES)
    integers = [values for name, values in weights.items() if name.endswith("_int8") and values.dtype == np.int8]
    assert integers
    assert max(int(np.abs(values.astype(np.int16)).max()) for values in integers) == most


@pytest.mark.parametrize("per_channel", [True, False])
@pytest.mark.parametrize("sign", ["signed", "unsigned"])
def test_columns_are_rounded_to_half_a_step(sign, per_channel):
    matrix = np.random.default_rng(0).normal(size=(20, 7)).astype(np.float32)
    matrix[:, 3] = 0
    step = Int8(weights=sign, per_channel=per_channel, reduce_range=False)
    integers, scale, zero = quantize_columns(matrix, step, "layer")
    assert scale.shape == zero.shape == ((7,) if per_channel else ())
    back = (integers.astype(np.float32) - zero.astype(np.float32)) * scale
    assert np.abs(back - matrix).max() <= np.max(scale[scale < 1]) / 2 + 1e-6
    assert (back[:, 3] == 0).all()


def test_zeros_stay_zeros():
    """What pruning set to zero is zero in integers as well."""
    matrix = np.random.default_rng(0).normal(size=(8, 8)).astype(np.float32)
    matrix[::2] = 0
    integers, _, _ = quantize_columns(matrix, Int8(reduce_range=False), "layer")
    assert (integers[::2] == 0).all()
    assert (integers[1::2] != 0).any()
