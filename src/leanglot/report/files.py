"""The report as files: page, short text, spreadsheets, model card, charts; each complete or not there at all."""

from pathlib import Path

from leanglot.charts.files import write_charts
from leanglot.report.card import CARD_NAME, render_card
from leanglot.report.markdown import render_markdown
from leanglot.report.page import render_page
from leanglot.report.spreadsheet import spreadsheets
from leanglot.report.summary import primary
from leanglot.results.atomic import write_text_atomically
from leanglot.results.records import RunReport
from leanglot.results.storage import storage_errors


def write_report(report: RunReport, folder: Path) -> tuple[Path, ...]:
    """Writes the report into a folder, replacing what is there.

    That is ``report.html``, ``report.md``, ``report.csv``, ``languages.csv``, ``charts/`` and, where the report opens
    with a candidate, its model card ``card.md``. All is rendered before the texts are replaced, so that an error
    leaves the old ones.

    Args:
        report: The run.
        folder: Usually the run folder; made when missing.

    Returns:
        The files written: page, text, spreadsheets, card, then the charts.

    Raises:
        RunError: When the report names candidates that it does not have.
        StorageError: When the folder or a file cannot be written.
    """
    text, tables, shipped = render_markdown(report), spreadsheets(report), primary(report)
    charts = write_charts(report, folder / "charts")
    page = render_page(report, {path.stem: path for path in charts if path.suffix == ".svg"})
    card = folder / CARD_NAME
    written = {folder / "report.html": page, folder / "report.md": text}
    written |= {folder / name: content for name, content in tables}
    written |= {} if shipped is None else {card: render_card(report, shipped)}
    for path, content in written.items():
        write_text_atomically(path, content)
    if shipped is None:
        with storage_errors(card):
            card.unlink(missing_ok=True)  # of an earlier report, and true no more
    return (*written, *charts)
