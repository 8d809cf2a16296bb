import itertools

import pytest

from leanglot.charts.place_labels import Box, Bubble, needs_leader, place_labels

FRAME = Box(0, 0, 300, 240)


def test_overlap_is_the_shared_area():
    assert Box(0, 0, 4, 4).overlap(Box(2, 3, 9, 9)) == 2
    assert Box(0, 0, 4, 4).overlap(Box(4, 0, 8, 4)) == 0


def test_outside_is_what_the_frame_cuts_off():
    assert Box(-2, 0, 2, 4).outside(FRAME) == 8


def test_a_lone_label_touches_its_bubble():
    (box,) = place_labels([Bubble(150, 120, 8, 60, 10)], FRAME)
    assert 0 < box.distance(150, 120) - 8 <= 4
    assert not needs_leader(0, [Bubble(150, 120, 8, 60, 10)], box)


def test_labels_stay_in_the_frame_at_its_corners():
    corners = [Bubble(x, y, 6, 70, 10) for x in (8, 292) for y in (8, 232)]
    for box in place_labels(corners, FRAME):
        assert box.outside(FRAME) == pytest.approx(0)


def test_points_on_one_spot_get_labels_apart():
    crowd = [Bubble(200 + n, 120, 7, 80, 10) for n in range(8)]
    boxes = place_labels(crowd, FRAME)
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(boxes, 2))
    assert all(box.overlap(Box(193, 113, 214, 127)) == 0 for box in boxes)


def test_labels_avoid_obstacles():
    wall = Box(0, 123, 300, 300)
    (box,) = place_labels([Bubble(150, 120, 4, 60, 10)], FRAME, [wall])
    assert box.overlap(wall) == 0


def test_a_label_beside_another_bubble_needs_a_leader():
    own, other = Bubble(100, 100, 5, 20, 10), Bubble(140, 100, 5, 20, 10)
    assert needs_leader(0, [own, other], Box(112, 95, 132, 105))
    assert not needs_leader(0, [own, other], Box(72, 95, 92, 105))
