"""Where the time and the bytes are: for each part of the model a bar for its time beside one for its bytes."""

from typing import Final

from matplotlib.figure import Figure
from matplotlib.patches import Patch

from leanglot.charts.labels import drawable
from leanglot.charts.quantities import milliseconds, percent
from leanglot.charts.style import GRID, INK, MUTED, SMALL_SIZE, bare, headline, legend_row, new_figure, place, style
from leanglot.results.profile import EngineProfile, Profile
from leanglot.techniques import Runtime

_TIME: Final = "#1f78a8"
_BYTES: Final = "#d99a3a"
_WORD: Final = {
    "embeddings": "embeddings",
    "attention": "attention",
    "ffn": "feed-forward",
    "head": "head",
    "other": "other",
}
_ENGINE: Final[dict[Runtime, str]] = {"pytorch": "PyTorch", "onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}
_ROW: Final = 0.36  # inches per part
_ABOVE: Final = 0.45
_BELOW: Final = 0.3
_HEAD: Final = 0.95
_HIGH: Final = 0.38
Bar = tuple[str, float, float | None]
"""Name, share of the time, share of the bytes."""


def draw(record: Profile) -> Figure:
    """Draws one panel per engine, its parts from the input to the head.

    Args:
        record: The profile.

    Returns:
        A figure of its own. What no operator accounts for is a bar of its own where an engine's names tell the parts.
    """
    panels = [(engine, _bars(engine)) for engine in record.engines]
    height = _HEAD + sum(_ABOVE + _ROW * len(bars) + _BELOW for _, bars in panels) + 0.1
    with style():
        figure = new_figure(8.6, height)
        bottom = height - _HEAD
        for engine, bars in panels:
            bottom -= _ABOVE + _ROW * len(bars)
            _panel(figure, engine, bars, bottom)
            bottom -= _BELOW
        texts = record.texts
        lengths = f"texts of {texts.tokens_p50:g} tokens in the median, {texts.batch} per call"
        headline(
            figure,
            f"Where time and bytes are in {drawable(record.model.rstrip('/').rpartition('/')[2], 46)}",
            f"Share of the profiled time beside share of the weights' bytes; {lengths}.",
        )
        handles = [Patch(color=_TIME, label="of the time"), Patch(color=_BYTES, label="of the bytes")]
        legend_row(figure, handles, handlelength=1.2)
    return figure


def _bars(engine: EngineProfile) -> list[Bar]:
    bars: list[Bar] = [(_WORD[row.name], row.share, row.size_share if row.size_bytes else None) for row in engine.parts]
    if engine.hooked_p50_ms is None:
        bars.append(("no operator", engine.outside_share, None))
    return bars


def _panel(figure: Figure, engine: EngineProfile, bars: list[Bar], bottom: float) -> None:
    axes = place(figure, 1.35, bottom, 6.6, _ROW * len(bars))
    for position, (_, time, size) in enumerate(bars):
        for share, offset, colour in ((time, -_HIGH / 2, _TIME), (size, _HIGH / 2, _BYTES)):
            if share is None:
                continue
            axes.barh(position + offset, share, height=_HIGH, color=colour)
            text = percent(share, 1 if 0 < share < 0.01 else 0)
            axes.annotate(
                text, (share, position + offset), (4, 0), textcoords="offset points", va="center",
                fontsize=SMALL_SIZE - 1, color=INK,
            )  # fmt: skip
    axes.set_yticks(range(len(bars)), [name for name, _, _ in bars])
    axes.set_ylim(len(bars) - 0.5, -0.5)
    axes.set_xlim(0, 1.0)
    axes.xaxis.set_major_formatter(lambda value, _: percent(value, 0))
    axes.grid(axis="x", color=GRID)
    bare(axes)
    threads = f"{engine.threads} thread{'' if engine.threads == 1 else 's'}"
    title = f"{_ENGINE[engine.engine]}, {engine.origin}"
    axes.annotate(title, (0, 1), (0, 6), xycoords="axes fraction", textcoords="offset points", weight="bold")
    axes.annotate(
        f"median call {milliseconds(engine.unprofiled_p50_ms)}, {threads}", (1, 1), (0, 6), xycoords="axes fraction",
        textcoords="offset points", ha="right", fontsize=SMALL_SIZE, color=MUTED,
    )  # fmt: skip
