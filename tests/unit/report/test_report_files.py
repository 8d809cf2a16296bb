import pytest

from leanglot.errors import RunError
from leanglot.report.files import write_report
from leanglot.results.records import Recommendation


def test_page_text_and_charts_are_written(bare, tmp_path):
    paths = write_report(bare, tmp_path / "run")
    names = [path.relative_to(tmp_path / "run").as_posix() for path in paths]
    assert names[:2] == ["report.html", "report.md"]
    assert names[2:] == [
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
