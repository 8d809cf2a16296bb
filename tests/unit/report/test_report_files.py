import pytest

from leanglot.errors import RunError
from leanglot.report.files import write_report
from leanglot.results.records import Recommendation


def test_page_text_and_charts_are_written(bare, tmp_path):
    paths = write_report(bare, tmp_path / "run")
    names = [path.relative_to(tmp_path / "run").as_posix() for path in paths]
    assert names[:4] == ["report.html", "report.md", "report.csv", "languages.csv"]
    assert names[4:] == [
        f"charts/{name}.{kind}" for name in ("overview", "drop_heatmap", "language_accuracy") for kind in ("png", "svg")
    ]
    assert all(path.stat().st_size > 0 for path in paths)
    assert len([path for path in (tmp_path / "run").rglob("*") if path.is_file()]) == len(paths)


def test_an_unusable_report_leaves_the_old_files(bare, tmp_path):
    (tmp_path / "report.html").write_text("old")
    lost = Recommendation(candidate="gone", reason="", accuracy_tolerance=0)
    with pytest.raises(RunError):
        write_report(bare.model_copy(update={"recommendations": {"speed": lost}}), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
    assert (tmp_path / "report.html").read_text() == "old"


def test_the_candidate_that_the_report_opens_with_gets_a_card_that_does_not_outlive_it(golden, bare, tmp_path):
    paths = write_report(golden, tmp_path)
    assert tmp_path / "card.md" in paths
    assert "model-index:" in (tmp_path / "card.md").read_text(encoding="utf-8")
    assert tmp_path / "card.md" not in write_report(bare, tmp_path)
    assert not (tmp_path / "card.md").exists()
