"""Prices on the command line: priced while a run is made, priced again from what it stored, and bad input."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

import leanglot
from leanglot.cli import main

COSTS = """
monthly_predictions: 2_000_000
traffic: {de: 0.5, en: 0.3, th: 0.2}
error_cost: {de: 0.01, en: 0.01, th: 0.02}
infrastructure: {price_per_hour: 0.4, peak_per_second: 5000}
"""


def stopped(arguments: Sequence[object]) -> int:
    with pytest.raises(SystemExit) as caught:
        main([str(argument) for argument in arguments])
    return int(caught.value.code or 0)


@pytest.fixture
def prices(tmp_path):
    """Writes a file of prices, with a part changed."""

    def written(old: str = "", new: str = "") -> Path:
        path = tmp_path / "costs.yaml"
        path.write_text(COSTS.replace(old, new) if old else COSTS, encoding="utf-8")
        return path

    return written


@pytest.fixture(scope="module")
def finished(tiny_model: Path, tiny_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was priced while it was made, from a config file."""
    folder = tmp_path_factory.mktemp("costs")
    settings = {"model": str(tiny_model), "data": str(tiny_data), "output": "out", "threads": 1}
    candidates = [{"name": "int8", "recipe": [{"technique": "int8"}]}]
    shares = {"de": 0.5, "en": 0.5}
    given = {"monthly_predictions": 1e6, "traffic": shares, "error_cost": 0.01, "monthly_infra": {"int8": 100}}
    given |= {"infrastructure": {"price_per_hour": 0.4}}
    (folder / "run.yaml").write_text(json.dumps(settings | {"candidates": candidates, "costs": given}))
    assert stopped(["optimize", folder / "run.yaml", "--quick"]) == 0
    return folder / "out"


@pytest.fixture
def run(finished, tmp_path):
    """A copy of it that a test may change."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def test_a_run_is_priced_when_its_config_has_costs(finished):
    report = leanglot.read_report(finished)
    assert report.candidate("int8").monthly_cost.infra == 100
    assert report.pricing.notes == (
        "Judged, but without traffic, so that errors in them cost nothing here: sw and th.",
    )
    assert "cost" in report.recommendations
    assert (finished / "charts" / "cost.svg").is_file()


def test_a_stored_run_is_priced_again_and_left_as_it_was(run, prices, capsys):
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert stopped(["recommend", run, "--costs", prices()]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Cost in a month of 2,000,000 predictions" in shown
    assert "Cost: " in shown
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_save_writes_report_page_and_charts(run, prices, capsys):
    assert stopped(["recommend", run, "--costs", prices(), "--save"]) == 0
    assert "report.html" in capsys.readouterr().out
    assert leanglot.read_report(run).pricing.costs.monthly_predictions == 2_000_000
    assert "2,000,000 predictions" in (run / "report.md").read_text(encoding="utf-8")


def test_json_has_the_prices_beside_the_answers(run, prices, capsys):
    assert stopped(["recommend", run, "--costs", prices(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["recommendations"]) == {"speed", "accuracy", "size", "balanced", "cost"}
    assert found["monthly_cost"]["int8"]["languages"]["th"]["share"] == 0.2
    assert found["pricing"]["draws"] == 4_000
    assert stopped(["recommend", run, "--json"]) == 0
    assert "cost" in json.loads(capsys.readouterr().out)


def test_damaged_answers_are_told_and_the_rest_is_priced(run, prices, capsys):
    (run / "candidates" / "int8" / "predictions.parquet").write_bytes(b"PAR1")
    assert stopped(["recommend", run, "--costs", prices(), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "int8: The predictions" in found["pricing"]["notes"][0]
    assert found["pricing"]["notes"][0].endswith("the counts in its record were used.")
    assert found["monthly_cost"]["pytorch-fp32"]["total"] is not None
    assert found["monthly_cost"]["int8"]["total"] is not None


def test_a_language_that_the_test_set_lacks_is_unknown(run, prices, capsys):
    file = prices("th: 0.2}", "th: 0.15, xh: 0.05}").read_text(encoding="utf-8").replace("th: 0.02", "th: 0.02, xh: 1")
    path = prices()
    path.write_text(file, encoding="utf-8")
    assert stopped(["recommend", run, "--costs", path]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Nothing was judged in Xhosa (xh), 5.0% of the traffic" in shown
    assert "at least $" in shown
    assert "Cost: none. No candidate qualifies for cost: 1 of unknown cost" in shown


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("de: 0.5", "german: 0.5", '"german" is not a language tag'),
        ("{de: 0.01", "{de: -0.01", "error_cost: de: -0.01 is not allowed: it should be a number, 0 or more"),
        ("{price_per_hour: 0.4", "{price_per_hour: -4", "infrastructure.price_per_hour: -4 is not allowed"),
        ("en: 0.3", "en: 0.1", "traffic: the shares sum to 0.8, not to 1"),
        ("2_000_000", "0", "monthly_predictions: 0 is not allowed"),
        ("infrastructure", "monthly_infra: {int9: 3}\ninfrastructure", "'int9', which no candidate is called"),
        ("error_cost", "eror_cost", "unknown key; did you mean error_cost?"),
    ],
)
def test_bad_prices_are_refused_with_what_is_allowed(run, prices, capsys, old, new, told):
    before = (run / "report.json").read_bytes()
    assert stopped(["recommend", run, "--costs", prices(old, new), "--save"]) == 2
    printed = capsys.readouterr()
    assert told in " ".join(printed.err.split())
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert (run / "report.json").read_bytes() == before


def test_traffic_is_normalized_on_request_alone(run, prices, capsys):
    uneven = prices("en: 0.3", "en: 0.1")
    assert stopped(["recommend", run, "--costs", uneven, "--normalize-traffic"]) == 0
    assert "The traffic given sums to 0.8" in " ".join(capsys.readouterr().out.split())
    assert stopped(["recommend", run, "--normalize-traffic"]) == 2
    assert "no effect without --costs" in capsys.readouterr().err


def test_a_missing_file_of_prices_is_refused(run, tmp_path, capsys):
    assert stopped(["recommend", run, "--costs", tmp_path / "none.yaml"]) == 2
    assert "none.yaml" in capsys.readouterr().err


def test_optimize_refuses_bad_prices_before_it_starts(tiny_model, tiny_data, prices, tmp_path, capsys):
    bad = prices("infrastructure", "monthly_infra: {int9: 3}\ninfrastructure")
    command = ["optimize", tiny_model, "--data", tiny_data, "--out", tmp_path / "new", "--quick", "--costs"]
    assert stopped([*command, bad]) == 2
    assert "int9" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()
    assert stopped([*command, prices("de: 0.5", "de: 0.1")]) == 2
    assert "the shares sum to 0.6" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def test_optimize_prices_what_it_makes(tiny_model, tiny_data, prices, tmp_path, capsys):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("candidates:\n- {name: int8, recipe: [{technique: int8}]}\n", encoding="utf-8")
    given = ["--data", tiny_data, "--out", tmp_path / "new", "--recipe", recipe, "--quick", "--threads", 1]
    assert stopped(["optimize", tiny_model, *given, "--costs", prices("de: 0.5", "de: 1"), "--normalize-traffic"]) == 0
    assert "Cost in a month" in capsys.readouterr().out
    report = leanglot.read_report(tmp_path / "new")
    assert report.pricing.costs.shares["de"] == pytest.approx(1 / 1.5)
    assert report.candidate("int8").monthly_cost.total is not None
