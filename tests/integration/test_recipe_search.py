"""A whole search for recipes on the tiny model: what it leaves, drops, resumes, and how it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanglot.config import RunConfig, make_config
from leanglot.errors import RunError
from leanglot.exam import Effort
from leanglot.pipeline import optimize
from leanglot.progress import Silent
from leanglot.results.folder import read_report
from leanglot.results.measures import ColdStart
from leanglot.results.searching import SearchRecord
from leanglot.searching.clock import Clock
from tiny_rows import LANGUAGES, rows

LITTLE = Effort(latency_calls=24, batch_texts=32, rounds=1, cold_starts=1)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Fresh processes and OpenVINO would only make these tests slow."""
    cold = ColdStart(seconds=1.0, peak_rss_bytes=10**8, repetitions=1)
    monkeypatch.setattr("leanglot.trials.measure_cold_start", lambda *_args, **_kwargs: cold)
    monkeypatch.setattr("leanglot.measure.speed.NeighbourWatch.warnings", lambda _: ())
    monkeypatch.setattr("leanglot.searching.recipes.find_spec", lambda _: None)


@pytest.fixture(scope="module")
def train(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("train") / "train.jsonl"
    write(path, rows(dict.fromkeys(LANGUAGES, 40), seed=3))
    return path


def write(path: Path, table: list[dict[str, str]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")


def config_for(model: Path, data: Path, out: Path, search: dict[str, object], **changes: object) -> RunConfig:
    values = {"model": str(model), "data": str(data), "output": out, "threads": 1, "search": search}
    return make_config(values | changes)


def record_in(out: Path) -> SearchRecord:
    return SearchRecord.model_validate_json((out / "search.json").read_text(encoding="utf-8"))


def states(record: SearchRecord) -> list[tuple[str, str]]:
    return [(each.name, each.state) for each in record.tried]


def _must_not_be_called(*_args: object, **_kwargs: object) -> None:
    raise AssertionError("a finished stage was done again")


@pytest.mark.slow
def test_a_search_climbs_the_ladder_then_asks_the_sampler_and_can_go_on(
    tiny_model, tiny_data, train, tmp_path, monkeypatch
):
    out = tmp_path / "run"
    config = config_for(tiny_model, tiny_data, out, {"trials": 9, "train": False}, calibration=str(train))
    report = optimize(config, effort=LITTLE)
    record = record_in(out)
    assert report.search == record
    assert read_report(out) == report
    assert [each.name for each in record.tried[:4]] == ["fp32", "int8", "int8-emb", "trim-int8-emb"]
    assert {each.origin for each in record.tried} == {"ladder", "sampler"}
    assert len({each.name for each in record.tried}) == len(record.tried)
    assert len(record.of("measured", "dropped", "failed")) == 9
    assert record.ended == "All 9 trials that were asked for are done."
    assert [each.name for each in report.candidates] == ["pytorch-fp32", *record.shown]
    assert report.chains == {}
    assert set(record.shown) <= {each.name for each in record.of("measured")}
    for each in record.of("measured"):
        assert each.full is not None
        assert each.seconds > 0
        assert (out / "candidates" / each.name / "artifact" / "leanglot.json").is_file()
    assert "## Search" in (out / "report.md").read_text(encoding="utf-8")

    with monkeypatch.context() as patch:
        patch.setattr("leanglot.trials.make_artifact", _must_not_be_called)
        patch.setattr("leanglot.trials.measure_speed", _must_not_be_called)
        again = optimize(config, effort=LITTLE)
    assert again.candidates == report.candidates
    assert states(record_in(out)) == states(record)

    more = config_for(tiny_model, tiny_data, out, {"trials": 10, "train": False}, calibration=str(train))
    optimize(more, effort=LITTLE)
    longer = record_in(out)
    assert states(longer)[:9] == states(record)
    assert len(longer.tried) == 10
    assert longer.spent_s > record.spent_s


@pytest.mark.slow
def test_without_texts_every_scheme_is_tried_and_the_search_ends(tiny_model, tiny_data, tmp_path):
    report = optimize(config_for(tiny_model, tiny_data, tmp_path / "run", {}), effort=LITTLE)
    assert {each.name for each in report.search.tried} == {"fp32", "int8", "int8-emb", "int8-weights", "int4-weights"}
    assert report.search.ended == "Every recipe that can be tried was tried."
    told = " ".join(report.search.notes)
    assert "--calibration FILE" in told
    assert "--corpus FILE" in told


def test_a_hopeless_candidate_is_dropped_on_part_of_the_data(tiny_model, tiny_data, tmp_path):
    """A corpus of filler words: trimmed to it, the vocabulary lacks every word that tells the label."""
    corpus = tmp_path / "corpus.jsonl"
    write(corpus, [{"text": "filler-1 filler-2", "label": "music", "language": tag} for tag in LANGUAGES])
    out = tmp_path / "run"
    report = optimize(config_for(tiny_model, tiny_data, out, {"trials": 5}, corpus=str(corpus)), effort=LITTLE)
    dropped = report.search.of("dropped")
    assert "trim-int8-emb" in {each.name for each in dropped}
    first = next(each for each in dropped if each.name == "trim-int8-emb")
    assert "lost at least" in first.reason
    assert first.full is None
    assert first.part.accuracy_drop > 0.3
    assert not (out / "candidates" / "trim-int8-emb").exists()
    assert "trim-int8-emb" not in {each.name for each in report.candidates}
    assert "trim999-int8-emb" not in {each.name for each in report.search.tried}  # a deeper cut of the same
    text = (out / "report.md").read_text(encoding="utf-8")
    assert "| `trim-int8-emb` | dropped |" in text


@pytest.mark.slow
def test_a_candidate_that_fails_is_recorded_and_not_tried_again(tiny_model, tiny_data, tmp_path, monkeypatch):
    from leanglot import trials

    make = trials.make_artifact

    def broken(model, candidate, *rest):
        if candidate.name == "int8":
            raise ValueError("the quantizer gave up")
        return make(model, candidate, *rest)

    monkeypatch.setattr(trials, "make_artifact", broken)
    config = config_for(tiny_model, tiny_data, tmp_path / "run", {"trials": 3})
    report = optimize(config, effort=LITTLE)
    assert states(report.search) == [("fp32", "measured"), ("int8", "failed"), ("int8-emb", "measured")]
    assert report.search.tried[1].reason == "ValueError: the quantizer gave up"
    assert "int8" not in {each.name for each in report.candidates}
    assert states(optimize(config, effort=LITTLE).search) == states(report.search)


def test_a_budget_too_small_for_the_baseline_leaves_the_baseline(tiny_model, tiny_data, tmp_path):
    report = optimize(config_for(tiny_model, tiny_data, tmp_path / "run", {"budget_s": 0.01}), effort=LITTLE)
    assert [each.name for each in report.candidates] == ["pytorch-fp32"]
    assert report.search.tried == ()
    assert "No candidate fitted in: the baseline alone took" in report.search.ended
    assert "No candidate fitted in" in (tmp_path / "run" / "report.md").read_text(encoding="utf-8")


class SlowTiming(Silent):
    """Lets an hour pass when the first timing of a candidate begins."""

    def __init__(self, candidate: str) -> None:
        self.candidate, self.seconds = candidate, 0.0

    def enter(self, candidate: str, stage: str, total: int = 1) -> None:
        if (candidate, stage) == (self.candidate, "timing") and self.seconds == 0:
            self.seconds = 3600.0


@pytest.mark.slow
def test_what_the_end_of_the_budget_cuts_goes_on_under_a_larger_one(tiny_model, tiny_data, tmp_path, monkeypatch):
    watch = SlowTiming("int8")
    monkeypatch.setattr("leanglot.pipeline.Clock", lambda budget: Clock(budget, now=lambda: watch.seconds))
    out = tmp_path / "run"
    first = optimize(config_for(tiny_model, tiny_data, out, {"budget_s": "30m"}), watch, LITTLE)
    assert states(first.search) == [("fp32", "measured"), ("int8", "cut")]
    assert first.search.tried[1].reason == "The budget of 30 min 0 s ended while it was at work."
    assert first.search.ended == "The budget of 30 min 0 s has no time for another recipe."
    assert [each.name for each in first.candidates] == ["pytorch-fp32", "fp32"]
    larger = config_for(tiny_model, tiny_data, out, {"budget_s": "3h", "trials": 3})
    longer = optimize(larger, watch, LITTLE).search
    assert states(longer)[:2] == [("fp32", "measured"), ("int8", "measured")]
    assert [name for name, _ in states(longer)[2:]] == ["int8-emb"]  # whose fate depends on how fast it is
    assert longer.tried[1].starts == 2


@pytest.mark.slow
def test_other_data_begin_a_search_anew(tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"
    first = optimize(config_for(tiny_model, tiny_data, out, {"trials": 1}), effort=LITTLE).search
    other = tmp_path / "other.jsonl"
    write(other, rows(LANGUAGES, seed=9))
    second = optimize(config_for(tiny_model, other, out, {"trials": 1}), effort=LITTLE).search
    assert second.key != first.key
    assert states(second) == [("fp32", "measured")]


def test_a_damaged_record_is_told_and_not_overwritten(tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"
    config = config_for(tiny_model, tiny_data, out, {"trials": 1})
    optimize(config, effort=LITTLE)
    (out / "search.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"search\.json, cannot be read"):
        optimize(config, effort=LITTLE)
    assert (out / "search.json").read_text(encoding="utf-8") == "{"


@pytest.mark.slow
def test_a_recipe_that_ends_the_process_again_and_again_is_given_up(tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"
    config = config_for(tiny_model, tiny_data, out, {"trials": 2})
    optimize(config, effort=LITTLE)
    record = record_in(out)
    crashed = record.tried[1].model_copy(update={"state": "started", "starts": 3, "full": None})
    (out / "search.json").write_text(
        record.model_copy(update={"tried": (record.tried[0], crashed)}).model_dump_json(), encoding="utf-8"
    )
    found = optimize(config, effort=LITTLE).search
    assert states(found) == [("fp32", "measured"), ("int8", "failed")]
    assert "3 times" in found.tried[1].reason


def test_costs_are_an_objective(tiny_model, tiny_data, tmp_path):
    costs = {
        "monthly_predictions": 1e6,
        "traffic": {"de": 0.5, "en": 0.3, "th": 0.2},
        "error_cost": 1.0,
        "infrastructure": {"price_per_hour": 1.0},
    }
    report = optimize(config_for(tiny_model, tiny_data, tmp_path / "run", {"trials": 2}, costs=costs), effort=LITTLE)
    assert all(each.full.monthly_cost > 0 for each in report.search.tried)


@pytest.mark.slow
def test_a_training_that_fits_in_is_tried(tiny_model, tiny_data, train, tmp_path):
    found = optimize(
        config_for(tiny_model, tiny_data, tmp_path / "run", {"trials": 9}, training=str(train)), effort=LITTLE
    ).search
    trained = [each for each in found.tried if each.origin == "training"]
    assert [(each.levels.student, each.levels.epochs, each.state) for each in trained] == [(1, 6, "measured")]
    assert trained[0].name == "ffn30-trim-student1x6-int8-emb"  # half of the layers


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_a_killed_search_goes_on_where_it_was(tiny_model, tiny_data, tmp_path):
    out = tmp_path / "run"
    command = [sys.executable, "-m", "leanglot.cli", "optimize", str(tiny_model), "--data", str(tiny_data)]
    command += ["--search", "--search-trials", "4", "--quick", "--threads", "1", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 240
        while not (out / "search.json").exists() or states(record_in(out))[1:2] != [("int8", "started")]:
            assert process.poll() is None, "it ended before it could be killed"
            assert time.monotonic() < until
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = record_in(out)
    assert states(killed) == [("fp32", "measured"), ("int8", "started")]
    subprocess.run(command, check=True, capture_output=True)
    done = record_in(out)
    assert {each.state for each in done.tried} <= {"measured", "dropped"}  # what is beaten depends on the timing
    assert len(done.tried) == 4
    assert done.tried[0].seconds == killed.tried[0].seconds  # not measured anew
    assert [each.starts for each in done.tried[:2]] == [1, 2]
    assert done.spent_s > killed.spent_s
    assert read_report(out).search == done
