import pytest

from leanglot.config import Costs, load_costs
from leanglot.errors import ConfigError

GOOD = """
monthly_predictions: 1e6
traffic: {en: 0.70, es: 0.15, ru: 0.10, th: 0.05}
error_cost: {en: 10, es: 15, ru: 20, th: 50}
infrastructure: {price_per_hour: 0.5}
"""


@pytest.fixture
def load(tmp_path):
    def loaded(text, **settings):
        path = tmp_path / "costs.yaml"
        path.write_text(text, encoding="utf-8")
        return load_costs(path, **settings)

    return loaded


def faults(load, text):
    with pytest.raises(ConfigError) as caught:
        load(text)
    return caught.value.message


def test_a_file_of_prices(load):
    costs = load(GOOD)
    assert costs.monthly_predictions == 1_000_000
    assert costs.error_price("th") == 50
    assert sum(costs.shares.values()) == pytest.approx(1)
    assert costs.peak_per_second() == pytest.approx(3 * 1e6 / (730 * 3600))
    assert costs.infrastructure.min_machines == 1


def test_prices_survive_the_way_through_json(load):
    costs = load(GOOD)
    assert Costs.model_validate_json(costs.model_dump_json()) == costs
    normalized = load(GOOD.replace("0.70", "0.80"), normalize_traffic=True)
    assert Costs.model_validate_json(normalized.model_dump_json()) == normalized


def test_tags_are_made_canonical(load):
    costs = load(GOOD.replace("th: ", "TH: "))
    assert costs.traffic["th"] == 0.05
    assert costs.error_price("th") == 50


def test_traffic_that_does_not_sum_to_1_is_told_and_normalized_on_request_alone(load):
    text = GOOD.replace("0.70", "0.80")
    told = faults(load, text)
    assert "traffic: the shares sum to 1.1, not to 1" in told
    assert "normalize_traffic: true" in told
    costs = load(text, normalize_traffic=True)
    assert costs.shares["en"] == pytest.approx(0.8 / 1.1)
    assert load(text + "normalize_traffic: true\n") == costs


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("en: 10", "en: -10"), "error_cost: en: -10 is not allowed: it should be a number, 0 or more"),
        (("en: 10", "en: .nan"), "error_cost: en: nan is not allowed"),
        (("en: 10", "en: yes"), "error_cost: en: True is not allowed"),
        (("en: 10", "en: much"), "error_cost: en: much is not allowed"),
        (("en: 10, ", ""), "error_cost: en has traffic and no error_cost"),
        (("en: 10", "en: 10, fr: 3"), "error_cost: fr has an error_cost and no traffic"),
        (("{en: 10, es: 15, ru: 20, th: 50}", "-3"), "-3 is not allowed: it should be a number, 0 or more, or one for"),
        (("{en: 10, es: 15, ru: 20, th: 50}", "[1]"), "error_cost: [1] is not allowed"),
        (("en: 0.70", "en: -0.70"), "traffic.en: -0.7 is not allowed"),
        (("en: 0.70", "en: true"), "traffic.en: true is not allowed: it should be a number"),
        (("en: 0.70", "klingonish: 0.70"), 'traffic: "klingonish" is not a language tag'),
        (("en: 0.70", "en: 0.70, EN: 0.1"), "traffic: en is given twice"),
        (("en: 0.70", "no: 0.70"), 'YAML takes a bare no for false, so Norwegian needs quotes: "no"'),
        (("en: 0.70", "3: 0.70"), "traffic: 3 is no text"),
        (("{en: 0.70, es: 0.15, ru: 0.10, th: 0.05}", "{en: 0}"), "at least one language needs a share above 0"),
        (("price_per_hour: 0.5", "price_per_hour: -1"), "infrastructure.price_per_hour: -1 is not allowed"),
        (("0.5}", "0.5, utilization: 1.2}"), "infrastructure.utilization: 1.2 is not allowed"),
        (("0.5}", "0.5, utilisation: 0.2}"), "did you mean utilization?"),
        (("0.5}", "0.5, min_machines: 2, whole_machines: false}"), "min_machines counts whole machines"),
        (("infrastructure: {price_per_hour: 0.5}", ""), "running costs are missing"),
        (("infrastructure: {price_per_hour: 0.5}", "monthly_infra: {int8: -3}"), "monthly_infra.int8: -3 is not"),
        (("1e6", "0"), "monthly_predictions: 0 is not allowed"),
        (("1e6", "1e6\nmonthly_predictions: 2"), 'the key "monthly_predictions" occurs twice'),
    ],
)
def test_each_fault_is_told_at_its_place(load, change, told):
    assert told in faults(load, GOOD.replace(*change))


def test_all_faults_are_told_at_once(load):
    text = GOOD.replace("0.70", "0.60").replace("th: 50", "th: -50").replace("0.5}", "-1}").replace("1e6", "-1")
    told = faults(load, text)
    assert told.splitlines()[0].endswith("4 settings cannot be used:")
    for part in ("the shares sum to 0.9", "th: -50", "price_per_hour: -1", "monthly_predictions: -1"):
        assert part in told


def test_one_error_cost_for_all_and_figures_in_place_of_machines(load):
    text = GOOD.replace("{en: 10, es: 15, ru: 20, th: 50}", "2.5")
    costs = load(text.replace("infrastructure: {price_per_hour: 0.5}", "monthly_infra: {int8: 300}"))
    assert costs.error_price("ru") == 2.5
    assert costs.peak_per_second() is None


@pytest.mark.parametrize(("text", "told"), [("", "is empty"), ("- 1\n", "holds a list"), ("a: [", "line")])
def test_what_is_no_mapping_is_refused(load, text, told):
    assert told in faults(load, text)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="There is no config file"):
        load_costs(tmp_path / "none.yaml")
