"""How a training went for each language: accuracy on held-out examples, and the loss, epoch by epoch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from leanglot.charts.labels import drawable, language_name
from leanglot.charts.quantities import count, percent
from leanglot.charts.style import (
    GRID,
    INK,
    SMALL_SIZE,
    STATUS_COLOUR,
    bare,
    headline,
    legend_row,
    new_figure,
    panel_title,
    place,
    style,
)
from leanglot.results.terms import CLASSIFICATION, TRANSLATION, Terms
from leanglot.results.training import TrainingFacts

_WORST_COLOUR: Final = "#c8582a"
_KEPT_COLOUR: Final = "#1f78a8"
_WORST: Final = 3  # languages that are named
_SIZE: Final = (3.7, 2.9)
_LEFT: Final = 0.8
_NAMES: Final = 1.75
_HEAD: Final = 1.6
_FOOT: Final = 0.6
_APART: Final = 0.055  # of the height: the least distance of two names


def draw(name: str, facts: TrainingFacts) -> Figure:
    """Draws held-out accuracy and training loss by language, a line each, against the epochs.

    Args:
        name: Whose training it is, such as the candidate's name.
        facts: The training.

    Returns:
        A figure of its own. Where nothing was held out there is one panel, the loss.
    """
    held_out = any(epoch.held_out for epoch in facts.epochs)
    panels = 2 if held_out else 1
    width, height = panels * (_LEFT + _SIZE[0] + _NAMES), _HEAD + _SIZE[1] + _FOOT
    with style():
        figure = new_figure(width, height)
        for number in range(panels):
            axes = place(figure, _LEFT + number * (_LEFT + _SIZE[0] + _NAMES), _FOOT, *_SIZE)
            if held_out and number == 0:
                _draw_accuracy(axes, facts)
            else:
                _draw_loss(axes, facts)
        examples, terms = sum(facts.examples.values()), _terms(facts)
        headline(
            figure,
            f"Training of {drawable(name, 40)}",
            f"{count(examples)} {terms.example}s in {len(facts.examples)} {terms.language}s, "
            f"{count(facts.epochs[-1].step)} steps",
        )
        _draw_legend(figure, facts)
        figure.draw_without_rendering()
    return figure


def _terms(facts: TrainingFacts) -> Terms:
    """The words of what was trained for: only translation distils sequences."""
    return TRANSLATION if facts.technique == "distil-sequence" else CLASSIFICATION


def _draw_legend(figure: Figure, facts: TrainingFacts) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=INK,
            linewidth=2.4,
            marker="o",
            markersize=4,
            label=_terms(facts).told("mean over the languages"),
        ),
        Line2D([], [], color=_WORST_COLOUR, linewidth=1.5, label="worst at the end"),
        Line2D([], [], color=STATUS_COLOUR["baseline"], linewidth=0.8, label=_terms(facts).told("other languages")),
    ]
    if facts.kept is not None and facts.kept is not facts.epochs[-1]:
        handles.append(Line2D([], [], color=_KEPT_COLOUR, linestyle=(0, (5, 2)), label="weights taken"))
    legend_row(figure, handles, handlelength=2.0)


def _draw_accuracy(axes: Axes, facts: TrainingFacts) -> None:
    title = "Held-out tokens predicted right" if _terms(facts).translates else "Held-out examples answered right"
    panel_title(axes, title, "none of them trained on or judged")
    lines = {tag: [100 * epoch.held_out[tag].accuracy for epoch in facts.epochs] for tag in facts.epochs[-1].held_out}
    means = [100 * (epoch.mean or 0.0) for epoch in facts.epochs]
    _draw_lines(axes, facts, lines, means, lambda value: percent(value / 100), lowest=True)
    axes.yaxis.set_major_formatter(lambda value, _: percent(value / 100, 0))


def _draw_loss(axes: Axes, facts: TrainingFacts) -> None:
    panel_title(axes, "Loss while trained on", "mean over each epoch")
    tags = [tag for tag in facts.examples if all(tag in epoch.loss for epoch in facts.epochs)]
    lines = {tag: [epoch.loss[tag] for epoch in facts.epochs] for tag in tags}
    means = [sum(line[at] for line in lines.values()) / max(len(lines), 1) for at in range(len(facts.epochs))]
    _draw_lines(axes, facts, lines, means, lambda value: f"{value:.2f}", lowest=False)
    axes.set_ylim(bottom=0)


def _draw_lines(
    axes: Axes,
    facts: TrainingFacts,
    lines: Mapping[str, Sequence[float]],
    means: Sequence[float],
    said: Callable[[float], str],
    *,
    lowest: bool,
) -> None:
    places = [epoch.epoch for epoch in facts.epochs]
    ordered = sorted(lines, key=lambda tag: (lines[tag][-1], tag), reverse=not lowest)
    worst = ordered[:_WORST]
    for tag, values in lines.items():
        shown = tag in worst
        axes.plot(
            places,
            values,
            color=_WORST_COLOUR if shown else STATUS_COLOUR["baseline"],
            linewidth=1.5 if shown else 0.8,
            alpha=1.0 if shown else 0.7,
            marker="o" if len(places) == 1 else None,
            markersize=3,
            zorder=4 if shown else 3,
        )
    axes.plot(places, means, color=INK, linewidth=2.4, marker="o", markersize=4, zorder=5)
    _mark_kept(axes, facts)
    bare(axes)
    axes.grid(axis="y", color=GRID)
    axes.set_xticks(_ticks(places))
    axes.margins(x=0.03)
    axes.set_xlabel("epochs", fontsize=SMALL_SIZE)
    _name(axes, {tag: lines[tag][-1] for tag in worst}, said)


def _mark_kept(axes: Axes, facts: TrainingFacts) -> None:
    if facts.kept is not None and facts.kept is not facts.epochs[-1]:
        axes.axvline(facts.kept.epoch, color=_KEPT_COLOUR, linestyle=(0, (5, 2)), linewidth=1.2, zorder=2)


def _name(axes: Axes, ends: Mapping[str, float], said: Callable[[float], str]) -> None:
    """Names lines right of their ends, moved apart where they would lie on each other."""
    low, high = axes.get_ylim()
    heights = {tag: (value - low) / (high - low) for tag, value in ends.items()}
    floor = 0.0
    for tag in sorted(heights, key=lambda each: (heights[each], each)):
        at = max(heights[tag], floor)
        floor = at + _APART
        axes.annotate(
            f"{language_name(tag)} {said(ends[tag])}",
            (1.02, at),
            xycoords="axes fraction",
            fontsize=SMALL_SIZE,
            color=_WORST_COLOUR,
            va="center",
            annotation_clip=False,
        )


def _ticks(places: Sequence[float]) -> list[float]:
    """At most seven of the validations."""
    step = -(-len(places) // 7)
    return [round(place, 1) for place in places[::step]]
