"""Charts as files: PNG and SVG, the same bytes for the same report, each file complete or not there at all."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from leanglot.charts import drop_heatmap, language_accuracy, overview
from leanglot.charts.style import style
from leanglot.results.atomic import write_bytes_atomically
from leanglot.results.records import RunReport

CHARTS: Final[Mapping[str, Callable[[RunReport], Figure]]] = {
    "overview": overview.draw,
    "drop_heatmap": drop_heatmap.draw,
    "language_accuracy": language_accuracy.draw,
}
_PNG_DPI: Final = 150


def write_charts(report: RunReport, folder: Path) -> tuple[Path, ...]:
    """Draws every chart and writes it as PNG and as SVG.

    Args:
        report: The run.
        folder: Where the files go; made when missing. Files of the same names are replaced.

    Returns:
        The files written, such as ``overview.png`` and ``overview.svg``, in the order of `CHARTS`.

    Raises:
        StorageError: When the folder or a file cannot be written.
    """
    paths = []
    for name, draw in CHARTS.items():
        figure = draw(report)
        for suffix, content in (("png", png_bytes(figure)), ("svg", svg_bytes(figure))):
            paths.append(folder / f"{name}.{suffix}")
            write_bytes_atomically(paths[-1], content)
    return tuple(paths)


def png_bytes(figure: Figure) -> bytes:
    """The figure as PNG at 150 dots per inch, without a date or the name of a program."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="png", dpi=_PNG_DPI, metadata={"Software": None})
    return buffer.getvalue()


def svg_bytes(figure: Figure) -> bytes:
    """The figure as SVG with its letters as outlines, without a date; UTF-8."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
