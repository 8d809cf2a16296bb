"""The report as files: one page, one short text, the charts; each complete or not there at all."""

from pathlib import Path

from leanglot.charts.files import write_charts
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.results.atomic import write_text_atomically
from leanglot.results.records import RunReport


def write_report(report: RunReport, folder: Path) -> tuple[Path, ...]:
    """Writes ``report.html``, ``report.md`` and ``charts/`` into a folder, replacing those that are there.

    Everything is rendered before the page and the text are replaced, so that an error leaves the old ones.

    Args:
        report: The run.
        folder: Usually the run folder; made when missing.

    Returns:
        The files written: page, text, then the charts.

    Raises:
        RunError: When the report names candidates that it does not have.
        StorageError: When the folder or a file cannot be written.
    """
    text = render_markdown(report)
    charts = write_charts(report, folder / "charts")
    page = render_page(report, {path.stem: path for path in charts if path.suffix == ".svg"})
    written = {folder / "report.html": page, folder / "report.md": text}
    for path, content in written.items():
        write_text_atomically(path, content)
    return (*written, *charts)
