"""Details on hover and on focus, and the page without a mouse."""

import pytest
from page_runs import stored

pytestmark = pytest.mark.browser

DETAIL = "#detail"


def line(page, name):
    return page.locator("#language-table tbody tr", has_text=name)


def test_hover_shows_the_interval_and_the_reason(open_report):
    page = open_report("plain", "#candidate=magnitude-70")
    row = stored("report-v1").candidate("magnitude-70").languages["th"]
    line(page, "Thai (th)").locator("td").nth(2).hover()
    detail = page.locator(DETAIL)
    detail.wait_for(state="visible")
    assert row.reason in detail.inner_text()
    assert "Thai (th)" in detail.inner_text()
    assert detail.locator("svg.interval").count() == 1
    # It stays while the pointer is on it, and goes when the pointer does.
    detail.hover()
    page.wait_for_timeout(300)
    assert detail.is_visible()
    page.mouse.move(2, 2)
    detail.wait_for(state="hidden")


def test_focus_shows_the_same_and_escape_closes_it(open_report):
    page = open_report("plain")
    first = page.locator("#language-table .peek").first
    first.focus()
    assert page.locator(DETAIL).is_visible()
    assert first.get_attribute("aria-describedby") == "detail"
    page.keyboard.press("Escape")
    assert not page.locator(DETAIL).is_visible()
    assert first.get_attribute("aria-describedby") is None
    assert first.evaluate("each => each === document.activeElement")


def test_arrow_keys_go_from_language_to_language(open_report):
    page = open_report("plain")
    stops = page.locator("#language-table .peek")
    assert page.locator("#language-table .peek[tabindex='0']").count() == 1
    stops.first.focus()
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", 23), ("ArrowDown", 23), ("Home", 0)):
        page.keyboard.press(key)
        assert stops.nth(place).evaluate("each => each === document.activeElement")
        assert page.locator("#language-table .peek[tabindex='0']").count() == 1
        assert page.locator(DETAIL).is_visible()
        page.wait_for_timeout(60)
        box, around = page.locator(DETAIL).bounding_box(), stops.nth(place).bounding_box()
        assert box["y"] + box["height"] <= 800
        assert box["y"] >= around["y"] or box["y"] + box["height"] <= around["y"] + around["height"]


def test_the_picture_keeps_interval_and_margin_in_sight(open_report):
    page = open_report("plain")
    for peek in page.locator("#language-table .peek").all():
        peek.focus()
        inside = page.locator("#detail svg.interval").evaluate(
            """svg => { const all = svg.getBoundingClientRect();
              return [...svg.querySelectorAll("path, circle, text")].every((each) => {
                const box = each.getBoundingClientRect();
                return box.left >= all.left - 1 && box.right <= all.right + 1; }); }"""
        )
        assert inside


def test_the_grid_shows_details_on_hover_and_by_arrow_keys(open_report):
    page = open_report("plain")
    rows = stored("report-v1").candidate("magnitude-70").languages
    cell = page.locator("#drop-grid tr", has_text="magnitude-70").locator("td").first
    cell.hover()
    page.locator(DETAIL).wait_for(state="visible")
    assert rows["en"].reason in page.locator(DETAIL).inner_text()
    page.keyboard.press("Escape")
    assert page.locator("#drop-grid td[tabindex='0']").count() == 1
    page.locator("#drop-grid td[tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    told = page.locator(DETAIL).inner_text()
    assert "German (de)" in told
    assert "int8" in told
    page.keyboard.press("ArrowLeft")
    assert "English (en)" in page.locator(DETAIL).inner_text()
    page.keyboard.press("End")
    assert page.locator("#drop-grid td[tabindex='0']").count() == 1
    page.keyboard.press("Enter")
    assert page.locator("#chosen-name").inner_text() == "int8"
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Home")
    assert "onnx" in page.locator(DETAIL).inner_text()


def test_filters_leave_the_grid_a_stop(open_report):
    page = open_report("plain")
    page.locator("#language-filter").fill("th")
    stop = page.locator("#drop-grid td[tabindex='0']")
    assert stop.count() == 1
    assert stop.is_visible()
    page.locator("#status-filter input[value='unrefuted']").uncheck()
    assert stop.count() == 1
    assert stop.is_visible()


def focused(page):
    return page.evaluate(
        """(() => { const e = document.activeElement;
          return e.id || e.getAttribute("aria-label") || e.textContent.trim(); })()"""
    )


def test_everything_is_reached_by_the_tab_key_with_a_visible_focus(open_report):
    page = open_report("priced")
    reached, faint = [], []
    for _ in range(160):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            break
        reached.append(focused(page))
        seen = page.evaluate(
            """(() => { const e = document.activeElement, style = getComputedStyle(e);
              return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1; })()"""
        )
        if not seen:
            faint.append(reached[-1])
    assert reached[0] == "Skip to the languages"
    for place in (
        "candidate-filter",
        "Candidate",
        "int8-embeddings",
        "candidate-choice",
        "beside-choice",
        "language-filter",
        "Drop",
        "error-factor",
        "price-reset",
    ):
        assert place in reached, place
    assert reached.index("candidate-filter") < reached.index("candidate-choice") < reached.index("error-factor")
    assert len(reached) < 150
    assert faint == []


def test_a_walk_without_a_mouse(open_report):
    """From the skip link to another candidate's worst language, by keys alone."""
    page = open_report("plain")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.url.endswith("#languages")
    page.keyboard.press("Tab")
    assert focused(page) == "candidate-choice"
    page.keyboard.type("magnitude-70")
    assert page.locator("#chosen-name").inner_text() == "magnitude-70"
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert focused(page) == "language-filter"
    page.keyboard.type("swa")
    assert page.locator("#language-table tbody tr:visible").count() == 1
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.locator(DETAIL).is_visible():
            break
    assert "Swahili (sw)" in page.locator(DETAIL).inner_text()
    page.keyboard.press("Escape")
    assert not page.locator(DETAIL).is_visible()


def test_sorting_by_keyboard_keeps_the_focus(open_report):
    page = open_report("plain")
    button = page.locator("#language-table th[data-col='examples'] button")
    button.focus()
    for key, direction in (("Enter", "descending"), ("Space", "ascending")):
        page.keyboard.press(key)
        assert page.locator("#language-table th[data-col='examples']").get_attribute("aria-sort") == direction
        assert button.evaluate("each => each === document.activeElement")


def test_on_touch_a_tap_shows_the_detail(open_report):
    page = open_report("plain", viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True)
    page.locator("#language-table tbody tr").first.locator("th").tap()
    assert page.locator(DETAIL).is_visible()


def test_nothing_moves_for_readers_who_want_that(open_report):
    page = open_report("plain", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    moving = "[...document.querySelectorAll('*')].filter((e) => getComputedStyle(e).transitionDuration !== '0s').length"
    assert page.evaluate(moving) == 0
