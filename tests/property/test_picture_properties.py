"""What pictures of runs rest on: names that stand apart, fronts, grades, nested samples, means of intervals."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from leanglot.charts.line_ends import spread_apart
from leanglot.data.examples import Examples
from leanglot.data.nested import nested_samples
from leanglot.decide.pareto import pareto_front
from leanglot.decide.retention import Retention
from leanglot.stats.means import interval_of_mean

shares = st.floats(0, 1)
clouds = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.tuples(st.integers(0, 6), st.integers(0, 6)))


@given(st.lists(st.floats(0, 200), max_size=12), st.floats(1, 15))
def test_names_keep_their_distance_order_and_frame(heights, apart):
    placed = spread_apart(heights, apart, 200.0)
    order = sorted(range(len(heights)), key=lambda place: (heights[place], place))
    stacked = [placed[place] for place in order]
    assert all(upper - lower >= apart - 1e-6 for lower, upper in itertools.pairwise(stacked))
    assert all(-1e-6 <= height <= max(200.0, apart * (len(heights) - 1)) + 1e-6 for height in placed)


@given(st.lists(st.floats(0, 200), max_size=12))
def test_names_that_have_room_stay_where_they_are(heights):
    ordered = sorted(heights)
    if all(upper - lower >= 10 for lower, upper in itertools.pairwise(ordered)):
        assert spread_apart(heights, 10.0, 200.0) == heights


@given(clouds)
def test_the_front_is_what_no_other_point_beats(points):
    front = pareto_front(points)
    for name, own in points.items():
        beaten = any(other != own and all(a <= b for a, b in zip(other, own, strict=True)) for other in points.values())
        assert (name in front) != beaten
    assert bool(front) == bool(points)


@given(st.integers(0, 5000), shares, shares, shares)
def test_a_language_that_cannot_be_told_is_never_graded(n, one, two, three):
    low, value, high = sorted((one, two, three))
    grade = Retention(n, value, low, high).grade()
    assert (grade == "unknown") == (n < 20 or (low < 0.97 and high >= 0.99))


@given(st.lists(st.tuples(shares, shares, shares), min_size=1, max_size=8))
def test_the_interval_of_a_mean_lies_around_it_and_inside_of_the_mean_of_the_ends(rows):
    lows, values, highs = zip(*(sorted(row) for row in rows), strict=True)
    low, high = interval_of_mean(values, lows, highs)
    mean = sum(values) / len(values)
    assert sum(lows) / len(lows) - 1e-9 <= low <= mean + 1e-9
    assert mean - 1e-9 <= high <= sum(highs) / len(highs) + 1e-9


@given(st.dictionaries(st.sampled_from("abcde"), st.integers(1, 25), min_size=1), st.data())
def test_samples_are_nested_and_balanced(sizes, data):
    rows = [(f"{tag} {number}", str(number % 2), tag) for tag, size in sizes.items() for number in range(size)]
    texts, labels, languages = zip(*rows, strict=True)
    asked = data.draw(st.lists(st.integers(1, len(rows)), min_size=1, max_size=4, unique=True))
    drawn = nested_samples(Examples(texts, labels, languages), asked, data.draw(st.integers(0, 9)))
    assert list(drawn) == sorted(asked)
    for smaller, larger in itertools.pairwise(drawn.values()):
        assert set(smaller.texts) < set(larger.texts)
    for size, sample in drawn.items():
        assert len(sample) == size
        taken = {tag: sample.languages.count(tag) for tag in sizes}
        open_ = [taken[tag] for tag in sizes if taken[tag] < sizes[tag]]
        assert not open_ or max(taken.values()) - min(open_) <= 1
