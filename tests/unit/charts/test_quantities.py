import pytest

from leanglot.charts.quantities import count, megabytes, milliseconds, percent, points, ratio, smaller


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (percent(0.93115), "93.1%"),
        (percent(0.9, 0), "90%"),
        (points(0.0123), "+1.2"),
        (points(-0.0123), "−1.2"),
        (points(0.0123, signed=False), "1.2"),
        (points(0.00996, 2), "+1.00"),
        (points(0.0), "0.0"),
        (ratio(3.0746), "3.07×"),
        (megabytes(121_600_000), "121.6 MB"),
        (megabytes(1_234_500_000), "1,234.5 MB"),
        (milliseconds(13.14), "13.1 ms"),
        (milliseconds(0.207), "0.21 ms"),
        (count(3100), "3,100"),
        (smaller(0.742), "74.2% smaller"),
        (smaller(-0.1), "10.0% larger"),
        (smaller(0.0001), "same size"),
    ],
)
def test_numbers_read_as_people_write_them(shown, expected):
    assert shown == expected


@pytest.mark.parametrize("text", [percent, points, ratio, megabytes, milliseconds, count, smaller])
def test_absent_is_not_a_number(text):
    assert text(None) == "n/a"


@pytest.mark.parametrize("tiny", [-0.0004, 0.0004, -0.0])
def test_what_rounds_to_zero_has_no_sign(tiny):
    assert points(tiny) == "0.0"
