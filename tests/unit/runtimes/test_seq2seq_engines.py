"""The engines behind our own decode loop give what transformers' ``generate`` gives, in every family."""

import pytest

from leanglot.export.seq2seq_onnx import export_seq2seq_onnx
from leanglot.export.seq2seq_openvino import export_seq2seq_openvino
from leanglot.runtimes import onnx_seq2seq, openvino_seq2seq
from leanglot.runtimes.pytorch_seq2seq import TorchSeq2Seq
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.translation_text import TranslationText
from tiny_translators import ALL_KINDS, load_tiny, manifest_of, pairs_of, parallel

ENGINES = {
    "onnxruntime": (export_seq2seq_onnx, onnx_seq2seq, "decoder.onnx"),
    "openvino": (export_seq2seq_openvino, openvino_seq2seq, "decoder.xml"),
}
DECODINGS = {
    "greedy": Decoding(max_tokens=14),
    "greedy-no-cache": Decoding(max_tokens=14, cache=False),
    "greedy-forced": Decoding(max_tokens=14, forced=9),
    "beam": Decoding(beam=4, max_tokens=14),
    "beam-short": Decoding(beam=3, max_tokens=6, length_penalty=0.4),
    "beam-no-cache": Decoding(beam=2, max_tokens=14, cache=False, length_penalty=0.0),
    "beam-forced": Decoding(beam=2, max_tokens=14, forced=7),
}


@pytest.fixture(scope="module", params=ALL_KINDS)
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def made(kind, tmp_path_factory):
    """A model that has learnt a little, so that translations differ in length, with every engine opened on it."""
    folder = tmp_path_factory.mktemp(kind)
    model = load_tiny(folder / "model", kind, steps=15)
    engines = {name: opened(model, folder, name) for name in ENGINES}
    examples = parallel(pairs_of(kind)).subset(range(0, 24 * len(pairs_of(kind)), 9))
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    return (
        TorchSeq2Seq(model.module, 1, model.facts.suppressed),
        engines,
        text.encode(examples.sources, examples.pairs).rows,
    )


def opened(model, folder, runtime):
    export, engine, file = ENGINES[runtime]
    (folder / runtime).mkdir()
    assert export(model, folder / runtime) == folder / runtime / file
    return engine.open_engine(folder / runtime, manifest(model, runtime), 1)


def manifest(model, runtime):
    return manifest_of(model, runtime, ENGINES[runtime][2])


@pytest.mark.parametrize("decoding", DECODINGS.values(), ids=DECODINGS)
@pytest.mark.parametrize("runtime", ENGINES)
def test_translates_as_transformers_does(made, runtime, decoding):
    reference, engines, rows = made
    for wanted, found in zip(
        reference.generate(rows, decoding), engines[runtime].generate(rows, decoding), strict=True
    ):
        assert found.ids.tolist() == wanted.ids.tolist()
        assert found.finished == wanted.finished
        if decoding.forced is None:  # there transformers takes the end token out of the whole it is a share of
            assert found.log_probability == pytest.approx(wanted.log_probability, abs=2e-4)


@pytest.mark.parametrize("runtime", ENGINES)
def test_some_end_before_others(kind, made, runtime):
    """What the tests above compare is worth comparing; the only pair of one kind has references of equal length."""
    _, engines, rows = made
    found = engines[runtime].generate(rows, Decoding(max_tokens=14))
    assert len({len(one.ids) for one in found}) > (0 if kind == "marian-separate" else 1)
    assert any(one.finished for one in found)


@pytest.mark.parametrize("runtime", ENGINES)
@pytest.mark.parametrize("beam", [1, 3])
def test_batch_mates_change_nothing(made, runtime, beam):
    _, engines, rows = made
    decoding = Decoding(beam=beam, max_tokens=14)
    together = engines[runtime].generate(rows, decoding)
    alone = [engines[runtime].generate([row], decoding)[0] for row in rows]
    assert [one.ids.tolist() for one in together] == [one.ids.tolist() for one in alone]


@pytest.mark.parametrize("runtime", ENGINES)
def test_no_sources_no_translations(made, runtime):
    assert made[1][runtime].generate([], Decoding()) == []


@pytest.mark.parametrize("runtime", ENGINES)
def test_beams_wider_than_the_vocabulary_are_possible(made, runtime):
    _, engines, rows = made
    (found,) = engines[runtime].generate(rows[:1], Decoding(beam=200, max_tokens=4))
    (wanted,) = made[0].generate(rows[:1], Decoding(beam=200, max_tokens=4))
    assert found.ids.tolist() == wanted.ids.tolist()
