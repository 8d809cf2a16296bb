"""The dashboard over time: updates in place, alerts told once, a server that goes, comes back, or asks for a token."""

import re

import pytest
from dashboard_serving import Served, ask, serving
from dashboard_snapshots import alert, language, plain_languages, snapshot, usual

pytestmark = pytest.mark.browser

RIGHT = "the-right-token-of-the-server"
REFUSED = "net::ERR_CONNECTION"
BOXES = """() => ['h1', '.tiles > div', 'main section:not([hidden])', '#health-table tbody > tr > *', '.spark']
    .flatMap((each) => [...document.querySelectorAll(each)])
    .map((each) => { const { x, y, width, height } = each.getBoundingClientRect(); return [x, y, width, height]; })"""


def busier(given):
    """The same languages with numbers of other lengths everywhere."""
    grown = {}
    for tag, each in given.languages.items():
        counts = tuple(1_000 * (count + 1) for count in each.per_minute)
        latency = each.latency.model_copy(update={"p50": 1_234.5, "p95": 9_999.0})
        changed = {"predictions": 1_234_567_890, "last_hour": sum(counts), "per_minute": counts, "latency": latency}
        grown[tag] = each.model_copy(update=changed)
    return given.model_copy(update={"languages": grown, "predictions": 9_876_543_210})


@pytest.mark.parametrize("width", [1280, 390])
def test_an_update_changes_numbers_and_moves_nothing(open_dashboard, served, refresh, width):
    given = usual()
    served.show(given)
    page = open_dashboard(served, viewport={"width": width, "height": 900})
    before = page.evaluate(BOXES)
    served.show(busier(given))
    refresh(page, served)
    assert page.locator("#total").inner_text() == "9,876,543,210"
    assert page.evaluate(BOXES) == before


def test_the_page_asks_again_by_itself(open_dashboard, served):
    served.show(snapshot(plain_languages(2)))
    page = open_dashboard(served)
    served.show(snapshot(plain_languages(3)))
    page.locator("#count", has_text="3").wait_for()


def test_updates_are_silent_and_alerts_are_told_once(open_dashboard, served, refresh):
    served.show(usual())
    page = open_dashboard(served)
    page.evaluate(
        """() => {
            window.heard = [];
            const listen = (each) => new MutationObserver(() => window.heard.push(each.textContent))
                .observe(each, { childList: true, characterData: true, subtree: true });
            document.querySelectorAll("[role='status'], [aria-live]").forEach(listen);
        }"""
    )
    served.show(busier(usual()))
    refresh(page, served)
    assert page.evaluate("window.heard") == []
    given = usual()
    opened = alert(9, "ja", "length", message="Texts got longer.")
    served.show(given.model_copy(update={"alerts": (opened, *given.alerts)}))
    refresh(page, served)
    assert page.evaluate("window.heard") == ["New alert: Japanese, Length of texts."]
    assert page.locator("#open-alerts > li").first.inner_text().startswith("! Japanese")
    served.show(given.model_copy(update={"alerts": given.alerts[1:]}))
    refresh(page, served)
    assert page.evaluate("window.heard")[1:] == [
        "No longer open: Japanese, Length of texts and Swahili, Accuracy.",
    ]


def test_an_alert_that_is_read_stays_in_place(open_dashboard, served, refresh):
    served.show(usual())
    page = open_dashboard(served)
    node = page.locator("#open-alerts > li").first.element_handle()
    served.show(busier(usual()))
    refresh(page, served)
    assert node.evaluate("each => each === document.querySelector('#open-alerts > li')")


def test_a_server_that_is_gone_is_told_and_resumes(open_dashboard):
    served = Served()
    served.show(usual())
    with serving(served):
        page = open_dashboard(served, expect=(REFUSED,))
    total = page.locator("#total").inner_text()
    ask(page)
    page.locator("#bar").wait_for()
    told = page.locator("#bar").inner_text()
    assert re.search(r"The server does not answer since \d\d:\d\d:\d\d \(\d+ s\)\. What you see is from then\.", told)
    assert page.locator("#live-word").inner_text() == "Not live"
    assert page.locator("#link-told").inner_text() == "The server does not answer."
    assert page.locator("#total").inner_text() == total
    # Its width and place are those of before: nothing was pushed down.
    assert page.locator("#bar").evaluate("each => getComputedStyle(each).position") == "fixed"
    served.show(snapshot({"en": language("en")}))
    with serving(served):
        page.locator("#live.well").wait_for()
        assert page.locator("#bar").is_hidden()
        assert page.locator("#link-told").inner_text() == "The server answers again."
        page.locator("h1", has_text="the language is quiet").wait_for()


def test_a_server_that_was_never_there_is_told(open_dashboard):
    served = Served()
    served.show(usual())
    with serving(served):
        page = open_dashboard(served, expect=("500",))
        served.show(None)
        page = open_dashboard(served, ready="#bar", expect=("500",))
        assert "The server answers with an error (500) since" in page.locator("#bar").inner_text()
        assert page.locator("h1").inner_text() == "Nothing is known yet"
        assert page.locator("#content").is_hidden()
        served.show(usual())
        ask(page)
        page.locator("#live.well").wait_for()
        assert page.locator("#content").is_visible()


def test_a_server_with_a_token_is_asked_with_it(open_dashboard):
    served = Served()
    served.show(usual())
    with serving(served, RIGHT):
        page = open_dashboard(served, ready="#token", expect=("401",))
        assert page.locator("#content").is_hidden()
        assert "Swahili" not in page.content()
        assert page.locator("#token:focus").count() == 1
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        ask(page)
        page.wait_for_timeout(50)
        assert asked == []
        page.locator("#token").fill("wrong")
        page.keyboard.press("Enter")
        page.locator("#token-refused", has_text="refused this token").wait_for()
        page.locator("#token").fill("тайна")
        page.keyboard.press("Enter")
        page.locator("#token-refused", has_text="ASCII").wait_for()
        page.locator("#token").fill(f" {RIGHT} ")
        page.get_by_role("button", name="Show the languages").click()
        page.locator("#live.well").wait_for()
        assert page.locator("h1").inner_text() == "Open alerts: Swahili and Thai"
        assert page.locator("#ask").is_hidden()
        assert RIGHT not in page.url
        page.reload()
        page.locator("#live.well").wait_for()


def test_another_version_of_the_page_is_told(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)

    def newer(route):
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"page": "another"})

    page.route("**/dashboard/data", newer)
    ask(page)
    page.locator("#bar", has_text="another version of this page").wait_for()
    assert page.locator("#live-word").inner_text() == "Live"
    page.unroute_all(behavior="wait")
