"""The search for the highest sparsity from the outside, on the tiny model: what it writes, resumes and refuses."""

import json
import shutil

import pytest
from filelock import FileLock
from planting import LABELS, sentences

from leanglot.config import DataConfig
from leanglot.errors import ConfigError, DataError, ModelError, RecipeError, RunError
from leanglot.results.folder import LOCK_NAME
from leanglot.results.predictions import read_predictions
from leanglot.results.sparsity import SparsitySearch
from leanglot.searching import search as searching
from leanglot.searching.search import KINDS, UNPRUNED, SearchPlan, search_sparsity
from leanglot.steps import Setting
from leanglot.techniques.pruning import Importance

COUNTS = {"de": 150, "en": 120, "th": 110, "sw": 5}
IMPORTANCE = Importance(samples=64)
DROP = 0.05


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with data to judge on, and texts to measure importance on in the same file."""
    folder = tmp_path_factory.mktemp("search")
    table = [
        {"text": text, "label": LABELS[label], "language": tag, "split": split, "group": f"{tag}/{number // 3}"}
        for split, counts, seed in (("test", COUNTS, 5), ("train", dict.fromkeys(COUNTS, 40), 6))
        for number, (text, label, tag) in enumerate(sentences(counts, seed))
    ]
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in table), encoding="utf-8")
    only = [{name: value for name, value in row.items() if name != "split"} for row in table if row["split"] == "test"]
    (folder / "judged.jsonl").write_text("".join(json.dumps(row) + "\n" for row in only), encoding="utf-8")
    return folder


class Watching:
    """An observer that writes down what it is told."""

    def __init__(self):
        self.planned, self.stages, self.steps = [], [], {}

    def plan(self, candidates):
        self.planned += candidates

    def enter(self, candidate, stage, total=1):
        self.stages.append((candidate, stage))
        self.steps[candidate] = [0, total]

    def advance(self, candidate, steps=1):
        self.steps[candidate][0] += steps


def setting(place, name="data.jsonl"):
    return Setting(data=DataConfig(path=place / name), threads=1)


def run(model, place, out, *, observer=None, calibration=None, name="data.jsonl", **changes):
    plan = SearchPlan(**{"max_drop": DROP, "importance": IMPORTANCE} | changes)
    return search_sparsity(str(model), out, setting(place, name), plan, calibration, observer)


@pytest.fixture(scope="module")
def watched():
    return Watching()


@pytest.fixture(scope="module")
def searched(tiny_model, place, watched):
    """A whole search, and its folder."""
    record, chart = run(tiny_model, place, place / "out", observer=watched)
    return record, chart, place / "out"


@pytest.fixture
def counted(monkeypatch):
    """Counts the models that are asked, and the times that importance is measured."""
    calls = {"asked": 0, "made": 0}

    def counting(name, function):
        def wrapped(*arguments, **named):
            calls[name] += 1
            return function(*arguments, **named)

        return wrapped

    monkeypatch.setattr(searching, "answer_all", counting("asked", searching.answer_all))
    monkeypatch.setattr(searching, "carry_out", counting("made", searching.carry_out))
    return calls


def test_each_kind_is_searched_on_a_model_that_knows_its_answers(searched):
    record, _, _ = searched
    assert [result.kind for result in record.results] == list(KINDS)
    assert all(record.baseline[tag] > 0.9 for tag in ("de", "en", "th"))
    assert record.examples == COUNTS
    assert record.undecided == ("sw",)
    magnitude = record.results[0]
    assert magnitude.outcome == "found"
    assert 0.1 < magnitude.sparsity < 0.99
    assert len(magnitude.probes) <= 8


def test_what_is_found_is_within_in_every_language_that_can_be_decided(searched):
    record, _, _ = searched
    for result in record.results:
        assert "not enough data to decide: sw (5)" in result.reason
        for probe in result.probes:
            drops = {tag: record.baseline[tag] - probe.accuracy[tag] for tag in ("de", "en", "th")}
            assert probe.within == (max(drops.values()) <= DROP + 1e-9 and "sw" not in probe.exceeded)
        if result.found is not None:
            assert result.found.within
            assert result.verdicts.keys() == COUNTS.keys()
            assert result.verdicts["de"].groups == 50


def test_the_share_removed_is_the_share_asked_for(searched):
    record, _, _ = searched
    for result in record.results:
        assert [probe.actual for probe in result.probes] == pytest.approx(
            [probe.sparsity for probe in result.probes], abs=1e-3
        )
    heads, ffn, layers = (result.probes for result in record.results[1:])
    assert {round(probe.sparsity * 8, 6) for probe in heads} <= {1, 2, 3, 4, 5, 6}
    assert {round(probe.sparsity * 8, 6) for probe in ffn} <= {1, 2, 3, 4, 5, 6}
    assert [probe.sparsity for probe in layers] == [0.5]


def test_record_charts_and_answers_are_in_the_folder(searched):
    record, chart, out = searched
    assert SparsitySearch.model_validate_json((out / "sparsity.json").read_text(encoding="utf-8")) == record
    assert chart == out / "charts" / "retention.png"
    drawn = {path.name for path in (out / "charts").iterdir()}
    assert drawn == {
        f"retention{end}.{suffix}" for end in ("", *(f"-{kind}" for kind in KINDS)) for suffix in ("png", "svg")
    }
    stored = {path.stem for path in (out / "probes").glob("*.parquet")}
    assert stored == {
        UNPRUNED,
        *(f"{probe.kind}-{probe.sparsity:.4f}" for each in record.results for probe in each.probes),
    }
    probe = record.results[0].probes[0]
    answers = read_predictions(out / "probes" / f"magnitude-{probe.sparsity:.4f}.parquet")
    tags = [tag == "th" for tag in answers.language]
    assert answers.correct[tags].mean() == pytest.approx(probe.accuracy["th"])
    assert len(list((out / "importance").iterdir())) == 3


def test_progress_is_told_for_each_kind(searched, watched):
    assert watched.planned == [UNPRUNED, *KINDS]
    assert [pair for pair in watched.stages if pair[1] == "done"] == [(name, "done") for name in watched.planned]
    assert ("heads", "making") in watched.stages
    assert ("heads", "evaluating") in watched.stages


def test_notes_tell_the_assumption_and_what_was_noticed(searched):
    notes = " ".join(searched[0].notes)
    assert "more sparsity hurts more" in notes
    assert "Not enough data to decide: sw (5)" in notes
    assert "neither faster nor smaller" in notes


def test_a_second_search_asks_nothing_again(searched, tiny_model, place, counted):
    record, _, out = searched
    watching = Watching()
    assert run(tiny_model, place, out, observer=watching)[0] == record
    assert counted == {"asked": 0, "made": 0}
    assert {stage for _, stage in watching.stages if stage in {"done", "kept"}} == {"kept"}


def test_another_allowed_drop_asks_for_what_it_lacks_alone(searched, tiny_model, place, counted, tmp_path):
    record, _, out = searched
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(LOCK_NAME))
    other, _ = run(tiny_model, place, tmp_path / "copy", max_drop=0.3, kinds=("magnitude",))
    known = {probe.sparsity for probe in record.results[0].probes}
    assert counted["asked"] == len([probe for probe in other.results[0].probes if probe.sparsity not in known])
    assert 0 < counted["asked"] <= 5
    assert other.results[0].sparsity > record.results[0].sparsity
    drawn = {path.name for path in (tmp_path / "copy" / "charts").glob("*.png")}
    assert drawn == {"retention.png", "retention-magnitude.png"}


def test_a_search_that_was_killed_goes_on_and_finds_the_same(searched, tiny_model, place, counted, tmp_path):
    record, _, out = searched
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(LOCK_NAME))
    probes = tmp_path / "copy" / "probes"
    (probes / "magnitude-0.2500.json").unlink()  # killed between the answers and what stands beside them
    (probes / "magnitude-0.5000.parquet").write_bytes(b"PAR1")
    shutil.copy(probes / f"{UNPRUNED}.parquet", probes / "magnitude-0.7500.parquet")
    (probes / f"{UNPRUNED}.parquet").unlink()
    assert run(tiny_model, place, tmp_path / "copy", kinds=("magnitude",))[0].results == record.results[:1]
    assert counted == {"asked": 4, "made": 3}


def test_a_search_that_stops_half_way_goes_on_where_it_was(searched, tiny_model, place, counted, monkeypatch, tmp_path):
    whole = searched[0].results[0]
    counting = searching.answer_all

    def failing(*arguments):
        if counted["asked"] == 3:
            raise KeyboardInterrupt
        return counting(*arguments)

    monkeypatch.setattr(searching, "answer_all", failing)
    with pytest.raises(KeyboardInterrupt):
        run(tiny_model, place, tmp_path / "out", kinds=("magnitude",))
    assert not (tmp_path / "out" / "sparsity.json").exists()
    monkeypatch.setattr(searching, "answer_all", counting)
    assert run(tiny_model, place, tmp_path / "out", kinds=("magnitude",))[0].results == (whole,)
    assert counted["asked"] == 1 + len(whole.probes)


def test_other_texts_or_other_data_make_answers_count_no_longer(searched, tiny_model, place, counted, tmp_path):
    _, _, out = searched
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(LOCK_NAME))
    plan = {"kinds": ("layers",), "importance": Importance(samples=32)}
    run(tiny_model, place, tmp_path / "copy", **plan)
    assert counted == {"asked": 1, "made": 1}
    fewer = setting(place).model_copy(update={"limit": 100})
    search_sparsity(str(tiny_model), tmp_path / "copy", fewer, SearchPlan(kinds=("magnitude",), max_drop=DROP))
    assert counted["asked"] > 4


def test_importance_combined_otherwise_is_another_search(searched, tiny_model, place, counted, tmp_path):
    _, _, out = searched
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(LOCK_NAME))
    plan = {"kinds": ("heads", "layers"), "importance": Importance(samples=64, combine="mean")}
    record, _ = run(tiny_model, place, tmp_path / "copy", **plan)
    assert counted["asked"] == sum(len(result.probes) for result in record.results)


def test_where_the_mean_counts_it_alone_decides(searched, tiny_model, place, tmp_path):
    _, _, out = searched
    shutil.copytree(out, tmp_path / "copy", ignore=shutil.ignore_patterns(LOCK_NAME))
    record, _ = run(tiny_model, place, tmp_path / "copy", kinds=("magnitude",), worst_language=False)
    before = sum(record.baseline.values()) / len(COUNTS)
    for probe in record.results[0].probes:
        assert probe.within == (before - probe.macro_accuracy <= DROP + 1e-9)
        assert probe.exceeded == (() if probe.within else ("mean",))
    assert "on average" in record.results[0].reason


def test_importance_without_texts_is_refused_before_anything_is_computed(tiny_model, place, counted, tmp_path):
    with pytest.raises(
        RecipeError, match="Importance of heads, layers is measured on texts, and there are none"
    ) as met:
        run(tiny_model, place, tmp_path / "out", name="judged.jsonl", kinds=("magnitude", "heads", "layers"))
    assert "--calibration FILE" in met.value.hint
    assert counted == {"asked": 0, "made": 0}
    assert not (tmp_path / "out").exists()
    calibration = DataConfig(path=place / "data.jsonl")
    found, _ = run(tiny_model, place, tmp_path / "out", name="judged.jsonl", kinds=("layers",), calibration=calibration)
    assert len(found.results[0].probes) == 1


def test_texts_that_were_named_and_cannot_be_used_say_why(tiny_model, place, tmp_path):
    with pytest.raises(DataError, match=r"absent\.jsonl"):
        run(tiny_model, place, tmp_path / "out", calibration=DataConfig(path=place / "absent.jsonl"))


@pytest.mark.parametrize("drop", [0.0, 1.0, -1.0])
def test_an_allowed_drop_that_is_no_share_is_refused(drop):
    with pytest.raises(ConfigError, match="allowed drop"):
        SearchPlan(max_drop=drop)


@pytest.mark.parametrize("kinds", [(), ("heads", "heads"), ("brain",)])
def test_kinds_that_are_unknown_or_repeat_are_refused(kinds):
    with pytest.raises(ConfigError, match="cannot be searched"):
        SearchPlan(kinds=kinds)


def test_a_folder_that_holds_something_else_is_left_alone(searched, tiny_model, place, tmp_path):
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(RunError, match="no run folder and not empty"):
        run(tiny_model, place, tmp_path, kinds=("magnitude",))
    taken = tmp_path / "run"
    (taken / "candidates").mkdir(parents=True)
    with pytest.raises(RunError, match="holds a run of candidates"):
        run(tiny_model, place, taken, kinds=("magnitude",))
    with pytest.raises(RunError, match="is a file"):
        run(tiny_model, place, tmp_path / "thesis.tex", kinds=("magnitude",))


def test_two_searches_in_one_folder_are_refused(searched, tiny_model, place):
    _, _, out = searched
    with FileLock(out / LOCK_NAME), pytest.raises(RunError, match="at work"):
        run(tiny_model, place, out, kinds=("magnitude",))


def test_an_artifact_for_another_engine_is_refused(onnx_artifact, place, tmp_path):
    with pytest.raises(ModelError, match=r"(?s)ONNX graph.*PyTorch model"):
        run(onnx_artifact, place, tmp_path / "out", kinds=("magnitude",))
    assert not (tmp_path / "out").exists()
