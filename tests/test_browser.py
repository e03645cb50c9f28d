"""The built book in a real browser, offline: what a reader sees, hears and can reach.

`built_book` (conftest.py) is the folder of pages of a small run. Pages are served from this machine; every request
to another host is refused and remembered.
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

SWITCH = ".audiosae-switch[data-state]"
SAMPLES = """async (audio) => {
    const bytes = await (await fetch(audio.currentSrc)).arrayBuffer();
    const context = new OfflineAudioContext(1, 1, 24000);
    const samples = (await context.decodeAudioData(bytes)).getChannelData(0);
    return Array.from(samples.slice(0, 24000));
}"""


@dataclass
class Record:
    """What went wrong while a page was open."""

    faults: list[str] = field(default_factory=list)


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line on the terminal for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(built_book: Path) -> Iterator[str]:
    handler = functools.partial(QuietHandler, directory=str(built_book))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    named = os.environ.get("AUDIOSAE_CHROMIUM")
    path = named or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        try:
            # In a container the sandbox of Chromium does not start; these pages are our own.
            instance = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except Error as error:
            pytest.fail(
                f"no Chromium starts from {path or 'Playwright'}: install one (apt-get install chromium, or playwright "
                f"install chromium), or name it in AUDIOSAE_CHROMIUM. {error.message.splitlines()[0]}",
                pytrace=False,
            )
        yield instance
        instance.close()


@pytest.fixture
def record() -> Record:
    return Record()


@pytest.fixture
def page(browser: Browser, address: str, record: Record) -> Iterator[Page]:
    context = browser.new_context(base_url=address)
    page = context.new_page()

    def gate(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if f"{parts.scheme}://{parts.netloc}" == address or parts.scheme in ("data", "blob"):
            route.continue_()
        else:
            record.faults.append(f"request to another host: {route.request.url}")
            route.abort()

    context.route("**/*", gate)
    page.on("console", lambda line: line.type == "error" and record.faults.append(f"console: {line.text}"))
    page.on("pageerror", lambda error: record.faults.append(f"script: {error}"))
    page.on("response", lambda answer: answer.status >= 400 and record.faults.append(f"{answer.status}: {answer.url}"))
    # A sound that is left for another is cancelled by the browser, which is no fault.
    page.on(
        "requestfailed",
        lambda request: request.failure != "net::ERR_ABORTED" and record.faults.append(f"failed: {request.url}"),
    )
    yield page
    context.close()


def pages(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html") if "_static" not in path.parts)


def open_page(page: Page, name: str) -> None:
    page.goto(f"/{name}", wait_until="load")
    page.wait_for_function("!document.querySelector('[data-audiosae-src]:not([data-state])')")


def test_pages_ask_nothing_of_other_hosts_and_raise_no_error(page: Page, record: Record, built_book: Path) -> None:
    names = pages(built_book)
    assert {"index.html", "method.html", "results.html"} <= set(names)
    assert sum(name.startswith("sections") for name in names) >= 4
    for name in names:
        open_page(page, name)
        page.wait_for_load_state("networkidle")
        assert not record.faults, f"{name}: {record.faults}"


def test_every_image_says_what_it_shows(page: Page, built_book: Path) -> None:
    for name in pages(built_book):
        open_page(page, name)
        for image in page.locator("article img").all():
            text = image.get_attribute("alt") or ""
            # Sphinx falls back on the file's path, which tells a listener nothing.
            assert text.strip() and not text.endswith((".png", ".svg")), f"{name}: a figure without alternative text"
            assert image.evaluate("image => image.complete && image.naturalWidth > 0"), f"{name}: “{text}” is not drawn"


def test_controls_have_names_and_nothing_plays_by_itself(page: Page, built_book: Path) -> None:
    for name in pages(built_book):
        open_page(page, name)
        for audio in page.locator("audio").all():
            assert audio.evaluate("audio => audio.paused && !audio.autoplay && audio.preload === 'none'"), name
            assert audio.get_attribute("aria-label"), name
        for control in page.locator(".audiosae-switch input, .audiosae-switch select").all():
            assert control.evaluate("control => control.labels.length === 1 && control.labels[0].textContent"), name


def test_every_widget_is_mounted_and_no_sound_is_fetched_in_advance(page: Page, built_book: Path) -> None:
    sounds: list[str] = []
    page.on("request", lambda request: request.url.endswith(".mp3") and sounds.append(request.url))
    mounted = 0
    for name in pages(built_book):
        open_page(page, name)
        wanted = page.locator("[data-audiosae-src]").count()
        assert page.locator(SWITCH).count() == wanted, name
        mounted += wanted
    assert mounted >= 2  # the landing page and the chapter on steering
    assert not sounds


def test_a_sound_plays(page: Page, record: Record) -> None:
    open_page(page, "index.html")
    audio = page.locator(f"{SWITCH} audio").first
    moved = audio.evaluate(
        """audio => new Promise((resolve, reject) => {
            audio.addEventListener("timeupdate", () => { if (audio.currentTime > 0.1) resolve(audio.currentTime); });
            audio.addEventListener("error", () => reject(new Error("the sound does not load")));
            audio.play();
        })"""
    )
    assert moved > 0.1
    assert not record.faults


def test_the_slider_moved_by_keyboard_plays_another_sound_from_the_same_place(page: Page, record: Record) -> None:
    open_page(page, "index.html")
    switch = page.locator(SWITCH).first
    audio, slider = switch.locator("audio"), switch.locator("input[type=range]")
    assert audio.evaluate("audio => audio.currentSrc") or audio.evaluate("audio => audio.src")
    audio.evaluate(
        """audio => new Promise((resolve) => {
            audio.addEventListener("timeupdate", () => { if (audio.currentTime > 0.3) resolve(); });
            audio.play();
        })"""
    )
    before = {
        "source": audio.evaluate("audio => audio.currentSrc"),
        "samples": audio.evaluate(SAMPLES),
        "readout": switch.locator("dl").inner_text(),
    }
    left_at = audio.evaluate("audio => audio.currentTime")
    slider.focus()
    page.keyboard.press("End")
    last = slider.get_attribute("max")
    page.wait_for_function(
        "([element, last]) => element.dataset.state.endsWith(`-${last}`) || element.dataset.state === last",
        arg=[switch.element_handle(), last],
    )
    resumed = audio.evaluate(
        """audio => new Promise((resolve) => {
            const look = () => { if (!audio.paused && audio.readyState > 2 && audio.currentTime > 0) resolve(audio.currentTime); };
            audio.addEventListener("timeupdate", look);
            look();
        })"""
    )
    assert resumed >= left_at - 0.05  # it went on, and did not begin again
    assert audio.evaluate("audio => audio.currentSrc") != before["source"]
    assert audio.evaluate(SAMPLES) != before["samples"]
    assert switch.locator("dl").inner_text() != before["readout"]
    assert slider.get_attribute("aria-valuetext") == switch.locator("output").inner_text()
    assert not record.faults


def test_moving_the_slider_while_paused_does_not_start_the_sound(page: Page) -> None:
    open_page(page, "index.html")
    switch = page.locator(SWITCH).first
    first = switch.get_attribute("data-state")
    switch.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("([element, first]) => element.dataset.state !== first", arg=[switch.element_handle(), first])
    assert switch.locator("audio").evaluate("audio => audio.paused")


def test_players_in_tables_find_their_files(page: Page, record: Record, built_book: Path) -> None:
    found = 0
    for name in pages(built_book):
        open_page(page, name)
        for audio in page.locator(".audiosae-table audio").all():
            found += 1
            status = audio.evaluate("async audio => (await fetch(audio.src, { method: 'HEAD' })).status")
            assert status == 200, f"{name}: {audio.get_attribute('src')}"
    assert found
    assert not record.faults


def test_the_foot_of_a_page_says_from_which_commit_it_was_built(page: Page) -> None:
    open_page(page, "index.html")
    foot = page.locator("footer.bd-footer-content", has_text="Built from ").inner_text()
    assert "Built from commit" in foot or "Built from an unknown commit" in foot


def test_a_page_keeps_to_a_narrow_screen(page: Page, built_book: Path) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    for name in pages(built_book):
        open_page(page, name)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 1, f"{name} is {wide} px wider than a telephone"
