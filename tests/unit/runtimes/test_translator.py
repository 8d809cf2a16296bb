"""Texts in, translations out: batches, bounds, long texts, memory, and artifacts on disk."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

import leanglot
from leanglot.errors import ConfigError, DataError, ModelError
from leanglot.measure.translation_subject import describe_translation, translator_in_memory
from leanglot.models.translation_model import TranslationModel, save_translation_model
from leanglot.results.manifest import write_manifest
from leanglot.runtimes import translator as translator_module
from leanglot.runtimes.loading import load, load_translator
from leanglot.runtimes.seq2seq import Decoded, Decoding
from leanglot.runtimes.translator import Translator, confidence
from tiny_translators import load_tiny, parallel


@dataclasses.dataclass
class Echo:
    """An engine that answers each source with its own tokens, and remembers what it was asked."""

    asked: list[tuple[list[int], Decoding]] = dataclasses.field(default_factory=list)
    endless: bool = False

    def generate(self, rows, decoding):
        self.asked.append(([len(row) for row in rows], decoding))
        if self.endless:
            return [Decoded(np.full(decoding.max_tokens, 9), -1.0, finished=False) for _ in rows]
        return [Decoded(row.ids[1:-1][: decoding.max_tokens], -0.1 * len(row), finished=True) for row in rows]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return load_tiny(tmp_path_factory.mktemp("model") / "m", steps=150, width=32)


def echoing(model: TranslationModel, **settings: bool) -> Translator:
    own = translator_in_memory(model, 1)
    return Translator(own.manifest, own.text, Echo(**settings))


def artifact(model: TranslationModel, folder: Path) -> Path:
    folder.mkdir()
    save_translation_model(model, folder)
    write_manifest(folder, describe_translation(model))
    return folder


def test_answers_come_in_the_order_of_the_texts(model):
    translator = echoing(model)
    texts = ["The lamp is on.", "lamp", "The door in the bath is off.", "on"]
    assert [each.text for each in translator.translate(texts, "de")] == texts
    assert [lengths for lengths, _ in translator.engine.asked] == [[3, 4, 6, 9]]


def test_batches_keep_to_the_budget_times_the_beam(model):
    translator = echoing(model)
    rows = translator.text.encode(["lamp"] * 5 + ["The lamp is on."] * 4, ["en→de"] * 9).rows
    done: list[int] = []
    translator.generate(rows, 24, done.append, Decoding(beam=2))
    assert [lengths for lengths, _ in translator.engine.asked] == [[3, 3, 3, 3], [3, 6], [6, 6], [6]]
    assert done == [4, 2, 2, 1]
    translator.engine.asked.clear()
    translator.generate(rows, 1, None, Decoding())
    assert [len(lengths) for lengths, _ in translator.engine.asked] == [1] * 9


def test_nothing_goes_on_for_ever(model):
    translator = echoing(model, endless=True)
    short, long = translator.translate(["lamp", "The door in the bath is off."], "de")
    assert (short.tokens, long.tokens) == (3 * 3 + 20, 3 * 9 + 20)
    assert not short.finished
    # A neighbour in the batch changes nothing.
    assert translator.translate(["lamp"], "de")[0].tokens == short.tokens
    (few,) = translator.translate(["lamp"], "de", decoding=Decoding(max_tokens=4))
    assert few.tokens == 4


def test_the_bound_keeps_to_the_models_limit(model):
    translator = echoing(model)
    assert translator.bound(1000, Decoding(max_tokens=5000)) == model.facts.max_target
    assert translator.bound(5, Decoding(forced=50)) == 50


def test_a_source_of_ten_thousand_characters(model):
    translator = echoing(model)
    text = ("The lamp in the kitchen is on. " * 400)[:10_000]
    (found,) = translator.translate([text], "de")
    assert found.parts == 323
    assert found.text == text
    assert not found.cut
    assert max(length for lengths, _ in translator.engine.asked for length in lengths) <= model.max_length


def test_a_sentence_longer_than_the_model_reads(model):
    (found, plain) = echoing(model).translate(["the lamp " * 100, "lamp"], "de")
    assert (found.parts, found.cut) == (4, True)
    assert found.text.split() == ["the", "lamp"] * 100
    assert (plain.parts, plain.cut) == (1, False)


def test_a_whole_text_that_just_fits_is_not_split(model):
    room = translator_in_memory(model, 1).text.room("en→de")
    assert echoing(model).translate(["on. " * (room - 1) + "on."], "de")[0].parts == 1
    longer = echoing(model).translate(["on. " * room + "on."], "de")[0]
    assert (longer.parts, longer.cut) == (2, True)  # after UAX #29 no sentence begins with a small letter


def test_pairs_go_with_their_texts(model):
    examples = parallel()
    found = translator_in_memory(model, 1).translate(examples.sources, pairs=examples.pairs, batch_tokens=300)
    right = sum(each.text == reference for each, reference in zip(found, examples.references, strict=True))
    assert right >= 0.9 * len(examples)


def test_the_model_is_used_as_it_is_meant(model):
    meant = dataclasses.replace(model, facts=model.facts.model_copy(update={"beam": 3, "length_penalty": 0.5}))
    translator = echoing(meant)
    translator.translate(["lamp"], "de")
    (_, decoding) = translator.engine.asked[0]
    assert (decoding.beam, decoding.length_penalty, decoding.max_tokens) == (3, 0.5, 29)


def test_no_texts_give_no_translations(model):
    assert echoing(model).translate([], "de") == []
    assert echoing(model).generate([]) == []


@pytest.mark.parametrize("texts", ["The lamp", [""], ["a", "  "], ["a\udc00"], [None]])
def test_texts_that_cannot_be_translated(texts, model):
    with pytest.raises(DataError):
        echoing(model).translate(texts, "de")


@pytest.mark.parametrize(
    "asked",
    [{"target": "de", "pairs": ["en→de"]}, {"pairs": ["en→de", "en→fr"]}],
    ids=["both", "too many"],
)
def test_languages_given_wrongly(asked, model):
    with pytest.raises(ConfigError):
        echoing(model).translate(["lamp"], **asked)


@pytest.mark.parametrize("target", ["it", "Deutsch", "x y", "en→de"])
def test_languages_that_it_does_not_know(target, model):
    with pytest.raises(DataError):
        echoing(model).translate(["lamp"], target)


@pytest.mark.parametrize(
    "decoding",
    [Decoding(beam=0), Decoding(beam=100_000), Decoding(max_tokens=0), Decoding(forced=1000), Decoding(forced=0)],
    ids=["no beam", "wide beam", "no tokens", "long", "forced none"],
)
def test_searches_that_the_model_does_not_allow(decoding, model):
    translator = echoing(model)
    with pytest.raises(ConfigError):
        translator.translate(["lamp"], "de", decoding=decoding)
    assert translator.engine.asked == []


def test_a_beam_that_does_not_fit_the_memory(model, monkeypatch):
    translator = echoing(model)
    monkeypatch.setattr(translator_module, "available_bytes", lambda: 100_000)
    translator.translate(["lamp"], "de", decoding=Decoding(beam=1))
    translator.engine.asked.clear()
    with pytest.raises(ConfigError, match="A beam 40 wide needs about"):
        translator.translate(["lamp", "The door in the bath is off."], "de", decoding=Decoding(beam=40))
    assert translator.engine.asked == []


def test_batches_shrink_to_the_memory(model, monkeypatch):
    translator = echoing(model)
    rows = translator.text.encode(["lamp"] * 8, ["en→de"] * 8).rows
    one = translator._bytes(3, Decoding())
    monkeypatch.setattr(translator_module, "available_bytes", lambda: 3 * one)
    translator.generate(rows, 10_000, None, Decoding())
    assert [len(lengths) for lengths, _ in translator.engine.asked] == [3, 3, 2]


def test_confidence_is_the_mean_probability_per_token():
    whole = Decoded(np.array([5, 6, 7]), 4 * np.log(0.5), finished=True)
    cut = Decoded(np.array([5, 6]), 2 * np.log(0.25), finished=False)
    assert confidence([whole]) == pytest.approx(0.5)
    assert confidence([cut]) == pytest.approx(0.25)
    assert confidence([whole, cut]) == pytest.approx(2 ** (-(4 + 4) / 6))
    assert confidence([Decoded(np.array([], dtype=np.int64), np.log(0.3), finished=True)]) == pytest.approx(0.3)


def test_a_probability_that_is_no_number_is_no_confidence():
    with pytest.raises(ModelError, match="no number"):
        confidence([Decoded(np.array([5]), float("nan"), finished=True)])


def test_an_artifact_translates_as_its_model_does(model, tmp_path):
    folder = artifact(model, tmp_path / "artifact")
    examples = parallel([("en", "fr")])
    own = translator_in_memory(model, 1).translate(examples.sources, "fr", "en")
    assert load_translator(folder, 1, verify=True).translate(examples.sources, "fr", "en") == own
    opened = leanglot.load(folder, 1)
    assert isinstance(opened, Translator)
    assert opened.translate(examples.sources, "fr") == own


def test_an_artifact_with_a_tokenizer_per_side(tmp_path):
    model = load_tiny(tmp_path / "model", "marian-separate")
    translator = load_translator(artifact(model, tmp_path / "artifact"), 1)
    assert translator.text.target_tokenizer.to_str() == model.target_tokenizer.to_str()
    assert translator.translate(["The lamp"]) == translator_in_memory(model, 1).translate(["The lamp"], "de", "en")


def test_artifacts_of_the_other_task_are_refused(model, torch_artifact, tmp_path):
    with pytest.raises(ModelError, match="no classifier"):
        load(artifact(model, tmp_path / "artifact"))
    with pytest.raises(ModelError, match="does not translate"):
        load_translator(torch_artifact)


def test_a_damaged_tokenizer_of_an_artifact(model, tmp_path):
    folder = artifact(model, tmp_path / "artifact")
    (folder / "tokenizer.json").write_text("{")
    with pytest.raises(ModelError, match=r"tokenizer\.json"):
        load_translator(folder)
    with pytest.raises(ModelError, match="changed or damaged"):
        load_translator(folder, verify=True)
