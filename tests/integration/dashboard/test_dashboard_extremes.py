"""Strings that mean something to a browser, many languages, narrow and dark pages, and what the policy allows."""

import pytest
from dashboard_snapshots import HOSTILE, crowded, hostile, snapshot, unsettled, usual

pytestmark = pytest.mark.browser

STATES = {"empty": snapshot, "usual": usual, "crowded": crowded, "unsettled": unsettled, "hostile": hostile}
CUT = """() => [...document.querySelectorAll('td .main, .opener, thead th, .tiles dd, .health, .alert-list h3')]
    .filter((each) => each.checkVisibility() && getComputedStyle(each).display !== 'inline')
    .filter((each) => each.scrollWidth > each.clientWidth + 1)
    .map((each) => `${each.className}: ${each.textContent} ${each.scrollWidth} in ${each.clientWidth}`)"""


@pytest.mark.parametrize("state", STATES)
def test_nothing_is_wider_than_the_page(open_dashboard, served, state):
    served.show(STATES[state]())
    page = open_dashboard(served)
    for width in (1280, 1273, 1272, 700, 390, 320):
        page.set_viewport_size({"width": width, "height": 800})
        assert (width, page.evaluate("document.documentElement.scrollWidth")) <= (width, width)
        if state != "hostile":
            assert (width, page.evaluate(CUT)) == (width, [])


def test_hostile_strings_stay_strings(open_dashboard, served):
    served.show(hostile())
    page = open_dashboard(served)
    for opener in page.locator(".opener").all():
        opener.click()
    page.locator("#all-alerts").click()
    assert page.locator("script").count() == 1
    assert page.locator("img, [onload], [onerror], [onmouseover], [onclick]").count() == 0
    assert "owned" not in page.title().split(" monitor")[1]
    assert page.locator("#health-table tbody > tr:first-child").count() == len(HOSTILE)
    assert page.locator("#open-alerts > li").count() == len(HOSTILE)
    assert page.locator("#notes-list li").count() == len(HOSTILE)
    told = page.locator("main").inner_text()
    assert HOSTILE[1] in told
    assert "\u202e" not in told
    assert "\x1b" not in told


def test_the_policy_forbids_html_from_text_and_other_addresses(open_dashboard, served):
    served.show(usual())
    page = open_dashboard(served, expect=("TrustedHTML", "Content Security Policy"))
    assert page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'done'; } catch (error) { return error.name; } }"
    ) == ("TypeError")
    assert page.evaluate("fetch('http://127.0.0.1:9/').then(() => 'done', () => 'refused')") == "refused"
    assert page.evaluate(
        """() => new Promise((done) => {
            const style = document.createElement('style');
            style.textContent = 'h1 { color: rgb(1, 2, 3); }';
            document.head.append(style);
            requestAnimationFrame(() => done(getComputedStyle(document.querySelector('h1')).color));
        })"""
    ) != ("rgb(1, 2, 3)")


@pytest.mark.parametrize("width", [1280, 390])
def test_sixty_languages_stay_a_table_with_few_nodes(open_dashboard, served, refresh, width):
    served.show(usual(60))
    page = open_dashboard(served, viewport={"width": width, "height": 844})
    table = page.get_by_role("table", name="Health of each language")
    assert table.get_by_role("row").count() == 61
    assert table.get_by_role("columnheader").count() == 10
    assert table.get_by_role("rowheader").count() == 60
    nodes = page.evaluate("document.querySelectorAll('*').length")
    assert nodes < 60 * 60 + 400
    served.show(usual(60))
    refresh(page, served)
    assert page.evaluate("document.querySelectorAll('*').length") == nodes


def test_headings_stay_in_sight_while_the_page_scrolls(open_dashboard, served):
    served.show(usual(60))
    page = open_dashboard(served)
    page.locator(".opener").nth(50).scroll_into_view_if_needed()
    assert page.evaluate("scrollY") > 1_000
    assert 0 <= page.locator("#health-table thead th").first.bounding_box()["y"] < 3


CONTRAST = """() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgb = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const light = (colour) => rgb(colour).slice(0, 3).map((part) => part / 255)
        .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
        .reduce((sum, part, index) => sum + part * [0.2126, 0.7152, 0.0722][index], 0);
    const behind = (node) => {
        for (let each = node; each; each = each.parentElement) {
            const { backgroundColor } = getComputedStyle(each);
            if (rgb(backgroundColor)[3] === 255) return backgroundColor;
        }
        return 'white';
    };
    const low = [];
    for (const node of document.querySelectorAll('main *, .bar *')) {
        const says = [...node.childNodes].some((each) => each.nodeType === 3 && each.data.trim());
        if (!says || !node.checkVisibility()) continue;
        const [a, b] = [light(getComputedStyle(node).color), light(behind(node))];
        const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        if (ratio < 4.5) low.push(`${node.textContent}: ${ratio.toFixed(2)}`);
    }
    return low;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_schemes(open_dashboard, served, scheme):
    """WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 to 1."""
    served.show(usual())
    page = open_dashboard(served, color_scheme=scheme)
    page.locator(".opener").first.click()
    page.locator("#ended-summary").click()
    assert page.evaluate(CONTRAST) == []
