"""The built book in a real browser, offline: what a reader sees, hears and can reach.

One visit of a page holds it against everything that must be true of every page. The quick tests visit each page of the small book once;
the slow ones every page of the book with all codecs, at three widths, in both themes and on paper.
"""

from __future__ import annotations

import csv
import functools
import http.server
import io
import json
import math
import os
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import axe_playwright_python
import pytest
from conftest import Clone
from playwright.sync_api import Browser, Locator, Page, Request, Route

from audiosae.widgets.sound import ASSETS

AXE = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
"""Rules of accessibility, by Deque Systems, run inside each page."""

SWITCH = ".audiosae-switch[data-state]"
HEARD = """
    window.heard = [];
    window.AudioBufferSourceNode = class extends AudioBufferSourceNode {
        start(when, offset) {
            heard.push({ offset, length: this.buffer.length, samples: Array.from(this.buffer.getChannelData(0).slice(0, 9000)) });
            super.start(when, offset);
        }
    };"""
"""Notes each sound that begins, and where."""
LOOK = """() => {
    const told = [];
    const all = (query) => [...document.querySelectorAll(query)];
    for (const image of all("article img:not([hidden] *)")) {  // a player without pictures hides the place for one
        const text = (image.getAttribute("alt") || "").trim();
        // Sphinx falls back on the file's path, which tells a listener nothing.
        if (!text || /\\.(png|svg)$/.test(text)) told.push(`a figure without alternative text: ${image.src}`);
        if (image.offsetParent && (!image.complete || !image.naturalWidth)) told.push(`“${text}” is not drawn`);
    }
    for (const audio of all("audio")) {
        if (!audio.paused || audio.autoplay || audio.preload !== "none") told.push("a sound that plays or loads by itself");
        if (!audio.getAttribute("aria-label")) told.push("a player without a name");
    }
    for (const control of all(".audiosae-switch input, .audiosae-switch select"))
        if (control.labels.length !== 1 || !control.labels[0].textContent) told.push("a control without a name");
    if (!/Built (from|in a copy of) .*commit/.test(document.querySelector("footer.bd-footer-content").textContent))
        told.push("its foot does not name the commit");
    // The browser of features answers its own addresses, such as #feature-N, by script.
    const links = all("[href], [src]").filter((element) => !element.closest("[data-audiosae-features]"))
        .map((element) => element.getAttribute("href") || element.getAttribute("src") || "");
    const mounted = all(".audiosae-switch[data-state]").length, wanted = all("[data-audiosae-src]").filter((element) => element.offsetParent).length;
    if (mounted !== wanted) told.push(`${wanted} widgets are wanted, ${mounted} mounted`);
    return { told, links, mounted, sounds: all(".audiosae-table audio").length };
}"""
JUDGE = """async (thorough) => {
    const options = { resultTypes: ["violations"], preload: false };
    if (thorough) return (await axe.run(document, options)).violations;
    // To judge the colours of a long page takes longer than all else, so only two texts of each look are judged.
    const colours = ["color-contrast", "link-in-text-block"], seen = {};
    const behind = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        return backgroundColor === "rgba(0, 0, 0, 0)" && element.parentElement ? behind(element.parentElement) : backgroundColor;
    };
    const look = (element) => {
        const { color, fontSize, fontWeight, opacity } = getComputedStyle(element);
        return [element.tagName, color, fontSize, fontWeight, opacity, behind(element), getComputedStyle(element.parentElement).color].join();
    };
    const include = [...document.body.querySelectorAll("*")].filter((element) => {
        if (![...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim()) || !element.checkVisibility()) return false;
        seen[look(element)] = (seen[look(element)] || 0) + 1;
        return seen[look(element)] <= 2;
    });
    const rules = Object.fromEntries(colours.map((name) => [name, { enabled: false }]));
    const found = [await axe.run(document, { ...options, rules }), await axe.run({ include }, { ...options, runOnly: colours })];
    return found.flatMap((each) => each.violations);
}"""
"""What axe finds; `thorough` in every element."""
DRAWN = """() => ![...document.querySelectorAll(
    "[data-audiosae-src]:not([data-state]), [data-audiosae-features]:not([data-feature]), [data-audiosae-pads]:not([data-pad])")]
    .some((element) => element.offsetParent)  // in a tab that is not shown nothing is mounted
    && [...document.querySelectorAll("[data-audiosae-commit]")].every((element) => element.textContent.startsWith("Built"))
    && [...document.querySelectorAll("article img:not([hidden] *)")].every((image) => image.complete || !image.offsetParent)"""
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
ON_PAPER = ".bd-sidebar-primary, .bd-header-article, .prev-next-footer, article audio, article button, article input"


class Served(NamedTuple):
    """The pages of a book, and the address at which they are served."""

    folder: Path
    address: str


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line on the terminal for each."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[Served]:
    handler = functools.partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Served(folder, f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def book(small: Clone) -> Iterator[Served]:
    with served(small.html) as found:
        yield found


@pytest.fixture(scope="module")
def whole_book(clone: Clone) -> Iterator[Served]:
    with served(clone.html) as found:
        yield found


@contextmanager
def opened(browser: Browser, address: str) -> Iterator[tuple[Page, list[str]]]:
    """A page that may ask nothing of other hosts, and what went wrong while it was open."""
    faults: list[str] = []
    context = browser.new_context(base_url=address, viewport={"width": 1300, "height": 900})
    page = context.new_page()

    def gate(route: Route) -> None:
        parts = urlsplit(route.request.url)
        if f"{parts.scheme}://{parts.netloc}" == address or parts.scheme in ("data", "blob"):
            route.continue_()
        else:
            faults.append(f"request to another host: {route.request.url}")
            route.abort()

    context.route("**/*", gate)
    page.on("console", lambda line: line.type == "error" and faults.append(f"console: {line.text}"))
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("response", lambda answer: answer.status >= 400 and faults.append(f"{answer.status}: {answer.url}"))
    # A sound that is left for another is cancelled by the browser, which is no fault.
    page.on("requestfailed", lambda request: request.failure != "net::ERR_ABORTED" and faults.append(f"failed: {request.url}"))
    yield page, faults
    context.close()


@pytest.fixture
def page(browser: Browser, book: Served) -> Iterator[Page]:
    """For what a reader does; nothing may go wrong meanwhile."""
    with opened(browser, book.address) as (page, faults):
        yield page
        assert not faults


@pytest.fixture
def whole(browser: Browser, whole_book: Served) -> Iterator[Page]:
    """The same, of the book with all codecs."""
    with opened(browser, whole_book.address) as (page, faults):
        yield page
        assert not faults


def open_page(page: Page, name: str) -> None:
    page.goto(f"/{name}", wait_until="load")
    page.evaluate("document.querySelectorAll('img[loading=lazy]').forEach((image) => { if (image.offsetParent) image.loading = 'eager'; })")
    page.wait_for_function(DRAWN)


# --- every page ---------------------------------------------------------------------------------------------------------


def pages(folder: Path) -> list[str]:
    """Without those that lead from an old address to a new one."""
    found = (path for path in folder.rglob("*.html") if "_static" not in path.parts and "This page has moved" not in path.read_text())
    return sorted(path.relative_to(folder).as_posix() for path in found)


def axe(page: Page, thorough: bool) -> list[str]:
    """Rules of accessibility that a page breaks."""
    page.add_script_tag(content=AXE)
    return [f"{rule['id']}: {node['target']} {node['html'][:150]}" for rule in page.evaluate(JUDGE, thorough) for node in rule["nodes"][:3]]


@functools.cache
def places(path: Path) -> set[str]:
    """What of a page can be linked to."""
    return set(re.findall(r'id="([^"]*)"', path.read_text()))


def astray(folder: Path, name: str, links: list[str]) -> Iterator[str]:
    """Links, pictures and sounds of a page that lead nowhere within the book."""
    for address in sorted(set(links)):
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            continue
        path = Path(os.path.normpath((folder / name).parent / unquote(parts.path))) if parts.path else folder / name
        if not path.is_file() or folder not in path.parents:
            yield f"{address} leads nowhere"
        elif parts.fragment and path.suffix == ".html" and unquote(parts.fragment) not in places(path):
            yield f"{address}: that page has no such place"


def visit(page: Page, faults: list[str], book: Served, name: str, thorough: bool) -> tuple[list[str], int, int]:
    """What is wrong with a page; how many widgets it mounts, and how many sounds stand in its tables."""
    open_page(page, name)
    found = page.evaluate(LOOK)
    told = [*faults, *found["told"], *astray(book.folder, name, found["links"]), *axe(page, thorough)]
    for width in (390, *((1440, 1024) if thorough else ()), 1300):
        page.set_viewport_size({"width": width, "height": 900})
        if (wide := page.evaluate(WIDE)) > 1:
            told.append(f"{wide} px wider than a screen of {width}")
    if thorough:
        page.set_viewport_size({"width": 390, "height": 900})
        open_page(page, name)
        page.evaluate("document.documentElement.dataset.theme = document.documentElement.dataset.mode = 'dark'")
        told += [f"dark, on a telephone: {rule}" for rule in axe(page, thorough)]
        page.set_viewport_size({"width": 718, "height": 1000})  # A4 between its margins
        page.emulate_media(media="print")
        if page.evaluate(WIDE) > 1:
            told.append("wider than the paper")
        told += [f"printed: {each.evaluate('e => e.outerHTML.slice(0, 80)')}" for each in page.locator(ON_PAPER).all() if each.is_visible()]
        page.emulate_media(media="screen")
        page.set_viewport_size({"width": 1300, "height": 900})
    return told, found["mounted"], found["sounds"]


def visited(browser: Browser, book: Served, names: list[str], thorough: bool) -> None:
    """Visit pages with one browser, which keeps styles and scripts from page to page."""
    found, loaded = {}, []

    def asked(request: Request) -> None:
        if request.is_navigation_request():  # a page is opened, perhaps for the second time
            loaded.clear()
        if request.url.endswith(".mp3"):
            faults.append(f"fetched before it was asked for: {request.url}")

    with opened(browser, book.address) as (page, faults):
        page.on("request", asked)
        page.on("requestfinished", lambda request: loaded.append(request.sizes()["responseBodySize"]))
        for name in names:
            faults.clear()
            found[name] = visit(page, faults, book, name, thorough)
            if sum(loaded) >= 5e6:
                found[name][0].append(f"{sum(loaded)} bytes before a sound was asked for")
    assert not (wrong := {name: told for name, (told, *_) in found.items() if told}), json.dumps(wrong, indent=1, ensure_ascii=False)
    assert sum(mounted for _, mounted, _ in found.values()) >= 2  # the landing page and the chapter on steering
    assert sum(sounds for *_, sounds in found.values())


def test_every_page_of_the_small_book(browser: Browser, book: Served) -> None:
    names = pages(book.folder)
    assert {"index.html", "method.html", "findings.html", "sections/04_steering.html"} <= set(names)
    visited(browser, book, names, thorough=False)


def test_every_page_of_the_whole_book(browser: Browser, whole_book: Served) -> None:
    visited(browser, whole_book, pages(whole_book.folder), thorough=True)


def test_the_first_page_prints(whole: Page) -> None:
    open_page(whole, "index.html")
    assert whole.pdf(format="A4").startswith(b"%PDF")


# --- what a reader does -------------------------------------------------------------------------------------------------


def test_the_slider_moved_by_keyboard_plays_another_sound_from_the_same_place(page: Page) -> None:
    page.add_init_script(HEARD)
    open_page(page, "findings.html")
    switch = page.locator(SWITCH).first
    slider, play = switch.locator("input[type=range]"), switch.get_by_role("button", name="Play")
    play.click()
    page.wait_for_function(
        "element => parseFloat(element.style.getPropertyValue('--played')) > 0.1", arg=switch.locator(".audiosae-picture").element_handle()
    )
    readout = switch.locator("dl").inner_text()
    slider.focus()
    page.keyboard.press("End")
    page.wait_for_function("heard.length === 2")
    first, second = page.evaluate("heard")
    assert first["offset"] == 0 and second["offset"] > 0.05  # it went on, and did not begin again
    assert first["samples"] != second["samples"] and first["length"] == second["length"]
    assert switch.locator("dl").inner_text() != readout and switch.get_attribute("data-state") == slider.get_attribute("max")
    assert slider.get_attribute("aria-valuetext") == switch.locator("output").inner_text()
    switch.get_by_role("button", name="Pause").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("heard.length === 3")
    assert page.evaluate("heard[2].offset - heard[1].offset") > 0.5
    page.keyboard.press("Enter")
    assert play.is_visible()


def test_a_fixed_player_has_one_slider_which_does_not_start_the_sound(page: Page) -> None:
    page.add_init_script(HEARD)
    open_page(page, "findings.html")
    loaded: list[str] = []
    page.on("request", lambda request: request.url.endswith(".mp3") and loaded.append(request.url))
    switch = page.locator(SWITCH).first
    assert switch.locator("select").count() == 0 and switch.locator("input[type=range]").count() == 1
    first = switch.get_attribute("data-state")
    switch.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("([element, first]) => element.dataset.state !== first", arg=[switch.element_handle(), first])
    assert switch.get_by_role("button", name="Play").is_visible() and not page.evaluate("heard.length") and not loaded


def test_pads_play_in_step_and_one_takes_the_place_of_another(page: Page) -> None:
    open_page(page, "index.html")
    pads = page.locator("[data-audiosae-pads]").first
    readout, picture = pads.locator("dl"), pads.locator("img")
    loaded: list[str] = []
    page.on("request", lambda request: request.url.endswith(".mp3") and loaded.append(request.url))
    first = readout.inner_text(), picture.get_attribute("src")
    assert pads.get_by_role("button", name="Play").is_visible() and not loaded  # nothing plays, or is fetched, by itself
    pads.get_by_role("button", name="Steered").click()
    pads.get_by_role("button", name="Pause").wait_for()
    page.wait_for_function(
        "element => parseFloat(element.style.getPropertyValue('--played')) > 0", arg=pads.locator(".audiosae-picture").element_handle()
    )
    second = readout.inner_text(), picture.get_attribute("src")
    assert first[0] != second[0] and first[1] != second[1] and pads.get_attribute("data-pad") == "1"
    played = "element => parseFloat(element.style.getPropertyValue('--played'))"
    before = pads.locator(".audiosae-picture").evaluate(played)
    page.keyboard.press("1")
    assert pads.get_by_role("button", name="Original").get_attribute("aria-pressed") == "true"
    after = pads.locator(".audiosae-picture").evaluate(played)
    assert (readout.inner_text(), picture.get_attribute("src")) == first and (
        after - before
    ) % 1 < 0.5  # it went on, and did not begin again
    pads.get_by_role("button", name="Pause").click()
    assert pads.get_by_role("button", name="Play").is_visible() and len(set(loaded)) == 4


def test_the_first_page_is_light(page: Page) -> None:
    loaded: list[int] = []
    page.on("requestfinished", lambda request: loaded.append(request.sizes()["responseBodySize"]))
    open_page(page, "index.html")
    page.wait_for_load_state("networkidle")
    assert 0 < sum(loaded) < 1.5e6


def test_a_button_goes_to_the_original_and_back(page: Page) -> None:
    open_page(page, "sections/04_steering.html")
    switch = page.locator(SWITCH).first
    picture, readout = switch.locator("img"), switch.locator("dl")
    steered = picture.get_attribute("src"), readout.inner_text()
    button = switch.get_by_role("button", name="Compare with: the original")
    button.focus()
    page.keyboard.press("Enter")
    page.wait_for_function("element => element.dataset.state.endsWith('beside')", arg=switch.element_handle())
    original = picture.get_attribute("src"), readout.inner_text()
    assert all(a != b for a, b in zip(steered, original))
    back = switch.get_by_role("button", name="You hear: the original")
    assert back.get_attribute("aria-pressed") == "true"
    page.keyboard.press("Enter")
    page.wait_for_function("element => !element.dataset.state.endsWith('beside')", arg=switch.element_handle())
    assert (picture.get_attribute("src"), readout.inner_text()) == steered


def survey(book: Served, kind: str = "paper") -> dict[str, Any]:
    """What the book says of all features of EnCodec's autoencoder of a kind."""
    return json.loads((book.folder / f"_static/live/encodec/{kind}/features.json").read_text())


def open_browser(page: Page, place: str = "") -> Locator:
    open_page(page, f"sections/10_feature_browser.html{place}")
    return page.locator(".audiosae-features[data-feature]")


def listed(browser: Locator) -> list[int]:
    """Numbers of the features in the list, in its order."""
    return browser.locator(".audiosae-list button").evaluate_all("buttons => buttons.map((button) => Number(button.dataset.feature))")


def test_all_features_are_searched_and_sorted(page: Page, book: Served) -> None:
    browser, found, loaded = open_browser(page), survey(book), []
    search, said = browser.get_by_label("Search"), browser.locator(".audiosae-found").first
    page.on("request", lambda request: request.url.endswith(".json") and loaded.append(urlsplit(request.url).path.rsplit("/live/", 1)[-1]))
    count = len(found["fires"])
    browser.get_by_role("button", name=f"Show all {count}").click()
    assert sorted(listed(browser)) == list(range(count))
    for order, values in (("strength", found["peak"]), ("often", found["fires"])):
        browser.get_by_label("Order").select_option(order)
        assert [values[number] for number in listed(browser)] == sorted(values, reverse=True)[:200]
    browser.get_by_label("Order").select_option("number")
    search.fill("12")
    assert listed(browser)[0] == 12
    # A class finds the features that tell it apart, and the one that adds most to its score.
    names = json.loads((book.folder / "_static/live/encodec/index.json").read_text())["classes"]["pitch"]
    number = next(number for prop, number, *_ in found["top"] if prop == "pitch")
    wanted = {j for j, told in enumerate(found["classes"]) if [0, number] in [one[:2] for one in told]}
    wanted |= {feature for prop, k, feature, _ in found["top"] if (prop, k) == ("pitch", number)}
    search.fill(f"pitch {names[number]}")
    assert said.inner_text() == f"{len(wanted)} of {count} features"
    assert set(listed(browser)) == wanted
    search.fill("no such thing")
    assert listed(browser) == [] and said.inner_text().startswith("0 of")
    search.fill("")
    assert not loaded  # the other autoencoder's features are fetched once they are asked for
    browser.get_by_label("Autoencoder").select_option("k_sparse")
    page.wait_for_function("element => element.dataset.kind === 'k_sparse'", arg=browser.element_handle())
    assert loaded == ["encodec/k_sparse/features.json"]


@pytest.mark.parametrize(
    ("kind", "address", "kept"),
    [
        ("paper", "#feature-{}", "#feature-{}"), ("k_sparse", "#k-sparse-feature-{}", "#k-sparse-feature-{}"),
        ("k_sparse", "?kind=k_sparse&feature={}", "#k-sparse-feature-{}"), ("k_sparse", "?kind=k_sparse#feature-{}", "#k-sparse-feature-{}"),
    ],
)  # fmt: skip
def test_a_feature_has_an_address(page: Page, book: Served, kind: str, address: str, kept: str) -> None:
    found = survey(book, kind)
    number = max(range(len(found["peak"])), key=lambda j: (bool(found["clips"][j]), -j))
    browser = open_browser(page, address.format(number))
    assert (browser.get_attribute("data-kind"), browser.get_attribute("data-feature")) == (kind, str(number))
    assert page.url.endswith(f"10_feature_browser.html{kept.format(number)}")
    assert browser.get_by_role("heading", name=f"Feature {number}", exact=True).is_visible()
    desk = urlsplit(browser.get_by_role("link", name="Push this feature on the desk").get_attribute("href") or "")
    asked = dict(part.split("=") for part in desk.query.split("&"))
    assert desk.path == "/desk.html" and {**asked, "clip": ""} == {
        "codec": "encodec",
        "kind": kind,
        "feature": str(number),
        "a": "20",
        "clip": "",
    }
    # A neighbour is one link away, and the way back as well.
    near, _ = found["near"][number][0]
    browser.get_by_role("link", name=re.compile(rf"^{near} \(")).click()
    page.wait_for_function("([element, near]) => element.dataset.feature === String(near)", arg=[browser.element_handle(), near])
    page.go_back()
    page.wait_for_function("([element, number]) => element.dataset.feature === String(number)", arg=[browser.element_handle(), number])


def test_any_feature_is_drawn_at_once(page: Page) -> None:
    browser = open_browser(page)
    spent = browser.evaluate("""async (element) => {
        const spent = [];
        for (const button of [...element.querySelectorAll(".audiosae-list button")].slice(1, 30)) {
            const before = performance.now();
            button.click();
            while (element.dataset.feature !== button.dataset.feature) await null;
            element.getBoundingClientRect();
            spent.push(performance.now() - before);
        }
        return spent.sort((a, b) => a - b)[14];
    }""")
    assert spent < 300


def test_a_clip_plays_from_its_moment_or_from_where_the_waveform_is_clicked(page: Page, book: Served) -> None:
    found = survey(book)
    number = next(j for j, clips in enumerate(found["clips"]) if clips and 50 < clips[0][1] < 150)
    browser = open_browser(page, f"#feature-{number}")
    began = """audio => new Promise((resolve) => audio.addEventListener("timeupdate", () => { if (!audio.paused && audio.currentTime > 0) resolve(audio.currentTime); }))"""
    browser.get_by_role("button", name="Play").first.focus()
    page.keyboard.press("Enter")
    assert found["clips"][number][0][1] / 100 - 0.45 <= browser.locator("audio").evaluate(began)
    wave = browser.locator(".audiosae-clips svg").first
    box = wave.bounding_box()
    assert box
    wave.click(position={"x": 0.9 * box["width"], "y": 5})
    assert browser.locator("audio").evaluate(began) >= 1.75  # of two seconds
    near = browser.get_by_role("link", name=re.compile(rf"^{found['near'][number][0][0]} \("))
    near.click()
    page.wait_for_function("element => element.querySelector('audio').paused", arg=browser.element_handle())


def test_the_list_of_features_is_one_stop_of_the_keyboard(page: Page) -> None:
    browser = open_browser(page)
    browser.get_by_label("Order").focus()
    page.keyboard.press("Tab")
    first = page.evaluate("document.activeElement.dataset.feature")
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.dataset.feature")
    page.keyboard.press("Enter")
    page.wait_for_function("([element, second]) => element.dataset.feature === second", arg=[browser.element_handle(), second])
    assert first != second and page.evaluate("document.activeElement.dataset.feature") == second
    assert browser.locator("[aria-current=true]").get_attribute("data-feature") == second


def test_a_listening_check_is_answered_by_keyboard_and_saved(page: Page, tmp_path: Path) -> None:
    page.goto("/listening_check.html", wait_until="load")
    check = page.locator(".audiosae-check")
    check.get_by_label("Code").fill("class 7")
    check.get_by_role("button", name="Begin").press("Enter")
    for number in ("practice 1", "practice 2", *range(1, 13)):
        page.wait_for_function("([element, number]) => element.dataset.trial === String(number)", arg=[check.element_handle(), number])
        check.get_by_role("radio", name="A", exact=True).press("Space")
        check.get_by_label("cannot say").press("Space")
        check.get_by_role("button", name="Finish" if number == 12 else "Next").press("Enter")
        if number in ("practice 1", "practice 2"):
            assert re.match(r"It was [AB]: (pitch|softer|louder|darker|brighter)", check.get_by_role("status").inner_text())
            check.get_by_role("button", name="Next").press("Enter")
    assert check.locator(".audiosae-revealed li").count() == 12 and "d′ = " in check.inner_text()
    check.locator(".audiosae-revealed li").first.get_by_role("button", name="B", exact=True).press("Enter")
    check.locator(".audiosae-revealed li").first.get_by_role("button", name="Pause").click()
    with page.expect_download() as download:
        check.get_by_role("link", name="CSV").press("Enter")
    download.value.save_as(tmp_path / "answers.csv")
    with (tmp_path / "answers.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["trial"]) for row in rows] == list(range(1, 13)) and {row["code"] for row in rows} == {"class 7"}
    assert Counter(row["property"] for row in rows) == {"pitch": 4, "amplitude": 4, "timbre": 4}
    assert all((row["right"] == "true") == (row["steered"] == "A") for row in rows) and not any(row["right_way"] == "true" for row in rows)


def test_the_same_code_gives_the_same_pairs(page: Page) -> None:
    page.goto("/listening_check.html", wait_until="load")
    drawn = page.evaluate("""async () => {
        const { trials } = await import("/_static/audiosae/listening_check.mjs");
        const address = "/_static/sounds/encodec/04_steering/steering/index.json";
        const indices = [["EnCodec", await (await fetch(address)).json(), address]];
        const made = ["one", "one", "two"].map((code) => JSON.stringify(trials(indices, code)));
        return [made[0] === made[1], made[0] === made[2], new Set(JSON.parse(made[0]).map((trial) => trial.moved)).size];
    }""")
    assert drawn == [True, False, 12]


def test_the_saved_answers_hold_no_formula(browser: Browser) -> None:
    """Codes and names that begin as formulas do get an apostrophe, numbers stay numbers, and each cell comes back whole."""
    texts = [
        '=HYPERLINK("http://a","b")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "a;=1", "a,=1", 'say "=1"', "two\nlines", "−20", "20", "",
    ]  # fmt: skip
    numbers = [-1, -0.5, 0, 1, 1e21, -1e-7, *range(8)]
    rows = [{"text": text, "number": number, "right": True} for text, number in zip(texts, numbers, strict=True)]
    context = browser.new_context()
    page = context.new_page()
    # A page of nothing but the module: no book is needed.
    page.route(
        "**/*",
        lambda route: route.fulfill(
            body="" if route.request.url.endswith("/") else (ASSETS / urlsplit(route.request.url).path.lstrip("/")).read_text(),
            content_type="text/html" if route.request.url.endswith("/") else "text/javascript",
        ),
    )
    page.goto("http://127.0.0.1:9/")
    text = page.evaluate("""async (rows) => (await import("/listening_check.mjs")).csv(rows)""", rows)
    told = page.evaluate(
        """async () => { const { dPrime } = await import("/listening_check.mjs"); return [[6, 12], [12, 12], [9, 12]].map((of) => dPrime(...of)); }"""
    )
    context.close()
    # √2 times the quantiles of 6.5/13, 12.5/13 and 9.5/13.
    assert told == pytest.approx([0, math.sqrt(2) * 1.7688, math.sqrt(2) * 0.6151], abs=1e-3)
    read = list(csv.DictReader(io.StringIO(text, newline="")))
    guarded = [f"'{row['text']}" if row["text"] and row["text"][0] in "=+-@\t\r\n" else row["text"] for row in rows]
    assert [row["text"] for row in read] == guarded and sum(given.startswith("'") for given in guarded) == 7
    assert [float(row["number"]) for row in read] == [row["number"] for row in rows] and {row["right"] for row in read} == {"true"}
    # A spreadsheet whose separator is a semicolon or a tab finds no cell that begins with =, either.
    assert "a;=1" not in re.sub('"[^"]*"', "", text)


# --- what a reader does in the book with all codecs ---------------------------------------------------------------------


def test_tabs_of_codecs_keep_their_choice_on_all_pages_and_in_the_address(whole: Page) -> None:
    open_page(whole, "sections/04_steering.html?codec=wavtokenizer")
    shown = whole.locator(f"{SWITCH}:visible").first
    assert "wavtokenizer" in shown.get_attribute("data-audiosae-src")
    assert whole.locator("[data-audiosae-src]:not([data-state])").count() > whole.locator(SWITCH).count()  # the other tabs wait
    label = whole.locator(".sd-tab-label:has-text('DiffRhythm-VAE')").last
    label.scroll_into_view_if_needed()
    top = label.bounding_box()["y"]
    label.click()
    whole.wait_for_function("() => new URLSearchParams(location.search).get('codec') === 'diffrhythm-vae'")
    assert abs(label.bounding_box()["y"] - top) < 3  # what was clicked stays where it is
    assert "diffrhythm-vae" in whole.locator("[data-audiosae-src]:visible").first.get_attribute("data-audiosae-src")
    open_page(whole, "sections/03_probing.html")
    assert whole.locator(".sd-tab-set input:checked + label").all_inner_texts()[0].strip() == "DiffRhythm-VAE"


def test_old_addresses_lead_to_the_new_page_its_tab_and_the_place(whole: Page) -> None:
    whole.goto("/sections/wavtokenizer/04_steering.html#hear-it", wait_until="load")
    whole.wait_for_url("**/sections/04_steering.html?codec=wavtokenizer#hear-it")
    whole.goto("/verdicts.html#paper-steering", wait_until="load")
    whole.wait_for_url("**/findings.html#paper-steering")


def test_the_curves_of_a_generation_move_with_the_slider(whole: Page) -> None:
    open_page(whole, "sections/05_generation.html")
    switch = whole.locator(f"{SWITCH}:has(svg)").first
    slider, cursor = switch.locator("input[type=range]"), switch.locator("svg .cursor")
    assert switch.locator("svg polyline").count() == 3 and cursor.get_attribute("x1") == "0"
    slider.focus()
    whole.keyboard.press("End")
    assert cursor.get_attribute("x1") == "600"
    assert [text.split()[-1] for text in switch.locator(".audiosae-key span").all_inner_texts()] == ["1.00"] * 3
