"""Take the picture of the page, docs/figures/page.png, of a server that has the demo's documents.

::

    longembed-rag ingest demo/documents --path demo-output
    longembed-rag serve --path demo-output &
    python docs/figures/page.py http://127.0.0.1:8000

It needs ``pip install -e '.[browser]'`` and Chromium in the path.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

PICTURE = Path(__file__).with_name("page.png")
QUERY = "how is a file recovered after power loss"


def main(address: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.goto(f"{address.rstrip('/')}/#q={QUERY.replace(' ', '+')}")
        page.locator(".near").first.wait_for()
        page.wait_for_timeout(500)
        page.screenshot(path=PICTURE)
        browser.close()
    print(f"{PICTURE}: {PICTURE.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000")
