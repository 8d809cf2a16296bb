import pytest

from gate_answers import answers, pair
from leanglot.decide.comparing import StoredRun, compare_runs, data_differences, machine_differences
from leanglot.errors import RunError
from leanglot.results.comparison import RunComparison
from leanglot.results.folder import RunFolder, read_report


@pytest.fixture(scope="module")
def report(request):
    return read_report(request.config.rootpath / "tests/golden/report-v1.json")


OTHERS = "numbers of examples: de 1 and 0, th 0 and 1; 1 and 1 in all"


def changed(report, part, **values):
    return report.model_copy(update={part: getattr(report, part).model_copy(update=values)})


def of_candidate(report, name, **values):
    candidates = tuple(each.model_copy(update=values) if each.name == name else each for each in report.candidates)
    return report.model_copy(update={"candidates": candidates})


def compared(one, other, answered=(None, None), **settings):
    stored = (
        StoredRun(name, report, {} if each is None else each)
        for name, report, each in zip(("A", "B"), (one, other), answered, strict=True)
    )
    return compare_runs(*stored, **settings)


def by_name(comparison):
    return {change.name: change for change in comparison.candidates}


def test_a_run_beside_itself_has_nothing_to_tell(report):
    found = compared(report, report)
    assert [change.name for change in found.candidates] == [each.name for each in report.candidates]
    assert all(change.first == change.second for change in found.candidates)
    assert (found.only_first, found.only_second, found.notes, found.same_machine) == ((), (), (), True)
    assert RunComparison.model_validate_json(found.model_dump_json()) == found


def test_what_changed_is_told(report):
    other = of_candidate(report, "int8", accuracy=0.5, size_bytes=7, speedup=9.0)
    change = by_name(compared(report, other))["int8"]
    assert (change.second.accuracy, change.second.size_bytes, change.second.speedup) == (0.5, 7, 9.0)
    assert change.first.accuracy == report.candidate("int8").accuracy
    assert change.first.worst_language == max(
        report.candidate("int8").languages, key=lambda tag: report.candidate("int8").languages[tag].drop
    )


def test_candidates_of_one_run_alone_are_named(report):
    other = report.model_copy(update={"candidates": report.candidates[:2]})
    assert compared(report, other).only_first == tuple(each.name for each in report.candidates[2:])
    assert compared(other, report).only_second == tuple(each.name for each in report.candidates[2:])


def test_a_failed_candidate_has_no_numbers(report):
    name = next(each.name for each in report.candidates if each.status == "failed")
    standing = by_name(compared(report, report))[name].first
    assert (standing.status, standing.accuracy, standing.worst_drop, standing.verdicts) == ("failed", None, None, {})


# Refusals


def test_other_data_are_refused_always(report):
    other = changed(report, "data", digest="f" * 64, source="other.jsonl")
    for settings in ({}, {"ignore_machine": True}):
        with pytest.raises(RunError) as caught:
            compared(report, other, **settings)
        assert "data: " in caught.value.message
        assert "other.jsonl of ffffffffffff…" in caught.value.message
        assert caught.value.hint == "Run both on the same data with the same margin."


def test_other_machines_are_refused_with_each_difference(report):
    machine = report.environment
    other = changed(report, "environment", cpu="Other", cores=99, threads=98, isa=(*machine.isa[1:], "amx_int8"))
    with pytest.raises(RunError) as caught:
        compared(report, other)
    assert caught.value.message == (
        "A and B cannot be compared; they differ in:\n"
        f"  cpu: {machine.cpu} and Other\n"
        f"  cores: {machine.cores} and 99\n"
        f"  threads: {machine.threads} and 98\n"
        f"  instruction sets: only the first has {machine.isa[0]}, only the second amx_int8"
    )
    assert "--ignore-machine" in caught.value.hint


def test_with_machines_ignored_no_time_is_compared(report):
    found = compared(report, changed(report, "environment", cpu="Other"), ignore_machine=True)
    assert not found.same_machine
    assert all(each.first.speedup is each.second.speedup is None for each in found.candidates)
    assert all(each.first.latency_p50_ms is each.second.latency_p50_ms is None for each in found.candidates)
    assert by_name(found)["int8"].first.size_bytes == report.candidate("int8").size_bytes
    assert found.notes == (f"The machines differ, so times are not compared: cpu: {report.environment.cpu} and Other.",)


def test_other_rules_are_refused(report):
    with pytest.raises(RunError, match=r"margin: 0\.01 and 0\.02\n  alpha: 0\.05 and 0\.1"):
        compared(report, report.model_copy(update={"margin": 0.02, "alpha": 0.1}), ignore_machine=True)


def test_other_versions_and_models_are_told(report):
    versions = {**report.environment.versions, "torch": "99"}
    other = changed(report, "environment", versions=versions).model_copy(update={"model": "new"})
    found = compared(report, other)
    assert found.notes == (
        f"The models have different names: {report.model} and new.",
        f"The versions differ: torch {report.environment.versions['torch']} to 99.",
    )


def test_data_differ_by_counts_and_labels(report):
    data = report.data
    other = data.model_copy(update={"digest": "1", "examples": {"de": 1}, "labels": ("a",)})
    found = data_differences(data, other)
    assert len(found) == 3
    assert "languages more" in found[1]
    assert found[2] == f"labels: {len(data.labels)} and 1, or in another order"


def test_like_machines_do_not_differ_in_memory_or_load(report):
    one = report.environment
    assert machine_differences(one, one.model_copy(update={"load_average": 9.0, "memory_bytes": 5})) == ()


# Answer by answer


def test_answers_are_judged_from_run_to_run(report):
    old, new = pair({"de": (460, 31, 9, 0), "th": (400, 0, 0, 0)})
    change = by_name(compared(report, report, ({"int8": old}, {"int8": new})))["int8"]
    assert {tag: verdict.verdict for tag, verdict in change.paired.items()} == {"de": "harmed", "th": "safe"}
    assert (change.paired_status, change.flips.changed) == ("rejected", 40)
    assert change.reason == "1 of 2 languages is harmed: de."


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (None, None, "not compared: there are no stored answers."),
        ("It is damaged", answers(["de"], [1]), "not compared: It is damaged."),
        (answers(["de"], [1]), "It is gone", "not compared: It is gone."),
        (
            answers(["de"], [1]),
            answers(["th"], [1]),
            f"not compared: the stored answers are to other examples: {OTHERS}.",
        ),
    ],
    ids=["none", "first", "second", "others"],
)
def test_what_cannot_be_compared_says_why(report, old, new, why):
    stored = tuple({} if each is None else {"int8": each} for each in (old, new))
    change = by_name(compared(report, report, stored))["int8"]
    assert (change.paired, change.flips, change.paired_status) == (None, None, None)
    assert change.reason == why


def test_stored_runs_are_read_with_their_answers(report, tmp_path):
    from leanglot.comparing import compare
    from leanglot.results.predictions import write_predictions

    old, new = pair({"de": (400, 0, 0, 0)})
    for name, each in (("one", old), ("two", new)):
        folder = RunFolder(tmp_path / name)
        folder.write_report(report)
        write_predictions(folder.candidate("int8").predictions, each)
    found = compare(tmp_path / "one", tmp_path / "two" / "report.json")
    assert by_name(found)["int8"].paired["de"].verdict == "safe"
    assert "There are no predictions at" in by_name(found)["original"].reason
