"""Notebooks in a real JupyterLab, driven by a browser: widgets compute what a reader asks for, or play what was written."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from conftest import Clone
from playwright.sync_api import Browser, Locator, Page, expect

pytestmark = pytest.mark.slow

ENOUGH = 120_000
"""Milliseconds for a kernel to start and a sound to be computed, on a machine that does other things as well."""

SHOWN = """# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %%
from pathlib import Path
from audiosae.widgets import FeatureBrowser, SoundSwitch, SoundTable
sounds = Path("../book/_static/sounds/encodec")
SoundTable(sounds / "04_steering/reconstructed")
# %%
SoundSwitch(sounds / "04_steering/steering")
# %%
FeatureBrowser(Path("../book/_static/live/encodec"))
"""
"""A notebook that shows what sections wrote for the book."""


@pytest.fixture
def lab(clone: Clone, tmp_path: Path) -> Iterator[str]:
    """Address of a JupyterLab in the clone; nothing that it writes outlives the test."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    root = tmp_path / "project"
    root.mkdir()
    for name in ("audiosae", "checkpoints"):
        (root / name).symlink_to(clone.root / name)
    shutil.copy(clone.root / "params.yaml", root / "params.yaml")
    shutil.copytree(clone.root / "data", root / "data")  # where an uploaded sound goes
    (root / "notebooks").mkdir()
    shutil.copy(clone.root / "notebooks/11_live.py", root / "notebooks")
    (root / "notebooks/shown.py").write_text(SHOWN)
    (root / "book").symlink_to(clone.root / "book")
    environment = {
        **os.environ,
        "PYTHONPATH": str(root),
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"),
        "JUPYTER_DATA_DIR": str(tmp_path / "data"),
    }
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
        "--IdentityProvider.token=", "--ServerApp.password=", "--allow-root", f"--ServerApp.root_dir={root}", "--LabApp.news_url=None",
    ]  # fmt: skip
    with (tmp_path / "lab.log").open("wb") as log, subprocess.Popen(command, cwd=root, env=environment, stdout=log, stderr=log) as server:
        address = f"http://127.0.0.1:{port}"
        for _ in range(240):
            try:
                urllib.request.urlopen(f"{address}/api", timeout=1).close()
                break
            except OSError:
                assert server.poll() is None, (tmp_path / "lab.log").read_text()
                time.sleep(0.5)
        yield address
        server.terminate()


@pytest.fixture
def tone(tmp_path: Path) -> Path:
    """A sound of the reader's own: two seconds of a′."""
    path = tmp_path / "my tone.wav"
    soundfile.write(path, 0.2 * np.sin(2 * np.pi * 440 * np.arange(2 * 44100) / 44100), 44100)
    return path


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    page.set_default_timeout(ENOUGH)
    expect.set_options(timeout=ENOUGH)
    yield page
    page.close()


def heard(switch: Locator) -> tuple[str | None, str]:
    """What a player shows of its sound, and what it says about that."""
    return switch.locator("img").get_attribute("src"), switch.locator("dl").inner_text()


def run_all(page: Page, lab: str, notebook: str) -> None:
    """Open a notebook and run its cells."""
    page.goto(f"{lab}/lab/tree/notebooks/{notebook}?reset")
    page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
    page.get_by_text("(ipykernel) | Idle").wait_for()  # asked to run earlier, JupyterLab would ask for a kernel
    page.get_by_text("Run", exact=True).first.click()
    page.get_by_text("Run All Cells", exact=True).click()


def test_the_desk_computes_in_jupyterlab(lab: str, page: Page, tone: Path) -> None:
    run_all(page, lab, "11_live.py")
    desk = page.locator(".audiosae-live[data-live-state]")
    desk.get_by_role("button", name="Load", exact=True).click()
    expect(desk).to_have_attribute("data-rendered", "2")
    expect(desk.locator("dl")).to_contain_text("LUFS")
    before = desk.locator("dl").inner_text()
    desk.get_by_label("direction").select_option("timbre")
    expect(desk).to_have_attribute("data-rendered", "3")
    desk.get_by_label("α", exact=True).focus()
    page.keyboard.press("End")
    expect(desk).to_have_attribute("data-rendered", "4")
    expect(desk.locator("dl")).not_to_have_text(before)
    desk.get_by_label("your sound").set_input_files(tone)
    expect(desk).to_have_attribute("data-rendered", "6")
    assert desk.get_by_label("clip").input_value() == "yours" and desk.get_by_label("to, s").input_value() == "2.00"
    expect(desk.locator("dl")).to_contain_text("(original 69.")  # a′, as the codec gives it back
    expect(page.locator("pre", has_text=re.compile(r"samples, r = .* LUFS"))).to_be_visible()  # what the engine was asked for


def test_what_the_book_plays_plays_in_jupyterlab(lab: str, page: Page) -> None:
    run_all(page, lab, "shown.py")
    switch = page.locator(".audiosae-switch[data-state]")
    switch.wait_for()
    expect(page.locator(".audiosae-table audio").first).to_have_attribute("src", re.compile("^data:audio/mpeg"))
    before = heard(switch)
    expect(switch.locator("img")).to_have_attribute("src", re.compile("^blob:"))
    switch.get_by_role("button", name="Play").click()
    switch.get_by_role("button", name="Pause").click()  # it plays
    switch.locator("input[type=range]").focus()
    page.keyboard.press("End")
    page.wait_for_function("element => element.dataset.state.endsWith('-3')", arg=switch.element_handle())
    after = heard(switch)
    assert all(a != b for a, b in zip(before, after, strict=True))
    cards = page.locator(".audiosae-features[data-feature]")
    cards.get_by_role("button", name="Play").first.click()
    expect(cards.locator("audio")).to_have_attribute("src", re.compile("^blob:"))
