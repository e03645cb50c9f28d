"""A notebook in a real JupyterLab, driven by a browser: the steering widget computes what a reader asks for."""

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
from playwright.sync_api import expect, sync_playwright

from conftest import Clone

ENOUGH = 120_000
"""Milliseconds for a kernel to start and a sound to be computed, on a machine that does other things as well."""


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
    shutil.copy(clone.root / "notebooks/13_live.py", root / "notebooks")
    environment = {**os.environ, "PYTHONPATH": str(root), "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_DATA_DIR": str(tmp_path / "data")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--IdentityProvider.token=",
               "--ServerApp.password=", "--allow-root", f"--ServerApp.root_dir={root}", "--LabApp.news_url=None"]
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


def test_the_steering_widget_computes_in_jupyterlab(lab: str, tone: Path) -> None:
    path = os.environ.get("AUDIOSAE_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        page = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"]).new_page()
        page.set_default_timeout(ENOUGH)
        expect.set_options(timeout=ENOUGH)
        page.goto(f"{lab}/lab/tree/notebooks/13_live.py?reset")
        page.locator(".jp-NotebookPanel .jp-Cell").first.wait_for()
        page.get_by_text("(ipykernel) | Idle").wait_for()  # asked to run earlier, JupyterLab would ask for a kernel
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).click()
        switch = page.locator(".audiosae-switch[data-state]").first
        switch.wait_for()
        before = switch.locator("audio").get_attribute("src"), switch.locator("dl").inner_text()
        slider = switch.locator("input[type=range]")
        slider.focus()
        page.keyboard.press("End")
        last = slider.get_attribute("max")
        page.wait_for_function("([element, last]) => element.dataset.state.endsWith(`-${last}`)", arg=[switch.element_handle(), last])
        after = switch.locator("audio").get_attribute("src"), switch.locator("dl").inner_text()
        assert all(a != b for a, b in zip(before, after))
        switch.get_by_role("button", name="Compare with: the original").click()
        page.wait_for_function("element => element.dataset.state.endsWith('beside')", arg=switch.element_handle())
        assert switch.locator("dl").inner_text() != after[1]
        cards = page.locator(".audiosae-features[data-feature]")
        cards.wait_for()
        cards.get_by_role("button", name="Play").first.click()
        expect(cards.locator("audio")).to_have_attribute("src", re.compile("^blob:"))

        with page.expect_file_chooser() as chooser:
            page.get_by_role("button", name="Upload a sound").click()
        chooser.value.set_files(tone)
        expect(page.get_by_role("button", name="Upload a sound (1)")).to_be_visible()
        page.get_by_role("button", name="Load", exact=True).click()
        expect(page.get_by_text("my tone.wav, 2.0 s")).to_be_visible()
        expect(page.get_by_role("cell", name="MIDI 69.0")).to_be_visible()
