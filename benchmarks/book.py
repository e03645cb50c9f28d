"""What a reader's browser has to fetch before it asks for a sound, and how long that takes, page by page.

    .venv/bin/python benchmarks/book.py [--html book/_build/html] [--shots FOLDER]

Each page is opened in a fresh profile of Chromium, so that nothing is cached, from a file server on this machine. *Interactive* is the time from
the request until the page's widgets have been drawn and its slider or search answers. With --shots, a picture of each page at 1440, 1024 and
390 pixels is kept, with a list of those that are wider than the window.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import os
import shutil
import statistics
import threading
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

WIDTHS = (1440, 1024, 390)
DRAWN = "!document.querySelector('[data-audiosae-src]:not([data-state]), [data-audiosae-features]:not([data-feature])')"
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def weigh(browser: Browser, address: str, turns: int) -> tuple[int, float, float, list[str]]:
    """Bytes fetched, median and longest seconds until interactive, and errors."""
    seconds, errors, size = [], [], 0
    for _ in range(turns):
        page = browser.new_context().new_page()
        loaded: list[int] = []
        page.on("requestfinished", lambda request, loaded=loaded: loaded.append(request.sizes()["responseBodySize"]))
        page.on("console", lambda line: line.type == "error" and errors.append(line.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(address, wait_until="commit")
        page.wait_for_load_state("domcontentloaded")
        page.wait_for_function(DRAWN)
        seconds.append(page.evaluate("performance.now()") / 1000)
        page.wait_for_load_state("networkidle")
        size = sum(loaded)
        page.context.close()
    return size, statistics.median(seconds), max(seconds), errors


def main() -> None:
    """Measure every page, print a row each and the sums."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--html", type=Path, default=Path("book/_build/html"))
    parser.add_argument("--shots", type=Path)
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    names = sorted(path.relative_to(given.html).as_posix() for path in given.html.rglob("*.html") if "_static" not in path.parts)
    handler = functools.partial(Quiet, directory=str(given.html))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server, sync_playwright() as playwright:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        path = os.environ.get("AUDIOSAE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        print("| page | kB | interactive after, s | longest |\n|---|---|---|---|")
        for name in names:
            size, median, longest, errors = weigh(browser, f"http://127.0.0.1:{server.server_port}/{name}", given.turns)
            print(f"| {name} | {size / 1000:.0f} | {median:.2f} | {longest:.2f} | {'; '.join(errors)}", flush=True)
        if given.shots:
            given.shots.mkdir(parents=True, exist_ok=True)
            for width in WIDTHS:
                page = browser.new_page(viewport={"width": width, "height": 900})
                for name in names:
                    page.goto(f"http://127.0.0.1:{server.server_port}/{name}")
                    page.wait_for_function(DRAWN)
                    page.wait_for_load_state("networkidle")
                    if (wide := page.evaluate(WIDE)) > 0:
                        print(f"{name} is {wide} px wider than {width}")
                    page.screenshot(path=given.shots / f"{name.replace('/', '_').removesuffix('.html')}_{width}.png", full_page=True)
                page.close()
        browser.close()
        server.shutdown()
    files = [path for path in given.html.rglob("*") if path.is_file()]
    print(f"the whole book: {sum(path.stat().st_size for path in files) / 1e6:.1f} MB in {len(files)} files")


if __name__ == "__main__":
    main()
