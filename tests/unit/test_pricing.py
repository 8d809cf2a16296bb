"""Prices of a stored run: whole, with answers missing or damaged, saved again."""

import json
from datetime import UTC, datetime

import pytest
from priced import answers, candidate, costs

from leanglot.config import CandidateConfig, RepairConfig, RoutingConfig, RunConfig
from leanglot.errors import ConfigError, RunError
from leanglot.pricing import check_figures, price_finished, price_run, recommend_again, save_again, stored_answers
from leanglot.results.folder import RunFolder, read_report
from leanglot.results.predictions import write_predictions
from leanglot.results.records import DataSummary, Environment, RoutingFacts, RunReport

ERRORS = {"fp32": {"de": 10, "sw": 20}, "int8": {"de": 12, "sw": 24}, "tiny": {"de": 10, "sw": 21}}
CANDIDATES = (
    candidate("fp32", ERRORS["fp32"], "baseline", throughput=25),
    candidate("int8", ERRORS["int8"], throughput=250),
    candidate("tiny", ERRORS["tiny"], "certified", throughput=50),
    candidate("broken", {}, "failed", throughput=None, accuracy=0.0),
)


@pytest.fixture
def run(tmp_path):
    """A run folder with a report of the first schema, and the answers of all candidates but the failed one."""
    report = RunReport(
        schema_version=1,
        created_at=datetime(2025, 1, 2, tzinfo=UTC),
        environment=Environment(cpu="x", isa=(), cores=1, threads=1, memory_bytes=1, platform="p", versions={}),
        data=DataSummary(source="test.csv", digest="0", examples={"de": 200, "sw": 200}, labels=("on", "off")),
        model="m",
        margin=0.01,
        alpha=0.05,
        baseline="fp32",
        candidates=CANDIDATES,
        recommendations={},
    )
    folder = RunFolder(tmp_path / "run")
    folder.create()
    folder.write_report(report)
    for name, errors in ERRORS.items():
        write_predictions(folder.candidate(name).predictions, answers(errors))
    return folder


def settings(**changes):
    recipe = ({"technique": "int8"},)
    values = {"model": "m", "data": "d.csv", "candidates": [CandidateConfig(name="int8", recipe=recipe)]}
    return RunConfig.model_validate(values | changes)


def test_a_stored_run_is_priced_and_nothing_is_written(run):
    before = run.report_json.read_bytes()
    report = price_run(read_report(run.path), run.path, costs())
    assert report.pricing.cheapest == "int8"
    assert report.pricing.notes == ()
    assert report.recommendations["cost"].candidate == "int8"
    assert report.schema_version == 2
    assert run.report_json.read_bytes() == before


def test_the_stored_answers_are_paired(run):
    whole, without = read_report(run.path), RunFolder(run.path.parent / "elsewhere")
    paired = price_run(whole, run.path, costs(infrastructure={"price_per_hour": 0.0}))
    apart = price_run(whole, without.path, costs(infrastructure={"price_per_hour": 0.0}))
    chances = [report.candidate("fp32").monthly_cost.chance_cheapest for report in (paired, apart)]
    assert chances[0] > chances[1]


@pytest.mark.parametrize("damage", ["missing", "garbage", "other"])
def test_what_is_damaged_is_told_and_the_rest_is_priced(run, damage):
    path = run.candidate("int8").predictions
    if damage == "missing":
        path.unlink()
    elif damage == "garbage":
        path.write_bytes(b"PAR1 no more")
    else:
        write_predictions(path, answers(ERRORS["int8"], n=100))
    report = price_run(read_report(run.path), run.path, costs())
    (note,) = report.pricing.notes
    assert note.startswith("int8: ")
    assert note.endswith("the counts in its record were used.")
    assert report.candidate("int8").monthly_cost.total == pytest.approx(2_380)
    assert report.candidate("fp32").monthly_cost.total == pytest.approx(8_675)


def test_failed_candidates_are_not_looked_for(run):
    found, missing = stored_answers(read_report(run.path), run.path)
    assert set(found) == {"fp32", "int8", "tiny"}
    assert missing == {}


def test_a_name_that_leads_out_of_the_folder_is_not_followed(run):
    report = read_report(run.path)
    evil = report.candidates[1].model_copy(update={"name": "../int8"})
    _, missing = stored_answers(report.model_copy(update={"candidates": (evil,)}), run.path)
    assert "cannot name a candidate" in missing["../int8"]


def test_a_figure_for_nobody_is_refused_before_and_after_but_not_at_the_end_of_a_run(run):
    prices = costs(monthly_infra={"int9": 5})
    with pytest.raises(ConfigError, match="int9"):
        price_run(read_report(run.path), run.path, prices)
    with pytest.raises(ConfigError, match="int9"):
        check_figures(settings(costs=prices))
    check_figures(settings(costs=prices, repair=RepairConfig()))
    check_figures(settings(costs=costs(monthly_infra={"int8": 5, "pytorch-fp32": 3})))
    check_figures(settings())
    finished = price_finished(read_report(run.path), run.path, settings(costs=prices))
    assert any("int9" in note for note in finished.pricing.notes)


def test_without_prices_a_finished_run_stays_as_it_is(run):
    report = read_report(run.path)
    assert price_finished(report, run.path, settings()) is report


def test_strict_reaches_the_recommendation(run):
    report = price_finished(read_report(run.path), run.path, settings(costs=costs(), strict=True))
    assert report.recommendations["cost"].candidate == "tiny"


def test_prices_are_saved_and_kept_until_new_ones_come(run):
    save_again(recommend_again(read_report(run.path), run.path, costs()), run.path)
    stored = read_report(run.path)
    assert stored.pricing.cheapest == "int8"
    assert (run.path / "charts" / "cost.png").is_file()
    assert "Cost in a month" in (run.path / "report.md").read_text(encoding="utf-8")
    again = recommend_again(stored, run.path, None, strict=True)
    assert again.recommendations["cost"].candidate == "tiny"
    assert again.candidates == stored.candidates


@pytest.mark.parametrize(("objective", "stays"), [("monthly cost", False), ("mean latency", True)])
def test_other_prices_leave_a_routing_out_that_was_decided_by_them(run, objective, stays):
    facts = RoutingFacts(
        config=RoutingConfig(),
        main="int8",
        fallback="fp32",
        variants=("fp32", "int8"),
        objective=objective,
        value=1.0,
        single="int8",
        single_value=1.0,
    )
    first = price_run(read_report(run.path), run.path, costs())
    routed = first.model_copy(update={"routing": {"de": "int8", "sw": "int8"}, "routing_facts": facts})
    assert price_run(routed, run.path, costs()).routing_facts == facts
    again = price_run(routed, run.path, costs(monthly_predictions=5_000_000))
    assert (again.routing_facts == facts, again.routing is not None) == (stays, stays)
    assert any("leanglot route" in note for note in again.pricing.notes) is not stays


def test_another_file_than_the_report_is_not_overwritten(run):
    other = run.path / "copy.json"
    other.write_bytes(run.report_json.read_bytes())
    with pytest.raises(RunError, match=r"copy\.json is not the report\.json of a run"):
        save_again(read_report(other), other)
    save_again(recommend_again(read_report(run.report_json), run.path, costs()), run.report_json)
    assert json.loads(run.report_json.read_text(encoding="utf-8"))["pricing"]["cheapest"] == "int8"
