"""The folder for the Hugging Face hub: its card passes the hub's own checks, and its program uploads it whole, to a server that stands in for the hub."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from conftest import ROOT
from huggingface_hub import ModelCard
from huggingface_hub.utils import validate_repo_id
from sae_lens import SAE

import audiosae.interchange.rmsnorm  # noqa: F401
from audiosae.interchange import exporting
from audiosae.sae import reference


class Hub(ThreadingHTTPServer):
    """What an upload asks of the hub: to make a repository, which files it wants as LFS, to take those, and a commit."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.large: dict[str, bytes] = {}
        self.files: dict[str, bytes] = {}


class Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *_: object) -> None: ...

    def tell(self, told: object) -> None:
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") == "chunked":
            parts = []
            while size := int(self.rfile.readline(), 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(parts)
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def do_GET(self) -> None:
        self.tell({"id": "me/saes", "siblings": [], "sha": "0" * 40, "private": False, "tags": [], "downloads": 0, "likes": 0})

    def do_PUT(self) -> None:
        self.server.large[self.path.rsplit("/", 1)[1]] = self.body()
        self.tell({})

    def do_POST(self) -> None:
        body, path, address = self.body(), self.path, self.server.address
        if path.endswith("/repos/create"):
            self.tell({"url": f"{address}/me/saes", "name": "me/saes"})
        elif "/preupload/" in path:
            files = [{"path": file["path"], "uploadMode": "regular" if file["path"].endswith((".md", ".json")) else "lfs", "shouldIgnore": False}
                     for file in json.loads(body)["files"]]  # fmt: skip
            self.tell({"files": files})
        elif path.endswith("/info/lfs/objects/batch"):
            objects = [
                {"oid": file["oid"], "size": file["size"], "actions": {"upload": {"href": f"{address}/put/{file['oid']}"}}}
                for file in json.loads(body)["objects"]
            ]
            self.tell({"transfer": "basic", "objects": objects})
        elif "/commit/" in path:
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    self.server.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    self.server.files[value["path"]] = self.server.large[value["oid"]]
            self.tell(
                {"commitUrl": f"{address}/me/saes/commit/{'1' * 40}", "commitOid": "1" * 40, "pullRequestUrl": None, "hookOutput": ""}
            )
        else:
            self.tell({})


@pytest.fixture
def server() -> Iterator[Hub]:
    with Hub() as made:
        threading.Thread(target=made.serve_forever, daemon=True).start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of this project, which has run, or of the one that AUDIOSAE_RAN names."""
    made = tmp_path_factory.mktemp("hub") / "folder"
    exporting.run(made, Path(os.environ.get("AUDIOSAE_RAN", ROOT)))
    return made


def test_the_card_is_what_the_hub_asks_for_and_every_autoencoder_loads(folder: Path) -> None:
    card = ModelCard.load(folder / "README.md")
    assert (card.data.license, card.data.library_name) == ("mit", "saelens")
    rows = re.findall(r"^\| (\S+) \| (\S.*?) \| (\d[\d\u202f]*) \| (\d\.\d+) \|", card.text, re.MULTILINE)
    saes = sorted(folder.glob("*/*/cfg.json"))
    assert len(rows) == len(saes) >= 2 and "{" not in card.text.replace("{example}", "")
    for path in saes:
        sae, told = SAE.load_from_disk(path.parent), json.loads(path.read_text())
        assert (sae.cfg.d_sae, sae.cfg.metadata.model_name) == (told["d_sae"], path.parts[-3])
        assert told["metadata"]["sample_rate"] / told["metadata"]["hop"] == pytest.approx(75, rel=0.8)
        project = Path(os.environ.get("AUDIOSAE_RAN", ROOT))
        place = reference.in_use(path.parts[-3], "sae", path.parts[-2], project)
        assert told["metadata"]["checkpoint"] == hashlib.sha256(place.read_bytes()).hexdigest()
    with pytest.raises(FileExistsError):
        exporting.run(folder)


def test_one_command_uploads_it_whole(folder: Path, server: Hub, tmp_path: Path) -> None:
    validate_repo_id("me/saes")
    environment = {**os.environ, "HF_ENDPOINT": server.address, "HF_TOKEN": "hf_" + "x" * 34, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path),
                   "no_proxy": "127.0.0.1"}  # fmt: skip
    command = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", "upload", "me/saes", str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert server.files == {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
