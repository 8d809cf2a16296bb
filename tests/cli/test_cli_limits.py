"""``leanglot search-limits``: a table, JSON, a search that goes on, and refusals without a traceback."""

import json
from functools import partial

import pytest

from commands import captured
from tiny_translators import make_translator, parallel


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_translator(tmp_path_factory.mktemp("cli-limits") / "m", steps=120, width=32)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "strings.jsonl"
    examples = parallel()
    columns = (examples.sources, examples.references, examples.source_languages, examples.target_languages)
    names = ("source", "target", "source_language", "target_language")
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


@pytest.fixture
def run(capsys):
    return partial(captured, capsys)


def test_the_shallowest_decoder_is_searched_and_shown(run, model, data, tmp_path):
    given = ("search-limits", model, "--data", data, "--kinds", "decoder-layers", "--out", tmp_path / "found")
    printed = run(*given)
    assert "How far m can be cut: no pair may lose 1 BLEU" in printed.out
    assert "Even with a decoder of 1 layers a pair loses 1 BLEU or more" in printed.out
    assert "decoder-layers 1: " in printed.err
    record = json.loads((tmp_path / "found" / "limits.json").read_text("utf-8"))
    assert [probe["level"] for probe in record["limits"][0]["probes"]] == [1.0]
    assert json.loads(run(*given, "--json").out) == record


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--kinds", "heads"), "heads cannot be searched"),
        (("--kinds", ""), "Nothing cannot be searched"),
        (("--max-drop", "1"), "fraction above 0 and below 1"),
        (("--metric", "ter"), "--metric ter is not known"),
        (("--epochs", "2"), "without --training nothing is trained"),
        (("--training", "none.jsonl"), "none.jsonl"),
    ],
)
def test_what_cannot_be_searched_is_refused(run, model, data, tmp_path, options, told):
    printed = run("search-limits", model, "--data", data, "--out", tmp_path / "out", *options, code=2)
    assert told in " ".join(printed.err.split())


def test_a_precision_that_is_unknown_names_the_allowed_ones(run, model, data, tmp_path):
    given = ("search-limits", model, "--data", data, "--training", data, "--out", tmp_path / "out")
    printed = run(*given, "--precision", "int3", code=2)
    assert "bf16" in printed.err


def test_a_classifier_is_refused(run, data, tmp_path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "config.json").write_text('{"model_type": "bert"}', "utf-8")
    printed = run("search-limits", tmp_path / "m", "--data", data, "--out", tmp_path / "out", code=2)
    assert "bert" in printed.err
