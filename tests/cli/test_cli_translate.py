"""``leanglot translate``, and ``export`` and ``quantize`` of translation models: texts, pipes, JSON, refusals."""

import json
from functools import partial

import pytest

from commands import captured
from leanglot.results.manifest import read_manifest
from leanglot.techniques import HalfPrecision, Int8, WeightOnly
from tiny_translators import make_translator, parallel, sentences


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("cli-translate") / "m", "marian", steps=120, width=32)


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("cli-single") / "m", "marian-separate", steps=120, width=32)


@pytest.fixture(scope="module")
def german(model):
    """What the model makes of the first sentences, which it learned."""
    from leanglot.measure.translation_subject import open_translator

    return [each.text for each in open_translator(model, 1).translate(sentences("en")[:3], "de", "en")]


@pytest.fixture
def run(capsys):
    return partial(captured, capsys)


def test_texts_are_translated_one_to_a_line(run, model, german):
    printed = run("translate", model, *sentences("en")[:3], "--to", "de", "--from", "en", "--threads", "1")
    assert printed.out.splitlines() == german
    assert printed.err == ""


def test_a_pipe_gets_one_line_for_each_of_its_lines(run, model, german):
    first, second = (text.encode() for text in sentences("en")[:2])
    piped = run("translate", model, "--to", "de", stdin=first + b"\r\n\n  \n" + second)
    assert piped.out.split("\n") == [german[0], "", "", german[1], ""]


def test_an_empty_pipe_is_translated_to_nothing(run, model):
    assert run("translate", model, "--to", "de").out == ""


def test_more_lines_than_are_translated_together_stay_in_order(run, model, monkeypatch, german):
    monkeypatch.setattr("leanglot.cli.translating._AT_ONCE", 2)
    lines = "\n".join([*sentences("en")[:3], "", *sentences("en")[:3]]).encode()
    assert run("translate", model, "--to", "de", stdin=lines).out.split("\n") == [*german, "", *german, ""]


def test_json_tells_confidence_and_counts(run, model, german):
    printed = run(
        "translate", model, "--to", "de", "--from", "en", "--json", stdin=f"{sentences('en')[0]}\n\n".encode()
    )
    first, second = map(json.loads, printed.out.splitlines())
    assert first["translation"] == german[0]
    assert first["source"] == sentences("en")[0]
    assert first["pair"] == "en→de"
    assert 0 < first["confidence"] <= 1
    assert first["finished"]
    assert first["parts"] == 1
    assert (second["source"], second["translation"]) == ("", "")


def test_a_model_of_one_pair_needs_no_languages(run, single):
    assert run("translate", single, sentences("en")[0]).out.strip()


def test_a_translation_that_reaches_its_bound_is_told(run, model):
    printed = run("translate", model, sentences("en")[0], "--to", "de", "--max-tokens", "2")
    assert "Text 1 reached the most tokens" in printed.err


def test_a_text_that_is_too_long_is_split_and_told(run, model):
    printed = run("translate", model, " ".join(sentences("en")), "--to", "de")
    assert "Text 1 was longer than the model reads, and translated in" in printed.err
    assert len(printed.out.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["Hello."], "No target language was given"),
        (["Hello.", "--to", "ja"], "ja"),
        (["Hello.", "--to", "klingon"], "klingon"),
        (["", "--to", "de"], "empty"),
        (["\ud800", "--to", "de"], "surrogate"),
    ],
    ids=["no-target", "unknown-pair", "no-language", "empty", "surrogate"],
)
def test_bad_input_is_refused(run, model, arguments, told):
    assert told in run("translate", model, *arguments, code=2).err


def test_a_line_that_is_no_text_is_named(run, model):
    printed = run("translate", model, "--to", "de", code=2, stdin=b"fine\n\xff\xfe\n")
    assert "Line 2 of standard input is not UTF-8" in " ".join(printed.err.split())


def test_a_classifier_does_not_translate(run, tiny_model):
    assert "does not translate" in run("translate", tiny_model, "Hello.", "--to", "de", code=2).err


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "ctranslate2"])
def test_an_exported_model_translates_the_same(run, model, tmp_path, german, runtime):
    told = run("export", model, "--out", tmp_path / "a", "--runtime", runtime).out
    assert f"for {runtime} (no compression)" in told
    assert f"leanglot translate {tmp_path / 'a'}" in told
    assert run("translate", tmp_path / "a", sentences("en")[0], "--to", "de").out.splitlines() == german[:1]


@pytest.mark.parametrize(
    ("options", "runtime", "step"),
    [
        ([], "onnxruntime", Int8),
        (["--runtime", "ctranslate2"], "ctranslate2", Int8),
        (["--scheme", "fp16"], "ctranslate2", HalfPrecision),
        (["--scheme", "bf16"], "ctranslate2", HalfPrecision),
        (["--scheme", "fp16", "--runtime", "openvino"], "openvino", HalfPrecision),
        (["--scheme", "int8-weights"], "openvino", WeightOnly),
    ],
    ids=["int8", "ctranslate2", "fp16", "bf16", "openvino", "weights"],
)
def test_quantize_takes_the_first_engine_that_can(run, model, tmp_path, options, runtime, step):
    run("quantize", model, "--out", tmp_path / "a", *options)
    manifest = read_manifest(tmp_path / "a")
    assert manifest.runtime == runtime
    assert isinstance(manifest.recipe[-1], step)
    assert manifest.threads in manifest.threads_p50_ms
    assert run("translate", tmp_path / "a", sentences("en")[0], "--to", "de").out.strip()


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--scheme", "int8-qat"], "is for classifiers, not for translation models"),
        (["--scheme", "int8-weights", "--runtime", "onnxruntime"], "runs on openvino, not on onnxruntime"),
        (["--scheme", "int4-weights", "--block", "64"], "Blocks of 64 do not divide the 32 inputs"),
        (["--runtime", "pytorch"], "runs on onnxruntime and ctranslate2, not on pytorch"),
        (["--runtime", "ctranslate2", "--no-embeddings"], "always quantizes the table too"),
        (["--audit-calibration"], "translation models are not calibrated"),
        (["--runtime", "ctranslate2", "--weights", "unsigned"], "unsigned weights runs on onnxruntime"),
    ],
    ids=["qat", "weights", "blocks", "pytorch", "embeddings", "audit", "unsigned"],
)
def test_what_translation_models_are_not_quantized_with_is_refused(run, model, tmp_path, options, told):
    printed = run("quantize", model, "--out", tmp_path / "a", *options, code=2)
    assert told in " ".join(printed.err.split())
    assert not (tmp_path / "a").exists()


def test_a_classifier_is_not_made_for_a_translation_engine(run, tiny_model, tmp_path):
    for arguments in (
        ["export", tiny_model, "--runtime", "ctranslate2"],
        ["quantize", tiny_model, "--scheme", "int8-bf16"],
    ):
        printed = run(*arguments, "--out", tmp_path / "a", code=2)
        assert "ranslation" in printed.err
        assert not (tmp_path / "a").exists()


def test_an_artifact_of_an_engine_is_no_model_to_start_from(run, model, tmp_path):
    run("export", model, "--out", tmp_path / "a", "--runtime", "ctranslate2")
    printed = run("quantize", tmp_path / "a", "--out", tmp_path / "b", code=2)
    assert "starts from a PyTorch model" in " ".join(printed.err.split())


def test_an_artifact_that_is_there_is_replaced_by_force_alone(run, model, tmp_path):
    for code, more in ((0, []), (2, []), (0, ["--force"])):
        run("export", model, "--out", tmp_path / "a", "--runtime", "ctranslate2", *more, code=code)


@pytest.fixture(scope="module")
def lessons(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli-lessons") / "pairs.jsonl"
    data = parallel()
    columns = (data.sources, data.references, data.source_languages, data.target_languages)
    names = ("source", "target", "source_language", "target_language")
    rows = [json.dumps(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_prune_cuts_layers_heads_and_neurons_of_both_sides(run, model, lessons, tmp_path):
    options = ["--decoder-layers", "1", "--heads", "0.25", "--ffn", "0.5", "--calibration", lessons]
    run("prune", model, "--out", tmp_path / "a", *options, "--runtime", "ctranslate2")
    manifest = read_manifest(tmp_path / "a")
    assert [step.technique for step in manifest.recipe] == ["side-layers", "heads", "ffn"]
    assert run("translate", tmp_path / "a", sentences("en")[0], "--to", "de").out.strip()


def test_trim_vocabulary_keeps_what_the_sentences_use(run, model, lessons, tmp_path, german):
    told = run("trim-vocabulary", model, "--texts", lessons, "--out", tmp_path / "a").out
    assert read_manifest(tmp_path / "a").vocabulary is not None
    assert "leanglot translate" in told
    assert run("translate", tmp_path / "a", sentences("en")[0], "--to", "de").out.splitlines() == german[:1]


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (["prune", "--layers", "0.5"], "use side-layers"),
        (["prune", "--heads", "0.5"], "mportance"),
        (["prune", "--decoder-layers", "9"], "9"),
        (["prune", "--sparsity", "0.5", "--text-column", "body"], "--text-column has no effect here"),
        (["trim-vocabulary", "--texts", "{lessons}", "--data", "{lessons}"], "--data has no effect here"),
    ],
    ids=["layers", "no-sentences", "too-many", "columns", "data"],
)
def test_what_translation_models_are_not_pruned_with_is_refused(run, model, lessons, tmp_path, command, told):
    first, *rest = [str(lessons) if word == "{lessons}" else word for word in command]
    printed = run(first, model, *rest, "--out", tmp_path / "a", code=2)
    assert told in " ".join(printed.err.split())
    assert not (tmp_path / "a").exists()


def test_a_classifier_has_no_sides(run, tiny_model, tmp_path):
    printed = run("prune", tiny_model, "--decoder-layers", "1", "--out", tmp_path / "a", code=2)
    assert "for translation models, not for classifiers" in " ".join(printed.err.split())
