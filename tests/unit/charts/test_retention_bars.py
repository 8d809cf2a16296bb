from chart_texts import visible
from matplotlib.colors import to_hex
from picture_runs import with_languages

from leanglot.charts.retention_bars import draw


def texts(figure):
    return [text.get_text() for text in visible(figure)]


def only(golden, **changes):
    """One language of the recommended candidate, with these numbers."""
    report = with_languages(golden, ["th"])
    chosen = report.candidates[3]
    row = chosen.languages["th"].model_copy(update={"n": 900, "baseline": 0.8, **changes})
    shown = chosen.model_copy(update={"languages": {"th": row}})
    return report.model_copy(update={"candidates": (report.candidates[0], shown)})


def colour(figure):
    (bar,) = [patch for patch in figure.get_axes()[0].patches if 0.5 < patch.get_height() < 0.8]
    return to_hex(bar.get_facecolor()), bar.get_hatch()


def test_colours_follow_the_thresholds(golden):
    kept = colour(draw(only(golden, candidate=0.796, drop_low=0.0, drop_high=0.008)))
    reduced = colour(draw(only(golden, candidate=0.784, drop_low=0.012, drop_high=0.02)))
    lost = colour(draw(only(golden, candidate=0.7, drop_low=0.08, drop_high=0.12)))
    assert len({kept, reduced, lost}) == 3
    assert {hatch for _, hatch in (kept, reduced, lost)} == {None}


def test_what_cannot_be_told_is_hatched_and_counted(golden):
    wide = {"candidate": 0.7, "drop_low": -0.05, "drop_high": 0.25}
    for report in (only(golden, **wide), only(golden, **wide, n=5), only(golden, candidate=0.7, drop_low=None)):
        figure = draw(report)
        assert colour(figure)[1] == "////"
        assert "not enough data (1)" in texts(figure)


def test_an_unknown_accuracy_has_no_bar_and_says_so(golden):
    figure = draw(only(golden, candidate=None, drop_low=None, drop_high=None))
    assert "n/a" in texts(figure)
    assert not [patch for patch in figure.get_axes()[0].patches if 0.5 < patch.get_height() < 0.8]


def test_a_ratio_just_under_a_threshold_is_not_rounded_up_to_it(golden):
    assert "98.96%" in texts(draw(only(golden, candidate=0.8 * 0.9896, drop_low=0.0, drop_high=0.01)))
    assert "99.1%" in texts(draw(only(golden, candidate=0.8 * 0.991, drop_low=0.0, drop_high=0.01)))


def test_a_collapse_starts_the_axis_at_zero(golden):
    figure = draw(only(golden, candidate=0.04, drop_low=0.7, drop_high=0.8, verdict="harmed"))
    assert figure.get_axes()[0].get_xlim()[0] == 0
    assert not any("bars start at" in text for text in texts(figure))
    assert any("harmed" in text for text in texts(figure))


def test_the_start_of_a_cut_axis_is_told(golden):
    assert any("bars start at 90%" in text for text in texts(draw(golden)))


def test_the_lowest_comes_first_and_the_unknown_last(golden):
    figure = draw(golden)
    names = [text.get_text() for text in figure.get_axes()[0].texts]
    assert names.index("Chinese (Traditional)") < names.index("English") < names.index("Luxembourgish")


def test_a_baseline_alone_says_so(bare):
    assert any("The baseline alone" in text for text in texts(draw(bare)))
