"""What the dashboard says of a snapshot: the answer first, then alerts, languages, and what is not known."""

import pytest
from dashboard_snapshots import alert, crowded, language, plain_languages, share, snapshot, unsettled, usual

from leanglot.results.monitoring import RecentLatency

pytestmark = pytest.mark.browser


def row(page, name):
    return page.locator("#health-table tbody", has=page.locator(".opener", has_text=name))


def cell(page, name, key):
    return row(page, name).locator(f"tr:first-child [data-col='{key}']").inner_text().strip()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (snapshot(), "No predictions yet"),
        (snapshot({"en": language("en")}), "No alert: the language is quiet"),
        (snapshot({tag: language(tag) for tag in ("en", "de", "th")}), "No alert: all 3 languages are quiet"),
        (snapshot(plain_languages(11)), "No alert: 8 of 11 languages are quiet, 3 cannot be judged yet"),
        (unsettled(4), "No alert, and no language that can be judged yet"),
        (usual(), "Open alerts: Swahili and Thai"),
        (crowded(), "Open alerts: Mix of languages, German, Swahili and 10 more"),
    ],
    ids=["empty", "one", "quiet", "mixed", "unsettled", "alerts", "crowded"],
)
def test_the_heading_is_the_answer(open_dashboard, served, given, said):
    served.show(given)
    page = open_dashboard(served)
    assert page.locator("h1").inner_text() == said


def test_an_empty_monitor_says_how_to_fill_it(open_dashboard, served):
    served.show(snapshot())
    page = open_dashboard(served)
    assert page.locator("#health-table").is_hidden()
    assert page.locator("#alert-section").is_hidden()
    assert f"curl http://127.0.0.1:{served.port}/predict" in page.locator("#example").inner_text()
    assert page.locator("#total-aside").inner_text() == "none so far"


def test_a_row_tells_what_the_record_holds(open_dashboard, served):
    thai = language(
        "th",
        last_hour=12_345,
        share=0.25,
        latency=RecentLatency(n=12_345, p50=4.25, p95=31.6, p99=1_234.5),
        accuracy=share(0.912, 1_000),
        estimate=share(0.9, 2_000),
        detectable_drop=0.042,
    )
    served.show(snapshot({"th": thai}))
    page = open_dashboard(served)
    assert cell(page, "Thai", "language") == "Thai\nth"
    assert cell(page, "Thai", "health") == "✓ quiet"
    assert cell(page, "Thai", "volume").split("\n") == ["12.3K", "25.0% of all"]
    assert [cell(page, "Thai", key) for key in ("p50", "p95", "p99")] == ["4.3", "32", "1,235"]
    assert cell(page, "Thai", "accuracy").split("\n") == ["91.2%", "89.2–93.2, n 1,000"]
    assert cell(page, "Thai", "estimate").split("\n") == ["90.0%", "88.0–92.0, n 2,000"]
    assert cell(page, "Thai", "drop") == "4.2 points"


def test_missing_evidence_is_told_with_its_reason(open_dashboard, served):
    empty = language(
        "th",
        "not enough data",
        last_hour=0,
        predictions=3,
        share=None,
        per_minute=(),
        confidence=None,
        latency=RecentLatency(n=0),
        variants={},
    )
    served.show(snapshot({"th": empty}))
    page = open_dashboard(served)
    assert [cell(page, "Thai", key) for key in ("p50", "p95", "p99")] == ["too few"] * 3
    assert cell(page, "Thai", "accuracy") == empty.accuracy.reason
    assert cell(page, "Thai", "estimate") == empty.estimate.reason
    assert cell(page, "Thai", "drop") == "none yet"
    assert page.locator("thead [data-col='flips']").is_hidden()
    row(page, "Thai").locator(".opener").click()
    details = row(page, "Thai").locator(".details").inner_text()
    estimated = "37 predictions have a confidence, and 200 are needed"
    for told in (
        empty.reason,
        estimated,
        "too few answers in the last hour (0)",
        "not logged",
        "nothing yet, not even a total loss",
    ):
        assert told in details
    assert "0.0%" not in row(page, "Thai").inner_text()
    assert "NaN" not in page.locator("main").inner_text()


def test_an_alert_tells_what_since_when_how_sure_and_what_to_do(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served, timezone_id="UTC")
    first = page.locator("#open-alerts > li").first
    told = first.inner_text()
    for part in (
        "! Swahili",
        "Accuracy",
        alert(1, "sw").message,
        "−5.4 points (−8.0 to −2.1)",
        "n 1,200, false alarm: at most 5%",
        f"What to do: {alert(1, 'sw').advice}",
    ):
        assert part in told
    times = first.locator("time").evaluate_all("all => all.map((each) => each.dateTime)")
    assert times == ["2026-11-27T10:29:00Z", "2026-11-27T11:59:00Z"]
    assert "at most 1 in 330 million" in page.locator("#open-alerts > li").nth(1).inner_text()
    assert page.title() == "(2) int8-embeddings monitor"


def test_an_alerted_cell_is_marked_without_colour_too(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    marked = page.locator("td.alerted")
    assert marked.count() == 1
    assert marked.first.evaluate("each => getComputedStyle(each.firstElementChild, '::before').content") == '"! "'


def test_ended_alerts_are_folded_away(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    assert page.locator("#ended-alerts").is_hidden()
    page.locator("#ended-summary").click()
    assert page.locator("#ended-alerts > li").count() == 1
    assert "✓ German" in page.locator("#ended-alerts").inner_text()


def test_many_alerts_show_the_newest_and_then_all(open_dashboard, served):
    served.show(crowded())
    page = open_dashboard(served)
    shown = page.locator("#open-alerts > li:visible")
    assert shown.count() == 4
    button = page.get_by_role("button", name="Show all 41 open alerts")
    assert button.get_attribute("aria-expanded") == "false"
    button.click()
    assert shown.count() == 41
    page.get_by_role("button", name="Show the newest 4 alone").click()
    assert shown.count() == 4


def test_details_lead_to_the_alert(open_dashboard, served):
    served.show(crowded())
    page = open_dashboard(served)
    row(page, "Thai").locator(".opener").click()
    buttons = row(page, "Thai").get_by_role("button", name="see the alert")
    assert buttons.count() > 1
    buttons.last.click()
    focused = page.locator("#open-alerts > li:focus")
    assert focused.is_visible()
    assert "Thai" in focused.inner_text()


def test_notes_and_counters_are_told(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served)
    told = page.locator("#notes-section").inner_text()
    assert usual().notes[0] in told
    assert "broken lines\n3" in told
    served.show(snapshot({"en": language("en")}))
    assert open_dashboard(served).locator("#notes-section").is_hidden()


def test_shadow_and_variants_are_told_in_details(open_dashboard, served):
    served.show(snapshot({"th": language("th", variants={"int8": 90, "fp32": 10})}))
    page = open_dashboard(served)
    row(page, "Thai").locator("tr").first.click(position={"x": 300, "y": 10})
    details = row(page, "Thai").locator(".details").inner_text()
    assert "int8 90%, fp32 10%" in details
    assert "of 100 labelled, 3 lost and 1 won: inconclusive" in details
    assert row(page, "Thai").locator(".details svg.intervals").count() == 1


def test_without_javascript_the_page_names_the_data(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served, ready="noscript", java_script_enabled=False)
    assert page.locator("noscript a").get_attribute("href") == "dashboard/data"
