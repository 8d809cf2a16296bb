from chart_texts import visible
from picture_runs import with_languages, with_spreads

from leanglot.charts.language_accuracy import shown_candidate
from leanglot.charts.latency_spread import draw, has_spreads


def texts(figure):
    return [text.get_text() for text in visible(figure)]


def boxes(figure):
    return [patch for patch in figure.get_axes()[0].patches if 0.25 < patch.get_height() < 0.35]


def test_there_is_a_box_for_baseline_and_candidate_in_each_language(golden):
    report = with_spreads(golden)
    figure = draw(report)
    rows = [report.candidates[0].languages, shown_candidate(report).languages]
    expected = {
        (round(row.latency_spread.p25, 6), round(row.latency_spread.p75, 6)) for each in rows for row in each.values()
    }
    drawn = {(round(box.get_x(), 6), round(box.get_x() + box.get_width(), 6)) for box in boxes(figure)}
    assert drawn == expected


def test_the_slowest_language_of_the_candidate_comes_first(golden):
    figure = draw(with_spreads(golden))
    medians = [text for text in texts(figure) if text.endswith(" ms") and text[0].isdigit()]
    report = with_spreads(golden)
    slowest = max(row.latency_p50_ms for row in shown_candidate(report).languages.values())
    assert f"{slowest:.1f} ms" == medians[1]


def test_too_few_calls_have_no_box_and_a_line_to_the_longest(golden):
    figure = draw(with_spreads(golden, 8))
    assert boxes(figure) == []
    assert "shortest to longest" in texts(figure)
    assert any("Calls per language and candidate: 8." in text for text in texts(figure))


def test_many_calls_reach_to_the_90th_percentile(golden):
    assert "shortest to 90th percentile" in texts(draw(with_spreads(golden, 90)))


def test_the_scale_is_logarithmic_where_they_lie_far_apart(golden):
    report = with_spreads(golden)
    assert draw(report).get_axes()[0].get_xscale() == "log"
    alone = report.model_copy(update={"candidates": report.candidates[:1], "recommendations": {}})
    figure = draw(alone)
    assert figure.get_axes()[0].get_xscale() == "linear"
    assert not any("logarithmic" in text for text in texts(figure))
    assert "candidate" not in texts(figure)


def test_a_run_without_spreads_says_so(golden):
    assert not has_spreads(golden)
    assert has_spreads(with_spreads(golden))
    figure = draw(golden)
    assert boxes(figure) == []
    assert any("did not keep" in text for text in texts(figure))


def test_tokens_tell_why_a_language_is_slow(golden):
    report = with_languages(with_spreads(golden), ["th"])
    tokens = shown_candidate(report).languages["th"].tokens_per_example
    assert f"{tokens:.1f}" in texts(draw(report))
