"""The built book in a real browser, offline: what a reader sees, hears and can reach.

`built_book` (conftest.py) is the folder of pages of a small run. Pages are served from this machine; every request
to another host is refused and remembered.
"""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Error, Page, Route, sync_playwright

from audiosae.widgets.sound import ASSETS

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
"""Rules of accessibility, by Deque Systems, run inside each page."""

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
        page.wait_for_load_state("networkidle")
        for image in page.locator("article img:not([hidden] *)").all():  # a player without pictures hides the place for one
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


def test_a_page_keeps_to_wider_screens(page: Page, built_book: Path) -> None:
    for width in (1440, 1024):
        page.set_viewport_size({"width": width, "height": 900})
        for name in pages(built_book):
            open_page(page, name)
            wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert wide <= 1, f"{name} is {wide} px wider than a screen of {width}"


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_no_page_breaks_a_rule_of_axe(page: Page, built_book: Path, theme: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.add_init_script(f"localStorage.setItem('mode', '{theme}'); localStorage.setItem('theme', '{theme}')")
    for name in pages(built_book):
        open_page(page, name)
        page.wait_for_function(f"document.documentElement.dataset.theme === '{theme}'")
        page.add_script_tag(content=AXE)
        found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
        told = [f"{rule['id']}: {node['target']} {node['html'][:150]}" for rule in found for node in rule["nodes"][:3]]
        assert not told, f"{name}:\n" + "\n".join(told)


def test_pages_are_light_until_a_sound_is_asked_for(page: Page, built_book: Path) -> None:
    weights: dict[str, int] = {}
    page.on("requestfinished", lambda request: loaded.append(request.sizes()["responseBodySize"]))
    for name in pages(built_book):
        loaded: list[int] = []
        open_page(page, name)
        page.wait_for_load_state("networkidle")
        weights[name] = sum(loaded)
    # The browser keeps styles and scripts from page to page; the first one is the landing page of a reader, asked for afresh.
    assert max(weights.values()) < 5e6, weights


def test_the_first_page_is_light(page: Page) -> None:
    loaded: list[int] = []
    page.on("requestfinished", lambda request: loaded.append(request.sizes()["responseBodySize"]))
    open_page(page, "index.html")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(loaded) < 1.5e6


def test_a_button_goes_to_the_original_and_back(page: Page, record: Record) -> None:
    open_page(page, "desk.html")
    switch = page.locator(SWITCH).first
    picture, readout = switch.locator("img"), switch.locator("dl")
    steered = switch.locator("audio").get_attribute("src"), picture.get_attribute("src"), readout.inner_text()
    button = switch.get_by_role("button", name="Compare with: the original")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("element => element.dataset.state.endsWith('beside')", arg=switch.element_handle())
    original = switch.locator("audio").get_attribute("src"), picture.get_attribute("src"), readout.inner_text()
    assert all(a != b for a, b in zip(steered, original))
    back = switch.get_by_role("button", name="You hear: the original")
    assert back.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    page.wait_for_function("element => !element.dataset.state.endsWith('beside')", arg=switch.element_handle())
    assert (switch.locator("audio").get_attribute("src"), picture.get_attribute("src"), readout.inner_text()) == steered
    assert not record.faults


def test_the_desk_changes_codec_and_property(page: Page, record: Record, built_book: Path) -> None:
    open_page(page, "desk.html")
    switch = page.locator(SWITCH).first
    for label, value in (("codec", "1"), ("property", "1"), ("target", "1")):
        switch.get_by_label(label, exact=True).select_option(value)
    page.wait_for_function("element => element.dataset.state === '1-0-1-1-0'", arg=switch.element_handle())
    assert "/wavtokenizer/" in (switch.locator("audio").get_attribute("src") or "")
    assert "amplitude" in switch.locator("dl").inner_text()
    assert not record.faults


def test_a_fixed_player_leaves_one_slider(page: Page) -> None:
    open_page(page, "index.html")
    switch = page.locator(SWITCH).first
    assert switch.locator("select").count() == 0 and switch.locator("input[type=range]").count() == 1


def test_the_curves_of_a_generation_move_with_the_slider(page: Page) -> None:
    open_page(page, "sections/small-diffrhythm/05_diffrhythm.html")
    switch = page.locator(f"{SWITCH}:has(svg)").first
    slider, cursor = switch.locator("input[type=range]"), switch.locator("svg .cursor")
    assert switch.locator("svg polyline").count() == 3 and cursor.get_attribute("x1") == "0"
    slider.focus()
    page.keyboard.press("End")
    assert cursor.get_attribute("x1") == "600"
    assert [text.split()[-1] for text in switch.locator(".audiosae-key span").all_inner_texts()] == ["1.00"] * 3


def test_features_are_searched_filtered_and_sorted(page: Page, built_book: Path) -> None:
    page.goto("/sections/encodec/12_feature_browser.html", wait_until="load")
    browser = page.locator(".audiosae-features[data-feature]")
    browser.wait_for()
    index = json.loads((built_book / "_static/sounds/encodec/12_feature_browser/index.json").read_text())
    entries = browser.locator(".audiosae-list button")
    assert entries.count() == len(index["cards"])
    browser.get_by_label("Speaks for").select_option("timbre")
    of_timbre = [card for card in index["cards"] if card["property"] == "timbre"]
    assert 0 < entries.count() == len(of_timbre) < len(index["cards"])
    browser.get_by_label("Order").select_option("number")
    assert [int(entry.get_attribute("data-feature") or -1) for entry in entries.all()] == sorted(card["feature"] for card in of_timbre)
    browser.get_by_label("Search").fill(str(of_timbre[0]["feature"]))
    assert str(of_timbre[0]["feature"]) in [entry.get_attribute("data-feature") for entry in entries.all()]
    browser.get_by_label("Search").fill("no such thing")
    assert entries.count() == 0 and browser.locator(".audiosae-found").inner_text().startswith("0 of")


def test_a_card_has_an_address_and_plays_from_its_moment(page: Page, record: Record, built_book: Path) -> None:
    index = json.loads((built_book / "_static/sounds/encodec/12_feature_browser/index.json").read_text())
    card = next(card for card in index["cards"] if card["clips"] and card["clips"][0]["time"] > 0.5)
    page.goto(f"/sections/encodec/12_feature_browser.html#feature-{card['feature']}", wait_until="load")
    browser = page.locator(f".audiosae-features[data-feature='{card['feature']}']")
    browser.wait_for()
    assert browser.get_by_role("heading", name=f"Feature {card['feature']}").is_visible()
    play = browser.get_by_role("button", name="Play").first
    play.focus()
    page.keyboard.press("Enter")
    began = browser.locator("audio").evaluate(
        """audio => new Promise((resolve) => audio.addEventListener("timeupdate", () => { if (!audio.paused && audio.currentTime > 0) resolve(audio.currentTime); }))"""
    )
    assert card["clips"][0]["time"] - 0.45 <= began
    assert not record.faults


def test_a_listening_check_is_answered_by_keyboard_and_saved(page: Page, record: Record, tmp_path: Path) -> None:
    page.goto("/listening_check.html", wait_until="load")
    check = page.locator(".audiosae-check")
    check.get_by_label("Code").fill("class 7")
    check.get_by_role("button", name="Begin").press("Enter")
    for number in range(1, 13):
        page.wait_for_function("([element, number]) => element.dataset.trial === String(number)", arg=[check.element_handle(), number])
        check.get_by_label("A", exact=True).press("Space")
        check.get_by_label("cannot say").press("Space")
        check.get_by_role("button", name="Finish" if number == 12 else "Next").press("Enter")
    with page.expect_download() as download:
        check.get_by_role("link", name="CSV").press("Enter")
    download.value.save_as(tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(1, 13)) and {row["code"] for row in rows} == {"class 7"}
    assert {prop: sum(row["property"] == prop for row in rows) for prop in ("pitch", "amplitude", "timbre")} == dict.fromkeys(("pitch", "amplitude", "timbre"), 4)
    assert all((row["right"] == "true") == (row["steered"] == "A") for row in rows) and not any(row["right_way"] == "true" for row in rows)
    assert not record.faults


def test_the_saved_answers_hold_no_formula(browser: Browser) -> None:
    """Codes and names that begin as formulas do get an apostrophe, numbers stay numbers, and each cell comes back whole."""
    rows = [
        {"text": text, "number": number, "right": True}
        for text, number in zip(
            ['=HYPERLINK("http://a","b")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "a;=1", "a,=1", 'say "=1"', "two\nlines", "−20", "20", ""],
            [-1, -0.5, 0, 1, 1e21, -1e-7, *range(8)],
        )
    ]
    context = browser.new_context()
    page = context.new_page()
    # A page of nothing but the module: no book is needed.
    page.route("**/*", lambda route: route.fulfill(body="" if route.request.url.endswith("/") else (ASSETS / "listening_check.mjs").read_text(),
                                                   content_type="text/html" if route.request.url.endswith("/") else "text/javascript"))
    page.goto("http://127.0.0.1:9/")
    text = page.evaluate("""async (rows) => (await import("/listening_check.mjs")).csv(rows)""", rows)
    context.close()
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    guarded = [f"'{row['text']}" if row["text"] and row["text"][0] in "=+-@\t\r\n" else row["text"] for row in rows]
    assert [row["text"] for row in read] == guarded and sum(given.startswith("'") for given in guarded) == 7
    assert [float(row["number"]) for row in read] == [row["number"] for row in rows] and {row["right"] for row in read} == {"true"}
    # A spreadsheet whose separator is a semicolon or a tab finds no cell that begins with =, either.
    assert 'a;=1' not in re.sub('"[^"]*"', "", text)


def test_the_same_code_gives_the_same_pairs(page: Page) -> None:
    page.goto("/listening_check.html", wait_until="load")
    drawn = page.evaluate("""async () => {
        const { trials } = await import("/_static/audiosae/listening_check.mjs");
        const index = await (await fetch("/_static/desk/index.json")).json();
        const made = ["one", "one", "two"].map((code) => JSON.stringify(trials(index, code)));
        return [made[0] === made[1], made[0] === made[2], new Set(JSON.parse(made[0]).map((trial) => trial.moved)).size];
    }""")
    assert drawn == [True, False, 12]


def test_a_page_prints_without_controls_and_within_the_paper(page: Page, built_book: Path) -> None:
    page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
    page.emulate_media(media="print")
    for name in pages(built_book):
        open_page(page, name)
        assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1, name
        hidden = page.locator(".bd-sidebar-primary, .bd-header-article, .prev-next-footer, article audio, article button, article input")
        assert not [found.evaluate("element => element.outerHTML.slice(0, 80)") for found in hidden.all() if found.is_visible()], name
    open_page(page, "index.html")
    assert page.pdf(format="A4").startswith(b"%PDF")
