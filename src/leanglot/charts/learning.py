"""A learning curve: accuracy against the number of training examples, a line per language and their mean."""

import math
import textwrap
from collections.abc import Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable, language_name
from leanglot.charts.line_ends import LineEnd, name_ends
from leanglot.charts.quantities import count, percent
from leanglot.charts.style import (
    GRID,
    INK,
    MUTED,
    SMALL_SIZE,
    STATUS_COLOUR,
    headline,
    keep_inside,
    legend_row,
    new_figure,
    place,
    style,
)
from leanglot.results.learning_curve import LearningCurve
from leanglot.results.measures import LanguageQuality, Quality
from leanglot.stats.means import interval_of_mean

_WORST: Final = 4
_FEW: Final = 50
_LINE: Final = "#c8582a"
_BAND: Final = 0.18
_LEFT: Final = 0.85
_NAMES: Final = 2.35
_SIZE: Final = (6.4, 3.9)
_HEAD: Final = 1.3
_CROWDED: Final = 0.09  # of the width: the least distance of two numbers on the axis
_SHIFT: Final = 0.006  # of the width: whiskers of the worst languages stand beside each other


def draw(record: LearningCurve) -> Figure:
    """Draws the curve on a logarithmic number of examples; the least accurate languages at its end are named.

    Args:
        record: The curve.

    Returns:
        A figure of its own.
    """
    width = _LEFT + _SIZE[0] + _NAMES
    notes = _notes(record)
    foot = 0.75 + 0.17 * len(notes)
    with style():
        figure = new_figure(width, _HEAD + _SIZE[1] + foot)
        axes = place(figure, _LEFT, foot, *_SIZE)
        worst = _worst(record)
        _set_axes(axes, record)
        _draw_others(axes, record, worst)
        _draw_worst(axes, record, worst)
        _draw_mean(axes, record)
        name_ends(axes, _ends(record, worst))
        headline(
            figure,
            f"What more examples teach {drawable(record.model, 44)}",
            f"Accuracy on {count(sum(record.data.examples.values()))} judged examples, none of them trained on; "
            f"trained on {drawable(record.training, 28)}",
        )
        _draw_legend(figure, worst)
        for number, note in enumerate(reversed(notes)):
            y = (0.14 + 0.17 * number) / figure.get_figheight()
            figure.text(0.25 / width, y, note, color=MUTED, size=SMALL_SIZE)
        figure.draw_without_rendering()
    return figure


def _notes(record: LearningCurve) -> list[str]:
    how = "for as many steps" if record.fixed_steps else "for as many passes over its examples"
    told = [
        f"Each point: a training of its own from the same start, {how}; the sets are nested.",
        "Shade and whiskers: 95% intervals of the judged examples; another seed can differ by more.",
        f"Named are languages of at least {_FEW} judged examples. The mean takes the languages as independent.",
    ]
    return [line for each in told for line in textwrap.wrap(each, 124)]


def _worst(record: LearningCurve) -> list[str]:
    """The least accurate languages at the end, among those with enough judged examples; all where none has."""
    last = record.points[-1].quality.languages
    enough = [tag for tag, each in last.items() if each.n >= _FEW] or list(last)
    return sorted(enough, key=lambda tag: (last[tag].accuracy, tag))[:_WORST]


def _mean(quality: Quality) -> tuple[float, float, float]:
    """Mean over the languages, with its interval."""
    rows = list(quality.languages.values())
    low, high = interval_of_mean(
        [row.accuracy for row in rows], [row.accuracy_low for row in rows], [row.accuracy_high for row in rows]
    )
    return quality.macro_accuracy, low, high


def _places(record: LearningCurve) -> list[int]:
    return [point.total for point in record.points]


def _line(record: LearningCurve, tag: str) -> list[LanguageQuality | None]:
    return [point.quality.languages.get(tag) for point in record.points]


def _tags(record: LearningCurve) -> list[str]:
    return sorted({tag for point in record.points for tag in point.quality.languages})


def _set_axes(axes: Axes, record: LearningCurve) -> None:
    places = _places(record)
    axes.set_xscale("log")
    room = 1.25 if len(places) == 1 else (places[-1] / places[0]) ** 0.04
    axes.set_xlim(places[0] / room, places[-1] * room)
    axes.set_xticks([], minor=True)
    axes.set_xticks(_ticks(axes, places))
    axes.xaxis.set_major_formatter(lambda value, _: count(round(value)))
    means = [_mean(point.quality) for point in record.points]
    lows = [each.accuracy_low for tag in _worst(record) for each in _line(record, tag) if each is not None]
    values = [each.accuracy for tag in _tags(record) for each in _line(record, tag) if each and each.n >= _FEW]
    lowest = min([*lows, *values, *(low for _, low, _ in means)])
    highest = max([*values, *(high for _, _, high in means), record.before.macro_accuracy])
    room_up = 0.05 * max(0.02, highest - lowest)
    axes.set_ylim(max(0.0, lowest - room_up), min(1.005, highest + room_up))
    keep_inside(axes.yaxis)
    axes.yaxis.set_major_formatter(lambda value, _: percent(value, 0) if highest - lowest > 0.05 else percent(value))
    axes.tick_params(length=0, labelsize=SMALL_SIZE)
    axes.grid(axis="y", color=GRID)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("training examples, all languages together", fontsize=SMALL_SIZE)
    axes.set_ylabel("accuracy", fontsize=SMALL_SIZE)


def _ticks(axes: Axes, places: Sequence[int]) -> list[int]:
    """The last point and those before it that stand well apart."""
    low, high = (math.log(end) for end in axes.get_xlim())
    kept: list[int] = []
    for each in reversed(places):
        if not kept or math.log(kept[-1] / each) / (high - low) > _CROWDED:
            kept.append(each)
    return kept


def _draw_others(axes: Axes, record: LearningCurve, worst: Sequence[str]) -> None:
    grey = STATUS_COLOUR["baseline"]
    for tag in _tags(record):
        if tag in worst:
            continue
        known = [(at, each.accuracy) for at, each in zip(_places(record), _line(record, tag), strict=True) if each]
        few = all(each is None or each.n < _FEW for each in _line(record, tag))
        axes.plot(
            [at for at, _ in known],
            [value for _, value in known],
            color=grey,
            linewidth=0.8,
            alpha=0.55,
            linestyle=(0, (1, 1.6)) if few else "-",
            marker="o" if len(known) == 1 else None,
            markersize=3,
            zorder=3,
        )


def _draw_worst(axes: Axes, record: LearningCurve, worst: Sequence[str]) -> None:
    low, high = axes.get_xlim()
    for number, tag in enumerate(worst):
        shift = (high / low) ** (_SHIFT * (number - (len(worst) - 1) / 2))
        known = [(at * shift, each) for at, each in zip(_places(record), _line(record, tag), strict=True) if each]
        axes.plot([at for at, _ in known], [each.accuracy for _, each in known], color=_LINE, linewidth=1.5, zorder=4)
        for at, each in known:
            axes.plot(
                [at] * 2, [each.accuracy_low, each.accuracy_high], color=_LINE, linewidth=0.9, alpha=0.7, zorder=4
            )
            axes.plot([at], [each.accuracy], marker="o", markersize=3.2, color=_LINE, zorder=4)


def _draw_mean(axes: Axes, record: LearningCurve) -> None:
    places, means = _places(record), [_mean(point.quality) for point in record.points]
    lows, highs = [low for _, low, _ in means], [high for _, _, high in means]
    axes.fill_between(places, lows, highs, color=INK, alpha=_BAND, linewidth=0, zorder=2)
    if len(places) == 1:
        axes.plot(places * 2, [lows[0], highs[0]], color=INK, linewidth=1.2, zorder=5)
    axes.plot(places, [mean for mean, _, _ in means], color=INK, linewidth=2.4, marker="o", markersize=4.5, zorder=5)
    bottom, _ = axes.get_ylim()
    before = record.before.macro_accuracy
    if before >= bottom:
        axes.axhline(before, color=MUTED, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2)
    what = "mean before training" if record.step.student is None else "mean of the whole model"
    said = f"{what} {percent(before)}" + ("" if before >= bottom else ", below the axis")
    axes.annotate(
        said,
        (0, max(before, bottom)),
        (4, 3),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        fontsize=SMALL_SIZE - 0.5,
        color=MUTED,
        zorder=6,
    )


def _ends(record: LearningCurve, worst: Sequence[str]) -> list[LineEnd]:
    last, at = record.points[-1].quality, _places(record)[-1]
    ends = [
        LineEnd(
            f"{drawable(language_name(tag), 20)} {percent(last.languages[tag].accuracy)}",
            at,
            last.languages[tag].accuracy,
            _LINE,
        )
        for tag in worst
    ]
    return [*ends, LineEnd(f"mean {percent(last.macro_accuracy)}", at, last.macro_accuracy, INK, "bold")]


def _draw_legend(figure: Figure, worst: Sequence[str]) -> None:
    handles = [
        Line2D([], [], color=INK, linewidth=2.4, marker="o", markersize=4.5, label="mean over the languages"),
        Patch(facecolor=INK, alpha=_BAND, linewidth=0, label="its 95% interval"),
        Line2D([], [], color=_LINE, linewidth=1.5, marker="o", markersize=3.2, label=f"worst {len(worst)} at the end"),
        Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=0.8, label="other languages"),
        Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=0.8, linestyle=(0, (1, 1.6)), label="few judged"),
    ]
    legend_row(figure, handles, handlelength=1.8)
