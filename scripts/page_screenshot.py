"""Takes a picture of a run's report page in Chromium: the languages of a candidate with one language's detail.

python scripts/page_screenshot.py RUN OUT.png --candidate trimmed-int8 --language th
"""

import argparse
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlencode

from playwright.sync_api import sync_playwright

from leanglot.report.page import render_page
from leanglot.results.folder import read_report


def take(run: Path, picture: Path, candidate: str, language: str, scheme: str) -> None:
    """Renders the page afresh, opens a candidate, and puts the focus on one of its languages."""
    page_text = render_page(read_report(run / "report.json"), {})
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder) / "report.html"
        path.write_text(page_text, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport={"width": 1280, "height": 860}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page.goto(f"{path.as_uri()}#{urlencode({'candidate': candidate})}")
        page.locator("#language-table tbody tr", has_text=f"({language})").locator(".peek").focus()
        page.wait_for_timeout(200)
        page.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder with a report.json")
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--candidate", required=True)
    parser.add_argument("--language", required=True, help="tag of the language whose detail is shown")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    given = parser.parse_args()
    take(given.run, given.picture, given.candidate, given.language, given.scheme)
    print(given.picture)


if __name__ == "__main__":
    main()
