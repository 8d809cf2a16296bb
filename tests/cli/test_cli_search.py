"""``leanglot optimize --search``: its options, what it refuses, and a short search from the outside."""

import pytest

import leanglot
from commands import run
from leanglot import extras


def test_a_search_tells_what_it_tried(tiny_model, tiny_data, tmp_path, capsys):
    options = ["--data", tiny_data, "--out", tmp_path / "run", "--quick", "--threads", 1]
    printed = run(capsys, "optimize", tiny_model, *options, "--search", "--search-trials", 2, "--budget", "10m")
    assert "2 recipes were tried" in printed
    assert "All 2 trials that were asked for are done." in printed
    report = leanglot.read_report(tmp_path / "run")
    assert report.search.budget_s == 600
    assert [each.name for each in report.search.tried] == ["fp32", "int8"]


def test_a_config_file_asks_for_a_search(tiny_model, tiny_data, tmp_path, capsys):
    text = f"model: {tiny_model}\ndata: {tiny_data}\noutput: run\nthreads: 1\nsearch: {{budget_s: 90s, trials: 1}}\n"
    (tmp_path / "run.yaml").write_text(text, encoding="utf-8")
    run(capsys, "optimize", tmp_path / "run.yaml", "--quick")
    assert leanglot.read_report(tmp_path / "run").search.budget_s == 90


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--budget", "30m"], "--budget has no effect without --search"),
        (["--search-trials", "3", "--no-search-train"], "--search-trials, --no-search-train has no effect"),
        (["--search", "--budget", "30"], "--budget: '30' is no length of time; write one such as 90s, 30m or 1.5h"),
        (["--search", "--budget", "-5m"], "is no length of time"),
        (["--search", "--recipe", "recipe.yaml"], "Leave out either --search or --recipe"),
    ],
)
@pytest.mark.parametrize("command", ["optimize", "demo"])
def test_what_cannot_be_searched_is_refused(tiny_model, tiny_data, tmp_path, capsys, options, expected, command):
    named = ["optimize", tiny_model, "--data", tiny_data] if command == "optimize" else ["demo"]
    if "--recipe" in options and command == "optimize":
        (tmp_path / "recipe.yaml").write_text("candidates: [{name: plain}]\n", encoding="utf-8")
        options = [*options[:-1], tmp_path / "recipe.yaml"]
    assert expected in run(capsys, *named, "--out", tmp_path / "run", *options, code=2)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("search: {}\ncandidates: [{name: plain}]", "leave out either search or candidates"),
        ("search: {budget_s: soon}", "'soon' is no length of time"),
        ("search: {trials: 0}", "search.trials"),
        ("search: {max_drop: 1.5}", "search.max_drop"),
        (
            "search: {}\ncosts: {monthly_predictions: 1, traffic: {de: 1}, error_cost: 1, monthly_infra: {int8: 3}}",
            "which monthly_infra cannot name: give infrastructure",
        ),
    ],
)
def test_settings_that_no_search_can_use_are_told(tiny_model, tiny_data, tmp_path, capsys, lines, expected):
    (tmp_path / "run.yaml").write_text(f"model: {tiny_model}\ndata: {tiny_data}\n{lines}\n", encoding="utf-8")
    assert expected in run(capsys, "optimize", tmp_path / "run.yaml", code=2)


def test_without_optuna_nothing_is_begun(tiny_model, tiny_data, tmp_path, capsys, monkeypatch):
    find = extras.importlib.import_module

    def without(name):
        if name == "optuna":
            raise ModuleNotFoundError("No module named 'optuna'", name="optuna")
        return find(name)

    monkeypatch.setattr(extras.importlib, "import_module", without)
    message = run(capsys, "optimize", tiny_model, "--data", tiny_data, "--out", tmp_path / "run", "--search", code=2)
    assert 'pip install "leanglot[search]"' in message
    assert not (tmp_path / "run").exists()
