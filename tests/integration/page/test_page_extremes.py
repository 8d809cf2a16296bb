"""Names that mean something to a browser, and sixty languages by forty candidates."""

import pytest
from page_runs import HOSTILE

from leanglot.report.format import plain

pytestmark = pytest.mark.browser


def test_hostile_names_stay_names(open_report):
    page = open_report("hostile")
    assert page.locator("script").count() == 3
    assert page.locator("img[src='x'], svg[onload], b").count() == 0
    names = page.locator("#candidate-table tbody th").all_inner_texts()
    assert names[1:] == [plain(name) for name in HOSTILE]
    for index in range(1, len(HOSTILE) + 1):
        page.locator("#candidate-choice").select_option(str(index))
        assert page.locator("#chosen-name").inner_text() == plain(HOSTILE[index - 1])
        page.locator("#beside-choice").select_option(index=index % 3)
        for peek in page.locator("#language-table .peek").all()[:3]:
            peek.focus()
            assert page.locator("#detail").is_visible()
    page.locator("#language-filter").fill("<")
    page.locator("#candidate-filter").fill("</script><img")
    assert page.locator("#candidate-count").inner_text().startswith("1 of 8")
    page.locator("#error-factor").focus()
    page.keyboard.press("End")
    assert "<b>" in page.locator("#price-table").inner_text()
    assert page.locator("script").count() == 3
    assert page.locator("img[src='x'], svg[onload], b").count() == 0


@pytest.mark.parametrize("index", range(len(HOSTILE)))
def test_links_to_hostile_names_find_them(open_report, index):
    page = open_report("hostile")
    link = page.locator("#candidate-table tbody th a").nth(index + 1)
    link.focus()
    page.keyboard.press("Enter")
    page.wait_for_timeout(100)
    assert page.locator("#chosen-name").inner_text() == plain(HOSTILE[index])
    reopened = open_report("hostile", "#" + page.url.split("#", 1)[1])
    assert reopened.locator("#chosen-name").inner_text() == plain(HOSTILE[index])


def test_hostile_names_stay_names_without_the_script(open_report):
    page = open_report("hostile", java_script_enabled=False)
    assert page.locator("img[src='x'], svg[onload], b").count() == 0


def test_a_large_report_keeps_its_page_small(open_report):
    page = open_report("large")
    nodes = "document.querySelectorAll('*').length"
    before = page.evaluate(nodes)
    # One node for each cell of the grid and its two parts, and the rows of one candidate alone.
    assert before < 60 * 40 * 3 + 4_000
    for index in (7, 23, 38):
        page.locator("#candidate-choice").select_option(str(index))
        assert page.locator("#language-table tbody tr").count() == 60
    assert abs(page.evaluate(nodes) - before) < 500
    page.locator("#language-filter").fill("th")
    assert page.locator("#language-table tbody tr:visible").count() == 1
    page.locator("#candidate-filter").fill("variant-1")
    assert page.locator("#drop-grid tbody tr:visible").count() == 10


def test_headings_stay_in_sight_while_a_table_scrolls(open_report):
    page = open_report("large")
    box = page.locator("div.tall:has(#language-table)")
    box.evaluate("each => { each.scrollTop = 900; each.scrollLeft = 200; }")
    top = box.bounding_box()
    head = page.locator("#language-table thead th").first.bounding_box()
    assert abs(head["y"] - top["y"]) < 3
    assert abs(head["x"] - top["x"]) < 3
