"""Translation models with fewer bits for OpenVINO: what is stored how, what is held once, and how little it changes."""

import numpy as np
import openvino
import pytest

from leanglot.compress.seq2seq_openvino import quantize_seq2seq_openvino
from leanglot.errors import RecipeError
from leanglot.export.seq2seq_openvino import export_seq2seq_openvino
from leanglot.measure.ledger import size_ledger
from leanglot.measure.seq2seq_ledger import matrix_sparsity, stored_weights
from leanglot.models.openvino_graph import stored_constants
from leanglot.runtimes.openvino_seq2seq import DECODER_GRAPH, ENCODER_GRAPH, open_engine
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.translation_text import TranslationText
from leanglot.techniques import HalfPrecision, WeightOnly
from tiny_translators import load_tiny, manifest_of, pairs_of, parallel

GRAPHS = (ENCODER_GRAPH, DECODER_GRAPH)
STEPS = {
    "8": WeightOnly(bits=8),
    "8-table": WeightOnly(bits=8, embeddings=True),
    "8-symmetric": WeightOnly(bits=8, symmetric=True),
    "4": WeightOnly(bits=4, embeddings=True),
    "fp16": HalfPrecision(),
}
TABLE = STEPS["8-table"]
KINDS = ("marian", "t5", "marian-separate")


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def model(kind, tmp_path_factory):
    """It has learnt its sentences, and is 32 wide."""
    return load_tiny(tmp_path_factory.mktemp(kind) / "model", kind, steps=150, width=32)


@pytest.fixture(scope="module")
def made(model, tmp_path_factory):
    """Folders of the graphs by the name of the step, each made once."""
    folders = {"fp32": tmp_path_factory.mktemp("fp32")}
    export_seq2seq_openvino(model, folders["fp32"])

    def make(name):
        if name not in folders:
            folders[name] = tmp_path_factory.mktemp(name)
            quantize_seq2seq_openvino(folders["fp32"], folders[name], STEPS[name])
        return folders[name]

    return make


@pytest.fixture(scope="module")
def rows(kind, model):
    examples = parallel(pairs_of(kind)).subset(range(0, 24 * len(pairs_of(kind)), 3))
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    return text.encode(examples.sources, examples.pairs).rows


@pytest.fixture(scope="module")
def before(model, made, rows):
    return translated(model, made("fp32"), rows)


def manifest(model):
    return manifest_of(model, "openvino", DECODER_GRAPH)


def translated(model, folder, rows, beam=1):
    engine = open_engine(folder, manifest(model), 1)
    return [one.ids.tolist() for one in engine.generate(rows, Decoding(beam=beam, max_tokens=16))]


def matrices(folder, name):
    """Type of number by name of the matrices of a graph."""
    found = stored_constants(folder / name)
    return {one.name: one.dtype for one in found if one.name.endswith(".weight") and min(one.shape[-2:]) > 1}


def weighed(folder):
    """Bytes of both files of weights."""
    return sum((folder / name).with_suffix(".bin").stat().st_size for name in GRAPHS)


def table_of(model):
    return tuple(model.module.get_output_embeddings().weight.shape)


@pytest.mark.parametrize("name", STEPS)
def test_translates_nearly_as_before(model, made, rows, before, name):
    after = translated(model, made(name), rows)
    same = np.mean([one == other for one, other in zip(before, after, strict=True)])
    assert same > (0.4 if name == "4" else 0.8)


def test_every_matrix_gets_eight_bits_and_a_shared_table_is_held_once(model, made):
    folder = made("8-table")
    for name in GRAPHS:
        assert set(matrices(folder, name).values()) == {"uint8", "int8"}
    tables = [one for one in stored_constants(folder / DECODER_GRAPH) if one.shape == table_of(model)]
    projection, looked_up = model.module.get_output_embeddings().weight, model.module.get_decoder().embed_tokens.weight
    assert {one.dtype for one in tables} == {"int8"}
    assert len({one.offset for one in tables}) == (1 if projection is looked_up else 2)
    assert weighed(folder) < 0.45 * weighed(made("fp32"))


def test_rows_are_looked_up_before_they_are_widened(model, made):
    graph = openvino.Core().read_model(str(made("8-table") / DECODER_GRAPH))
    lookups = [op.input_value(0) for op in graph.get_ops() if op.get_type_name() == "Gather"]
    tables = [
        source for source in lookups if source.get_partial_shape().to_string() == "[{},{}]".format(*table_of(model))
    ]
    assert tables
    assert all(source.get_element_type().get_type_name() == "i8" for source in tables)


def test_without_the_table_only_the_projection_becomes_rows(model, made):
    found = [one for one in stored_constants(made("8") / DECODER_GRAPH) if one.shape == table_of(model)]
    assert sorted(one.dtype for one in found) == ["float32", "int8"]


def test_fp16_stores_every_weight_in_it(made):
    types = {one.dtype for name in GRAPHS for one in stored_constants(made("fp16") / name) if np.prod(one.shape) > 1}
    assert "float16" in types
    assert types <= {"float16", "int64", "int32"}


@pytest.mark.parametrize("keep", [("lm_head",), ("encoder",), ("lm_head", "layers.0")])
def test_what_is_kept_stays_in_fp32(model, kind, made, rows, tmp_path, keep):
    keep = tuple(pattern.replace("layers", "block") if kind == "t5" else pattern for pattern in keep)
    quantize_seq2seq_openvino(made("fp32"), tmp_path, TABLE.model_copy(update={"keep": keep}))
    after = {name: dtype for graph in GRAPHS for name, dtype in matrices(tmp_path, graph).items()}
    for name, dtype in after.items():
        assert (dtype == "float32") == any(f".{pattern}." in f".{name}." for pattern in keep), name
    assert len(translated(model, tmp_path, rows)) == len(rows)


@pytest.mark.parametrize(
    ("keep", "told"), [(("nowhere",), "'nowhere' matches no layer"), (("*",), "keep names every layer")]
)
def test_patterns_that_mean_nothing_or_everything_are_refused(made, tmp_path, keep, told):
    with pytest.raises(RecipeError, match=told):
        quantize_seq2seq_openvino(made("fp32"), tmp_path, TABLE.model_copy(update={"keep": keep}))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("beam", [1, 3])
def test_batch_mates_change_nothing(model, made, rows, beam):
    engine, decoding = open_engine(made("8-table"), manifest(model), 1), Decoding(beam=beam, max_tokens=16)
    together = engine.generate(rows[::4], decoding)
    alone = [engine.generate([row], decoding)[0] for row in rows[::4]]
    assert [one.ids.tolist() for one in together] == [one.ids.tolist() for one in alone]


@pytest.mark.parametrize("name", ["fp32", "8-table", "4", "fp16"])
def test_the_ledger_tells_all_bytes_of_the_weights(model, made, name):
    ledger, held = size_ledger(made(name), manifest(model)), weighed(made(name))
    assert 0.97 * held < sum(row.size_bytes for row in ledger) <= held
    parts = {row.part for row in ledger if row.size_bytes > 0.02 * held}
    assert {"embeddings", "attention", "ffn"} <= parts <= {"embeddings", "attention", "ffn", "head"}


def test_zeros_are_counted_where_zero_is_a_number_of_its_own(model, made):
    assert matrix_sparsity(stored_weights(made("fp32"), manifest(model))) == pytest.approx(0, abs=1e-3)
    assert matrix_sparsity(stored_weights(made("8-table"), manifest(model))) is None
