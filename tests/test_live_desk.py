"""The desk that computes in the page, in a real browser: from Load to a steered sound of the reader's own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Clone
from playwright.sync_api import Browser, Locator, Page
from test_browser import opened, served

from audiosae import audio, corpus
from audiosae.audio import labels, pitch
from audiosae.files.params import codecs
from audiosae.widgets.sound import ASSETS

PATIENCE = 120_000  # ms, on a machine that does other things as well

MEASURED = """async ([codec, wave]) => {
    const { workerEngine } = await import("/_static/audiosae/live/engine.mjs");
    const ask = workerEngine();
    await ask("load", { name: codec, kind: "paper" });
    const { f0, rms, centroid } = await ask("measure", { wave: [Float32Array.from(wave)] });
    return [f0, rms, centroid].map((values) => Array.from(values, (value) => (Number.isFinite(value) ? value : -1)));
}"""


@pytest.fixture(scope="module")
def small_address(small: Clone) -> Iterator[str]:
    with served(small.html) as found:
        yield found.address


@pytest.fixture
def page(browser: Browser, small_address: str) -> Iterator[Page]:
    with opened(browser, small_address) as (page, faults):
        page.set_default_timeout(PATIENCE)
        yield page
        assert not faults


def state(desk: Locator) -> str | None:
    return desk.get_attribute("data-live-state")


def rendered(page: Page, count: int) -> None:
    """Wait until there were so many sounds. A new clip gives two: as the codec gives it back, and steered."""
    page.wait_for_function("(count) => Number(document.querySelector('[data-rendered]').dataset.rendered) >= count", arg=count)
    assert page.locator("[data-rendered]").get_attribute("data-rendered") == str(count)


def saved(page: Page, desk: Locator, folder: Path) -> np.ndarray:
    """The sound that the desk would save."""
    with page.expect_download() as download:
        desk.get_by_role("button", name="Download WAV").click()
    download.value.save_as(folder / "saved.wav")
    return soundfile.read(folder / "saved.wav", always_2d=True)[0].T


def test_the_desk_from_load_to_a_sound_of_ones_own(page: Page, tmp_path: Path) -> None:
    fetched: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.goto("/desk.html?codec=encodec&property=timbre&a=3", wait_until="load")
    desk = page.locator("[data-audiosae-desk][data-live-state]")
    desk.wait_for()
    page.wait_for_load_state("networkidle")
    assert state(desk) == "idle" and not [url for url in fetched if "/live/encodec/" in url or "/runtime/" in url]

    desk.get_by_role("button", name="Load", exact=True).press("Enter")
    rendered(page, 2)
    assert desk.get_by_label("codec").evaluate("codec => document.activeElement === codec")  # the keyboard goes on where the button was
    assert state(desk) == "ready" and desk.get_by_label("direction").input_value() == "timbre"
    first = saved(page, desk, tmp_path)
    alpha = desk.get_by_label("α", exact=True)
    assert alpha.input_value() == "3" and "3.0 (r " in (alpha.get_attribute("aria-valuetext") or "")
    alpha.focus()
    page.keyboard.press("End")
    rendered(page, 3)
    assert alpha.input_value() == "40" and "a=40" in page.url
    second = saved(page, desk, tmp_path)
    assert first.shape == second.shape and np.abs(first - second).max() > 1e-3
    assert max(np.abs(first).max(), np.abs(second).max()) <= 10 ** (-1 / 20)

    # A feature by its number, and one that is found by playing.
    desk.get_by_label("direction").select_option("feature")
    rendered(page, 4)
    desk.get_by_role("button", name="What fires here?").click()
    found = desk.locator(".audiosae-found button").first
    found.click()
    rendered(page, 5)
    assert desk.get_by_label("feature number").input_value() == found.inner_text() and f"feature={found.inner_text()}" in page.url

    # A sound of one's own, at α = 0, measured as Python measures the very sound that plays.
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(2 * 24000) / 24000)
    soundfile.write(tmp_path / "tone.wav", tone, 24000)
    desk.get_by_label("your sound").set_input_files(tmp_path / "tone.wav")
    rendered(page, 7)
    assert desk.get_by_label("clip").input_value() == "yours" and saved(page, desk, tmp_path).shape == (1, 2 * 24000)
    f0, rms, centroid = (np.array(each) for each in page.evaluate(MEASURED, ["encodec", tone.tolist()]))
    assert (f0 > 0).mean() > 0.9 and np.abs(pitch.to_midi(f0[f0 > 0]) - 69).max() < 0.2  # 20 cents
    assert (
        np.median(rms) == pytest.approx(0.2 / 2**0.5, rel=0.01) and len(rms) == 150 and np.median(centroid) == pytest.approx(440, rel=0.05)
    )

    desk.get_by_label("your sound").set_input_files({"name": "a.wav", "mimeType": "audio/wav", "buffer": b"no sound"})
    desk.get_by_text("cannot read that file as sound").wait_for()
    assert desk.get_by_label("clip").input_value() == "yours"  # that which was there
    page.context.set_offline(True)  # all that it needs is there
    alpha.focus()
    page.keyboard.press("ArrowLeft")
    rendered(page, 8)


def test_the_original_is_heard_while_a_key_is_held_and_keys_are_a_piano(page: Page) -> None:
    page.goto("/desk.html?codec=encodec&property=amplitude&class=19&a=0", wait_until="load")
    desk = page.locator("[data-audiosae-desk]")
    desk.get_by_role("button", name="Load", exact=True).click()
    rendered(page, 2)
    desk.get_by_role("button", name="Play", exact=True).click()
    desk.get_by_role("button", name="Pause").wait_for()
    button = desk.get_by_role("button", name="Hear the original")
    desk.get_by_label("α", exact=True).focus()
    page.keyboard.down("o")
    assert button.get_attribute("aria-pressed") == "true"
    page.keyboard.up("o")
    assert button.get_attribute("aria-pressed") == "false"
    # The keys of a piano choose a pitch, and push towards it.
    page.keyboard.press("h")
    assert desk.get_by_label("direction").input_value() == "amplitude"  # the piano belongs to pitch
    desk.get_by_label("direction").select_option("pitch")
    rendered(page, 3)
    desk.get_by_label("α", exact=True).focus()
    page.keyboard.press("h")
    rendered(page, 4)
    assert desk.get_by_label("target").input_value() == str(69 - 30) and desk.get_by_label("α", exact=True).input_value() == "10"


FAKE = """async () => {
    const gains = globalThis.gains = [];
    const ramp = AudioParam.prototype.linearRampToValueAtTime;
    AudioParam.prototype.linearRampToValueAtTime = function (value, time) { gains.push(value); return ramp.call(this, value, time); };
    const { build } = await import("/live/desk.mjs");
    const rate = 8000, wave = (level) => [Float32Array.from({ length: rate }, (_, i) => level * Math.sin(i / 3))];
    const index = {
        title: "F", sampleRate: rate, frameRate: 50, buzz: 0.2, hidden: { paper: 8 }, begin: "a", clips: [{ clip: "a", text: "a" }],
        classes: { pitch: ["C4"], amplitude: ["loud"], timbre: ["bright"] }, centres: { pitch: [60], amplitude: [0.1], timbre: [900] },
        targets: { pitch: { high: 0 }, amplitude: { high: 0 }, timbre: { high: 0 } },
    };
    const line = () => new Float32Array(50).fill(0.1);
    const jobs = {
        load: () => ({ info: index }), clip: () => ({ frames: 50 }), measure: () => ({ f0: line(), rms: line(), centroid: line(), comb: 0 }),
        // The steered sound is α dB louder than the original, which is heard at −23 LUFS.
        render: ({ alpha = 0 }) => ({ wave: wave(0.01 * 10 ** (alpha / 20)), r: alpha / 10, loudness: -40 + alpha }),
    };
    const element = document.body.appendChild(document.createElement("div"));
    build(element, { fake: "F" }, { start: () => async (job, told = {}) => jobs[job](told) });
}"""
"""A desk with an engine whose sounds are known."""


def test_a_sound_that_is_much_louder_waits_until_it_is_asked_for(browser: Browser) -> None:
    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(
        body=(ASSETS / route.request.url.split(":9/")[1]).read_text() if route.request.url.endswith(".mjs") else "",
        content_type="text/javascript" if route.request.url.endswith(".mjs") else "text/html",
    ))  # fmt: skip
    page.goto("http://127.0.0.1:9/")
    page.evaluate(FAKE)
    page.get_by_role("button", name="Load", exact=True).click()
    rendered(page, 2)
    page.get_by_role("button", name="Play", exact=True).click()
    page.get_by_role("button", name="Pause").wait_for()
    alpha, louder = page.get_by_label("α", exact=True), page.get_by_role("button", name="louder than the original")

    def heard(count: int) -> float:
        """dB by which the sound that fades in is louder than the original at −23 LUFS."""
        rendered(page, count)
        gain = page.evaluate("gains.filter((gain) => gain > 0).at(-1)")
        return 20 * np.log10(gain) + float(alpha.input_value()) - 17  # the original's gain is 17 dB

    page.get_by_label("direction").select_option("timbre")  # other properties are heard at one loudness
    assert heard(3) == pytest.approx(0, abs=0.1)
    alpha.fill("12")
    assert heard(4) == pytest.approx(0, abs=0.1) and not louder.is_visible()
    page.get_by_label("direction").select_option("amplitude")
    assert heard(5) == pytest.approx(6, abs=0.1) and louder.inner_text().startswith("12 dB louder")
    alpha.fill("4")
    assert heard(6) == pytest.approx(4, abs=0.1) and not louder.is_visible()
    alpha.fill("12")
    assert heard(7) == pytest.approx(6, abs=0.1)
    louder.click()
    page.wait_for_function("Math.abs(20 * Math.log10(gains.filter((gain) => gain > 0).at(-1)) - 17) < 0.1")
    assert not louder.is_visible()
    alpha.fill("40")  # the limiter holds: no sample over −1 dBFS
    assert heard(8) == pytest.approx(39 - 17, abs=0.2)
    page.close()


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["encodec", "wavtokenizer", "diffrhythm-vae"])
def test_the_page_measures_and_steers_as_python_does(browser: Browser, clone: Clone, codec: str) -> None:
    """Labels within 20 cents in 99 % of voiced frames, and within 1 %, over clips of each part."""
    manifest = corpus.load(clone.root / "data/corpus").drop_duplicates("part")
    assert codec in codecs(clone.root / "params.yaml")
    off, voiced, level, centre = 0, 0, [0.0], [0.0]
    with served(clone.html) as book, opened(browser, book.address) as (page, faults):
        page.set_default_timeout(PATIENCE)
        page.goto("/desk.html", wait_until="load")
        for row in manifest.itertuples():
            rate, frame_rate = {"encodec": (24000, 75), "wavtokenizer": (24000, 75), "diffrhythm-vae": (44100, 44100 / 2048)}[codec]
            wave = audio.for_codec(*audio.read(row.file), rate, 1)
            expected = labels.describe(wave, rate, frame_rate, "swift-f0")
            known = labels.voiced(expected.confidence, expected.rms)
            f0, rms, centroid = (np.array(each) for each in page.evaluate(MEASURED, [codec, wave[0].tolist()]))
            both = known & (f0 > 0)
            off += int((known != (f0 > 0)).sum() + (abs(pitch.to_midi(f0[both]) - pitch.to_midi(expected.f0[both])) > 0.2).sum())
            voiced += int(known.sum())
            loud = expected.rms > labels.SILENCE
            level.append(float(np.abs(rms[loud] / expected.rms[loud] - 1).max()))
            centre.append(float(np.abs(centroid[loud] / expected.centroid[loud] - 1).max()))
        assert not faults
    assert voiced > 100 and off / voiced < 0.01 and max(level) < 0.01 and max(centre) < 0.01
