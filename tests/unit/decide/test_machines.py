import pytest
from priced import candidate, costs

from leanglot.decide.machines import running_cost


def running(throughput, **machines):
    given = {"price_per_hour": 1.0, "peak_per_second": 150} | machines
    return running_cost(candidate("a", {"de": 1}, throughput=throughput), costs(infrastructure=given))


@pytest.mark.parametrize(
    ("throughput", "machines"), [(250.0, 1), (249.9, 2), (125.0, 2), (25.0, 10), (1e6, 1), (250 * (1 - 1e-13), 1)]
)
def test_machines_are_whole_and_at_least_one(throughput, machines):
    found = running(throughput)
    assert found.machines == machines
    assert found.infra == machines * 730


def test_a_fewest_number_of_machines_is_kept():
    assert running(250.0, min_machines=3).machines == 3
    assert running(25.0, min_machines=3).machines == 10


def test_shares_of_machines_are_paid_as_they_are():
    found = running(1_000.0, whole_machines=False)
    assert found.machines == pytest.approx(0.25)
    assert found.infra == pytest.approx(182.5)


def test_the_peak_comes_from_the_months_mean_where_it_is_not_given():
    found = running(1.0, peak_per_second=None, peak_to_mean=2.0, utilization=1.0, whole_machines=False)
    assert found.machines == pytest.approx(2 * 100_000 / (730 * 3600))


def test_the_load_grows_with_the_predictions():
    fleet = running(25.0).fleet
    assert fleet.number(100_000) == 10
    assert fleet.number(200_000) == 20
    assert fleet.cost(10) == 730


@pytest.mark.parametrize("throughput", [None, 0.0, float("nan")])
def test_a_throughput_that_was_not_measured_has_no_price(throughput):
    found = running(throughput)
    assert (found.infra, found.machines, found.fleet) == (None, None, None)
    assert "not measured" in found.reason
