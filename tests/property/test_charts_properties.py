import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from leanglot.charts.place_labels import Box, Bubble, place_labels
from leanglot.charts.quantities import points
from leanglot.charts.tradeoff import speed_front

FRAME = Box(0, 0, 300, 240)
spots = st.builds(
    Bubble,
    x=st.floats(15, 285),
    y=st.floats(15, 225),
    radius=st.floats(3, 12),
    label_width=st.floats(15, 90),
    label_height=st.just(10.0),
)
fronts = st.lists(st.tuples(st.floats(0.1, 9), st.floats(0, 1)), max_size=12)


@settings(deadline=None, max_examples=60)
@given(st.lists(spots, max_size=10))
def test_labels_never_overlap_and_never_leave_the_frame(bubbles):
    boxes = place_labels(bubbles, FRAME)
    assert len(boxes) == len(bubbles)
    assert all(a.overlap(b) <= 0.01 for a, b in itertools.combinations(boxes, 2))
    assert all(box.outside(FRAME) <= 0.01 for box in boxes)
    circles = [Box(b.x - b.radius, b.y - b.radius, b.x + b.radius, b.y + b.radius) for b in bubbles]
    assert all(box.overlap(circle) <= 0.01 for box in boxes for circle in circles)


@given(fronts)
def test_the_front_is_what_no_point_beats(cloud):
    front = {cloud[index] for index in speed_front(cloud)}
    beaten = {one for one in cloud for other in cloud if other != one and other[0] >= one[0] and other[1] >= one[1]}
    assert front == set(cloud) - beaten


@given(fronts)
def test_the_front_falls_from_left_to_right(cloud):
    front = [cloud[index] for index in speed_front(cloud)]
    assert all(a[0] < b[0] and a[1] > b[1] for a, b in itertools.pairwise(front))


@given(st.floats(-1, 1))
def test_points_round_to_the_nearest_tenth(value):
    shown = float(points(value).replace("−", "-"))
    assert abs(shown - 100 * value) <= 0.05 + 1e-9
