"""The report page as one reads it: no network, readable on every screen, in both themes, printed, without a mouse."""

import itertools
import re

import pytest

pytestmark = pytest.mark.browser

DESKTOP = {"width": 1280, "height": 800}
PHONE = {"width": 360, "height": 740}

# For every element with text of its own: the contrast of its colour with the nearest opaque ground (WCAG 2.2).
CONTRASTS = """() => {
  const parse = (css) => (css.match(/[\\d.]+/g) || []).map(Number);
  const light = (rgb) => {
    const [r, g, b] = rgb.map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c.slice(0, 3);
    }
    return null;
  };
  return [...document.querySelectorAll("body *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .filter((e) => !["SCRIPT", "STYLE", "NOSCRIPT"].includes(e.tagName))
    .map((e) => {
      const style = getComputedStyle(e), back = ground(e);
      const fore = parse(e instanceof SVGElement ? style.fill : style.color);
      const a = light(fore.slice(0, 3)), b = light(back);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)];
    });
}"""


# The contrast of each control's edge with the ground around it.
EDGES = CONTRASTS.replace('"body *"', '"select, .controls input[type=search], summary, .try button"').replace(
    "style.color)", "style.borderTopColor)"
)
EDGES = EDGES[: EDGES.index("    .filter")] + EDGES[EDGES.index("    .map") :].replace(
    "ground(e)", "ground(e.parentElement)"
)


@pytest.fixture(params=["plain", "quantized"])
def open_page(request, open_report):
    return lambda viewport, scheme="light": open_report(request.param, viewport=viewport, color_scheme=scheme)


def test_the_answer_is_above_the_fold(open_page):
    page = open_page(DESKTOP)
    for place in ("h1", ".tiles", "#harmed", "#unproven", "#safe"):
        box = page.locator(place).bounding_box()
        assert box["y"] + box["height"] <= DESKTOP["height"], place
    assert "int8-embeddings" in page.locator("h1").inner_text()


def test_on_a_phone_the_answer_comes_first_too(open_page):
    page = open_page(PHONE)
    box = page.locator(".tiles").bounding_box()
    assert box["y"] + box["height"] <= PHONE["height"]


@pytest.mark.parametrize("viewport", [PHONE, {"width": 768, "height": 1024}, DESKTOP], ids=lambda size: size["width"])
def test_the_page_never_scrolls_sideways(open_page, viewport):
    page = open_page(viewport)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def states(page):
    """The page with everything in sight that it can show, one state after the other."""
    for choice in page.locator("#candidate-choice option").all():
        page.locator("#candidate-choice").select_option(choice.get_attribute("value"))
        yield
    page.locator("#beside-choice").select_option(index=2)
    for menu in page.locator(".menu").all():
        menu.locator("summary").click()
        menu.get_by_role("button", name="All").click()
    for row in page.locator("#language-table .peek").all()[:8]:
        row.focus()
        yield
    page.locator("#candidate-table tbody tr").nth(1).hover()
    yield


@pytest.mark.parametrize("name", ["plain", "quantized", "priced"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_report, name, scheme):
    page = open_report(name, viewport=DESKTOP, color_scheme=scheme)
    seen = 0
    for _ in states(page):
        contrasts = page.evaluate(CONTRASTS)
        seen += len(contrasts)
        assert [pair for pair in contrasts if pair[0] < 4.5] == []
    assert seen > 5_000


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_without_the_script(open_report, scheme):
    page = open_report("plain", color_scheme=scheme, java_script_enabled=False)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 2_000
    assert [pair for pair in contrasts if pair[0] < 4.5] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_edges_of_controls_stand_out(open_report, scheme):
    page = open_report("priced", color_scheme=scheme)
    edges = page.evaluate(EDGES)
    assert len(edges) > 6
    assert [pair for pair in edges if pair[0] < 3] == []


def test_the_theme_follows_the_reader(open_page):
    grounds = {
        scheme: open_page(DESKTOP, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    }
    assert grounds["light"] != grounds["dark"]


def test_charts_follow_the_theme(open_page):
    shots = [open_page(DESKTOP, scheme).locator("img.chart").first.screenshot() for scheme in ("light", "dark")]
    assert shots[0] != shots[1]


def test_charts_are_shown(open_page):
    page = open_page(DESKTOP)
    sizes = page.evaluate("[...document.images].map((each) => [each.complete, each.naturalWidth])")
    assert len(sizes) >= 2
    assert all(complete and width > 500 for complete, width in sizes)


def test_wide_tables_scroll_by_keyboard(open_page):
    page = open_page(PHONE)
    region = page.get_by_role("region", name="All candidates")
    region.focus()
    page.keyboard.press("ArrowRight")
    # Waiting inside the page would need eval there, which its content security policy forbids.
    for _ in range(50):
        if region.evaluate("element => element.scrollLeft") > 0:
            break
        page.wait_for_timeout(100)
    assert region.evaluate("element => element.scrollLeft") > 0


def test_print_shows_all_languages_of_the_chosen_candidate(open_report):
    page = open_report("plain", "#candidate=onnx")
    page.locator("#language-filter").fill("th")
    rows = page.locator("#language-table tbody tr:visible")
    assert rows.count() == 1
    page.emulate_media(media="print")
    assert rows.count() == 24
    assert page.locator("#drop-grid thead th:visible").count() == 25
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("#chosen-name").inner_text() == "onnx"


def test_print_fits_the_paper(open_report):
    page = open_report("priced", viewport={"width": 1040, "height": 720})
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 1040


def test_without_the_script_everything_is_readable(open_report):
    page = open_report("plain", java_script_enabled=False)
    assert page.locator("#language-table tbody tr:visible").count() == 24
    assert not page.locator(".controls").first.is_visible()
    assert page.locator("#candidate-table thead th:visible").count() == 22
    assert page.locator("#language-table .extra:visible").count() > 24
    details = page.locator("noscript details")
    assert details.count() == 7
    details.nth(1).locator("summary").click()
    assert details.nth(1).locator("tbody tr:visible").count() == 24
    assert "Failed: graph and model disagree" in details.last.text_content()


def test_without_the_script_print_shows_what_details_hide(open_report):
    page = open_report("plain", java_script_enabled=False)
    tables = page.locator("noscript details table")
    assert not tables.first.is_visible()
    page.emulate_media(media="print")
    assert all(table.is_visible() for table in tables.all())


def test_the_script_shows_what_stands_in_the_page(open_report):
    """The rows that the script makes are those of the page without it, but for the buttons on the drops."""
    told = "[...document.querySelectorAll('#language-table tbody tr')].map((row) => row.innerHTML)"
    still = open_report("plain", java_script_enabled=False).evaluate(told)
    moving = open_report("plain").evaluate(told)
    clean = [re.sub(r"</?button[^>]*>| class=\"[^\"]*\"| xmlns=\"[^\"]*\"", "", row) for row in moving]
    assert clean == [re.sub(r" class=\"[^\"]*\"", "", row) for row in still]


def test_nothing_moves_when_the_script_starts(open_report):
    page = open_report("plain")
    # Chromium reports every shift of what is in sight, from the first paint on.
    shifts = page.evaluate(
        """() => new Promise((done) => {
          let moved = 0;
          new PerformanceObserver((list) => { for (const each of list.getEntries()) moved += each.value; })
            .observe({ type: "layout-shift", buffered: true });
          setTimeout(() => done(moved), 300);
        })"""
    )
    assert shifts < 0.02


@pytest.mark.parametrize("name", ["plain", "priced", "large"])
def test_at_320_pixels_only_tables_scroll(open_report, name):
    page = open_report(name, viewport={"width": 320, "height": 256})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.locator("#language-table .peek").first.focus()
    box = page.locator("#detail").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 320
    page.keyboard.press("Escape")
    page.locator("#language-columns summary").click()
    panel = page.locator("#language-columns .panel").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= 320


def test_headings_go_down_one_level_at_a_time(open_report):
    page = open_report("priced")
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((each) => Number(each.tagName[1]))")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_controls_have_names_and_tables_headings(open_report):
    page = open_report("priced")
    nameless = page.evaluate(
        """[...document.querySelectorAll("input, select, button, a, summary, [role=region], fieldset")].filter((e) =>
          !(e.labels?.length || e.textContent.trim() || e.getAttribute("aria-label"))).map((e) => e.outerHTML)"""
    )
    assert nameless == []
    headless = page.evaluate(
        """[...document.querySelectorAll("table")].filter((e) =>
          ![...e.tHead.querySelectorAll("th")].every((each) => each.scope === "col")
          || e.tBodies[0].querySelectorAll("tr > th[scope=row]").length === 0).length"""
    )
    assert headless == 0
    references = page.evaluate(
        """[...document.querySelectorAll("[aria-labelledby], [aria-describedby]")].filter((e) =>
          [e.getAttribute("aria-labelledby"), e.getAttribute("aria-describedby")].some((id) =>
            id && !document.getElementById(id))).length"""
    )
    assert references == 0
