from leanglot.decide.pareto import pareto_front


def test_the_front_by_cost_and_latency():
    points = {"a": (10.0, 900.0), "b": (5.0, 1000.0), "c": (12.0, 950.0), "d": (5.0, 1200.0)}
    assert pareto_front(points) == ("b", "a")


def test_equal_points_are_on_it_together():
    assert pareto_front({"a": (1.0, 2.0), "b": (1.0, 2.0), "c": (1.0, 3.0)}) == ("a", "b")


def test_nothing_has_no_front():
    assert pareto_front({}) == ()
