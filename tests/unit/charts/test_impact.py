from dataclasses import replace

import pytest
from chart_texts import visible
from picture_runs import with_languages

from leanglot.charts.impact import draw
from leanglot.charts.impact_points import Impact, ImpactPoint, impact_of_chain, impact_of_run
from leanglot.errors import RunError


def texts(figure):
    return [text.get_text() for text in visible(figure)]


def made(lines, *, cumulative=True, n=None, harmed=()):
    """Points of given retentions by language; the mean is that of all."""
    length = max(map(len, lines.values()))
    points = []
    for place in range(length):
        kept = {tag: line[place] for tag, line in lines.items() if line[place] is not None}
        mean = sum(kept.values()) / len(kept)
        hurt = frozenset(harmed if place == length - 1 else ())
        points.append(ImpactPoint(f"step {place}", "", kept, hurt, mean))
    return Impact("steps", "steps", tuple(points), n or dict.fromkeys(lines, 200), cumulative)


def test_the_worst_at_the_end_are_named_and_the_others_are_not():
    lines = {tag: [1.0, 0.5, end] for tag, end in zip("abcdefg", (1.0, 0.99, 0.9, 0.97, 0.95, 0.98, 0.96), strict=True)}
    impact = made({f"{tag}{tag}": line for tag, line in lines.items()})
    assert impact.worst(5) == ["cc", "ee", "gg", "dd", "ff"]
    shown = texts(draw(impact))
    assert any(text.endswith("90.0%") for text in shown)
    assert not any(text.endswith(" 99.0%") for text in shown)


def test_candidates_are_ranked_by_the_least_anywhere():
    lines = {"de": [1.0, 0.9, 1.0], "en": [1.0, 0.98, 0.97]}
    assert made(lines, cumulative=False).worst(2) == ["de", "en"]
    assert made(lines).worst(2) == ["en"]
    assert "German, least 90.0%" in texts(draw(made(lines, cumulative=False)))


def test_languages_of_few_examples_are_not_ranked_and_do_not_stretch_the_axis():
    few = made({"de": [1.0, 0.99], "sw": [1.0, 0.3]}, n={"de": 400, "sw": 10})
    few = replace(few, points=tuple(replace(point, mean=None) for point in few.points))
    assert few.worst(5) == ["de"]
    figure = draw(few)
    assert figure.get_axes()[0].get_ylim()[0] > -20
    assert "Fewer than 50 examples, not ranked, but in the mean: sw (10)." in texts(figure)
    assert made({"sw": [1.0, 0.3]}, n={"sw": 10}).worst(5) == ["sw"]


def test_a_collapse_makes_the_lower_part_logarithmic_and_says_so():
    figure = draw(made({"de": [1.0, 0.01, 0.99], "en": [1.0, 0.02, 1.01]}))
    assert figure.get_axes()[0].get_yscale() == "symlog"
    assert any("logarithmic" in text for text in texts(figure))
    assert draw(made({"de": [1.0, 0.98]})).get_axes()[0].get_yscale() == "linear"


def test_harm_is_marked():
    figure = draw(made({"de": [1.0, 0.95]}, harmed=("de",)))
    marks = [line for line in figure.get_axes()[0].get_lines() if line.get_marker() == "X"]
    assert sum(len(line.get_xdata()) for line in marks) == 1
    assert "harmed" in texts(figure)
    assert "harmed" not in texts(draw(made({"de": [1.0, 0.95]})))


def test_a_line_goes_on_across_what_is_unknown():
    impact = made({"de": [1.0, None, 0.97], "en": [1.0, 0.99, 0.98]})
    lines = [list(line.get_xdata()) for line in draw(impact).get_axes()[0].get_lines()]
    assert [0, 2] in lines


def test_the_run_s_candidates_come_by_size_and_failures_are_told(golden):
    impact = impact_of_run(golden)
    reductions = [golden.candidate(point.name).size_reduction for point in impact.points[1:]]
    assert reductions == sorted(reductions)
    assert impact.left_out == ("magnitude-50-int8",)
    assert "Left out, without the numbers: magnitude-50-int8." in texts(draw(impact))


def test_the_retentions_are_the_record_s(golden):
    impact = impact_of_run(golden)
    for point in impact.points[1:]:
        for tag, row in golden.candidate(point.name).languages.items():
            assert point.retention[tag] == pytest.approx(row.candidate / row.baseline)


def test_steps_that_nobody_asked_for_are_left_to_their_chain(golden):
    names = [each.name for each in golden.candidates]
    step = golden.candidates[2].model_copy(update={"name": f"{names[3]}.1-heads"})
    candidates = (*golden.candidates[:2], step, *golden.candidates[3:])
    chains = {names[3]: (names[0], names[1], step.name, names[3])}
    report = golden.model_copy(update={"candidates": candidates, "chains": chains})
    assert step.name not in {point.name for point in impact_of_run(report).points}
    assert names[1] in {point.name for point in impact_of_run(report).points}
    assert len(impact_of_chain(report, names[3]).points) == 4


def test_a_chain_of_unknown_candidates_is_an_error(golden):
    with pytest.raises(RunError, match="nobody"):
        impact_of_chain(golden.model_copy(update={"chains": {"int8": ("original", "nobody", "int8")}}), "int8")


def test_one_language_is_enough(golden):
    assert draw(impact_of_run(with_languages(golden, ["de"]))).get_axes()
