"""The history: its windows hold just their blocks, the levels of all looks add up, and its memory stays small."""

import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.errors import RunError
from leanglot.monitor.windows import Windows, WindowsState, part_of_level


def pushed(blocks, windows=None):
    """A history of blocks whose counts are their number and 1, and all its looks."""
    history = Windows() if windows is None else windows
    looks = [
        history.push(np.array([number, 1]), float(number)) for number in range(history.blocks, history.blocks + blocks)
    ]
    return history, looks


@given(st.integers(1, 300))
def test_each_window_holds_just_its_blocks_and_ends_with_the_newest(blocks):
    _, looks = pushed(blocks)
    for newest, windows in enumerate(looks):
        for window in windows:
            assert window.first + window.blocks == newest + 1
            assert window.counts.tolist() == [sum(range(window.first, newest + 1)), window.blocks]
            assert window.began == window.first
        assert len({window.blocks for window in windows}) == len(windows)


def test_about_five_windows_are_looked_at_for_each_block():
    _, looks = pushed(4_096)
    assert 4.5 < sum(map(len, looks)) / 4_096 < 5


def test_there_are_windows_of_all_lengths_up_to_the_whole():
    _, looks = pushed(64)
    lengths = {window.blocks for windows in looks for window in windows}
    assert lengths == {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64}


def test_a_stretch_of_any_place_is_nearly_filled_by_a_window_soon():
    """Half as much again as any stretch is enough to hold a window of at least half of it, and none but its blocks."""
    _, looks = pushed(600)
    for start in (1, 37, 128, 300):
        for length in (3, 10, 40, 100):
            within = [w.blocks for windows in looks[: start + length] for w in windows if w.first >= start]
            assert max(within) >= length / 2


@pytest.mark.parametrize("origin", [0, 1, 7, 30])
def test_the_parts_of_all_looks_add_up_to_less_than_the_level(origin):
    _, looks = pushed(5_000)
    windows = [window for look in looks for window in look if window.first >= origin]
    spent = math.fsum(window.part(origin) for window in windows)
    assert 0.75 < spent < 1
    assert min(window.part(origin) for window in windows) > 0
    assert all(w.part(origin) == 0 for look in looks for w in look if w.first < origin and w.hop == 1)


def test_the_parts_of_a_kind_add_up_to_its_own():
    kinds = defaultdict(float)
    for blocks, hop in [(1, 1)] + [(length << scale, 1 << scale) for scale in range(12) for length in (2, 3)]:
        kinds[hop, blocks == 1] += sum(part_of_level(blocks, hop, look) for look in range(20_000))
    assert kinds[1, True] == pytest.approx(1 / 3, rel=1e-3)
    assert kinds[1, False] == pytest.approx(1 / 6, rel=1e-3)
    assert kinds[2048, False] == pytest.approx(2 / (14 * 15), rel=1e-3)
    assert sum(kinds.values()) < 1


@given(st.integers(0, 200), st.integers(1, 250))
def test_the_newest_blocks_are_told_of_exactly(blocks, asked):
    history, _ = pushed(blocks)
    window = history.newest(asked)
    if not blocks:
        assert window is None
        return
    assert window.first + window.blocks == blocks
    assert min(asked, blocks) <= window.blocks < max(2 * asked + 1, 2)
    assert window.counts.tolist() == [sum(range(window.first, blocks)), window.blocks]
    assert window.began == window.first


def test_the_widest_windows_are_those_that_were_looked_at():
    for blocks in range(1, 80):
        history, looks = pushed(blocks)
        last = {}
        for windows in looks:
            last |= {window.blocks: window.part() for window in windows}
        assert history.widest() == sorted(last.items())[-3:]
    assert Windows().widest() == []


@given(st.integers(0, 70), st.integers(1, 40))
def test_a_stored_history_goes_on_as_if_nothing_had_happened(before, after):
    kept, _ = pushed(before)
    restored = Windows(WindowsState.model_validate_json(kept.state().model_dump_json()))
    _, expected = pushed(after, kept)
    _, looks = pushed(after, restored)
    as_told = [[(w.first, w.blocks, w.hop, w.began, w.counts.tolist()) for w in look] for look in expected]
    assert [[(w.first, w.blocks, w.hop, w.began, w.counts.tolist()) for w in look] for look in looks] == as_told
    assert restored.state() == kept.state()


def test_memory_grows_with_the_logarithm_of_time():
    history, _ = pushed(1_000)
    before = sum(map(len, history.state().scales))
    pushed(3_000, history)
    assert sum(map(len, history.state().scales)) <= before + 3 * 2


@pytest.mark.parametrize("change", [{"blocks": 12}, {"scales": ()}], ids=["blocks", "scales"])
def test_a_damaged_history_is_refused(change):
    history, _ = pushed(11)
    with pytest.raises(RunError, match="damaged"):
        Windows(history.state().model_copy(update=change))
