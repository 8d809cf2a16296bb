import pytest
from chart_texts import visible
from picture_runs import with_students

from leanglot.charts.teacher import draw, students
from leanglot.techniques import Distillation


def texts(figure):
    return [text.get_text() for text in visible(figure)]


def test_students_are_those_that_learned_from_the_teacher_s_answers(golden):
    assert students(golden) == ()
    report = with_students(golden)
    names = {each.name for each in students(report)}
    assert names == {each.name for each in report.candidates[2:] if each.status != "failed"}
    tuned = golden.candidates[2].model_copy(update={"recipe": (Distillation(alpha=0.0),)})
    assert students(golden.model_copy(update={"candidates": (golden.candidates[0], tuned)})) == ()


def test_the_slowest_comes_first(golden):
    medians = [each.latency_ms.p50 for each in students(with_students(golden))]
    assert medians == sorted(medians, reverse=True)


def test_each_tells_its_size_latency_and_accuracies(golden):
    report = with_students(golden)
    shown = texts(draw(report))
    assert "teacher" in shown
    for each in (report.candidates[0], *students(report)):
        assert f"{each.size_bytes / 1e6:.1f} MB" in shown
        rows = each.languages
        mean = sum(row.candidate for row in rows.values()) / len(rows)
        assert f"{100 * mean:.1f}%" in shown
        worst = min((row.candidate, tag) for tag, row in rows.items() if row.n >= 50)
        assert f"{worst[1]} {100 * worst[0]:.1f}%" in shown


def test_bars_are_the_medians(golden):
    report = with_students(golden)
    _, time = draw(report).get_axes()
    shown = [report.candidates[0], *students(report)]
    assert [patch.get_height() for patch in time.patches] == pytest.approx([each.latency_ms.p50 for each in shown])


def test_what_is_unknown_reads_so(golden):
    report = with_students(golden)
    first, second, third, *_ = report.candidates
    blank = third.model_copy(update={"latency_ms": None, "speedup": None, "size_bytes": None, "languages": {}})
    figure = draw(report.model_copy(update={"candidates": (first, second, blank)}))
    assert texts(figure).count("n/a") == 4
    assert len(figure.get_axes()[1].patches) == 1
