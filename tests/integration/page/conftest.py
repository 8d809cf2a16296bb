"""Reports opened in Chromium, with everything they ask for and complain about."""

from pathlib import Path

import pytest
from page_runs import hostile_report, large_report, priced_report, stored

from leanglot.report.page import render_page

DESKTOP = {"width": 1280, "height": 800}


@pytest.fixture(scope="session")
def addresses(tmp_path_factory):
    """Where each report lies, by name; written once."""
    folder = tmp_path_factory.mktemp("pages")
    written = {}
    makers = {
        "plain": lambda: (stored("report-v1"), None),
        "quantized": lambda: (stored("report-v1-quantized"), None),
        "priced": lambda: (priced_report(), {}),
        "hostile": lambda: (hostile_report(), {}),
        "large": lambda: (large_report(), {}),
    }

    def address(name):
        if name not in written:
            path: Path = folder / f"{name}.html"
            path.write_text(render_page(*makers[name]()), encoding="utf-8")
            written[name] = path.as_uri()
        return written[name]

    return address


@pytest.fixture
def open_report(browser, addresses):
    """Opens a report by name and fails afterwards if it asked for anything or complained."""
    contexts, requests, complaints = [], [], []

    def opened(name, hash_="", viewport=DESKTOP, **options):
        contexts.append(browser.new_context(viewport=viewport, **options))
        contexts[-1].set_default_timeout(5_000)
        page = contexts[-1].new_page()
        page.on("request", lambda request: requests.append(request.url))
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        page.goto(addresses(name) + hash_)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert contexts
    assert complaints == []
    asked = {url.split("#")[0] for url in requests if not url.startswith("data:image/svg+xml")}
    assert len(asked) <= 1
    assert all(url.startswith("file:") for url in asked)
