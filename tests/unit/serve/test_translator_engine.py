"""The engine over a real translation artifact: what the artifact itself gives, by pair, and long texts in parts."""

import json
import shutil

import pytest

from leanglot.config import CandidateConfig
from leanglot.errors import ConfigError, DataError, ModelError
from leanglot.measure.monitor_baseline import translation_baseline_of
from leanglot.measure.translation_quality import score_translations
from leanglot.results.baseline_store import store_monitor_baseline
from leanglot.results.monitor_baseline import OUTCOMES, read_monitor_baseline
from leanglot.runtimes.loading import load_translator
from leanglot.serve.answers import Engine
from leanglot.serve.assembly import WatchOptions, assembled
from leanglot.serve.engine import StagedEngine
from leanglot.serve.loaded_files import FilesChangedError
from leanglot.serve.opening import open_engine
from leanglot.serve.translator_engine import KnowsPairs, TranslatorEngine
from leanglot.translating.making import TranslationMaking, make_translation_artifact
from served import ask, serving
from tiny_translators import load_tiny, parallel, sentences

DAY = ["The lamp in the kitchen is on.", "The door in the cellar is off."]
LONG = " ".join(sentences("en") * 4)


@pytest.fixture(scope="module")
def artifact(tmp_path_factory):
    """A trained tiny translator in ONNX Runtime; copy it before changing it."""
    place = tmp_path_factory.mktemp("translator")
    model = load_tiny(place / "model", steps=150, width=32)
    folder = place / "artifact"
    folder.mkdir()
    make_translation_artifact(
        model, CandidateConfig(name="tiny", runtime="onnxruntime"), folder, TranslationMaking(threads=1)
    )
    return folder


@pytest.fixture(scope="module")
def engine(artifact):
    return open_engine(artifact, threads=1)


@pytest.fixture
def copy(artifact, tmp_path):
    return shutil.copytree(artifact, tmp_path / "copy")


def test_it_is_what_a_server_takes(engine):
    assert isinstance(engine, TranslatorEngine)
    assert isinstance(engine, StagedEngine)
    assert isinstance(engine, KnowsPairs)
    served: Engine = engine
    assert (served.name, engine.labels, engine.platform, engine.pairs) == ("tiny", OUTCOMES, "onnxruntime_onnx", ())
    engine.warm()


def test_it_translates_as_the_artifact_does(engine, artifact):
    pairs = ["en→de", "en→ru"]
    answers = engine.answer(DAY, pairs)
    alone = load_translator(artifact, threads=1).translate(DAY, pairs=pairs)
    assert [each.translation.text for each in answers] == [each.text for each in alone]
    assert [each.confidence for each in answers] == pytest.approx([each.confidence for each in alone])
    assert answers[0].translation.text == "Küche: Lampe ist an."
    assert [each.language for each in answers] == pairs
    assert [each.label for each in answers] == ["translated", "translated"]
    assert len({each.id for each in answers}) == 2
    first = answers[0]
    assert (first.characters, first.script, first.unknown, first.truncated) == (len(DAY[0]), "Latn", 0, False)
    assert first.translation.finished


def test_a_text_beyond_the_model_is_split_by_sentence(engine):
    [answer] = engine.answer([LONG], ["en→de"])
    assert answer.translation.parts == 96
    assert not answer.translation.cut
    assert answer.tokens > engine.main.text.max_length
    assert (answer.characters, answer.truncated) == (len(LONG), False)
    assert answer.translation.text.startswith("Küche: Lampe ist an.")


def test_pairs_are_checked_before_anything_runs(engine):
    assert engine.pair_of(None, "de") == "und→de"
    assert engine.pair_of("en", "DE") == "en→de"
    with pytest.raises(DataError, match="no target language ja"):
        engine.pair_of("en", "ja")


def test_the_answer_of_changed_files_is_none(copy):
    engine = open_engine(copy, threads=1)
    engine.warm()
    weights = copy / "decoder.onnx"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    with pytest.raises(FilesChangedError, match="was changed while it was served"):
        engine.answer(DAY, ["en→de"] * 2)


def test_a_damaged_artifact_is_refused(copy):
    with (copy / "decoder.onnx").open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelError, match="changed or damaged"):
        open_engine(copy, threads=1)


def test_it_answers_over_http(engine):
    with serving(engine) as server:
        body = json.dumps({"texts": [*DAY, LONG], "source": "en", "target": ["de", "ru", "de"]}).encode()
        reply = ask(server.port, "POST", "/translate", body)
        assert reply.status == 200, reply.body
        found = reply.json["translations"]
        assert found[0]["translation"] == "Küche: Lampe ist an."
        assert [each["parts"] for each in found] == [1, 1, 96]
        unknown = ask(server.port, "POST", "/translate", json.dumps({"texts": ["a"], "target": "ja"}).encode())
        assert (unknown.status, "ja" in unknown.error) == (422, True)


def test_its_baseline_is_stored_and_watched(copy, tmp_path):
    translator = load_translator(copy, threads=1)
    examples = parallel()
    rows = translator.text.encode(examples.sources, examples.pairs).rows
    decoded = translator.generate(rows)
    translations = score_translations(examples, [translator.text.decode(each.ids) for each in decoded], decoded)
    store_monitor_baseline(copy, translation_baseline_of(translator, "test.jsonl", translations))
    baseline = read_monitor_baseline(copy)
    assert (baseline.task, baseline.labels) == ("translation", OUTCOMES)
    assert list(baseline.languages) == ["de→en", "en→de", "en→fr", "en→ru"]
    log, told = tmp_path / "log.jsonl", []
    with assembled(copy, WatchOptions(log=log), told.append, 1) as parts:
        answers = parts.engine.answer(DAY, ["en→de"] * 2)
        parts.telemetry.answered(DAY, answers, 0.02)
        parts.telemetry.labelled(answers[0].id, "0.910000")
        assert parts.telemetry.recorder.flush()
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line.get("language") for line in lines] == ["en→de", "en→de", None]
    assert lines[0]["prediction"] == "translated"
    assert lines[0]["output_characters"] == len("Küche: Lampe ist an.")
    assert "Küche" not in log.read_text(encoding="utf-8")
    assert parts.telemetry.watching.snapshot().languages["en→de"].predictions == 2
    assert told == []


def test_another_beam_may_be_asked_for(artifact, onnx_artifact):
    with assembled(artifact, WatchOptions(monitor=False), print, 1, beam=3) as parts:
        assert parts.engine.decoding.beam == 3
        answers = parts.engine.answer(DAY, ["en→de"] * 2)
        alone = parts.engine.main.translate(DAY, "de", decoding=parts.engine.decoding)
        assert [each.translation.text for each in answers] == [each.text for each in alone]
    for folder, beam, message in ((artifact, 0, "beam is 0 wide"), (onnx_artifact, 2, "does not translate")):
        with pytest.raises(ConfigError, match=message), assembled(folder, WatchOptions(), print, 1, beam=beam):
            pass


def test_a_translator_shadows_no_classifier(artifact, onnx_artifact):
    for served, shadow in ((artifact, onnx_artifact), (onnx_artifact, artifact)):
        with (
            pytest.raises(ConfigError, match="one of them translates, the other does not"),
            assembled(served, WatchOptions(shadow=shadow), print, 1),
        ):
            pass


def test_a_translator_shadows_another(artifact):
    told = []
    with assembled(artifact, WatchOptions(shadow=artifact, shadow_share=1.0), told.append, 1) as parts:
        answers = parts.engine.answer(DAY, ["en→de"] * 2)
        parts.telemetry.answered(DAY, answers, 0.02)
        assert parts.telemetry.shadow.flush()
        exposition = parts.telemetry.metrics.exposition()[0].decode()
    assert 'leanglot_shadow_predictions_total{language="en→de"} 2.0' in exposition
    assert 'leanglot_shadow_flips_total{language="en→de"} 0.0' in exposition
    assert 'leanglot_translation_tokens_total{language="en→de"}' in exposition
    assert told == []
