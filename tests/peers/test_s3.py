"""What ships, on a remote of a fork's own: pushed to an S3 server, and pulled from it into a clone that has no other copy."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import ROOT, SHIPPED, Clone
from moto.server import ThreadedMotoServer

KEYS = {"AWS_ACCESS_KEY_ID": "me", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "no_proxy": "127.0.0.1"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 server with one bucket."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    made.start()
    address = "http://{}:{}".format(*made.get_host_and_port())
    urllib.request.urlopen(urllib.request.Request(f"{address}/fork", method="PUT")).close()  # makes a bucket
    yield address
    made.stop()


def dvc(clone: Clone, *words: str) -> str:
    """DVC of this environment, which speaks S3."""
    done = subprocess.run(
        [sys.executable, "-m", "dvc", *words], cwd=clone.root, env={**os.environ, **clone.environment}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print("dvc", *words, done.stdout[-400:])
    return done.stdout


def to_server(clone: Clone, server: str) -> None:
    """Put the remote of what ships on the server."""
    dvc(clone, "remote", "modify", "embedded", "url", "s3://fork/weights")
    dvc(clone, "remote", "modify", "embedded", "endpointurl", server)


def test_shipped_weights_travel_over_a_remote_of_ones_own(server: str, tmp_path: Path) -> None:
    first, second = (Clone(tmp_path / name) for name in ("first", "second"))
    dvc(first, "pull", "--remote", "embedded", *SHIPPED)
    to_server(first, server)
    to_server(second, server)
    assert "pushed" in dvc(first, "push", "--remote", "embedded", *SHIPPED)
    shutil.rmtree(second.root / ".dvc/embedded")
    assert not list((second.root / "checkpoints").glob("*.safetensors"))
    dvc(second, "pull", "--remote", "embedded", *SHIPPED)
    for path in sorted((ROOT / "checkpoints").glob("*.safetensors")):
        assert hashlib.md5((second.root / "checkpoints" / path.name).read_bytes()).digest() == hashlib.md5(path.read_bytes()).digest()
    assert "Everything is up to date" in dvc(second, "push", "--remote", "embedded", *SHIPPED)
