"""The PyTorch engine: what transformers' generate gives its users, with the log probabilities of what was chosen."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from leanglot.measure.translation_subject import translator_in_memory
from leanglot.models.translation_model import TranslationModel, load_translation_model, save_translation_model
from leanglot.runtimes.pytorch_seq2seq import TorchSeq2Seq
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.translation_text import TranslationText
from tiny_translators import ALL_KINDS, load_tiny, pairs_of, parallel

SOURCES = ["The lamp in the kitchen is on.", "The door is off.", "lamp"]


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained models of all kinds, by kind."""
    root = tmp_path_factory.mktemp("engines")
    return {kind: load_tiny(root / kind, kind) for kind in ALL_KINDS}


@pytest.fixture(scope="module")
def taught(tmp_path_factory):
    """A Marian that knows its sentences."""
    return load_tiny(tmp_path_factory.mktemp("taught") / "m", steps=150, width=32)


def rows_of(model: TranslationModel, texts=SOURCES, pair="en→de"):
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    return text.encode(texts, [pair] * len(texts)).rows


def engine_of(model: TranslationModel) -> TorchSeq2Seq:
    return TorchSeq2Seq(model.module, 1, model.facts.suppressed)


def log_probability(model: TranslationModel, row, decoded) -> float:
    """Of the tokens that were chosen, computed in one piece."""
    tokens = [*decoded.ids.tolist(), *([model.facts.eos_id] if decoded.finished else [])]
    given = torch.tensor([[*row.start, *tokens]])
    with torch.inference_mode():
        logits = model.module(input_ids=torch.from_numpy(row.ids)[None], decoder_input_ids=given).logits[0]
    logs = logits.log_softmax(-1)[len(row.start) - 1 : -1]
    return float(logs[range(len(tokens)), tokens].sum())


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("beam", [1, 3])
def test_log_probabilities_are_those_of_the_tokens(kind, beam, models):
    model = models[kind]
    rows = rows_of(model)
    found = engine_of(model).generate(rows, Decoding(beam=beam, length_penalty=0.7, max_tokens=9))
    for row, decoded in zip(rows, found, strict=True):
        assert decoded.log_probability == pytest.approx(log_probability(model, row, decoded), abs=1e-3)
        assert len(decoded.ids) + decoded.finished <= 9
        assert not set(decoded.ids.tolist()) & {*model.facts.suppressed, model.facts.eos_id}


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_a_batch_gives_what_each_row_gives_alone(kind, models):
    model = models[kind]
    rows, decoding = rows_of(model), Decoding(max_tokens=12)
    together = engine_of(model).generate(rows, decoding)
    for row, decoded in zip(rows, together, strict=True):
        (alone,) = engine_of(model).generate([row], decoding)
        assert alone.ids.tolist() == decoded.ids.tolist()


@pytest.mark.parametrize("kind", ALL_KINDS)
@pytest.mark.parametrize("beam", [1, 3])
def test_the_cache_changes_nothing(kind, beam, models):
    model = models[kind]
    decoding = Decoding(beam=beam, max_tokens=10)
    rows = rows_of(model)
    cached = engine_of(model).generate(rows, decoding)
    plain = engine_of(model).generate(rows, replace(decoding, cache=False))
    assert [each.ids.tolist() for each in cached] == [each.ids.tolist() for each in plain]


@pytest.mark.parametrize("beam", [1, 2])
def test_a_forced_length_is_kept(beam, taught):
    rows = rows_of(taught)
    for decoded in engine_of(taught).generate(rows, Decoding(beam=beam, forced=11)):
        assert len(decoded.ids) == 11
        assert not decoded.finished


def test_a_translation_that_reaches_its_bound_is_unfinished(taught):
    (short,) = engine_of(taught).generate(rows_of(taught)[:1], Decoding(max_tokens=3))
    (whole,) = engine_of(taught).generate(rows_of(taught)[:1], Decoding(max_tokens=20))
    assert not short.finished
    assert whole.finished
    assert short.ids.tolist() == whole.ids[:3].tolist()


def test_the_models_own_settings_do_not_leak_in(taught):
    before = taught.module.generation_config
    before.forced_eos_token_id, before.num_beams, before.bad_words_ids = 5, 3, [[7]]
    try:
        (decoded,) = engine_of(taught).generate(rows_of(taught)[:1], Decoding(max_tokens=3))
        assert decoded.ids.tolist()[-1] != 5
        assert taught.module.generation_config is before
    finally:
        before.forced_eos_token_id, before.num_beams, before.bad_words_ids = None, 1, None


def test_suppressed_tokens_are_never_chosen(taught):
    rows = rows_of(taught)[:1]
    (free,) = engine_of(taught).generate(rows, Decoding())
    engine = TorchSeq2Seq(taught.module, 1, (*taught.facts.suppressed, int(free.ids[0])))
    for beam in (1, 2):
        (held,) = engine.generate(rows, Decoding(beam=beam))
        assert free.ids[0] not in held.ids


@pytest.mark.parametrize(("kind", "code"), [("nllb", "deu_Latn"), ("m2m_100", "__de__"), ("mbart", "de_DE")])
def test_it_is_what_transformers_users_get(kind, code, models):
    model = models[kind]
    (row,) = rows_of(model)[:1]
    target = model.tokenizer.token_to_id(code)
    told = {"decoder_start_token_id": target} if kind == "mbart" else {"forced_bos_token_id": target}
    usual = model.module.generate(
        input_ids=torch.from_numpy(row.ids)[None],
        max_new_tokens=8 if kind == "mbart" else 9,
        num_beams=1,
        forced_eos_token_id=None,
        suppress_tokens=list(model.facts.suppressed),
        **told,
    )
    (own,) = engine_of(model).generate([row], Decoding(max_tokens=8))
    expected = usual[0, len(row.start) :].numpy()
    assert np.array_equal(own.ids, expected[expected != model.facts.eos_id])


def test_the_sentences_it_was_taught(taught):
    examples = parallel(pairs_of("marian"))
    found = translator_in_memory(taught, 1).translate(examples.sources, pairs=examples.pairs)
    right = sum(each.text == reference for each, reference in zip(found, examples.references, strict=True))
    assert right >= 0.9 * len(examples)
    assert all(0 < each.confidence <= 1 for each in found)


def test_a_model_in_memory_keeps_what_it_was_told_to_suppress(taught):
    told = replace(taught, facts=taught.facts.model_copy(update={"suppressed": (3, taught.pad_id)}))
    assert translator_in_memory(told, 1).engine.suppressed == (3, taught.pad_id)


def test_no_rows_and_no_threads_left_behind(taught):
    before = torch.get_num_threads()
    engine = TorchSeq2Seq(taught.module, before + 1)
    assert engine.generate([], Decoding()) == []
    engine.generate(rows_of(taught)[:1], Decoding(max_tokens=2))
    assert torch.get_num_threads() == before


def test_a_saved_model_translates_as_before(taught, tmp_path):
    save_translation_model(taught, tmp_path)
    again = load_translation_model(tmp_path)
    rows = rows_of(taught)
    own = engine_of(taught).generate(rows, Decoding())
    assert [each.ids.tolist() for each in engine_of(again).generate(rows, Decoding())] == [
        each.ids.tolist() for each in own
    ]
