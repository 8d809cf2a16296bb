"""The export to CTranslate2: the same translations as the model's own, its tensors untouched, and what is refused."""

import copy
import json

import numpy as np
import pytest
import torch

from leanglot.errors import ConfigError, DataError, MissingExtraError, ModelError, RecipeError
from leanglot.export import ctranslate2 as export
from leanglot.export.ctranslate2 import export_ctranslate2, tokens_by_id, weights_for
from leanglot.export.ctranslate2_layers import specify, uneven_heads
from leanglot.measure.translation_subject import describe_translation
from leanglot.models.seq2seq_structure import attentions_of, cut
from leanglot.runtimes.ctranslate2_seq2seq import open_engine, vocabulary_of
from leanglot.runtimes.seq2seq import Decoding
from leanglot.runtimes.translation_text import TranslationText
from leanglot.techniques import HalfPrecision, Int8, MixedInt8, QuantizationAware, WeightOnly
from tiny_translators import ALL_KINDS, load_tiny, pairs_of, parallel

ctranslate2 = pytest.importorskip("ctranslate2")


@pytest.fixture(scope="module", params=ALL_KINDS)
def model(request, tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("ct2") / request.param, request.param, steps=40, width=32)


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("ct2-marian") / "m", "marian", steps=40, width=32)


def family_of(model):
    return next(kind for kind in sorted(ALL_KINDS, key=len, reverse=True) if model.name == kind)


def rows_of(model, every=7):
    examples = parallel(pairs_of(family_of(model) if model.name in ALL_KINDS else "marian"))
    text = TranslationText(model.tokenizer, model.target_tokenizer, model.facts, model.max_length)
    return text.encode(examples.sources, examples.pairs).rows[::every]


def opened(model, folder, weights="float32"):
    folder.mkdir()
    export_ctranslate2(model, folder, weights)
    return open_engine(folder, describe_translation(model), 1)


def scored(model, row, answer):
    """Sum of the log probabilities that the model itself gives these tokens, over those it may choose."""
    ids = [*answer.ids.tolist(), *([model.facts.eos_id] if answer.finished else [])]
    given = torch.tensor([[*row.start, *ids]])
    with torch.no_grad():
        logits = model.module(input_ids=torch.as_tensor(row.ids)[None], decoder_input_ids=given[:, :-1]).logits[
            0, len(row.start) - 1 :
        ]
    logits[:, list(model.facts.suppressed)] = -torch.inf
    logs = torch.log_softmax(logits, dim=-1)
    return float(logs.gather(1, torch.tensor(ids)[:, None]).sum()), logs.argmax(dim=-1).tolist() == ids


def test_greedy_takes_what_the_model_itself_finds_most_probable(model, tmp_path):
    engine, rows = opened(model, tmp_path / "e"), rows_of(model)
    answers = engine.generate(rows, Decoding(max_tokens=20))
    for row, answer in zip(rows, answers, strict=True):
        total, most_probable = scored(model, row, answer)
        assert most_probable
        assert answer.log_probability == pytest.approx(total, abs=1e-4)
    assert any(answer.finished for answer in answers)


@pytest.mark.parametrize("penalty", [0.0, 0.6, 1.0])
def test_a_beam_tells_the_sum_of_its_log_probabilities_whatever_the_penalty(model, tmp_path, penalty):
    engine, rows = opened(model, tmp_path / "e"), rows_of(model)
    greedy = engine.generate(rows, Decoding(max_tokens=20))
    beams = engine.generate(rows, Decoding(beam=4, length_penalty=penalty, max_tokens=20))
    for row, answer, other in zip(rows, beams, greedy, strict=True):
        assert answer.log_probability == pytest.approx(scored(model, row, answer)[0], abs=1e-4)
        if len(answer.ids) == len(other.ids):
            assert answer.log_probability >= other.log_probability - 1e-4


def test_a_batch_answers_what_each_source_alone_gets(model, tmp_path):
    engine, rows = opened(model, tmp_path / "e"), rows_of(model, every=5)
    together = engine.generate(rows, Decoding(max_tokens=20))
    alone = [engine.generate([row], Decoding(max_tokens=20))[0] for row in rows]
    assert [answer.ids.tolist() for answer in together] == [answer.ids.tolist() for answer in alone]


@pytest.mark.parametrize("beam", [1, 3])
def test_lengths_are_bounded_and_forced_exactly(model, tmp_path, beam):
    engine, rows = opened(model, tmp_path / "e"), rows_of(model)
    forced = engine.generate(rows, Decoding(beam=beam, forced=9))
    assert [len(answer.ids) for answer in forced] == [9] * len(rows)
    assert not any(answer.finished for answer in forced)
    short = engine.generate(rows, Decoding(beam=beam, max_tokens=2))
    assert all(len(answer.ids) + answer.finished <= 2 for answer in short)
    assert not all(answer.finished for answer in short)


@pytest.mark.parametrize("weights", ["float32", "int8", "float16", "bfloat16"])
def test_the_exported_model_keeps_its_weights(marian, tmp_path, weights):
    before = {name: tensor.clone() for name, tensor in marian.module.state_dict().items()}
    config = copy.deepcopy(marian.module.config.to_dict())
    export_ctranslate2(marian, tmp_path, weights)
    after = marian.module.state_dict()
    assert all(torch.equal(tensor, after[name]) for name, tensor in before.items())
    assert marian.module.config.to_dict() == config


def test_int8_is_smaller_and_close(model, tmp_path):
    rows = rows_of(model)
    whole = opened(model, tmp_path / "whole").generate(rows, Decoding(max_tokens=20))
    small = opened(model, tmp_path / "small", "int8").generate(rows, Decoding(max_tokens=20))
    same = [one.ids.tolist() == other.ids.tolist() for one, other in zip(whole, small, strict=True)]
    assert np.mean(same) >= 0.5
    sizes = [(tmp_path / name / "model.bin").stat().st_size for name in ("small", "whole")]
    assert sizes[0] < 0.5 * sizes[1]


def test_a_shared_table_is_stored_once(marian, tmp_path):
    export_ctranslate2(marian, tmp_path)
    numbers = sum(weight.numel() for weight in marian.module.parameters())
    assert (tmp_path / "model.bin").stat().st_size < 4 * numbers * 1.15


def test_what_is_suppressed_is_never_chosen(marian, tmp_path):
    favourite = opened(marian, tmp_path / "all").generate(rows_of(marian)[:1], Decoding(max_tokens=8))[0].ids[0]
    suppressed = (*marian.facts.suppressed, int(favourite))
    without = copy.copy(marian)
    object.__setattr__(without, "facts", marian.facts.model_copy(update={"suppressed": suppressed}))
    for weights in ("float32", "int8", "float16"):
        answers = opened(without, tmp_path / weights, weights).generate(rows_of(marian), Decoding(beam=2, max_tokens=8))
        assert favourite not in np.concatenate([answer.ids for answer in answers])


@pytest.mark.parametrize("family", ["marian", "m2m_100", "mbart"])
@pytest.mark.parametrize("keep", [[0], [1]])
def test_layers_with_fewer_heads_than_others_answer_the_same(tmp_path, family, keep):
    model = load_tiny(tmp_path / "m", family, steps=20, width=32)
    for units in attentions_of(model.module)[::2]:
        cut(model.module, units, keep)
    notes = uneven_heads(model.module)
    assert len(notes) == 1
    assert "heads of zeros" in notes[0]
    engine = opened(model, tmp_path / "e")
    for row, answer in zip(rows_of(model), engine.generate(rows_of(model), Decoding(max_tokens=20)), strict=True):
        total, most_probable = scored(model, row, answer)
        assert most_probable
        assert answer.log_probability == pytest.approx(total, abs=1e-4)


@pytest.mark.parametrize("family", ["marian", "t5"])
def test_heads_that_all_layers_lack_cost_nothing(tmp_path, family):
    model = load_tiny(tmp_path / "m", family, steps=20, width=32)
    (tmp_path / "whole").mkdir()
    export_ctranslate2(model, tmp_path / "whole")
    for units in attentions_of(model.module):
        cut(model.module, units, [1])
    assert uneven_heads(model.module) == ()
    engine = opened(model, tmp_path / "e")
    assert (tmp_path / "e" / "model.bin").stat().st_size < (tmp_path / "whole" / "model.bin").stat().st_size
    for row, answer in zip(rows_of(model), engine.generate(rows_of(model), Decoding(max_tokens=20)), strict=True):
        total, most_probable = scored(model, row, answer)
        assert most_probable
        assert answer.log_probability == pytest.approx(total, abs=1e-4)


def test_zeros_stay_zeros_in_int8(marian, tmp_path):
    pruned = copy.copy(marian)
    module = copy.deepcopy(marian.module)
    object.__setattr__(pruned, "module", module)
    with torch.no_grad():
        weight = module.model.encoder.layers[0].fc1.weight
        weight[:, ::2] = 0
    spec_folder = tmp_path / "e"
    spec_folder.mkdir()
    export_ctranslate2(pruned, spec_folder, "int8")
    spec = specify(copy.deepcopy(module), "marian", ())
    spec.register_source_vocabulary(["a"] * module.config.vocab_size)
    spec.register_target_vocabulary(["a"] * module.config.vocab_size)
    spec.validate()
    spec.optimize("int8")
    stored = spec.encoder.layer[0].ffn.linear_0.weight.numpy()
    assert stored.dtype == np.int8
    assert not stored[:, ::2].any()
    assert stored[:, 1::2].any()


def test_plain_ctranslate2_translates_with_what_is_written(marian, tmp_path):
    export_ctranslate2(marian, tmp_path)
    row = rows_of(marian)[0]
    tokens = [marian.tokenizer.id_to_token(int(number)) for number in row.ids]
    found = ctranslate2.Translator(str(tmp_path), intra_threads=1).translate_batch([tokens], beam_size=1)
    own = open_engine(tmp_path, describe_translation(marian), 1).generate([row], Decoding(max_tokens=20))[0]
    assert [marian.tokenizer.token_to_id(token) for token in found[0].hypotheses[0]] == own.ids.tolist()


def test_rows_without_a_token_get_a_name_of_their_own(marian):
    known = marian.tokenizer.get_vocab_size()
    tokens = tokens_by_id(marian.tokenizer, known + 3)
    assert len(set(tokens)) == known + 3
    assert tokens[:known] == [marian.tokenizer.id_to_token(number) for number in range(known)]


def test_a_tokenizer_larger_than_the_table_is_refused(marian):
    with pytest.raises(RecipeError, match="1 tokens beyond the"):
        tokens_by_id(marian.tokenizer, marian.tokenizer.get_vocab_size() - 1)


def test_both_vocabularies_are_read_back(model, tmp_path):
    export_ctranslate2(model, tmp_path)
    source, target = vocabulary_of(tmp_path)
    for tokens, tokenizer in ((source, model.tokenizer), (target, model.target_tokenizer)):
        assert all(tokens[number] == token for token, number in tokenizer.get_vocab().items())


@pytest.mark.parametrize(
    ("step", "weights"),
    [
        (None, "float32"),
        (Int8(), "int8"),
        (Int8(embeddings=True, reduce_range=False), "int8"),
        (HalfPrecision(dtype="fp16"), "float16"),
        (HalfPrecision(dtype="bf16"), "bfloat16"),
        (MixedInt8(rest="fp16"), "int8_float16"),
        (MixedInt8(rest="bf16"), "int8_bfloat16"),
    ],
)
def test_each_step_has_its_type_of_weights(step, weights):
    assert weights_for(step) == weights


@pytest.mark.parametrize(
    "step",
    [
        Int8(activations="static"),
        Int8(weights="unsigned"),
        Int8(reduce_range=True),
        HalfPrecision(keep=("encoder",)),
        WeightOnly(),
        QuantizationAware(),
    ],
)
def test_steps_that_it_cannot_do_are_refused(step):
    with pytest.raises(RecipeError, match="CTranslate2 does not do"):
        weights_for(step)


def with_types(monkeypatch, cpu, gpu=None):
    types = {"cpu": set(cpu), "cuda": set(gpu or ())}
    monkeypatch.setattr(ctranslate2, "get_supported_compute_types", types.__getitem__)
    monkeypatch.setattr(ctranslate2, "get_cuda_device_count", lambda: int(gpu is not None))


def test_int8_with_16_bits_is_refused_where_nothing_computes_it(monkeypatch, marian, tmp_path):
    with_types(monkeypatch, ["float32", "int8", "int8_float32"])
    with pytest.raises(RecipeError, match=r"does not compute int8_bfloat16 on this machine: .* do float32, int8"):
        export_ctranslate2(marian, tmp_path, "int8_bfloat16")
    assert list(tmp_path.iterdir()) == []


def test_int8_with_16_bits_is_made_for_a_gpu_that_computes_it(monkeypatch, marian, tmp_path):
    with_types(monkeypatch, ["float32", "int8"], ["float32", "int8_float16"])
    (note,) = export_ctranslate2(marian, tmp_path, "int8_float16")
    assert "runs on a GPU" in note


def test_what_a_processor_computes_needs_no_telling(monkeypatch, marian, tmp_path):
    with_types(monkeypatch, ["float32", "int8", "int8_bfloat16", "bfloat16"])
    assert export_ctranslate2(marian, tmp_path, "int8_bfloat16") == ()


def test_16_bits_that_are_only_stored_are_told(monkeypatch, marian, tmp_path):
    with_types(monkeypatch, ["float32"])
    (note,) = export_ctranslate2(marian, tmp_path, "bfloat16")
    assert note == "bfloat16 is stored, and computed in FP32 on this processor: half the size on disk, no faster."


def test_an_activation_that_it_does_not_have_is_refused(marian, tmp_path):
    other = copy.copy(marian)
    module = copy.deepcopy(marian.module)
    module.config.activation_function = "tanh"
    object.__setattr__(other, "module", module)
    with pytest.raises(RecipeError, match="does not compute the activation tanh"):
        export_ctranslate2(other, tmp_path)


def test_a_family_that_it_does_not_have_is_refused(marian):
    with pytest.raises(RecipeError, match="does not run models of the type fsmt"):
        specify(marian.module, "fsmt", ())


def test_without_the_package_the_extra_is_named(monkeypatch, marian, tmp_path):
    monkeypatch.setitem(__import__("sys").modules, "ctranslate2.specs.transformer_spec", None)
    with pytest.raises(MissingExtraError, match="ctranslate2"):
        export_ctranslate2(marian, tmp_path)
    assert export.MODEL_NAME == "model.bin"


@pytest.mark.parametrize("damage", ["model.bin", "config.json", "shared_vocabulary.json"])
@pytest.mark.parametrize("how", ["cut", "gone"])
def test_a_damaged_folder_is_refused_by_name(marian, tmp_path, damage, how):
    export_ctranslate2(marian, tmp_path)
    path = tmp_path / damage
    path.write_bytes(path.read_bytes()[:60]) if how == "cut" else path.unlink()
    with pytest.raises(ModelError, match="CTranslate2 cannot load"):
        open_engine(tmp_path, describe_translation(marian), 1)


def test_positions_beyond_the_table_are_told(marian, tmp_path):
    engine = opened(marian, tmp_path / "e")
    row = rows_of(marian)[0]
    long = type(row)(np.tile(row.ids, 20), row.start)
    with pytest.raises(DataError, match="longer than the model's table of positions"):
        engine.generate([long], Decoding(max_tokens=4))


def test_the_decoder_of_another_model_is_refused(marian, tmp_path):
    engine = opened(marian, tmp_path / "e")
    row = rows_of(marian)[0]
    with pytest.raises(ModelError, match="starts with"):
        engine.generate([type(row)(row.ids, (marian.facts.eos_id,))], Decoding(max_tokens=4))


def test_no_sources_get_no_answers(marian, tmp_path):
    assert opened(marian, tmp_path / "e").generate([], Decoding()) == []


def test_the_config_is_ctranslate2s_own(marian, tmp_path):
    export_ctranslate2(marian, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert [config["eos_token"], config["decoder_start_token"]] == ["</s>", "<pad>"]


def test_a_search_without_cache_is_refused(marian, tmp_path):
    with pytest.raises(ConfigError, match="always keeps the keys and values"):
        opened(marian, tmp_path / "e").generate(rows_of(marian)[:1], Decoding(cache=False))


def test_sources_whose_decoders_start_with_different_numbers_of_tokens_share_a_batch(tmp_path):
    model = load_tiny(tmp_path / "m", "m2m_100", steps=40, width=32)
    engine, rows = opened(model, tmp_path / "e"), rows_of(model)
    mixed = [*rows[:2], type(rows[0])(rows[0].ids, rows[0].start[:1]), rows[2]]
    answers = engine.generate(mixed, Decoding(max_tokens=12))
    for row, answer in zip(mixed, answers, strict=True):
        assert len(answer.ids) + answer.finished <= 12
        assert scored(model, row, answer)[1]


@pytest.mark.parametrize(
    ("recipe", "cpu", "gpu", "place"),
    [
        ((), ["int8"], None, ("cpu", "default")),
        ((Int8(),), ["int8"], ["int8"], ("cpu", "default")),
        ((HalfPrecision(),), ["float32"], ["float16"], ("cpu", "float32")),
        ((HalfPrecision(dtype="bf16"),), ["float32", "bfloat16"], None, ("cpu", "bfloat16")),
        ((MixedInt8(),), ["int8_bfloat16"], ["int8_bfloat16"], ("cpu", "int8_bfloat16")),
        ((MixedInt8(),), ["int8_float32"], ["int8_bfloat16"], ("cuda", "int8_bfloat16")),
        ((MixedInt8(rest="fp16"),), ["int8_float32"], ["float32"], ("cpu", "int8_float32")),
        ((MixedInt8(rest="fp16"),), ["int8_float32"], None, ("cpu", "int8_float32")),
    ],
)
def test_a_model_runs_where_its_types_are_computed(monkeypatch, marian, tmp_path, recipe, cpu, gpu, place):
    export_ctranslate2(marian, tmp_path)
    with_types(monkeypatch, cpu, gpu)
    asked = []
    monkeypatch.setattr(
        ctranslate2, "Translator", lambda path, *, device, compute_type, **_: asked.append((device, compute_type))
    )
    open_engine(tmp_path, describe_translation(marian).model_copy(update={"recipe": recipe}), 1)
    assert asked == [place]
