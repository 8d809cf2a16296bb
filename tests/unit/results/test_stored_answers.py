import pytest

from gate_answers import answers
from leanglot.errors import RunError
from leanglot.results.folder import RunFolder, read_report
from leanglot.results.predictions import write_predictions
from leanglot.results.stored_answers import examples_of, find_stored

ANSWERS = answers(["de"] * 3, [1, 0, 1])


@pytest.fixture
def run(tmp_path):
    """A run with answers of one of its candidates, and a folder of another without."""
    folder = RunFolder(tmp_path / "runs" / "mine")
    folder.create()
    write_predictions(folder.candidate("int8").predictions, ANSWERS)
    folder.candidate("failed").path.mkdir()
    return folder


def test_answers_are_found_by_file_folder_or_name(run, monkeypatch):
    candidate = run.candidate("int8")
    by_file = find_stored(str(candidate.predictions))
    by_folder, by_name = find_stored(str(candidate.path)), find_stored(f"{run.path}:int8")
    assert by_file == by_folder == by_name
    assert (by_file.file, by_file.artifact, by_file.run) == (candidate.predictions, None, run.path)
    assert by_file.size_bytes is None
    monkeypatch.chdir(candidate.path)
    assert find_stored("predictions.parquet").run == run.path.resolve()
    assert find_stored("../../:int8").run == run.path.resolve()
    assert find_stored(f"{run.report_json}:int8").run == run.path


def test_the_artifact_beside_them_tells_the_size(run):
    artifact = run.candidate("int8").artifact
    artifact.mkdir()
    (artifact / "leanglot.json").write_bytes(b"x" * 30)
    (artifact / "model.onnx").write_bytes(b"x" * 100)
    found = find_stored(f"{run.path}:int8")
    assert (found.artifact, found.size_bytes) == (artifact, 130)
    assert find_stored(str(artifact)) is None


def test_a_copied_file_belongs_to_no_run(tmp_path):
    write_predictions(tmp_path / "candidates" / "int8" / "predictions.parquet", ANSWERS)
    found = find_stored(str(tmp_path / "candidates" / "int8" / "predictions.parquet"))
    assert (found.run, found.artifact) == (None, None)
    assert find_stored(str(tmp_path / "candidates" / "int8")) == found


@pytest.mark.parametrize("side", ["intfloat/multilingual-e5-small", "model", "C:\\models\\x", "C:/models/x", ":x", ""])
def test_anything_else_is_a_model(side, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_stored(side) is None


def test_a_model_folder_is_a_model_whatever_its_name(tmp_path):
    for name in ("model", "a:b", "x.parquet"):
        (tmp_path / name).mkdir()
        assert find_stored(str(tmp_path / name)) is None


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(RunError, match="There are no predictions at"):
        find_stored(str(tmp_path / "nowhere.parquet"))


def test_a_whole_run_names_its_candidates(run):
    with pytest.raises(RunError, match="is a whole run") as caught:
        find_stored(str(run.path))
    assert caught.value.hint.endswith(f"{run.path}:int8. Candidates with predictions: int8.")


def test_a_candidate_without_answers_is_told(run):
    for side in (f"{run.path}:failed", f"{run.path}:other"):
        with pytest.raises(RunError, match="has no predictions of a candidate"):
            find_stored(side)
    with pytest.raises(RunError, match="has no predictions: it failed, or its run was cut short"):
        find_stored(str(run.candidate("failed").path))


def test_a_run_without_any_answers_is_told(tmp_path):
    RunFolder(tmp_path).create()
    with pytest.raises(RunError) as caught:
        find_stored(f"{tmp_path}:int8")
    assert "None of its candidates has any" in caught.value.hint


def test_a_run_that_is_none_is_told(tmp_path):
    with pytest.raises(RunError, match="is no run folder"):
        find_stored(f"{tmp_path / 'nowhere'}:int8")


@pytest.mark.parametrize("name", ["..", "../x", "a/b", "con"])
def test_names_stay_inside_the_run(run, name):
    with pytest.raises(RunError):
        find_stored(f"{run.path}:{name}")


# What the run's report says of the examples


@pytest.fixture
def reported(run, request):
    golden = read_report(request.config.rootpath / "tests/golden/report-v1.json")
    data = golden.data.model_copy(update={"examples": {"de": 3}})
    run.write_report(golden.model_copy(update={"data": data}))
    return run


def test_the_report_tells_what_was_answered(reported):
    data, notes = examples_of(find_stored(f"{reported.path}:int8"), ANSWERS)
    assert (data.digest, notes) == (read_report(reported.path).data.digest, ())


def test_without_a_report_the_texts_are_told_to_be_unchecked(reported, tmp_path):
    stored = find_stored(f"{reported.path}:int8")
    reported.report_json.write_text("{")
    data, notes = examples_of(stored, ANSWERS)
    assert data is None
    assert "was not checked, only labels, languages and groups: The report" in notes[0]
    reported.report_json.unlink()
    assert "There is no report at" in examples_of(stored, ANSWERS)[1][0]
    write_predictions(tmp_path / "p.parquet", ANSWERS)
    assert examples_of(find_stored(str(tmp_path / "p.parquet")), ANSWERS)[1][0].endswith("outside of a run folder.")


def test_a_report_of_other_examples_is_no_witness(reported):
    data, notes = examples_of(find_stored(f"{reported.path}:int8"), answers(["de"] * 4, [1] * 4))
    assert data is None
    assert notes[0].endswith("is of another set of examples.")
