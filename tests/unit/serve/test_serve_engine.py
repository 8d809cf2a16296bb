"""The engine: the same answers as the artifact or router gives by itself, and refusals of damaged files."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from fake_engine import FakeEngine
from leanglot.errors import ModelError
from leanglot.routing.artifact import write_router
from leanglot.runtimes.loading import load
from leanglot.runtimes.router import load_router
from leanglot.serve.engine import PlainEngine, StagedEngine
from leanglot.serve.loaded_files import FilesChangedError
from leanglot.serve.opening import open_engine
from leanglot.train.identify import Lessons, learn

TEXTS = ["filler-1 de-music-3", "filler-2 th-lights-1 " * 30, "unseen✗", "filler-4 en-music-1"]


@pytest.fixture(scope="module")
def router(onnx_artifact, torch_artifact, tiny_rows, tmp_path_factory):
    texts, tags = [row["text"] for row in tiny_rows], [row["language"] for row in tiny_rows]
    out = tmp_path_factory.mktemp("served") / "router"
    artifacts = {"safe": torch_artifact, "fast": onnx_artifact}
    identifier = learn(Lessons(texts, tags, None, "tiny")).identifier
    write_router(out, "tiny", artifacts, {"de": "fast", "en": "fast", "th": "safe"}, "safe", identifier)
    return out


def test_an_artifact_answers_as_it_does_by_itself(onnx_artifact):
    engine, alone = open_engine(onnx_artifact, threads=1), load(onnx_artifact, threads=1)
    answers = engine.answer(TEXTS, ["de", None, None, "en"])
    expected = [alone.predict([text])[0] for text in TEXTS]
    assert [each.label for each in answers] == [each.label for each in expected]
    assert [each.confidence for each in answers] == pytest.approx([each.confidence for each in expected], abs=1e-5)
    assert [each.language for each in answers] == ["de", None, None, "en"]
    assert {each.variant for each in answers} == {engine.name} == {"plain-onnx"}
    assert (engine.labels, engine.platform) == (alone.manifest.labels, "onnxruntime_onnx")


def test_answers_tell_what_is_watched_of_a_text(onnx_artifact):
    engine = open_engine(onnx_artifact, threads=1)
    first, long, unseen, _ = engine.answer(TEXTS, [None] * 4)
    assert (first.characters, first.script, first.truncated, first.unknown) == (len(TEXTS[0]), "Latn", False, 0)
    assert long.truncated
    assert long.tokens == engine.classifiers[engine.name].manifest.max_length
    assert unseen.unknown > 0
    assert len({each.id for each in engine.answer(TEXTS, [None] * 4)} | {first.id, long.id, unseen.id}) == 7


def test_a_router_answers_each_language_by_its_variant(router):
    engine, alone = open_engine(router, threads=1), load_router(router, threads=1)
    told = ["de", "th", None, "en"]
    answers = engine.answer(TEXTS, told)
    assert [each.variant for each in answers] == alone.routes(TEXTS, told)
    assert [answers[place].variant for place in (0, 1, 3)] == ["fast", "safe", "fast"]
    assert [each.label for each in answers] == [each.label for each in alone.predict(TEXTS, languages=told)]
    assert [each.language for each in answers] == alone.languages_of(TEXTS, told)
    assert engine.answer([TEXTS[0]], [None])[0].language == "de"
    assert engine.platform == "onnxruntime_onnx+pytorch"


def test_a_router_s_variants_are_all_warmed(router):
    called = []

    class Heard:
        def __init__(self, name, predictor):
            self.name, self.predictor = name, predictor

        def logits(self, *arguments):
            called.append(self.name)
            return self.predictor.logits(*arguments)

    engine = open_engine(router, threads=1)
    heard = {name: replace(each, predictor=Heard(name, each.predictor)) for name, each in engine.classifiers.items()}
    replace(engine, classifiers=heard).warm()
    assert sorted(called) == ["fast", "safe"]


def test_an_artifact_that_was_changed_is_refused(onnx_artifact, tmp_path):
    copy = shutil.copytree(onnx_artifact, tmp_path / "copy")
    config = copy / "config.json"
    config.write_text(config.read_text() + " ")
    with pytest.raises(ModelError, match=r"config\.json was changed or damaged"):
        open_engine(copy)


def test_a_router_that_was_changed_is_refused(router, tmp_path):
    copy = shutil.copytree(router, tmp_path / "copy")
    (copy / "added").write_text("by somebody")
    with pytest.raises(ModelError, match="not written with: added"):
        open_engine(copy)


def weights_of(folder):
    return max(folder.iterdir(), key=lambda path: path.stat().st_size if path.suffix != ".json" else 0)


def test_files_that_are_changed_while_they_are_served_end_it(onnx_artifact, tmp_path):
    """Engines map them: what is written into them comes out in the answers."""
    copy = shutil.copytree(onnx_artifact, tmp_path / "copy")
    engine, weights = open_engine(copy, threads=1), weights_of(copy)
    os.utime(weights, ns=(1, 1))
    assert len(engine.answer(TEXTS, [None] * 4)) == 4, "a new time alone changes nothing"
    with weights.open("r+b") as file:
        file.write(b"\0")
    for _ in range(2):
        with pytest.raises(FilesChangedError, match="was changed while it was served"):
            engine.answer(TEXTS, [None] * 4)


@pytest.mark.parametrize("replaced", [True, False])
def test_files_that_are_replaced_or_removed_concern_nobody(onnx_artifact, tmp_path, replaced):
    copy = shutil.copytree(onnx_artifact, tmp_path / "copy")
    engine, weights = open_engine(copy, threads=1), weights_of(copy)
    weights.rename(tmp_path / "moved")
    if replaced:
        weights.write_bytes(b"new")
    assert len(engine.answer(TEXTS, [None] * 4)) == 4


def test_a_router_watches_the_files_of_every_variant(router):
    folders = {path.parent.name for path in open_engine(router, threads=1).files.digests}
    assert folders == {"safe", "fast"}


def test_a_model_that_gives_no_numbers_is_not_believed(onnx_artifact):
    class NoNumbers:
        def logits(self, ids, mask):
            return np.full((len(ids), 2), np.nan, dtype=np.float32)

    engine = open_engine(onnx_artifact, threads=1)
    broken = {engine.name: replace(engine.classifiers[engine.name], predictor=NoNumbers())}
    with pytest.raises(ModelError, match="no finite numbers for 4 of 4 texts"):
        replace(engine, classifiers=broken).run(engine.prepare(TEXTS, [None] * 4))


def test_an_engine_that_only_answers_is_batched_by_a_guess():
    class Answers:
        name = "only answers"

        def answer(self, texts, languages):
            return FakeEngine().answer(texts, languages)

    assert not isinstance(Answers(), StagedEngine)
    engine = PlainEngine(Answers())
    assert isinstance(engine, StagedEngine)
    assert (engine.name, engine.labels, engine.platform) == ("only answers", (), "custom")
    prepared = engine.prepare(["a" * 30, "b"], ["de", None])
    assert prepared[0].tokens > prepared[1].tokens > 0
    answers = engine.run(prepared)
    assert [(each.label, each.language) for each in answers] == [("a" * 30, "de"), ("b", None)]
    assert engine.answer(["c"], [None])[0].label == "c"
