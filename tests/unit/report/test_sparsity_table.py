import io

import pytest
from rich.console import Console

from leanglot.decide.verdict import judge
from leanglot.report.sparsity import sparsity_table
from leanglot.results.sparsity import KindResult, Probe, SparsitySearch

COUNTS = {"de": 4000, "sw": 10, "th": 200}


def record(**changes):
    """German is proven safe, Thai only not observed to drop by more, Swahili undecided."""
    tags = [tag for tag, number in COUNTS.items() for _ in range(number)]
    after = [True] * 4010 + [False] + [True] * 199
    verdicts = judge([True] * len(tags), after, tags)
    accuracy = {"de": 1.0, "sw": 1.0, "th": 0.995}
    found = Probe(kind="heads", sparsity=7 / 144, actual=7 / 144, accuracy=accuracy, macro_accuracy=1, within=True)
    reason = "With 4.9% of the attention heads gone no language that can be decided loses more than 1 point."
    heads = KindResult(
        kind="heads", outcome="found", sparsity=7 / 144, reason=reason, verdicts=verdicts, probes=(found,)
    )
    values = {
        "model": "tiny\x1b[31m",
        "max_drop": 0.01,
        "worst_language": True,
        "alpha": 0.05,
        "baseline": dict.fromkeys(COUNTS, 1.0),
        "examples": COUNTS,
        "undecided": ("sw",),
        "results": (heads, KindResult(kind="layers", outcome="none", sparsity=None, reason="Too much already.")),
        "notes": ("Chosen on the judged examples.",),
    }
    return SparsitySearch(**values | changes)


def shown(record, width=100):
    console = Console(width=width, file=io.StringIO())
    console.print(sparsity_table(record))
    return console.file.getvalue()


def line_of(text, start):
    return next(line.split() for line in text.splitlines() if line.startswith(start))


def test_each_kind_shows_what_was_found():
    text = shown(record())
    assert line_of(text, "heads ") == ["heads", "0.0487", "4.9%", "Thai", "(th)", "0.5", "1/0/2", "1"]
    assert line_of(text, "layers ") == ["layers", "none", "n/a", "n/a", "n/a", "0"]
    assert "no language may lose more than 1 point" in text
    assert "\x1b" not in text


def test_the_sparsity_can_be_typed_in_again_without_losing_a_head():
    typed = float(line_of(shown(record()), "heads ")[1])
    assert int(typed * 144) == 7


def test_what_is_proven_and_what_is_only_not_observed_are_told_apart():
    text = shown(record())
    assert line_of(text, "German (de)") == ["German", "(de)", "4,000", "100.0%", "0.0", "\N{CHECK MARK}"]
    assert line_of(text, "Thai (th)") == ["Thai", "(th)", "200", "100.0%", "\N{MINUS SIGN}0.5", "?"]
    assert line_of(text, "Swahili (sw) *") == ["Swahili", "(sw)", "*", "10", "100.0%", "0.0", "?"]
    assert "* not enough data to decide: sw (10)" in text
    assert "? only not observed to drop by more, or not enough data" in text


def test_reasons_and_notes_are_told():
    text = " ".join(shown(record()).split())
    assert "heads: With 4.9% of the attention heads gone no language that can be decided" in text
    assert "layers: Too much already." in text
    assert text.strip().endswith("Chosen on the judged examples.")


def test_where_nothing_was_found_there_is_no_table_of_languages():
    text = shown(record(results=record().results[1:], worst_language=False, max_drop=0.025))
    assert "German" not in text
    assert "the languages may on average not lose more than 2.5 points" in " ".join(text.split())


def test_a_language_without_a_verdict_is_absent_and_no_drop_is_said():
    heads = record().results[0]
    calm = heads.probes[0].model_copy(update={"accuracy": dict.fromkeys(COUNTS, 1.0)})
    partial = {tag: verdict for tag, verdict in heads.verdicts.items() if tag != "de"}
    text = shown(record(results=(heads.model_copy(update={"probes": (calm,), "verdicts": partial}),)))
    assert line_of(text, "German (de)")[-1] == "n/a"
    assert "no drop" in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_terminal(width):
    assert max(map(len, shown(record(), width).splitlines())) <= min(width, 100)
