"""Charts as files: PNG and SVG, the same bytes for the same report, each file complete or not there at all."""

import io
import re
from collections.abc import Callable, Collection, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from matplotlib.figure import Figure

from leanglot.charts import (
    break_even,
    cost,
    cost_latency,
    drop_heatmap,
    impact,
    language_accuracy,
    latency_spread,
    overview,
    retention_bars,
    teacher,
    training,
    waterfall,
)
from leanglot.charts.impact_points import impact_of_chain, impact_of_run, own_steps
from leanglot.charts.style import style
from leanglot.results.atomic import write_bytes_atomically
from leanglot.results.records import RunReport
from leanglot.results.training import TrainingFacts

CHARTS: Final[Mapping[str, Callable[[RunReport], Figure]]] = {
    "overview": overview.draw,
    "drop_heatmap": drop_heatmap.draw,
    "language_accuracy": language_accuracy.draw,
}
_PNG_DPI: Final = 150
_FEWEST_POINTS: Final = 3  # of a line over candidates, the baseline included


def fitting(report: RunReport) -> Mapping[str, Callable[[RunReport], Figure]]:
    """The charts for which a run has what they show, by name."""
    known: dict[str, tuple[bool, Callable[[RunReport], Figure]]] = {
        "retention_bars": (language_accuracy.shown_candidate(report) is not None, retention_bars.draw),
        "impact": (len(impact_of_run(report).points) >= _FEWEST_POINTS, _draw_impact),
        "teacher": (bool(teacher.students(report)), teacher.draw),
        "cost": (cost.has_amounts(report), cost.draw),
        "break_even": (break_even.has_choice(report), break_even.draw),
        "cost_latency": (cost_latency.has_costs(report), cost_latency.draw),
        "latency_spread": (latency_spread.has_spreads(report), latency_spread.draw),
    }
    return {name: draw for name, (fits, draw) in known.items() if fits}


def _draw_impact(report: RunReport) -> Figure:
    return impact.draw(impact_of_run(report))


def _draw_chain_impact(report: RunReport, name: str) -> Figure:
    return impact.draw(impact_of_chain(report, name))


def impacts(report: RunReport) -> Mapping[str, str]:
    """The candidates of which the run made steps of their own, by the name of the chart of what languages keep."""
    charts: dict[str, str] = {}
    for candidate in report.chains:
        if not own_steps(report, candidate):
            continue
        charts[_free_name("impact", candidate, charts)] = candidate
    return charts


def waterfalls(report: RunReport) -> Mapping[str, str]:
    """The candidates whose steps the run shows, by their chart's name, such as ``waterfall-small``."""
    charts: dict[str, str] = {}
    for candidate in report.chains:
        charts[_free_name("waterfall", candidate, charts)] = candidate
    return charts


def trainings(report: RunReport) -> Mapping[str, tuple[str, TrainingFacts]]:
    """The trainings of a run by their chart's name, such as ``training-small``, each with a candidate that has it.

    Candidates of one chain share a training: it is drawn once, by the name of the last of them.
    """
    whose: list[tuple[str, TrainingFacts]] = []
    for candidate in report.candidates:
        for facts in candidate.training if candidate.status != "failed" else ():
            whose = [(name, other) for name, other in whose if other != facts]
            whose.append((candidate.name, facts))
    charts: dict[str, tuple[str, TrainingFacts]] = {}
    for name, facts in whose:
        charts[_free_name("training", name, charts)] = (name, facts)
    return charts


def _free_name(kind: str, candidate: str, taken: Collection[str]) -> str:
    """The name of a candidate's chart."""
    # Reports come from outside, so a name may be none for a file, or differ from another in such signs alone.
    name = f"{kind}-{re.sub(r'[^A-Za-z0-9._-]', '-', candidate)[:100]}"
    return next(
        each for each in (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3))) if each not in taken
    )


def drawings(report: RunReport) -> Mapping[str, Callable[[RunReport], Figure]]:
    """What draws each chart of a run, by the chart's name: of every run, as they fit, each chain, each training."""
    steps = {name: partial(waterfall.draw, name=candidate) for name, candidate in waterfalls(report).items()}
    ways = {name: partial(_draw_chain_impact, name=candidate) for name, candidate in impacts(report).items()}
    courses = {name: partial(_draw_training, name=who, facts=facts) for name, (who, facts) in trainings(report).items()}
    return {**CHARTS, **fitting(report), **steps, **ways, **courses}


def _draw_training(_: RunReport, name: str, facts: TrainingFacts) -> Figure:
    return training.draw(name, facts)


def write_charts(report: RunReport, folder: Path) -> tuple[Path, ...]:
    """Draws every chart and writes it as PNG and as SVG.

    Args:
        report: The run.
        folder: Where the files go; made when missing. Files of the same names are replaced.

    Returns:
        The files written, such as ``overview.png`` and ``overview.svg``, in the order of `drawings`.

    Raises:
        RunError: When a chain names candidates that the report does not have.
        StorageError: When the folder or a file cannot be written.
    """
    return tuple(path for name, draw in drawings(report).items() for path in write_figure(draw(report), folder, name))


def write_figure(figure: Figure, folder: Path, stem: str) -> tuple[Path, Path]:
    """Writes a figure as PNG and as SVG.

    Args:
        figure: The figure.
        folder: Where the files go; made when missing. Files of the same names are replaced.
        stem: Their name without an ending.

    Returns:
        The files written, the PNG first.

    Raises:
        StorageError: When the folder or a file cannot be written.
    """
    png, svg = folder / f"{stem}.png", folder / f"{stem}.svg"
    write_bytes_atomically(png, png_bytes(figure))
    write_bytes_atomically(svg, svg_bytes(figure))
    return png, svg


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
