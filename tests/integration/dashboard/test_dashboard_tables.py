"""The table of languages: sort, filter, keep the choice in the address, work by keyboard, hold still when used."""

import pytest
from dashboard_snapshots import language, plain_languages, snapshot, usual

pytestmark = pytest.mark.browser


def names(page):
    return page.locator("#health-table tbody:not([hidden]) .opener").all_inner_texts()


def heading(page, key):
    return page.locator(f"#health-table thead [data-col='{key}']")


def values(given, key):
    pick = {
        "volume": lambda each: each.last_hour,
        "p50": lambda each: each.latency.p50,
        "p99": lambda each: each.latency.p99,
        "accuracy": lambda each: each.accuracy.value,
        "estimate": lambda each: each.estimate.value,
        "drop": lambda each: each.detectable_drop,
        "flips": lambda each: None if each.shadow is None else each.shadow.share.value,
    }[key]
    return {tag: pick(each) for tag, each in given.languages.items()}


@pytest.mark.parametrize("key", ["volume", "p50", "p99", "accuracy", "estimate", "drop", "flips"])
def test_columns_sort_by_value_with_absences_last(open_dashboard, served, key):
    given = usual()
    served.show(given)
    page = open_dashboard(served)
    found = values(given, key)
    for direction in ("descending", "ascending"):
        heading(page, key).get_by_role("button").click()
        assert heading(page, key).get_attribute("aria-sort") == direction
        tags = page.locator("#health-table tbody .tag").all_inner_texts()
        assert sorted(tags) == sorted(found)
        shown = [found[tag] for tag in tags]
        present = [value for value in shown if value is not None]
        assert present == sorted(present, reverse=direction == "descending")
        assert shown == present + [None] * (len(shown) - len(present))


def test_languages_start_with_those_that_need_a_look(open_dashboard, served):
    given = usual()
    served.show(given)
    page = open_dashboard(served)
    assert heading(page, "health").get_attribute("aria-sort") == "ascending"
    order = ["alert", "not enough data", "no baseline", "quiet"]
    tags = page.locator("#health-table tbody .tag").all_inner_texts()
    ranks = [order.index(given.languages[tag].health) for tag in tags]
    assert ranks == sorted(ranks)
    assert ranks[0] == 0
    heading(page, "language").get_by_role("button").click()
    assert names(page) == sorted(names(page))


def test_names_and_tags_find_languages(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    for query, found in (
        ("th", ["Thai"]),
        ("chin", ["Chinese (Simplified)", "Chinese (Traditional)"]),
        ("zh", ["Chinese (Simplified)", "Chinese (Traditional)"]),
        ("hi, UR", ["Hindi", "Urdu"]),
        ("klingon", []),
    ):
        page.locator("#find").fill(query)
        assert sorted(names(page)) == found
        assert page.locator("#shown-count").inner_text().startswith(f"{len(found)} of 25 languages")
    assert "no language fits" in page.locator("#shown-count").inner_text()


def test_health_filters_with_counts(open_dashboard, served):
    given = usual()
    served.show(given)
    page = open_dashboard(served)
    label = page.locator("#health-filter label")
    assert label.all_inner_texts() == ["! alert 2", "? not enough data 5", "○ no baseline 2", "✓ quiet 16"]
    page.get_by_role("checkbox", name="quiet").uncheck()
    page.get_by_role("checkbox", name="not enough data").uncheck()
    assert len(names(page)) == 4


def test_the_choice_stays_in_the_address(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    page.get_by_role("checkbox", name="quiet").uncheck()
    page.locator("#find").fill("h")
    heading(page, "p95").get_by_role("button").click()
    shown = names(page)
    again = open_dashboard(served, "#" + page.url.split("#", 1)[1])
    assert names(again) == shown
    assert not again.get_by_role("checkbox", name="quiet").is_checked()
    assert heading(again, "p95").get_attribute("aria-sort") == "descending"
    assert names(open_dashboard(served, "#sort=__proto__:down&hide=nothing,alert&find=%3Cb%3E")) == []


def test_keys_go_from_language_to_language_and_open_them(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    openers = page.locator(".opener")
    openers.first.focus()
    for key, place in (("ArrowDown", 1), ("ArrowDown", 2), ("ArrowUp", 1), ("End", 24), ("ArrowDown", 24), ("Home", 0)):
        page.keyboard.press(key)
        assert openers.nth(place).evaluate("each => each === document.activeElement")
    page.keyboard.press("Enter")
    assert openers.first.get_attribute("aria-expanded") == "true"
    described = page.locator(f"#{openers.first.get_attribute('aria-controls')}")
    assert described.is_visible()
    page.keyboard.press("Enter")
    assert openers.first.get_attribute("aria-expanded") == "false"
    assert page.locator(".details").count() == 0


def test_the_skip_link_is_the_first_stop(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    page.keyboard.press("Tab")
    assert page.locator(".skip:focus").inner_text() == "Skip to the languages"
    page.keyboard.press("Enter")
    assert page.locator("#languages:focus").count() == 1


def test_rows_move_under_nobodys_pointer(open_dashboard, served, refresh):
    served.show(snapshot(plain_languages(4)))
    page = open_dashboard(served)
    before = names(page)
    assert before[-1] == "Thai"
    page.locator("#health-table tbody").nth(1).hover()
    served.show(snapshot(plain_languages(4) | {"th": language("th", "alert")}))
    refresh(page, served)
    assert page.locator("#health-table tbody", has_text="Thai").locator(".health").inner_text() == "! alert"
    assert names(page) == before
    page.mouse.move(2, 2)
    served.show(served.snapshot)
    refresh(page, served)
    assert names(page) == ["Thai", *before[:-1]]


def test_rows_hold_still_while_the_focus_is_among_them(open_dashboard, served, refresh):
    served.show(snapshot(plain_languages(4)))
    page = open_dashboard(served)
    before = names(page)
    page.locator(".opener").last.press("Enter")
    changed = plain_languages(4) | {"th": language("th", "alert"), "fi": language("fi", "alert")}
    served.show(snapshot(changed))
    refresh(page, served)
    assert names(page) == [*before, "Finnish"]
    assert page.locator(".opener:focus").inner_text() == "Thai"
    assert page.locator(".details").is_visible()


def test_a_language_that_is_no_longer_told_goes(open_dashboard, served, refresh):
    served.show(snapshot(plain_languages(5)))
    page = open_dashboard(served)
    served.show(snapshot(plain_languages(3)))
    refresh(page, served)
    assert sorted(names(page)) == ["English", "German", "Swahili"]


def test_narrow_pages_sort_by_a_list(open_dashboard, served, phone):
    served.show(usual())
    page = open_dashboard(served, viewport=phone)
    page.get_by_label("Sort by").select_option(label="Language")
    assert names(page) == sorted(names(page))
    page.get_by_role("button", name="Ascending; change to descending").click()
    assert names(page) == sorted(names(page), reverse=True)
