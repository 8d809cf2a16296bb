"""How the latency of one text spreads in each language: the baseline beside one candidate."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from leanglot.charts.labels import drawable, drawable_name, language_tags, role_words
from leanglot.charts.language_accuracy import shown_candidate
from leanglot.charts.quantities import ABSENT, milliseconds
from leanglot.charts.style import (
    INK,
    MUTED,
    SMALL_SIZE,
    bare,
    headline,
    keep_inside,
    legend_row,
    new_figure,
    place,
    style,
    write_in_row,
)
from leanglot.results.records import LanguageResult, LatencySpread, RunReport
from leanglot.results.terms import terms_of

_ROW: Final = 0.33
_LEFT: Final = 3.15
_PANEL: Final = 5.4
_RIGHT: Final = 1.75
_HEAD: Final = 1.35
_FOOT: Final = 0.75
_BASELINE: Final = "#8592a1"
_CANDIDATE: Final = "#2683b3"
_LOGARITHMIC_FROM: Final = 8.0  # times between the shortest and the longest that is drawn
_OFFSET: Final = 0.2


@dataclass(frozen=True)
class _Row:
    tag: str
    before: LanguageResult | None
    after: LanguageResult | None

    @property
    def spreads(self) -> list[LatencySpread]:
        """Those that there are."""
        return [each for each in (_spread(self.before), _spread(self.after)) if each is not None]

    @property
    def slowness(self) -> tuple[float, str]:
        """Orders the rows: by the candidate's median, the baseline's where it has none; the unknown last."""
        medians = [_median(self.after), _median(self.before)]
        return -next((each for each in medians if each is not None), -1.0), self.tag


def has_spreads(report: RunReport) -> bool:
    """Whether any candidate of the run has kept how its latencies spread."""
    return any(
        result.latency_spread is not None for candidate in report.candidates for result in candidate.languages.values()
    )


def draw(report: RunReport) -> Figure:
    """Draws one row per language, the slowest first: quartiles as a box, the median in it, the range as a line.

    Args:
        report: The run; of its candidates the recommended one is shown beside the baseline.

    Returns:
        A figure of its own, higher the more languages there are. What so few calls cannot tell is not drawn.
    """
    candidate = shown_candidate(report)
    baseline = next((each for each in report.candidates if each.name == report.baseline), None)
    before = {} if baseline is None else baseline.languages
    after = {} if candidate is None else candidate.languages
    rows = sorted(
        (_Row(tag, before.get(tag), after.get(tag)) for tag in language_tags(report)), key=lambda row: row.slowness
    )
    height = _ROW * max(1, len(rows))
    with style():
        figure = new_figure(_LEFT + _PANEL + _RIGHT, _HEAD + height + _FOOT)
        axes = place(figure, _LEFT, _FOOT, _PANEL, height)
        spreads = [each for row in rows for each in row.spreads]
        to_p90 = bool(spreads) and all(each.p90 is not None for each in spreads)
        logarithmic = _set_axes(axes, len(rows), spreads, to_p90=to_p90)
        for number, row in enumerate(rows):
            _write_row(axes, number, row, has_candidate=candidate is not None)
            offset = 0.0 if candidate is None else _OFFSET
            _draw_box(axes, number + 0.5 - offset, _spread(row.before), _BASELINE, to_p90=to_p90)
            _draw_box(axes, number + 0.5 + offset, _spread(row.after), _CANDIDATE, to_p90=to_p90)
        shown = "The baseline" if candidate is None else drawable(candidate.name, 40)
        role = "" if candidate is None else f" ({role_words(report, candidate)}) beside the baseline"
        headline(
            figure,
            terms_of(report.metric).told("Latency in each language"),
            f"{shown}{role}; one text at a time, tokenization outside; medians on the right",
        )
        _draw_legend(figure, report, None if candidate is None else candidate.name, to_p90=to_p90)
        _write_note(figure, spreads, terms_of(report.metric).language, logarithmic=logarithmic)
        figure.draw_without_rendering()
    return figure


def _spread(result: LanguageResult | None) -> LatencySpread | None:
    return None if result is None else result.latency_spread


def _median(result: LanguageResult | None) -> float | None:
    if result is None:
        return None
    return result.latency_p50_ms if result.latency_spread is None else result.latency_spread.p50


def _set_axes(axes: Axes, rows: int, spreads: Sequence[LatencySpread], *, to_p90: bool) -> bool:
    """Sets the axes.

    Returns:
        Whether the scale is logarithmic.
    """
    lows = [each.low for each in spreads if each.low is not None and each.low > 0]
    tops = [top for each in spreads if (top := each.p90 if to_p90 else each.high) is not None]
    low, high = min(lows, default=0.0), max(tops, default=1.0)
    logarithmic = low > 0 and high / low > _LOGARITHMIC_FROM
    if logarithmic:
        axes.set_xscale("log")
        axes.set_xlim(low / 1.15, high * 1.1)
        decades = high / low > 100
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if decades else (1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        axes.set_xlim(0, 1.06 * high)
        axes.xaxis.set_major_locator(MaxNLocator(6))
    keep_inside(axes.xaxis)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g} ms")
    axes.set_ylim(max(1, rows), 0)
    axes.grid(visible=True, axis="x")
    bare(axes)
    axes.set_yticks([])
    for row in range(1, rows, 2):
        axes.axhspan(row, row + 1, color=INK, alpha=0.035, linewidth=0, zorder=0)
    return logarithmic


def _write_row(axes: Axes, number: int, row: _Row, *, has_candidate: bool) -> None:
    known = row.after or row.before
    tokens = None if known is None else known.tokens_per_example
    write_in_row(axes, (0, number), drawable_name(row.tag, 26), 72 * (0.25 - _LEFT), "left", INK)
    write_in_row(axes, (0, number), drawable(row.tag, 9), -72 * 1.15, "left", MUTED)
    write_in_row(axes, (0, number), ABSENT if tokens is None else f"{tokens:.1f}", -8, "right", MUTED)
    columns = [(0.68, row.before)] + ([(1.5, row.after)] if has_candidate else [])
    for inches, result in columns:
        median = _median(result)
        write_in_row(
            axes, (1, number), milliseconds(median), 72 * inches, "right", MUTED if result is row.before else INK
        )
    if number == 0:
        write_in_row(axes, (0, -1), "tokens", -8, "right", MUTED)
        write_in_row(axes, (1, -1), "baseline", 72 * 0.68, "right", MUTED)
        if has_candidate:
            write_in_row(axes, (1, -1), "candidate", 72 * 1.5, "right", MUTED)


def _draw_box(axes: Axes, height: float, spread: LatencySpread | None, colour: str, *, to_p90: bool) -> None:
    if spread is None or spread.p50 is None:
        return
    top = spread.p90 if to_p90 else spread.high
    if spread.low is not None and top is not None:
        axes.plot([spread.low, top], [height] * 2, color=colour, linewidth=1.0, solid_capstyle="butt", zorder=2)
    if spread.p25 is not None and spread.p75 is not None:
        axes.barh(height, spread.p75 - spread.p25, left=spread.p25, height=0.3, color=colour, zorder=3)
    axes.plot([spread.p50], [height], marker="|", markersize=9, markeredgewidth=1.8, color=INK, zorder=4)


def _draw_legend(figure: Figure, report: RunReport, candidate: str | None, *, to_p90: bool) -> None:
    handles: list[Patch | Line2D] = [Patch(color=_BASELINE, label=f"baseline: {drawable(report.baseline, 24)}")]
    if candidate is not None:
        handles.append(Patch(color=_CANDIDATE, label="candidate"))
    reach = "90th percentile" if to_p90 else "longest"
    handles += [
        Patch(facecolor="none", edgecolor=MUTED, label="box: middle half of the calls"),
        Line2D([], [], color=INK, marker="|", markersize=9, markeredgewidth=1.8, linewidth=0, label="median"),
        Line2D([], [], color=MUTED, linewidth=1.0, label=f"shortest to {reach}"),
    ]
    legend_row(figure, handles, handlelength=1.2, handleheight=0.8)


def _write_note(figure: Figure, spreads: Sequence[LatencySpread], noun: str, *, logarithmic: bool) -> None:
    calls = sorted({each.n for each in spreads})
    if not calls:
        told = "This run did not keep how its latencies spread: only the medians are known."
    else:
        number = f"{calls[0]}" if len(calls) == 1 else f"{calls[0]} to {calls[-1]}"
        told = f"Calls per {noun} and candidate: {number}. Tokens: mean per text, as the candidate splits it."
    scale = " The scale is logarithmic." if logarithmic else ""
    width, height = figure.get_size_inches()
    figure.text(0.25 / width, 0.16 / height, f"{told}{scale}", color=MUTED, fontsize=SMALL_SIZE)
