"""Takes a picture of a running server's dashboard in Chromium, with the details of one language where it is named.

python scripts/dashboard_screenshot.py http://127.0.0.1:8000 OUT.png --language Thai
"""

import argparse
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright


def take(server: str, picture: Path, language: str | None, scheme: str, width: int) -> None:
    """Opens the page, waits for the first numbers, opens a language, and saves what is in sight."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
        )
        page.goto(f"{server.rstrip('/')}/dashboard")
        page.locator("#live.well").wait_for()
        if language is not None:
            page.get_by_role("button", name=language, exact=True).click()
        page.mouse.move(0, 0)
        page.screenshot(path=picture)
        browser.close()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("server", help="where it serves, such as http://127.0.0.1:8000")
    parser.add_argument("picture", type=Path, help="PNG to write")
    parser.add_argument("--language", help="English name of the language whose details are shown")
    parser.add_argument("--scheme", choices=("light", "dark"), default="light")
    parser.add_argument("--width", type=int, default=1280)
    given = parser.parse_args()
    take(given.server, given.picture, given.language, given.scheme, given.width)
    print(given.picture)


if __name__ == "__main__":
    main()
