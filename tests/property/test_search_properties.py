"""Properties of what a search reads and decides: lengths of time, keys of recipes, the part of the data, the choice."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.config.deciding import SearchConfig, seconds_of
from leanglot.decide.pareto import pareto_flags
from leanglot.results.records import Candidate, LanguageResult
from leanglot.results.searching import Levels
from leanglot.searching.choice import choose
from leanglot.searching.recipes import candidate_of, recipe_key
from leanglot.searching.screening import part_of

NUMBERS = st.decimals(min_value="0.01", max_value="999", places=2)
LEVELS = st.builds(
    Levels,
    scheme=st.sampled_from(["fp32", "int8", "int8-emb", "int8-static", "int4-weights", "openvino-int8"]),
    vocabulary=st.sampled_from(["whole", "used", "frequent"]),
    layers=st.integers(0, 4),
    heads=st.sampled_from([0, 10, 20, 50]),
    ffn=st.sampled_from([0, 30, 60]),
    student=st.just(0),
)


@given(NUMBERS, st.sampled_from("smh"), st.sampled_from(["", " "]))
def test_a_length_of_time_is_its_number_of_units(number, unit, space):
    seconds = seconds_of(f" {number}{space}{unit}")
    assert seconds == pytest.approx(float(number) * {"s": 1, "m": 60, "h": 3600}[unit])
    assert SearchConfig(budget_s=f"{number}{unit}").budget_s == seconds


@given(st.text(max_size=12))
def test_any_other_text_is_refused_and_never_a_budget(text):
    if re.fullmatch(r"\d+(\.\d+)?\s*[smh]", text.strip(), re.ASCII):
        return
    with pytest.raises(ValueError, match="is no length of time; write one such as 90s, 30m or"):
        seconds_of(text)


@pytest.mark.parametrize("text", ["", "0s", "-5m", "30", "m", "1e3s", "1h30m", "infs", "nans", "٣m", "9000h", "5 M"])
def test_what_looks_like_a_length_of_time_and_is_none(text):
    with pytest.raises(ValueError, match="is no length of time"):
        seconds_of(text)


@given(LEVELS, LEVELS)
def test_two_points_are_one_recipe_only_where_they_are_one_point(one, other):
    first, second = candidate_of(one, 12), candidate_of(other, 12)
    assert (recipe_key(first) == recipe_key(second)) == (one == other)
    assert (first.name == second.name) == (one == other)
    renamed = first.model_copy(update={"name": "other"})
    assert recipe_key(renamed) == recipe_key(first)


@given(LEVELS, LEVELS, LEVELS)
def test_deeper_cuts_are_an_order(one, other, third):
    assert one.cuts_at_least(one)
    if one.cuts_at_least(other) and other.cuts_at_least(one):
        assert one == other
    if one.cuts_at_least(other) and other.cuts_at_least(third):
        assert one.cuts_at_least(third)


@given(st.lists(st.sampled_from(["de", "en", "sw", "th"]), min_size=1, max_size=600), st.integers(0, 9))
def test_the_part_holds_every_language(languages, seed):
    part = part_of(languages, seed)
    assert list(part) == sorted(set(part))
    assert {languages[place] for place in part} == set(languages)
    assert len(part) >= min(300, len(languages))


def _candidate(number: int, speed: float, size: int, drop: float, *, rejected: bool) -> Candidate:
    result = LanguageResult(n=100, baseline=0.9, candidate=0.9 - drop, drop=drop)
    return Candidate(
        name=f"c{number}",
        runtime="onnxruntime",
        status="rejected" if rejected else "unrefuted",
        speedup=speed,
        size_bytes=size,
        accuracy=0.9 - drop,
        languages={"de": result},
    )


_MEASURED = st.tuples(
    st.sampled_from([0.5, 1.0, 2.0, 4.0, 8.0]), st.integers(1, 6), st.sampled_from([0.0, 0.005, 0.02]), st.booleans()
)
_BASELINE = Candidate(
    name="base", runtime="pytorch", status="baseline", speedup=1.0, size_bytes=5, accuracy=0.9,
    languages={"de": LanguageResult(n=100, baseline=0.9, candidate=0.9)},
)  # fmt: skip


@given(st.lists(_MEASURED, max_size=12), st.integers(1, 5))
def test_what_is_shown_seems_to_be_on_the_front_only_where_it_is(measured, most):
    made = [
        _candidate(number, speed, size, drop, rejected=rejected)
        for number, (speed, size, drop, rejected) in enumerate(measured)
    ]
    names = choose([_BASELINE, *made], most=most)
    flags = pareto_flags([_BASELINE, *made])
    shown = [_BASELINE, *(each for each in made if each.name in names)]
    assert {name: flag for name, flag in pareto_flags(shown).items() if name in names} == {
        name: flags[name] for name in names
    }
    assert list(names) == [each.name for each in made if each.name in names]
    assert len(names) <= 2 * most
    if sum(flag is True for name, flag in flags.items() if name != "base") <= most - 4:
        assert {name for name, flag in flags.items() if flag and name != "base"} <= set(names)
