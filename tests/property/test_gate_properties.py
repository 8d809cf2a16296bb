"""Properties of the gate, of its files, and of what reads stored runs."""

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gate_answers import answers, decided
from junit_rules import parsed
from leanglot.cli.parsing import by_language
from leanglot.decide.floors import hold_floors
from leanglot.decide.gate import GateRule
from leanglot.errors import LeanglotError, RunError
from leanglot.report.gate import MOST_CHARACTERS, render_gate
from leanglot.report.junit import render_junit
from leanglot.results.folder import read_report
from leanglot.results.gate import GateReport
from leanglot.results.salvage import salvage_report
from leanglot.results.stored_answers import find_stored

GOLDEN = (Path(__file__).parents[1] / "golden" / "report-v1-shaped.json").read_text(encoding="utf-8")
COUNTS = st.dictionaries(
    st.sampled_from(["de", "en", "sr-Latn", "sw", "th"]),
    st.tuples(*[st.integers(0, 40)] * 4).filter(any),
    min_size=1,
)
TEXTS = st.text(max_size=200)


@given(COUNTS, st.booleans(), st.floats(0.01, 1))
def test_the_exit_code_says_what_was_found(counts, strict, floor):
    found = decided(counts, GateRule(strict=strict, floor=floor))
    kinds = {each.verdict.verdict for each in found.languages.values()}
    floors = {each.floor.kind for each in found.languages.values()}
    failed, open_ = "harmed" in kinds or "below" in floors, "inconclusive" in kinds or "unproven" in floors
    assert found.exit_code == (1 if failed else 3 if open_ and strict else 0)
    assert (found.outcome == "passed") == (kinds == {"safe"} and floors == {"met"})
    for each in found.languages.values():
        flips = each.flips
        assert flips.right_to_wrong + flips.wrong_to_right <= flips.changed <= flips.n == each.verdict.n
        assert flips.right_to_wrong - flips.wrong_to_right == round(each.verdict.drop * flips.n)
        assert each.floor.low <= each.floor.accuracy <= each.floor.high


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 1))
def test_a_higher_floor_is_never_easier(counts, minimum):
    right, n = counts
    given_answers = answers(["de"] * n, [1] * right + [0] * (n - right))
    easier, harder = (hold_floors(given_answers, {"de": each}, 0.05)["de"].kind for each in (minimum / 2, minimum))
    order = ["met", "unproven", "below"]
    assert order.index(easier) <= order.index(harder)


@given(COUNTS, TEXTS, TEXTS, st.lists(TEXTS, max_size=5))
def test_whatever_the_texts_the_files_are_sound(counts, name, data, notes):
    report = decided(counts, GateRule(floor=0.5), names=(name, name), notes=notes, data=data)
    parsed(render_junit(report))
    text = render_gate(report)
    assert len(text) <= MOST_CHARACTERS
    assert text.count("<details>") == text.count("</details>") == 1
    assert text.startswith("### ")


@given(COUNTS)
def test_records_survive_json(counts):
    report = decided(counts, GateRule(floor=0.5)).model_copy(update={"created_at": datetime.now(UTC)})
    assert GateReport.model_validate_json(report.model_dump_json()) == report


# What parses


@given(st.lists(st.one_of(TEXTS, st.from_regex(r"[a-z]{2}=[0-9.]{1,4}", fullmatch=True)), max_size=4))
def test_limits_by_language_are_read_or_refused(options):
    with suppress(LeanglotError):
        assert len(by_language("--margin-for", options, "th=0.03")) == len(options)


@given(st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=60))
def test_any_word_is_a_stored_side_a_model_or_refused(side):
    with suppress(RunError):
        assert find_stored(side) is None


@given(st.data())
def test_a_report_damaged_anywhere_is_read_in_part_or_refused(tmp_path_factory, data):
    values = json.loads(GOLDEN)
    where = values
    while isinstance(where, dict | list) and where:
        keys = sorted(where) if isinstance(where, dict) else range(len(where))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(where[key], dict | list) or not where[key] or data.draw(st.booleans()):
            if data.draw(st.booleans()):
                where[key] = data.draw(st.sampled_from([None, -1, "x", [], {}, [1], {"a": 1}, True]))
            else:
                del where[key]
            break
        where = where[key]
    file = tmp_path_factory.getbasetemp() / "damaged.json"
    file.write_text(json.dumps(values), encoding="utf-8")
    try:
        whole = read_report(file)
    except RunError:
        whole = None
    try:
        found = salvage_report(file)
    except RunError:
        return
    names = {each.name for each in found.report.candidates}
    assert whole is None or not found.losses or {each.name for each in whole.candidates} >= names
    assert whole is not None or found.losses
    assert {answer.candidate for answer in found.report.recommendations.values()} <= names | {None}
    assert all({name, *way} <= names for name, way in found.report.chains.items())


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"schema_version": "1"}', "\ufeff{}", "[" * 100_000])
def test_what_is_no_report_is_refused(tmp_path, text):
    (tmp_path / "report.json").write_text(text, encoding="utf-8")
    for read in (read_report, salvage_report):
        with pytest.raises(RunError):
            read(tmp_path)
