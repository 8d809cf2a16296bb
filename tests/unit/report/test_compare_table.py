import io

import pytest
from rich.console import Console

from gate_answers import answers, pair
from leanglot.decide.comparing import StoredRun, compare_runs
from leanglot.report.compare import comparison_table


def printed(one, other, answered=({}, {}), **settings):
    stored = (StoredRun(name, *each) for name, *each in zip(("A", "B"), (one, other), answered, strict=True))
    stream = io.StringIO()
    Console(file=stream, width=100).print(comparison_table(compare_runs(*stored, **settings)))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= 100
    return " ".join(text.split())


def with_candidate(report, name, **values):
    found = tuple(each.model_copy(update=values) if each.name == name else each for each in report.candidates)
    return report.model_copy(update={"candidates": found})


def test_what_changed_stands_out_and_what_did_not_is_the_same(golden):
    text = printed(golden, with_candidate(golden, "int8", size_bytes=99_900_000, speedup=9.87))
    assert "99.9 same 9.87×" in text
    assert "then same same same same same same same" in text
    assert "none could be compared answer by answer" in text


def test_changed_verdicts_are_named(golden):
    tag, row = next(item for item in golden.candidate("int8").languages.items() if item[1].verdict == "inconclusive")
    languages = {**golden.candidate("int8").languages, tag: row.model_copy(update={"verdict": "harmed"})}
    text = printed(golden, with_candidate(golden, "int8", languages=languages))
    assert f"({tag}) not proven to harmed." in text
    every = {tag: row.model_copy(update={"verdict": None if row.verdict is None else "harmed"})
             for tag, row in languages.items()}  # fmt: skip
    assert "languages more." in printed(golden, with_candidate(golden, "int8", languages=every))


def test_answers_are_told_from_run_to_run(golden):
    old, new = pair({"de": (460, 31, 9, 0)})
    same = answers(["de"], [1])
    text = printed(golden, golden, ({"int8": old, "onnx": same}, {"int8": new, "onnx": same}))
    assert "int8: 8.0% of the answers changed (31 right to wrong, 9 wrong to right); 92.0% agree." in text
    assert "The second run against the first: 1 of 1 languages is harmed: de." in text
    assert "onnx: all answers are the same." in text
    assert "int8 proven worse in a language; 1 with the same answers; 6 not compared answer by answer." in text


def test_no_harm_is_told_as_none(golden):
    old, new = pair({"de": (400, 1, 1, 0)})
    every = {each.name: old for each in golden.candidates}
    text = printed(golden, golden, (every, {each.name: new for each in golden.candidates}))
    assert "Of 8 candidates of equal name: none proven worse in any language." in text


@pytest.mark.parametrize("ignored", [False, True])
def test_ignored_machines_show_no_times(golden, ignored):
    assert ("speed-up" in printed(golden, golden, ignore_machine=ignored)) is not ignored


def test_candidates_of_one_run_alone_are_named(golden):
    text = printed(golden, golden.model_copy(update={"candidates": golden.candidates[:2]}))
    assert "Only A has int8, int8-embeddings," in text
    other = golden.model_copy(update={"candidates": (golden.candidates[0].model_copy(update={"name": "x"}),)})
    assert "The runs have no candidate of equal name." in printed(golden, other)
