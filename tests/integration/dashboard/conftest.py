"""Dashboards opened in Chromium, with everything they ask for and complain about."""

from datetime import datetime
from urllib.parse import urlsplit

import pytest
from dashboard_serving import Served, ask, serving

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 15_000


@pytest.fixture(scope="module")
def served():
    """One server for the tests of a file; each of them sets its own snapshot."""
    told = Served()
    with serving(told):
        yield told


@pytest.fixture
def open_dashboard(browser):
    """Opens a server's page and fails afterwards if it asked others for anything, or complained unexpectedly."""
    contexts, requests, complaints, expected = [], [], [], []

    def opened(served, hash_="", viewport=DESKTOP, ready="#live.well", expect=(), **options):
        expected.extend(expect)
        context = browser.new_context(viewport=viewport, **options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: requests.append((served.port, request.url)))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(served.address + hash_)
        page.locator(ready).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert contexts
    assert [text for text in complaints if not any(part in text for part in expected)] == []
    asked = {url for port, url in requests if urlsplit(url).port != port and not url.startswith("data:")}
    assert asked == set()


@pytest.fixture
def refresh():
    """Makes an open page ask at once, and waits until it shows what the server tells now."""

    def refreshed(page, served):
        content = page.locator("#content")
        for _ in range(PATIENCE_MS // 20):
            told = content.get_attribute("data-told")
            if told is not None and datetime.fromisoformat(told) >= served.since:
                return
            ask(page)
            page.wait_for_timeout(20)
        pytest.fail("the page did not show the new snapshot")

    return refreshed


@pytest.fixture
def phone():
    return PHONE
