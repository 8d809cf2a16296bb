"""The waterfall of a chain: bars, changes, levels, and who pays at which step."""

import pytest
from chart_texts import overlapping, upright
from matplotlib.patches import Rectangle

from leanglot.charts.files import drawings, svg_bytes, write_charts
from leanglot.charts.waterfall import draw


def texts(axes):
    return [text.get_text() for text in axes.texts]


def bars(axes):
    return [patch for patch in axes.patches if isinstance(patch, Rectangle)]


def few(report, *tags):
    """The same with fewer languages."""
    kept = [
        each.model_copy(update={"languages": {tag: row for tag, row in each.languages.items() if tag in tags}})
        for each in report.candidates
    ]
    data = report.data.model_copy(update={"examples": {tag: report.data.examples[tag] for tag in tags}})
    return report.model_copy(update={"candidates": tuple(kept), "data": data})


def renamed(report, name):
    """The same with a long name and long words."""
    chain = [each.model_copy(update={"name": f"{name}-{place}"}) for place, each in enumerate(report.candidates)]
    return report.model_copy(
        update={
            "candidates": tuple(chain),
            "baseline": chain[0].name,
            "chains": {"small": tuple(each.name for each in chain)},
            "model": name,
        }
    )


def hollowed(report):
    """The same without a single measure but the baseline's."""
    nothing = {"size_bytes": None, "speedup": None, "size_reduction": None, "macro_accuracy": None, "languages": {}}
    first, *others = report.candidates
    return report.model_copy(update={"candidates": (first, *(each.model_copy(update=nothing) for each in others))})


@pytest.fixture(scope="module")
def drawn(chained):
    return draw(chained, "small")


@pytest.fixture(scope="module", params=["whole", "broken", "three", "one", "long", "hollow"])
def figure(request, chained, broken):
    reports = {
        "whole": lambda: chained,
        "broken": lambda: broken,
        "three": lambda: few(chained, "en", "th", "lb"),
        "one": lambda: few(broken, "th"),
        "long": lambda: renamed(chained, "multilingual-e5-small-of-the-assistant-" * 3),
        "hollow": lambda: hollowed(chained),
    }
    return draw(reports[request.param](), "small")


def test_everything_is_inside_of_the_figure(figure):
    drawn, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert min(drawn.x0, drawn.y0) >= 0
    assert drawn.x1 <= width
    assert drawn.y1 <= height


def test_no_two_texts_overlap(figure):
    assert not overlapping(upright(figure))


def test_bars_fall_from_each_level_to_the_next(drawn):
    size = [(bar.get_x(), bar.get_x() + bar.get_width()) for bar in bars(drawn.axes[0])]
    assert size[0] == (0, 471_300_000)
    assert size[2] == pytest.approx((126_400_000, 470_800_000))
    assert size[4] == pytest.approx((33_900_000, 119_900_000))
    assert size[5] == (0, 33_900_000)


def test_changes_and_levels_stand_beside_them(drawn):
    size, median = map(texts, drawn.axes[:2])
    assert [text for text in size if text.endswith("MB")][:5] == [
        "471.3 MB",
        "−0.5 MB",
        "470.8 MB",
        "−344.4 MB",
        "126.4 MB",
    ]
    assert "92.8% smaller" in size
    assert {"−29.9%", "70.1%", "4.90× as fast", "20.4%"} <= set(median)


def test_a_step_that_makes_it_slower_says_so_in_another_colour(chained):
    slower = chained.candidates[2].model_copy(update={"speedup": 41.2 / 35.0})
    report = chained.model_copy(update={"candidates": (*chained.candidates[:2], slower, *chained.candidates[3:])})
    time = draw(report, "small").axes[1]
    assert "+14.8% slower" in texts(time)
    taken, added = bars(time)[1], bars(time)[2]
    assert added.get_facecolor() != taken.get_facecolor()
    assert (added.get_x(), added.get_x() + added.get_width()) == pytest.approx((28.9 / 41.2, 35.0 / 41.2))


def test_a_change_below_noise_is_neither(chained):
    same = chained.candidates[2].model_copy(update={"speedup": 41.2 / 30.0, "size_bytes": 470_800_010})
    median_of = chained.model_copy(update={"candidates": (*chained.candidates[:2], same, *chained.candidates[3:])})
    figure = draw(median_of, "small")
    assert [texts(axes).count("about the same") for axes in figure.axes[:2]] == [1, 1]


def test_what_failed_or_lacks_a_measure_says_so_and_what_follows_spans_it(broken):
    size, median, grid, *_ = draw(broken, "small").axes
    assert "n/a: not measured" in texts(size)
    assert "failed" in texts(size)
    assert "−436.9 MB (3 steps)" in texts(size)
    assert len(bars(size)) == len(bars(median)) == 4
    assert "failed: RecipeError: no heads" in texts(grid)


def test_without_a_value_before_there_is_no_change(chained):
    first = chained.candidates[0].model_copy(update={"size_bytes": None})
    figure = draw(chained.model_copy(update={"candidates": (first, *chained.candidates[1:])}), "small")
    assert {"n/a: not measured", "none before", "470.8 MB"} <= set(texts(figure.axes[0]))


def test_a_chain_that_failed_at_its_end_has_nothing_that_remains(chained):
    failed = chained.candidates[-1].model_copy(
        update={"status": "failed", "reason": "no space", "size_bytes": None, "speedup": None, "languages": {}}
    )
    size, _, grid, *_ = draw(
        chained.model_copy(update={"candidates": (*chained.candidates[:-1], failed)}), "small"
    ).axes
    assert texts(size).count("failed") == 2
    assert texts(grid).count("failed: no space") == 2


def test_the_grid_has_each_steps_own_drop_and_the_verdict_after_it(chained):
    grid = draw(few(chained, "ko"), "small").axes[2]
    shown = texts(grid)
    before, after = (chained.candidate(name).languages["ko"] for name in ("small.2-heads", "small"))
    assert f"+{100 * (before.candidate - after.candidate):.1f}" in shown
    assert "+6.2" in shown  # all steps together, as the verdict has it
    assert shown.count("✗") == 2
    assert shown.count("✗") + shown.count("?") + shown.count("✓") == 5


def test_languages_newly_harmed_are_framed(chained, drawn):
    frames = [patch for patch in drawn.axes[2].patches if not patch.get_fill()]
    assert len(frames) == 12
    assert not [patch for patch in draw(few(chained, "ur"), "small").axes[2].patches if not patch.get_fill()]


def test_every_language_has_a_column(chained, drawn):
    names = [text for text in texts(drawn.axes[2]) if text.endswith(tuple(f"  {tag}" for tag in chained.data.examples))]
    assert len(names) == 24
    assert names[0].endswith("th")


def test_charts_of_steps_are_written_where_there_are_chains(chained, golden, tmp_path):
    assert not [name for name in drawings(golden) if name.startswith("waterfall")]
    written = [path.name for path in write_charts(chained, tmp_path)]
    steps = [f"{kind}-small.{ending}" for kind in ("waterfall", "impact") for ending in ("png", "svg")]
    assert written[-4:] == steps
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(written)


def test_names_of_files_are_fit_for_files_and_differ(chained):
    chain = chained.chains["small"]
    names = ("../../a", "..?..?a", "日本", "x" * 300)
    report = chained.model_copy(update={"chains": dict.fromkeys(names, chain)})
    charts = [name for name in drawings(report) if name.startswith("waterfall")]
    assert charts[:3] == ["waterfall-..-..-a", "waterfall-..-..-a-2", "waterfall---"]
    assert len(charts[3]) < 120


def test_the_same_report_gives_the_same_drawing(chained):
    first, second = (svg_bytes(draw(chained, "small")) for _ in range(2))
    assert first == second
    assert b"<image" not in first
