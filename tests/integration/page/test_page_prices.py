"""Prices to try on the page: linear, apart from the report, and back at the stored numbers in the middle."""

import pytest
from page_runs import priced_report

from leanglot.decide.amounts import money

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report():
    return priced_report()


def rows(page):
    cells = """(rows) => rows.map((row) =>
      [row.querySelector("code").innerText, ...[...row.cells].slice(1).map((cell) => cell.innerText)])"""
    return {name: texts for name, *texts in page.locator("#price-table tbody tr").evaluate_all(cells)}


def move(page, slider, exponent):
    page.locator(f"#{slider}").evaluate(
        "(each, value) => { each.value = value; each.dispatchEvent(new Event('input', { bubbles: true })); }", exponent
    )


def cheapest(page):
    return page.locator("#price-table tr", has_text="cheapest").locator("code").inner_text()


def expected(report, errors=1.0, machines=1.0):
    found = {}
    for each in report.candidates:
        cost = each.monthly_cost
        if cost is not None and cost.total is not None:
            infra = cost.infra * (machines if cost.machines is not None else 1)
            found[each.name] = (infra, cost.errors * errors, infra + cost.errors * errors)
    return found


def test_the_middle_is_what_the_report_says(open_report, report):
    page = open_report("priced")
    shown = rows(page)
    assert shown == {
        name: [*(money(amount) for amount in amounts), "0.0%"] for name, amounts in expected(report).items()
    }
    assert cheapest(page) == report.pricing.cheapest
    totals = page.locator("section:has(#costs) table").first.locator("tbody tr").count()
    assert totals == len(shown)


@pytest.mark.parametrize(("errors", "machines"), [(0.5, 0), (-2, 0), (0, 1), (0, -1), (2, 2), (-0.3, 0.7)])
def test_totals_are_linear_and_in_order(open_report, report, errors, machines):
    page = open_report("priced")
    move(page, "error-factor", errors)
    move(page, "machine-factor", machines)
    shown = rows(page)
    wanted = expected(report, 10**errors, 10**machines)
    assert {name: texts[:3] for name, texts in shown.items()} == {
        name: [money(amount) for amount in amounts] for name, amounts in wanted.items()
    }
    assert list(shown) == sorted(wanted, key=lambda name: wanted[name][2])
    allowed = [name for name in wanted if report.candidate(name).status not in {"rejected", "failed"}]
    assert cheapest(page) == min(allowed, key=lambda name: wanted[name][2])


def test_monthly_figures_do_not_follow_the_price_of_a_machine(open_report):
    page = open_report("priced")
    before = rows(page)["onnx"][0]
    move(page, "machine-factor", 1)
    assert rows(page)["onnx"][0] == before
    assert rows(page)["int8"][0] != before


def test_sliders_work_by_keyboard_and_tell_their_factor(open_report):
    page = open_report("priced")
    slider = page.locator("#error-factor")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.get_attribute("aria-valuetext") == "1.0 times"
    page.keyboard.press("End")
    assert slider.get_attribute("aria-valuetext") == "100 times"
    assert page.locator("#error-factor-text").inner_text() == "100×"
    page.locator("#price-reset").click()
    assert slider.get_attribute("aria-valuetext") == "as given"
    assert "at the prices given" in page.locator("#price-told").inner_text()


def test_what_if_leaves_the_report_alone(open_report):
    page = open_report("priced")
    stored_table = page.locator("section:has(#costs) table").first
    before, answer = stored_table.inner_text(), page.locator("h1").inner_text()
    move(page, "error-factor", 2)
    assert stored_table.inner_text() == before
    assert page.locator("h1").inner_text() == answer
    assert "Nothing here changes the report" in page.locator(".try").inner_text()


def test_without_the_script_there_is_nothing_to_try(open_report):
    page = open_report("priced", java_script_enabled=False)
    assert page.locator("#costs").is_visible()
    assert not page.locator(".try").is_visible()
