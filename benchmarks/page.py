"""How quickly the built book computes in a page: load, slider, a sound of one's own, a feature; what is fetched, and the memory.

    taskset -c 0 .venv/bin/python benchmarks/page.py [--rounds 3] [--slower 4]

Run on one core, as a reader with a small machine has it. Prints a table in Markdown, a column a codec, the median of some rounds. `slower` stops
the browser's processes for most of the time, so that it runs as on a processor so many times slower.
"""

from __future__ import annotations

import functools
import http.server
import io
import os
import shutil
import statistics
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import soundfile
from playwright.sync_api import Browser, sync_playwright

from audiosae import command

CODECS = ("encodec", "wavtokenizer", "diffrhythm-vae")
PATIENCE = 120_000  # ms
TIMED = """([what, sounds, value]) => new Promise((resolve) => {
    const desk = document.querySelector("[data-audiosae-desk]");
    const began = performance.now(), wanted = Number(desk.dataset.rendered) + sounds;
    const done = () => { if (Number(desk.dataset.rendered) >= wanted) { seen.disconnect(); resolve((performance.now() - began) / 1000); } };
    const seen = new MutationObserver(done);
    seen.observe(desk, { attributeFilter: ["data-rendered"] });
    if (what === "load") [...desk.querySelectorAll("button")].find((button) => button.textContent === "Load").click();
    const node = desk.querySelector(what === "slider" ? "input[type=range]" : "input[type=file]");
    if (what === "slider") { node.value = value; node.dispatchEvent(new Event("input")); }
    if (what === "own") node.dispatchEvent(new Event("change"));
})"""
"""Seconds, as the page tells them, from an act to so many new sounds."""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A file server without a log, as plain as Python's."""

    def log_message(self, *_: object) -> None:
        """Nothing."""


def once(browser: Browser, address: str, codec: str) -> dict[str, float]:
    """One visit, with an empty cache."""
    context = browser.new_context(base_url=address, viewport={"width": 390, "height": 800}, has_touch=True)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    fetched: list[int] = []
    page.on("requestfinished", lambda request: fetched.append(request.sizes()["responseBodySize"]))
    page.goto(f"/desk.html?codec={codec}&property=timbre", wait_until="networkidle")
    before = sum(fetched)
    found = {"page before Load, MB": before / 1e6}
    found["Load to first sound, s"] = page.evaluate(TIMED, ["load", 1, 0])
    found["fetched until then, MB"] = (sum(fetched) - before) / 1e6
    page.wait_for_timeout(4000)
    found["fetched for the first steered sound and its measures, MB"] = (sum(fetched) - before) / 1e6
    moves = []
    for value in (5, 10, -8, 15, 3):
        moves.append(page.evaluate(TIMED, ["slider", 1, value]))
        page.wait_for_timeout(1500)  # until it is measured too
    found["slider to new sound, ms"] = 1000 * statistics.median(moves)
    renderers = [each for each in psutil.process_iter(["cmdline"]) if "--type=renderer" in (each.info["cmdline"] or [])]
    found["memory of the page, MB"] = max(each.memory_info().rss for each in renderers) / 1e6
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.2 * np.sin(2 * np.pi * 440 * np.arange(5 * 44100) / 44100), 44100, format="WAV")
    sound = {"name": "tone.wav", "mimeType": "audio/wav", "buffer": buffer.getvalue()}
    page.get_by_label("your sound").set_input_files(sound)  # a first time, which fetches the encoder
    page.wait_for_timeout(5000)
    found["own sound of 5 s to steered sound, s"] = page.evaluate(TIMED, ["own", 2, 0])
    context.close()
    return found


def run(rounds: int = 3, slower: int = 1) -> None:
    """Measure the desk of book/_build/html."""
    handler = functools.partial(Quiet, directory=str(Path("book/_build/html").resolve()))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    path = os.environ.get("AUDIOSAE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    columns = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        if slower > 1:
            threading.Thread(target=hold, args=(slower,), daemon=True).start()
        for codec in CODECS:
            visits = [once(browser, f"http://127.0.0.1:{server.server_port}", codec) for _ in range(rounds)]
            columns[codec] = {name: statistics.median(visit[name] for visit in visits) for name in visits[0]}
        browser.close()
    print("|  |", " | ".join(CODECS), "|\n|---|" + "---|" * len(CODECS))
    for name in columns[CODECS[0]]:
        print(f"| {name} |", " | ".join(f"{columns[codec][name]:.{0 if name.endswith('ms') else 2}f}" for codec in CODECS), "|")


def hold(slower: int, slice_s: float = 0.01) -> None:
    """Let the browser's renderers run for one slice of several."""
    while True:
        renderers = [each for each in psutil.process_iter(["cmdline"]) if "--type=renderer" in (each.info["cmdline"] or [])]
        for _ in range(50):
            for act, wait in (("suspend", (slower - 1) * slice_s), ("resume", slice_s)):
                for each in renderers:
                    if each.is_running():
                        getattr(each, act)()
                time.sleep(wait)


if __name__ == "__main__":
    command.run(run)
