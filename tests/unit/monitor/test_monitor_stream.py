"""A stream parts rows into blocks, however they come."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leanglot.errors import RunError
from leanglot.monitor.stream import Stream, StreamState

SIZE = 5


def rows(n, seed=0):
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, 1e6, n)), [rng.integers(0, 3, n), rng.integers(3, SIZE, n)]


def fed(stream, time, places, ends):
    looks = []
    for start, end in zip([0, *ends], [*ends, len(time)], strict=True):
        looks += stream.add(time[start:end], [each[start:end] for each in places])
    return [(look.time, look.counts.tolist(), [(w.first, w.blocks, w.began) for w in look.windows]) for look in looks]


cuts = st.lists(st.integers(0, 457), max_size=12).map(sorted)


@given(cuts)
def test_the_portions_do_not_matter(ends):
    time, places = rows(457)
    one, other = Stream(20, SIZE), Stream(20, SIZE)
    assert fed(one, time, places, ends) == fed(other, time, places, [])
    assert one.state() == other.state()
    assert one.n == 457


@given(cuts)
def test_a_stored_stream_goes_on_as_if_nothing_had_happened(ends):
    time, places = rows(457)
    kept, stored = Stream(20, SIZE), Stream(20, SIZE)
    looks = fed(kept, time, places, ends)
    restored = []
    for start, end in zip([0, *ends], [*ends, 457], strict=True):
        restored += fed(stored, time[start:end], [each[start:end] for each in places], [])
        stored = Stream(20, SIZE, StreamState.model_validate_json(stored.state().model_dump_json()))
    assert restored == looks
    assert stored.state() == kept.state()


def test_a_block_holds_its_rows():
    time, places = rows(50)
    stream = Stream(20, SIZE)
    first, second = stream.add(time, places)
    for look, chosen in ((first, slice(0, 20)), (second, slice(20, 40))):
        expected = sum(np.bincount(each[chosen], minlength=SIZE) for each in places)
        assert look.counts[0].tolist() == expected.tolist()
        assert look.windows[0].began == time[chosen].min()
        assert look.time == time[chosen].max()
    assert stream.open_counts.sum() == 2 * 10


def test_rows_out_of_order_in_time_keep_the_earliest_and_never_end_before_others():
    stream = Stream(2, 1)
    times = np.array([5.0, 9.0, 2.0, 1.0])
    looks = stream.add(times, [np.zeros(4, dtype=np.int64)])
    assert [look.time for look in looks] == [9.0, 9.0]
    assert looks[1].windows[1].began == 1.0


@pytest.mark.parametrize(("block", "size"), [(20, SIZE + 1), (7, SIZE)], ids=["size", "block"])
def test_the_state_of_another_stream_is_refused(block, size):
    stream = Stream(20, SIZE)
    fed(stream, *rows(48), [])
    with pytest.raises(RunError, match="other rules or another baseline"):
        Stream(block, size, stream.state())
