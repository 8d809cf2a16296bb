"""The routing programme against enumeration of every assignment."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.decide.routing_program import Program, solve

AMOUNTS = st.integers(0, 40).map(lambda number: number / 4)


@st.composite
def programs(draw):
    languages, variants = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def matrix(values, *shape):
        size = int(np.prod(shape))
        return np.array(draw(st.lists(values, min_size=size, max_size=size))).reshape(shape)

    allowed = matrix(st.booleans(), languages, variants).astype(bool)
    probable = matrix(st.booleans(), variants, languages, variants).astype(bool)
    itself = np.eye(variants, dtype=bool)[:, None, :]
    whole = draw(st.booleans())
    return Program(
        cost=matrix(AMOUNTS, languages, variants).astype(float),
        load=matrix(AMOUNTS, languages, variants).astype(float) / 8,
        allowed=allowed,
        may_leave=allowed[None] & (itself | ~allowed.T[:, :, None] | probable),
        to_safest=matrix(st.booleans(), languages).astype(bool),
        memory=matrix(st.integers(1, 9), variants).astype(float),
        min_machines=matrix(st.integers(0, 2), variants).astype(float) * whole,
        machine_price=draw(AMOUNTS),
        whole_machines=whole,
        max_memory=draw(st.none() | st.integers(1, 20).map(float)),
        max_variants=draw(st.integers(1, 3)),
    )


def keeps_the_rules(program, assignment, main):
    loaded = set(assignment)
    for language, variant in enumerate(assignment):
        safer = [other for other in loaded if other < variant and program.allowed[language, other]]
        if not program.allowed[language, variant] or not program.may_leave[main, language, variant]:
            return False
        if program.to_safest[language] and safer:
            return False
    fits = program.max_memory is None or sum(program.memory[list(loaded)]) <= program.max_memory
    return main in loaded and len(loaded) <= program.max_variants and fits


@settings(max_examples=150)
@given(programs())
def test_the_cheapest_assignment_is_found_and_none_where_there_is_none(program):
    languages, variants = program.cost.shape
    possible = [
        np.array(assignment)
        for assignment in itertools.product(range(variants), repeat=languages)
        if any(keeps_the_rules(program, assignment, main) for main in range(variants))
    ]
    found = solve(program)
    if not possible:
        assert found is None
        return
    assert found is not None
    assert keeps_the_rules(program, found.assignment.tolist(), found.main)
    least = min(program.value(assignment) for assignment in possible)
    assert abs(found.value - least) < 1e-6
    fewest = min(len(set(each.tolist())) for each in possible if program.value(each) < least + 1e-9)
    assert len(found.loaded) == fewest
