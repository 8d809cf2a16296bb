"""Leaving out from the command line: weights, heads, neurons, layers, pieces; and what is refused."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

import leanglot
from commands import run
from leanglot.results.importance import read_importance
from leanglot.results.manifest import read_manifest


@pytest.fixture(scope="module")
def texts(tiny_rows: Sequence[dict[str, str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Unlabelled texts like the judged ones, and none of them."""
    path = tmp_path_factory.mktemp("texts") / "texts.jsonl"
    rows = [{"text": f"{row['text']} filler-{n % 7}", "language": row["language"]} for n, row in enumerate(tiny_rows)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_zeros_are_told_to_save_nothing_and_what_was_measured(tiny_model, tmp_path, capsys):
    printed = run(capsys, "prune", tiny_model, "--out", tmp_path / "zeros", "--sparsity", 0.5)
    assert "neither faster nor smaller" in printed
    assert "weights under gzip:" in printed
    assert "at 16 tokens" in printed
    (facts,) = read_manifest(tmp_path / "zeros").pruning
    assert (facts.technique, facts.target, round(facts.actual, 3)) == ("magnitude", 0.5, 0.5)


def test_a_pattern_instead_of_a_share(tiny_model, tmp_path, capsys):
    run(capsys, "prune", tiny_model, "--out", tmp_path / "24", "--pattern", "2:4")
    assert read_manifest(tmp_path / "24").pruning[0].actual == pytest.approx(0.5)


def test_heads_neurons_and_layers_are_cut_out_in_one_command(tiny_model, texts, tmp_path, capsys):
    shares = ["--layers", 0.5, "--heads", 0.5, "--ffn", 0.5]
    out, charts = tmp_path / "cut", tmp_path / "charts"
    printed = run(capsys, "prune", tiny_model, "--out", out, *shares, "--calibration", texts, "--chart", charts)
    facts = {each.technique: each for each in read_manifest(out).pruning}
    assert [facts[kind].removed for kind in ("layers", "heads", "ffn")] == [1, 2, 32]
    assert [each.kind for each in read_importance(out)] == ["layers", "heads", "ffn"]
    assert set(read_importance(out)[1].scores) == {"de", "en", "th", "sw"}
    assert len(list(charts.glob("*.png"))) == 3
    assert "Chart:" in printed
    assert leanglot.load(out).predict(["filler-1 de-music-1"])


def test_named_heads_and_layers_need_no_texts(tiny_model, tmp_path, capsys):
    out = tmp_path / "named"
    run(capsys, "prune", tiny_model, "--out", out, "--remove-heads", "0:1,3", "--remove-heads", "1:0")
    assert read_manifest(out).pruning[0].kept_by_layer == (2, 3)
    again = run(capsys, "prune", out, "--out", tmp_path / "again", "--remove-layers", "1", "--chart", tmp_path / "no")
    assert "No importance was measured" in again
    manifest = read_manifest(tmp_path / "again")
    assert [step.technique for step in manifest.recipe] == ["heads", "layers"]
    assert [facts.kept_by_layer for facts in manifest.pruning] == [(2, 3), (0,)]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        ([], "Nothing says what to prune"),
        (["--sparsity", 1.0], "less than 1"),
        (["--sparsity", -0.1], "greater than or equal to 0"),
        (["--heads", 1.0], "less than 1"),
        (["--heads", 0.5], "--calibration FILE"),
        (["--layers", 0.5], "--calibration FILE"),
        (["--sparsity", 0.5, "--pattern", "2:4"], "either sparsity"),
        (["--pattern", "4:2"], "no N:M pattern"),
        (["--remove-heads", "0:0,1,2,3"], "all of its 4 heads"),
        (["--remove-heads", "0:9"], "no head 9"),
        (["--remove-heads", "7:0"], "no layer 7"),
        (["--remove-heads", "x:1"], "names no heads of a layer"),
        (["--remove-heads", "0"], "--remove-heads 0:1,3"),
        (["--remove-layers", "0:1"], "names no layers"),
        (["--remove-layers", "0,1"], "all of its 2 layers"),
        (["--remove-layers", "5"], "no layer 5"),
        (["--sparsity", 0.5, "--samples", 9], "--samples has no effect"),
        (["--heads", 0.5, "--combine", "best"], "'worst', 'mean' or 'traffic'"),
        (["--heads", 0.5, "--traffic", "de"], "not of the form"),
    ],
    ids=str,
)
def test_what_cannot_be_pruned_is_one_message(tiny_model, tmp_path, capsys, options, fault):
    assert fault in run(capsys, "prune", tiny_model, "--out", tmp_path / "out", *options, code=2)
    assert list(tmp_path.iterdir()) == []


def test_a_trimmed_artifact_knows_its_languages(tiny_model, tiny_data, texts, tmp_path, capsys):
    out = tmp_path / "trimmed"
    printed = run(capsys, "trim-vocabulary", tiny_model, "--texts", texts, "--out", out, "--data", tiny_data)
    facts = read_manifest(out).vocabulary
    assert facts is not None
    assert facts.languages == ("de", "en", "sw", "th")
    assert facts.pieces_after < facts.pieces_before
    assert "Same answer for" in printed
    assert "sw: 1 text only" in printed


def test_some_languages_of_the_texts_alone(tiny_model, texts, tmp_path, capsys):
    out = tmp_path / "de"
    arguments = ["--languages", "de, th", "--coverage", 0.9, "--neighbours", "--runtime", "onnxruntime"]
    run(capsys, "trim-vocabulary", tiny_model, "--texts", texts, "--out", out, *arguments)
    facts = read_manifest(out).vocabulary
    assert facts is not None
    assert facts.languages == ("de", "th")
    assert leanglot.load(out).predict(["a text in no language that it was cut for"])


def test_a_language_that_the_texts_lack(tiny_model, texts, tmp_path, capsys):
    arguments = ["--texts", texts, "--out", tmp_path / "out", "--languages", "de,ja"]
    told = run(capsys, "trim-vocabulary", tiny_model, *arguments, code=2)
    assert "ja" in told
    assert "There are texts in de, en, sw, th" in told
    assert not (tmp_path / "out").exists()


def test_comparing_on_the_texts_it_was_cut_on_is_refused_before_anything_is_made(tiny_model, texts, tmp_path, capsys):
    arguments = ["--texts", texts, "--out", tmp_path / "out", "--data", texts]
    assert "Compare on other texts" in run(capsys, "trim-vocabulary", tiny_model, *arguments, code=2)
    assert not (tmp_path / "out").exists()


def test_other_languages_are_told_apart(tiny_model, tiny_data, texts, tmp_path, capsys):
    arguments = ["--texts", texts, "--out", tmp_path / "out", "--data", tiny_data, "--languages", "de,en"]
    printed = run(capsys, "trim-vocabulary", tiny_model, *arguments)
    assert "Thai (th), not cut for" in printed
    assert "150 texts in the languages that it was cut for" in printed
    assert "31 texts in other languages" in printed


def test_a_share_of_less_than_one_layer_is_told(tiny_model, texts, tmp_path, capsys):
    arguments = ["--out", tmp_path / "out", "--layers", 0.1, "--calibration", texts]
    assert "is less than one, so all stay" in run(capsys, "prune", tiny_model, *arguments)


def test_a_search_prints_and_draws(tiny_model, tiny_data, texts, tmp_path, capsys):
    arguments = ["--data", tiny_data, "--calibration", texts, "--out", tmp_path / "search", "--kinds", "heads,layers"]
    printed = run(capsys, "search-sparsity", tiny_model, *arguments, "--max-drop", 0.05, "--worst-language")
    assert "retention.png" in printed
    assert (tmp_path / "search" / "charts" / "retention.png").stat().st_size > 10_000
    found = json.loads(run(capsys, "search-sparsity", tiny_model, *arguments, "--max-drop", 0.05, "--json"))
    assert [result["kind"] for result in found["results"]] == ["heads", "layers"]


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (["--max-drop", 0], "0"),
        (["--kinds", "tails"], "Allowed are some of"),
        (["--kinds", "heads"], "--calibration FILE"),
        (["--kinds", "magnitude", "--samples", 0], "greater than or equal to 1"),
    ],
    ids=str,
)
def test_what_cannot_be_searched_is_one_message(tiny_model, tiny_data, tmp_path, capsys, options, fault):
    arguments = ["--data", tiny_data, "--out", tmp_path / "search", *options]
    assert fault in run(capsys, "search-sparsity", tiny_model, *arguments, code=2)
    assert not (tmp_path / "search").exists()


def test_a_trimmed_artifact_and_its_model_are_timed_each_on_its_own_tokens(
    tiny_model, tiny_data, texts, tmp_path, capsys
):
    """The model's ids are beyond the trimmed table, and the other way round they mean other pieces."""
    out = tmp_path / "trimmed"
    run(capsys, "trim-vocabulary", tiny_model, "--texts", texts, "--out", out, "--languages", "de")
    quick = ["--data", tiny_data, "--quick", "--threads", 1]
    assert "speed-up" in run(capsys, "benchmark", tiny_model, *quick, "--against", out)
    assert "speed-up" in run(capsys, "benchmark", out, *quick, "--against", tiny_model)
