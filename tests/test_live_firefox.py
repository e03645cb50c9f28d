"""The desk in Firefox, driven by WebDriver BiDi, its own protocol: no other program stands between."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket
from conftest import Clone
from test_browser import served

pytestmark = pytest.mark.slow

STEER = """(async () => {
    const until = async (told) => { while (!told()) await new Promise((resolve) => setTimeout(resolve, 50)); };
    const desk = document.querySelector("[data-audiosae-desk]");
    await until(() => desk.dataset.liveState);
    const states = [desk.dataset.liveState];
    [...desk.querySelectorAll("button")].find((button) => button.textContent === "Load").click();
    await until(() => ["failed", "ready"].includes(desk.dataset.liveState) && desk.dataset.rendered !== "0" || desk.dataset.liveState === "failed");
    states.push(desk.dataset.liveState, desk.querySelector("[role=status]").textContent);
    const slider = desk.querySelector("input[type=range]");
    slider.value = 15;
    slider.dispatchEvent(new Event("input"));
    const before = Number(desk.dataset.rendered);
    await until(() => Number(desk.dataset.rendered) > before);
    await until(() => desk.querySelector("dl").textContent.includes("LUFS"));
    return JSON.stringify({ states, readout: desk.querySelector("dl").textContent, address: location.search });
})()"""


class Firefox:
    """One page in a headless Firefox."""

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.socket, self.count = socket, 0
        self.ask("session.new", capabilities={})
        self.context = self.ask("browsingContext.getTree")["contexts"][0]["context"]

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """Send a command, and wait for its answer; events are passed over."""
        self.count += 1
        self.socket.send(json.dumps({"id": self.count, "method": method, "params": params}))
        while (answer := json.loads(self.socket.recv())).get("id") != self.count:
            pass
        assert answer["type"] == "success", answer
        return answer["result"]

    def run(self, address: str, script: str) -> Any:
        """What a script returns as JSON on a page."""
        self.ask("browsingContext.navigate", context=self.context, url=address, wait="complete")
        found = self.ask("script.evaluate", expression=script, target={"context": self.context}, awaitPromise=True, userActivation=True)
        assert found["type"] == "success", found
        return json.loads(found["result"]["value"])


@pytest.fixture
def firefox(tmp_path: Path) -> Iterator[Firefox]:
    program = shutil.which("firefox") or shutil.which("firefox-esr")
    assert program, "no Firefox: install one (apt-get install firefox-esr), or leave these tests out: make test"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "--headless", "--no-remote", "--profile", str(tmp_path), f"--remote-debugging-port={port}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            for _ in range(120):
                try:
                    connected = websocket.create_connection(f"ws://127.0.0.1:{port}/session", timeout=180, suppress_origin=True)
                    break
                except OSError:
                    time.sleep(0.5)
            yield Firefox(connected)
        finally:
            running.terminate()


@pytest.mark.parametrize("codec", ["encodec", "wavtokenizer", "diffrhythm-vae"])
def test_the_desk_computes_in_firefox(firefox: Firefox, clone: Clone, codec: str) -> None:
    with served(clone.html) as book:
        found = firefox.run(f"{book.address}/desk.html?codec={codec}&property=timbre", STEER)
    assert found["states"][:2] == ["idle", "ready"], found
    assert "a=15" in found["address"] and f"codec={codec}" in found["address"] and "spectral centroid" in found["readout"]
