"""Costs, routing and pictures of any kind in the page."""

import json
import re
from html import unescape

import pytest
from test_page import Outline

from leanglot.charts import overview
from leanglot.config.costs import Costs
from leanglot.config.deciding import RoutingConfig
from leanglot.report import figures
from leanglot.report.page import render_page
from leanglot.report.page_view import page_data
from leanglot.results.pricing import MonthlyCost, Pricing
from leanglot.results.routing import Detection, RoutingFacts

HOSTILE = (
    "<script>alert(1)</script>",
    "[red]a[/red] \x1b[31mred",
    "</script><img src=x onerror=alert(1)>",
    "a|b`c``d",
)
COSTS = Costs(
    monthly_predictions=1_000_000,
    traffic={"de": 0.5, "th": 0.5},
    error_cost=1.0,
    monthly_infra={"onnx": 900.0},
    infrastructure={"price_per_hour": 1.0},
)


def cost(infra, errors, machines=1.0):
    return MonthlyCost(infra=infra, errors=errors, total=infra + errors, machines=machines)


@pytest.fixture(scope="module")
def priced(golden):
    bills = {
        "original": cost(4_000.0, 5_000.0),
        "onnx": cost(900.0, 5_000.0, machines=None),
        "int8": MonthlyCost(infra=500.0, errors=None, total=None, known=700.0, reason="sw was not judged"),
        "magnitude-70": cost(100.0, 100.0),
    }
    candidates = tuple(each.model_copy(update={"monthly_cost": bills.get(each.name)}) for each in golden.candidates)
    pricing = Pricing(costs=COSTS, cheapest="onnx", draws=1000, method="a posterior", notes=HOSTILE)
    return golden.model_copy(update={"candidates": candidates, "pricing": pricing})


@pytest.fixture(scope="module")
def routed(golden):
    facts = RoutingFacts(
        config=RoutingConfig(),
        main="int8",
        fallback="original",
        variants=("original", "int8"),
        objective="mean latency",
        value=14.0,
        single="int8",
        single_value=13.0,
        detection=Detection(
            examples={"de": 10, "th": 10},
            right={"de": 0.9, "th": 1.0},
            misrouted={"de": 0.1, "th": 0.0},
            unknown={"de": 0.0, "th": 0.0},
        ),
        reasons={"th": HOSTILE[0]},
        excluded={HOSTILE[3]: HOSTILE[1]},
        notes=HOSTILE,
    )
    routing = {"de": "int8", "th": "original"}
    return golden.model_copy(update={"routing": routing, "routing_facts": facts})


def test_prices_to_try_are_those_of_the_records(priced):
    tried = page_data(priced).what_if
    names = [priced.candidates[each.candidate].name for each in tried.priced]
    # A candidate whose errors are unknown in part has no total to try.
    assert names == ["original", "onnx", "magnitude-70"]
    assert [each.scales for each in tried.priced] == [True, False, True]
    assert [each.shippable for each in tried.priced] == [True, True, False]
    assert [each.infra + each.errors for each in tried.priced] == [9_000.0, 5_900.0, 200.0]
    assert priced.candidates[tried.cheapest].name == "onnx"


@pytest.mark.parametrize("cheapest", [None, "gone"])
def test_without_a_cheapest_none_is_named(priced, cheapest):
    pricing = priced.pricing.model_copy(update={"cheapest": cheapest})
    assert page_data(priced.model_copy(update={"pricing": pricing})).what_if.cheapest is None


def test_without_any_total_there_is_nothing_to_try(golden, priced):
    unknown = golden.model_copy(update={"pricing": priced.pricing})
    assert page_data(unknown).what_if is None
    html = render_page(unknown, {})
    assert 'id="costs"' in html
    assert 'id="error-factor"' not in html


def test_costs_are_a_section_with_texts_from_outside_as_texts(priced):
    html = render_page(priced, {})
    outline = Outline(html)
    assert "Cost in a month of 1,000,000 predictions" in outline.words
    assert "at least $700" in outline.words
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert "img" not in {tag for tag, _ in outline.tags}
    assert len(outline.ids) == len(set(outline.ids))


def test_routing_is_a_section_with_texts_from_outside_as_texts(routed):
    outline = Outline(render_page(routed, {}))
    assert "Unknown languages go to original" in outline.words
    assert "How well languages are told apart" in outline.words
    assert "Not considered" in outline.words
    assert HOSTILE[0] in outline.words
    assert [tag for tag, _ in outline.tags].count("script") == 3
    assert len(outline.ids) == len(set(outline.ids))


def test_the_data_block_is_the_records(priced):
    html = render_page(priced, {})
    (block,) = re.findall(r'<script type="application/json" id="page-data">(.*?)</script>', html)
    assert json.loads(block) == json.loads(page_data(priced).model_dump_json())


def test_a_picture_without_words_gets_some(monkeypatch, golden):
    monkeypatch.setattr(figures, "drawings", lambda _: {"strange_new-chart": overview.draw})
    (picture,) = figures.pictures(golden, None)
    assert picture.text.title == "Strange new chart"
    assert "Strange new chart" in picture.text.alt
    assert '<h3 class="unseen">Strange new chart</h3>' in unescape(render_page(golden))
