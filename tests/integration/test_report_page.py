"""The report page in a real browser: no network, no scripts, readable on every screen and without a mouse."""

import shutil
from pathlib import Path

import pytest

from leanglot.report.files import write_report
from leanglot.results.records import RunReport

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
pytestmark = pytest.mark.browser

ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
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
    .map((e) => {
      const fore = parse(getComputedStyle(e).color), back = ground(e);
      const a = light(fore.slice(0, 3)), b = light(back);
      return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.textContent.trim().slice(0, 40)];
    });
}"""


@pytest.fixture(scope="module")
def browser():
    found = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if found is None:
        pytest.skip("no Chromium on the PATH: install chromium, chromium-browser or google-chrome")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module", params=["report-v1", "report-v1-quantized"])
def address(request, tmp_path_factory):
    stored = Path(__file__).parents[1] / "golden" / f"{request.param}.json"
    report = RunReport.model_validate_json(stored.read_text(encoding="utf-8"))
    return write_report(report, tmp_path_factory.mktemp("run"))[0].as_uri()


@pytest.fixture
def open_page(browser, address):
    """Opens the report and fails afterwards if it asked for anything or complained."""
    contexts, requests, complaints = [], [], []

    def opened(viewport, scheme="light"):
        contexts.append(browser.new_context(viewport=viewport, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(address)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert contexts
    assert complaints == []
    assert [url for url in requests if url != address and not url.startswith("data:image/svg+xml")] == []


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


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(open_page, scheme):
    page = open_page(DESKTOP, scheme)
    contrasts = page.evaluate(CONTRASTS)
    assert len(contrasts) > 300
    assert [pair for pair in contrasts if pair[0] < 4.5] == []


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
    assert len(sizes) == 3
    assert all(complete and width > 500 for complete, width in sizes)


@pytest.mark.parametrize("key", ["Enter", "Space"])
def test_details_open_by_keyboard(open_page, key):
    page = open_page(DESKTOP)
    details = page.locator("details").first
    table = details.locator("table")
    assert not table.is_visible()
    details.locator("summary").focus()
    page.keyboard.press(key)
    assert table.is_visible()


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


def test_print_shows_what_details_hide(open_page):
    page = open_page(DESKTOP)
    shown = "[...document.querySelectorAll('details table')].map((each) => each.checkVisibility())"
    assert not any(page.evaluate(shown))
    page.emulate_media(media="print")
    assert all(page.evaluate(shown))
