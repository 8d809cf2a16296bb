"""Charts of importance: one colour scale, what was removed crossed out or framed, each language beside it."""

import math

import numpy as np
import pytest
from chart_texts import overlapping, visible
from matplotlib.collections import LineCollection, QuadMesh
from matplotlib.text import Text

from leanglot.charts.importance import draw, write_importance
from leanglot.errors import StorageError
from leanglot.results.shaping import ImportanceMap

TAGS = (
    "en", "de", "nl", "fr", "es", "it", "pt-BR", "pl", "nb", "sv", "ru", "zh-Hans", "zh-Hant", "ar", "sr-Latn", "ko",
    "ja", "tr", "vi", "hi", "th", "ur", "sw", "lb",
)  # fmt: skip


def measured(kind, layers, heads, tags=TAGS, removed=0.25, widths=None):
    """A map with a few units that matter much to some languages."""
    rng = np.random.default_rng(3)
    widths = widths or [heads] * layers
    base = rng.gamma(0.5, 1, (layers, heads))
    scores = {tag: base * rng.gamma(1.2, 1, (layers, heads)) for tag in tags}
    shares = {tag: each / each.sum() for tag, each in scores.items()}
    combined = np.max(list(shares.values()), axis=0)
    limit = np.sort(combined, axis=None)[int(removed * combined.size)]
    if kind == "ffn":
        kept = tuple((int(number),) for number in rng.integers(20, 96, layers) * 16)
    else:
        kept = tuple(
            tuple(unit for unit in range(width) if combined[layer, unit] >= limit) for layer, width in enumerate(widths)
        )
    return ImportanceMap(
        kind=kind,
        method="ablation" if kind == "layers" else "taylor",
        combine="worst",
        texts={tag: 21 + place % 2 for place, tag in enumerate(tags)},
        scores={tag: _rows(each, widths) for tag, each in shares.items()},
        combined=_rows(combined, widths),
        kept=kept,
    )


def _rows(scores, widths):
    return tuple(tuple(map(float, row[:width])) for row, width in zip(scores, widths, strict=True))


MAPS = {
    "heads": measured("heads", 12, 12),
    "few-heads": measured("heads", 2, 4, ("th", "de", "zh-Hans")),
    "ragged": measured("heads", 4, 12, TAGS[:7], widths=[12, 9, 3, 12]),
    "large": measured("heads", 24, 16),
    "ffn": measured("ffn", 12, 1),
    "few-ffn": measured("ffn", 2, 1, ("th", "de", "zh-Hans")),
    "deep-ffn": measured("ffn", 48, 1, TAGS[:5]),
    "layers": measured("layers", 12, 1),
    "few-layers": measured("layers", 2, 1, ("th", "de", "zh-Hans"), removed=0.5),
}


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text) if text.get_text().strip()]


def meshes(figure):
    return [mesh for axes in figure.axes for mesh in axes.collections if isinstance(mesh, QuadMesh)]


@pytest.fixture(scope="module", params=MAPS)
def drawn(request):
    return draw(MAPS[request.param], "multilingual-e5-small-intents-of-the-assistant-in-24-languages")


def test_everything_is_inside_of_the_figure(drawn):
    box, (width, height) = drawn.get_tightbbox(), drawn.get_size_inches()
    assert min(box.x0, box.y0) >= 0
    assert box.x1 <= width
    assert box.y1 <= height
    assert width <= 15


def test_no_two_texts_overlap(drawn):
    assert not overlapping(visible(drawn))


def test_all_heat_maps_share_one_scale_from_nothing_to_the_largest(drawn):
    limits = {(mesh.norm.vmin, mesh.norm.vmax) for mesh in meshes(drawn)}
    assert len(limits) == 1
    largest = max(mesh.get_array().max() for mesh in meshes(drawn))
    assert limits == {(0, largest)}


def test_darker_means_more_without_colour_too():
    colours = meshes(draw(MAPS["heads"], "m"))[0].cmap(np.linspace(0, 1, 32))
    greys = colours[:, :3] @ [0.299, 0.587, 0.114]
    assert (np.diff(greys) < 0).all()


def test_heads_are_drawn_for_all_and_for_each_language():
    figure = draw(MAPS["heads"], "m")
    assert len(meshes(figure)) == 1 + 24
    assert meshes(figure)[0].get_array().shape == (12, 12)
    shown = texts(figure)
    assert {"Thai", "Japanese", "Luxembourgish", "the largest over languages"} <= set(shown)
    assert "Measured by activation times gradient, on 516 texts in 24 languages, 21 to 22 of each" in shown


def test_removed_heads_are_crossed_out_everywhere():
    figure = draw(MAPS["heads"], "m")
    removed = sum(12 - len(kept) for kept in MAPS["heads"].kept)
    crosses = [item for axes in figure.axes for item in axes.collections if isinstance(item, LineCollection)]
    assert removed == 36
    assert [len(each.get_segments()) for each in crosses] == [2 * removed] * 25


def test_languages_come_by_the_share_that_was_removed():
    record = MAPS["few-heads"]
    lost = {
        tag: sum(
            score for layer, row in enumerate(rows) for unit, score in enumerate(row) if unit not in record.kept[layer]
        )
        for tag, rows in record.scores.items()
    }
    shown = texts(draw(record, "m"))
    shares = [f"{100 * lost[tag]:.1f}%" for tag in sorted(lost, key=lost.get, reverse=True)]
    assert [text for text in shown if text in shares] == shares


def test_layers_may_differ_in_heads():
    cells = meshes(draw(MAPS["ragged"], "m"))[0].get_array()
    assert cells.mask.sum() == 3 + 9
    assert not np.isnan(cells.compressed()).any()


def test_names_that_do_not_fit_are_told_apart_by_their_tags():
    assert {"Chinese zh-Hans", "Chinese zh-Hant"} <= set(texts(draw(MAPS["heads"], "m")))


def test_neurons_are_told_by_layer_with_bars_of_what_stays():
    record = MAPS["ffn"]
    figure = draw(record, "m")
    bars = [patch.get_height() for axes in figure.axes for patch in axes.patches if patch.get_width() == 0.72]
    assert bars == [kept for (kept,) in record.kept]
    assert f"{record.kept[0][0]:,}" in texts(figure)
    assert [mesh.get_array().shape for mesh in meshes(figure)] == [(24, 12), (1, 12)]
    assert meshes(figure)[0].get_array()[0].tolist() == [score for (score,) in record.scores["en"]]


def test_removed_layers_are_framed_and_named():
    record = MAPS["layers"]
    figure = draw(record, "m")
    removed = sum(not kept for kept in record.kept)
    assert removed == 3
    assert texts(figure).count("removed") == removed
    assert len(figure.artists) == removed


def test_one_language_and_nothing_removed():
    figure = draw(measured("layers", 4, 1, ("en",), removed=0), "m")
    assert "removed" not in texts(figure)
    assert "Measured by how answers change without it, on 21 texts in 1 language, 21 of each" in texts(figure)


def test_scores_of_nothing_and_unknown_texts_draw_too():
    record = MAPS["few-layers"].model_copy(
        update={"texts": {}, "scores": {"en": ((0.0,), (0.0,))}, "combined": ((0.0,), (0.0,))}
    )
    assert any("an unknown number of texts" in text for text in texts(draw(record, "m")))


def test_both_files_are_written_the_same_every_time(tmp_path):
    record = MAPS["few-heads"]
    first = write_importance(record, "m", tmp_path / "a", "importance-1-heads")
    second = write_importance(record, "m", tmp_path / "b", "importance-1-heads")
    assert [path.name for path in first] == ["importance-1-heads.png", "importance-1-heads.svg"]
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]
    assert b"<image" not in first[1].read_bytes()


def test_a_folder_that_is_a_file_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        write_importance(MAPS["few-ffn"], "m", tmp_path / "file", "x")


def test_scale_marks_are_readable():
    shown = texts(draw(MAPS["few-layers"], "m"))
    assert "0%" in shown
    assert any(text.endswith("square-root scale") for text in shown)
    assert math.isclose(1, sum(score for (score,) in MAPS["few-layers"].scores["th"]))
