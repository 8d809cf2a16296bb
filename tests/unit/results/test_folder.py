"""The run folder keeps the report and lets no path out."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leanglot.errors import RunError
from leanglot.results.folder import RunFolder, inside, read_report
from leanglot.results.records import Candidate, DataSummary, Environment, Recommendation, RunReport

# A report as schema 1 wrote it; it must stay readable forever, so do not edit it.
SCHEMA_1 = """{
  "schema_version": 1,
  "created_at": "2025-01-02T03:04:05Z",
  "environment": {"cpu": "x", "isa": ["avx2"], "cores": 2, "threads": 2, "memory_bytes": 8000000000,
    "platform": "Linux", "load_average": null, "versions": {"python": "3.11.7"}},
  "data": {"source": "test.jsonl", "digest": "00", "examples": {"de": 5}, "groups": {}, "labels": ["a", "b"],
    "notes": []},
  "model": "m", "margin": 0.01, "alpha": 0.05, "baseline": "pytorch-fp32",
  "candidates": [
    {"name": "pytorch-fp32", "runtime": "pytorch", "status": "baseline", "accuracy": 0.9},
    {"name": "int8", "runtime": "onnxruntime", "status": "unrefuted", "size_bytes": 5,
     "recipe": [{"technique": "int8", "embeddings": true}],
     "latency_ms": {"n": 3, "mean": 1.5, "std": 0.1, "p50": 1.5, "p95": null, "p99": null,
       "missing": {"p95": "too few"}},
     "languages": {"de": {"n": 5, "baseline": 0.9, "candidate": 0.8, "verdict": "inconclusive"}}}
  ],
  "recommendations": {"speed": {"candidate": null, "reason": "none", "accuracy_tolerance": 0.01}},
  "routing": null
}"""


@pytest.fixture
def report():
    return RunReport(
        created_at=datetime(2025, 1, 2, tzinfo=UTC),
        environment=Environment(
            cpu="x", isa=(), cores=1, threads=1, memory_bytes=1, platform="p", versions={"python": "3"}
        ),
        data=DataSummary(source="日本語.csv", digest="0", examples={"ja": 1}, labels=("a",)),
        model="m",
        margin=0.01,
        alpha=0.05,
        baseline="pytorch-fp32",
        candidates=(Candidate(name="pytorch-fp32", runtime="pytorch", status="baseline"),),
        recommendations={"speed": Recommendation(candidate=None, reason="none", accuracy_tolerance=0.0)},
    )


def names(folder):
    return [entry.name for entry in folder.iterdir()]


def damaged(tmp_path, content):
    (tmp_path / "report.json").write_bytes(content)
    with pytest.raises(RunError) as caught:
        read_report(tmp_path)
    assert "report.json" in caught.value.message
    assert caught.value.hint
    return caught.value.message


def test_the_layout(tmp_path):
    run = RunFolder(tmp_path)
    assert run.report_json == tmp_path / "report.json"
    assert run.report_html == tmp_path / "report.html"
    assert run.charts == tmp_path / "charts"
    candidate = run.candidate("int8")
    assert candidate.artifact == tmp_path / "candidates/int8/artifact"
    assert candidate.predictions == tmp_path / "candidates/int8/predictions.parquet"
    assert candidate.measures == tmp_path / "candidates/int8/measures.json"
    assert run.relative(candidate.artifact) == "candidates/int8/artifact"


@pytest.mark.parametrize("name", ["..", "a/b", "", "con", "/etc"])
def test_names_of_candidates_stay_inside(tmp_path, name):
    with pytest.raises(RunError, match="cannot name a candidate"):
        RunFolder(tmp_path).candidate(name)


def test_paths_outside_have_no_relative_form(tmp_path):
    with pytest.raises(RunError, match="is outside"):
        RunFolder(tmp_path / "run").relative(tmp_path / "other")


def test_a_report_comes_back_as_written(tmp_path, report):
    run = RunFolder(tmp_path / "runs" / "m")
    run.create()
    run.write_report(report)
    assert read_report(run.path) == report
    assert read_report(run.report_json) == report
    assert names(run.path) == [".leanglot-run", "report.json"]


def test_a_report_of_the_first_schema_stays_readable(tmp_path):
    (tmp_path / "report.json").write_text(SCHEMA_1)
    report = read_report(tmp_path)
    assert report.candidate("int8").recipe[0].embeddings is True
    assert report.candidate("int8").latency_ms.missing == {"p95": "too few"}
    assert report.candidate("int8").languages["de"].verdict == "inconclusive"


def test_a_report_of_a_newer_leanglot_says_so(tmp_path):
    newer = json.dumps({**json.loads(SCHEMA_1), "schema_version": 7, "unheard_of": 1})
    message = damaged(tmp_path, newer.encode())
    assert "made by a newer leanglot (schema 7; this one reads up to 2)" in message
    with pytest.raises(RunError, match="pip install -U leanglot"):
        read_report(tmp_path)


@pytest.mark.parametrize("version", ["null", "0", "true", '"1"', "1.0"])
def test_a_report_without_a_version_is_none(tmp_path, version):
    assert "no report of leanglot" in damaged(tmp_path, b'{"schema_version": %s}' % version.encode())


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", "line 1, column 1"),
        (b'{"schema_version": 1,\n "a"', "line 2, column 5"),
        (b"[]", "no report of leanglot"),
        (b'{"a": "\xe9"}', "damaged: 'utf-8' codec"),
        (b"[" * 100_000, "damaged"),
        (SCHEMA_1.replace('"margin": 0.01', '"margin": "wide"').encode(), "margin: Input should be a valid number"),
        (SCHEMA_1.replace('"status": "unrefuted"', '"status": "fine"').encode(), "candidates[1].status"),
        (SCHEMA_1.replace('"model": "m", ', "").encode(), "model: Field required"),
        (SCHEMA_1.encode()[:-200], "line "),
    ],
)
def test_damage_is_told_by_place(tmp_path, content, fault):
    assert fault in damaged(tmp_path, content)


def test_a_missing_report(tmp_path):
    with pytest.raises(RunError, match="There is no report at"):
        read_report(tmp_path)
    with pytest.raises(RunError, match="There is no report at"):
        read_report(tmp_path / "gone")


def test_whoever_holds_the_lock_clears_leftovers(tmp_path):
    run = RunFolder(tmp_path / "run")
    run.create()
    (run.path / ".x.lg-new-1-1-ab").touch()
    run.candidate("int8").path.mkdir(parents=True)
    (run.candidates / ".int8.lg-new-1-1-ab").mkdir()
    (run.candidates / "int8" / ".artifact.lg-new-1-1-ab").mkdir()
    run.create()
    assert ".x.lg-new-1-1-ab" in names(run.path)  # they may be those of a run at work on another machine
    with run.locked():
        pass
    assert set(names(run.path)) - {".leanglot-lock"} == {".leanglot-run", "candidates"}
    assert names(run.candidates) == ["int8"]
    assert names(run.candidates / "int8") == []


def test_a_file_in_place_of_the_folder(tmp_path):
    (tmp_path / "run").touch()
    with pytest.raises(RunError, match="is a file; a run needs a folder"):
        RunFolder(tmp_path / "run").create()


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    def forbid(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "touch", forbid)
    with pytest.raises(RunError, match="is not writable") as caught:
        RunFolder(tmp_path / "run").create()
    assert "--out" in caught.value.hint


@pytest.mark.parametrize("path", ["a", "a/b.txt", "candidates/int8/artifact", "a/./b", "..a", "a.."])
def test_paths_inside_are_joined(tmp_path, path):
    assert inside(tmp_path, path) == (tmp_path / path).resolve()


@pytest.mark.parametrize(
    "path", ["..", "../x", "a/../../x", "a/..", "/etc/passwd", "C:\\x", "c:x", "\\x", "..\\x", "a\\..\\..\\x", "a\0b"]
)
def test_paths_that_lead_out_are_refused(tmp_path, path):
    with pytest.raises(RunError, match="leaves the folder"):
        inside(tmp_path, path)


def test_links_that_lead_out_are_refused(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "link").symlink_to(tmp_path)
    with pytest.raises(RunError, match="through a link"):
        inside(tmp_path / "run", "link/x")


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "report.md").write_text("my own")
    with pytest.raises(RunError, match="is no run folder and not empty") as caught:
        RunFolder(tmp_path).create()
    assert "--out" in caught.value.hint
    assert names(tmp_path) == ["report.md"]


def test_a_run_folder_of_before_is_taken_again(tmp_path, report):
    RunFolder(tmp_path / "old").create()
    RunFolder(tmp_path / "old").create()
    (tmp_path / "older").mkdir()
    RunFolder(tmp_path / "older").write_report(report)  # written before there was a marker
    RunFolder(tmp_path / "older").create()


def test_two_runs_do_not_share_a_folder(tmp_path):
    RunFolder(tmp_path).create()
    with RunFolder(tmp_path).locked(), pytest.raises(RunError, match="Another run is at work"):  # noqa: SIM117
        with RunFolder(tmp_path).locked():
            pass
    with RunFolder(tmp_path).locked():
        pass
    RunFolder(tmp_path).create()


def test_a_folder_that_cannot_be_locked(tmp_path):
    RunFolder(tmp_path).create()
    (tmp_path / ".leanglot-lock").mkdir()
    with pytest.raises(RunError, match="cannot be locked"), RunFolder(tmp_path).locked():
        pass
