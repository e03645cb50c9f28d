"""Released weights: downloads against a server that breaks off, ignores what it is asked, or sends something else."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch

from audiosae.codecs import diffrhythm_vae, encodec, released, wavtokenizer
from audiosae.codecs.released import Release
from audiosae.codecs.time_limit import time_limit
from audiosae.errors import CheckpointError, DownloadError
from audiosae.files import checkpoint, results

PAGE = Path(__file__).resolve().parents[1] / "book" / "released.md"
DATA = bytes(range(256)) * 40
HALF = len(DATA) // 2
SHA = hashlib.sha256(DATA).hexdigest()
RELEASES = (released.ENCODEC_24KHZ, released.WAVTOKENIZER_75, released.DIFFRHYTHM_VAE)


class Server(ThreadingHTTPServer):
    """Serves one file, `data`, at /toy.th, and keeps the Range of each request in `asked`, None where there was none.

    Attributes
    ----------
    manner
        "plain" honours a Range, "ignores" sends the whole file whatever was asked, "breaks" ends the connection half-way through what it
        promised, "redirects" sends to /elsewhere first, "stalls" says nothing, "missing" answers 404, "endless" sends more and more,
        "drips" sends a byte now and then, "drips headers" does so before them.
    length
        What it says in Content-Length, None for nothing; "right" for the size.
    whole
        What it says in Content-Range of the size of the whole file, where it sends a part.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manner = "plain"
        self.data = DATA
        self.length: str | None = "right"
        self.whole = str(len(DATA))
        self.asked: list[str | None] = []
        self.sent = 0
        self.over = threading.Event()

    @property
    def release(self) -> Release:
        """The file, its size known roughly."""
        return Release("encodec", "toy.th", f"http://127.0.0.1:{self.server_port}/toy.th", SHA, 2 * len(DATA))

    @property
    def exact(self) -> Release:
        """The file, its size known."""
        return replace(self.release, most=len(DATA), exact=True)


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.headers["Range"])
        if server.manner == "missing":
            return self.send_error(404)
        if server.manner == "stalls":
            server.over.wait(10)
            return None
        if server.manner == "redirects" and self.path == "/toy.th":
            self.send_response(302)
            self.send_header("Location", "/elsewhere")
            return self.end_headers()
        start = 0
        if self.headers["Range"] and server.manner != "ignores":
            start = int(re.fullmatch(r"bytes=(\d+)-", self.headers["Range"])[1])
            if start >= len(server.data):
                return self.send_error(416)
        if server.manner == "drips headers":
            return self.drip(b"HTTP/1.1 200 OK\r\nX-Nothing: ")
        self.send_response(206 if start else 200)
        if server.length is not None:
            self.send_header("Content-Length", str(len(server.data) - start) if server.length == "right" else server.length)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(server.data) - 1}/{server.whole}")
        self.end_headers()
        if server.manner == "drips":
            return self.drip(server.data[start : start + 3])
        end = (start + len(server.data)) // 2 if server.manner == "breaks" else None
        self.wfile.write(server.data[start:end])
        while server.manner == "endless" and not server.over.is_set():
            try:
                server.sent += self.wfile.write(bytes(1 << 16))
            except OSError:  # the other side has hung up
                return None

    def drip(self, start: bytes) -> None:
        """Send this, and then a byte every 20 ms, which is no standstill."""
        self.wfile.write(start)
        while not self.server.over.wait(0.02):
            try:
                self.wfile.write(b"x")
            except OSError:
                return

    def log_message(self, *words: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        made.over.set()
        made.shutdown()
        thread.join()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AUDIOSAE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(data)


def left(folder: Path) -> dict[str, bytes]:
    """What a folder holds, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


# --- the pins ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.file)
def test_a_pin_bounds_the_size_by_little_more_than_the_book_says(release: Release) -> None:
    name = {"encodec": "EnCodec", "diffrhythm-vae": "DiffRhythm-VAE"}.get(release.codec) or (
        f"WavTokenizer, {75 if '75token' in release.url else 40} frames a second"
    )
    [said] = re.findall(rf"^\| {name} \| ([\d.]+ [MG]B) \|", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    number, unit = said.split()
    assert 0.99 < release.most / (float(number) * {"MB": 1e6, "GB": 1e9}[unit]) < (1.01 if release.exact else 1.3)


def test_pins_are_hashes_of_different_files() -> None:
    for release in RELEASES:
        assert all(re.fullmatch("[0-9a-f]{64}", known) for known in (release.sha256, *release.by_path))
    assert (
        len({release.file for release in RELEASES}) == len(RELEASES)
        and released.DIFFRHYTHM_VAE.sha256 not in released.DIFFRHYTHM_VAE.by_path
    )
    # The authors put the beginning of the hash into EnCodec's name.
    assert released.ENCODEC_24KHZ.file in released.ENCODEC_24KHZ.url and released.ENCODEC_24KHZ.sha256.startswith("d7cc33bc")
    page = released.WAVTOKENIZER_75.page
    assert page.startswith("https://huggingface.co/novateur/") and "/blob/" in page and "/resolve/" not in page


def test_the_cache_is_in_the_home_folder_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AUDIOSAE_CACHE", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert released.cache_folder() == tmp_path / ".cache" / "audiosae"
    monkeypatch.setenv("AUDIOSAE_CACHE", str(tmp_path / "mine"))
    assert released.cache_folder() == tmp_path / "mine"


# --- downloads --------------------------------------------------------------------------------------------------------


def test_a_release_is_fetched_once_with_a_bar_and_cached(cache: Path, server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    path = released.fetch(server.release)
    assert path == cache / "toy.th" and left(cache) == {"toy.th": DATA}
    assert "toy.th" in capsys.readouterr().err
    assert released.fetch(server.release) == path and server.asked == [None]


@pytest.mark.parametrize("manner", ["plain", "redirects"])
def test_a_broken_download_is_kept_and_goes_on_where_it_stopped(cache: Path, server: Server, manner: str) -> None:
    server.manner = "breaks"
    with pytest.raises(DownloadError, match=f"broke off after {HALF:,} of {len(DATA):,} bytes") as caught:
        released.fetch(server.release)
    assert f"{HALF:,} bytes are kept in {cache / 'toy.th.partial'}" in str(caught.value)
    assert left(cache) == {"toy.th.partial": DATA[:HALF]}
    with pytest.raises(DownloadError, match=f"{HALF * 3 // 2:,} bytes are kept"):  # it breaks off again, further on
        released.fetch(server.release)
    server.manner = manner
    assert released.fetch(server.release).read_bytes() == DATA
    rest = f"bytes={HALF * 3 // 2}-"
    assert server.asked == [None, f"bytes={HALF}-", rest] + ([rest] if manner == "redirects" else [])
    assert left(cache) == {"toy.th": DATA}


@pytest.mark.parametrize(
    ("partial", "kind", "manner", "asked"),
    [
        (DATA[:HALF], "release", "ignores", [f"bytes={HALF}-"]),  # all of it is sent again
        (DATA, "release", "plain", [f"bytes={len(DATA)}-"]),  # it was whole already, which the server has to say
        (DATA, "exact", "plain", []),
        (DATA * 3, "release", "plain", [None]),  # larger than the file can be
        (DATA * 3, "exact", "plain", [None]),
    ],
)
def test_what_lies_there_of_a_download_is_used_or_replaced(
    cache: Path, server: Server, partial: bytes, kind: str, manner: str, asked: list[str | None]
) -> None:
    put(cache / "toy.th.partial", partial)
    server.manner = manner
    assert released.fetch(getattr(server, kind)).read_bytes() == DATA
    assert server.asked == asked and left(cache) == {"toy.th": DATA}


@pytest.mark.parametrize("start", [b"of another version" * 9, DATA + b"a bit more"])
def test_a_partial_of_another_file_is_found_out_deleted_and_fetched_anew(cache: Path, server: Server, start: bytes) -> None:
    put(cache / "toy.th.partial", start)
    found = hashlib.sha256(start + DATA[len(start) :]).hexdigest()
    with pytest.raises(DownloadError, match=f"bytes and the SHA-256 {found}. It is kept as"):
        released.fetch(server.release)
    assert left(cache) == {"toy.th.refused": start + DATA[len(start) :]}
    assert released.fetch(server.release).read_bytes() == DATA


@pytest.mark.parametrize("data", [DATA[:-1], DATA[:-1] + b"x", b"<html>please log in</html>", b""])
def test_a_damaged_file_is_refused_and_fetched_anew(cache: Path, server: Server, data: bytes) -> None:
    server.data = data
    with pytest.raises(DownloadError, match=f"gave a damaged file.*{hashlib.sha256(data).hexdigest()}.*{SHA}"):
        released.fetch(server.release)
    assert left(cache) == {"toy.th.refused": data}
    server.data = DATA
    assert released.fetch(server.release).read_bytes() == DATA
    assert left(cache) == {"toy.th": DATA}


def test_another_file_is_taken_once_its_hash_is_accepted_without_a_second_download(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.data = other = DATA[::-1]
    found = hashlib.sha256(other).hexdigest()
    monkeypatch.setattr(results, "accepted", set())
    for named in ("", "0" * 64):
        monkeypatch.setenv("ACCEPT", named)
        with pytest.raises(DownloadError, match=f"{len(other):,} bytes and the SHA-256 {found}.*ACCEPT={found}"):
            released.fetch(server.release)
    asked = len(server.asked)
    monkeypatch.setenv("ACCEPT", found)
    assert released.fetch(server.release).read_bytes() == other and len(server.asked) == asked
    assert results.accepted == {found}
    monkeypatch.delenv("ACCEPT")
    with pytest.raises(DownloadError, match="is not the pinned file"):
        released.fetch(server.release)


def test_a_hash_that_is_accepted_beforehand_is_taken_at_once(cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.data = other = DATA[::-1]
    monkeypatch.setattr(results, "accepted", set())
    monkeypatch.setenv("ACCEPT", hashlib.sha256(other).hexdigest())
    assert released.fetch(server.release).read_bytes() == other
    assert left(cache) == {"toy.th": other} and results.accepted == {hashlib.sha256(other).hexdigest()}


def test_a_file_in_the_cache_that_is_not_the_pinned_one_is_refused_and_left_alone(cache: Path, server: Server) -> None:
    put(cache / "toy.th", b"put here by hand")
    with pytest.raises(DownloadError, match="toy.th is not the pinned file"):
        released.fetch(server.release)
    assert left(cache) == {"toy.th": b"put here by hand"} and not server.asked


def test_the_right_file_put_into_the_cache_by_hand_needs_no_network(cache: Path) -> None:
    put(cache / "toy.th", DATA)
    release = Release("encodec", "toy.th", "http://nowhere.invalid/toy.th", SHA, len(DATA))
    assert released.fetch(release) == cache / "toy.th"


@pytest.mark.parametrize("length", ["right", None, "many", "-5", "1e4", "9" * 5000])
@pytest.mark.parametrize("kind", ["release", "exact"])
def test_a_content_length_that_is_no_number_says_nothing(cache: Path, server: Server, length: str | None, kind: str) -> None:
    server.length = length
    assert released.fetch(getattr(server, kind)).read_bytes() == DATA


@pytest.mark.parametrize("kind", ["release", "exact"])
@pytest.mark.parametrize("length", [None, "many"])
def test_more_than_the_pinned_size_is_not_taken(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, length: str | None, kind: str
) -> None:
    server.manner, server.length, release = "endless", length, getattr(server, kind)
    least = "" if release.exact else "at most "
    with pytest.raises(DownloadError, match=f"sent more than it should: the pinned one has {least}{release.most:,}. What came was del"):
        released.fetch(release)
    assert left(cache) == {} and server.sent < 50_000_000  # what a connection holds, and no disk
    server.manner = "plain"
    assert released.fetch(release).read_bytes() == DATA


@pytest.mark.parametrize("said", ["2400000000", str(len(DATA) - 1), str(len(DATA) + 1)])
@pytest.mark.parametrize("partial", [b"", DATA[:HALF]])
def test_a_server_that_says_another_size_is_not_listened_to(cache: Path, server: Server, said: str, partial: bytes) -> None:
    """The whole file's in Content-Length, or in Content-Range where it sends the rest."""
    if partial:
        put(cache / "toy.th.partial", partial)
        server.whole = said
    else:
        server.length = said
    with pytest.raises(DownloadError, match=f"the server has a file of {int(said):,} bytes, and the pinned one has {len(DATA):,}"):
        released.fetch(server.exact)
    assert left(cache) == ({"toy.th.partial": partial} if partial else {})
    server.length, server.whole = "right", str(len(DATA))
    assert released.fetch(server.exact).read_bytes() == DATA


def test_a_part_whose_length_leads_past_the_pinned_size_is_refused(cache: Path, server: Server) -> None:
    put(cache / "toy.th.partial", DATA[:HALF])
    server.length, server.whole = str(len(DATA)), "*"
    with pytest.raises(DownloadError, match=f"a file of {HALF + len(DATA):,} bytes, and the pinned one has {len(DATA):,}"):
        released.fetch(server.exact)


def test_a_connection_that_ends_early_without_a_word_of_the_size_is_gone_on_with(cache: Path, server: Server) -> None:
    server.manner, server.length = "breaks", None
    with pytest.raises(DownloadError, match=f"broke off after {HALF:,} of {len(DATA):,} bytes"):
        released.fetch(server.exact)
    server.manner = "plain"
    assert released.fetch(server.exact).read_bytes() == DATA and server.asked == [None, f"bytes={HALF}-"]


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a fifth of a second be three hours."""
    monkeypatch.setattr(released, "time_limit", lambda _, error: time_limit(0.2, error))


@pytest.mark.parametrize("manner", ["drips", "drips headers"])
def test_a_server_that_drips_does_not_hold_a_download_for_ever(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, manner: str
) -> None:
    hurry(monkeypatch)
    server.manner = manner
    with pytest.raises(DownloadError, match="toy.th could not be fetched: the download took more than 10,800 seconds."):
        released.fetch(server.exact)
    assert manner == "drips headers" or left(cache)["toy.th.partial"].startswith(DATA[:1])


@pytest.mark.parametrize(("trouble", "reason"), [
    ("nobody", "Connection refused"), ("stalls", "timed out"), ("missing", "HTTP Error 404: Not Found"),
])  # fmt: skip
@pytest.mark.parametrize("partial", [None, DATA[:HALF]])
def test_one_message_says_what_went_wrong_and_what_to_do(
    cache: Path, server: Server, monkeypatch: pytest.MonkeyPatch, trouble: str, reason: str, partial: bytes | None
) -> None:
    monkeypatch.setattr(released, "TIMEOUT", 0.1)
    if partial:
        put(cache / "toy.th.partial", partial)
    server.manner, release = trouble, server.release
    if trouble == "nobody":
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            release = replace(release, url=f"http://127.0.0.1:{taken.getsockname()[1]}/toy.th")
    with pytest.raises(DownloadError, match=rf"^toy.th could not be fetched: .*{reason}") as caught:
        released.fetch(release)
    for part in (release.url, str(cache / "toy.th"), SHA, "codecs.encodec.weights in params.yaml"):
        assert part in str(caught.value)
    assert "<" not in str(caught.value)  # no <urlopen error ...>
    assert left(cache) == ({"toy.th.partial": partial} if partial else {})


def no_names(*words: object, **more: object) -> None:
    """What a machine without a network says of every name."""
    raise socket.gaierror(-3, "Temporary failure in name resolution")


class FullDisk:
    """A file on a disk with room for the first half."""

    def __init__(self, path: Path, mode: str) -> None:
        self.file = open(path, mode)

    def __enter__(self) -> FullDisk:
        return self

    def __exit__(self, *error: object) -> None:
        self.file.close()

    def write(self, data: bytes) -> int:
        self.file.write(data[:HALF])
        raise OSError(28, "No space left on device")


def test_a_cache_that_cannot_be_made_is_one_message(cache: Path, server: Server) -> None:
    cache.write_text("a file where the folder should be")
    with pytest.raises(DownloadError, match="toy.th could not be fetched: .*cache"):
        released.fetch(server.release)


# --- what the book says of it -----------------------------------------------------------------------------------------


def words(text: str) -> str:
    """With single spaces, however the lines are broken."""
    return " ".join(text.split())


QUOTED = [words(block) for block in re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)]


class Scene:
    """Something that goes wrong with EnCodec's file, its address being that of the server."""

    def __init__(self, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.server, self.folder, self.patch = server, folder, monkeypatch
        self.release = replace(released.ENCODEC_24KHZ, url=server.release.url, most=len(DATA))

    def message(self, codec: str, weights: str | Path) -> str:
        """The error of loading a codec, as it reads on the machine of "you", with the real address."""
        self.patch.setenv("AUDIOSAE_CACHE", str(self.folder / ".cache" / "audiosae"))
        self.patch.setattr(encodec, "RELEASED", replace(encodec.RELEASED, filters=2, codebooks=1))  # to be quick
        real = released.ENCODEC_24KHZ.url
        self.patch.setattr(released, "ENCODEC_24KHZ", self.release)
        loaders = {"encodec": encodec.load, "wavtokenizer": wavtokenizer.load, "diffrhythm-vae": diffrhythm_vae.load}
        with pytest.raises((CheckpointError, DownloadError)) as caught:
            loaders[codec](weights)
        return words(str(caught.value).replace(str(self.folder), "/home/you").replace(self.release.url, real))

    def fetched(self, manner: str = "plain") -> str:
        self.server.manner = manner
        return self.message("encodec", "released")

    def no_network(self) -> str:
        self.patch.setattr(socket, "getaddrinfo", no_names)
        return self.fetched()

    def missing(self) -> str:
        return self.fetched("missing")

    def broken_off(self) -> str:
        return self.fetched("breaks")

    def full_disk(self) -> str:
        self.patch.setattr(released, "open", FullDisk, raising=False)
        return self.fetched()

    def too_slow(self) -> str:
        hurry(self.patch)
        return self.fetched("drips")

    def another_size(self) -> str:
        self.release = replace(released.ENCODEC_24KHZ, url=self.release.url)
        return self.fetched()

    def too_much(self) -> str:
        self.server.length, real = None, f"{released.ENCODEC_24KHZ.most:,}"
        return self.fetched("endless").replace(f"{len(DATA):,}", real)

    def damaged(self) -> str:
        return self.fetched()

    def wrong_in_the_cache(self) -> str:
        put(self.folder / ".cache" / "audiosae" / self.release.file, DATA)
        return self.fetched()

    def a_program(self) -> str:
        self.patch.delenv("ACCEPT", raising=False)
        (self.folder / "vae_model.pt").write_bytes(DATA)
        return self.message("diffrhythm-vae", self.folder / "vae_model.pt")

    def ours_of_another_model(self) -> str:
        path = self.folder / "mine.safetensors"
        checkpoint.save(path, {"a": torch.zeros(1)}, {"kind": "codec/wavtokenizer"})
        return self.message("encodec", path)

    def another_for_wavtokenizer(self) -> str:
        torch.save({"state_dict": {"generator.weight": torch.zeros(1)}}, self.folder / "mine.ckpt")
        return self.message("wavtokenizer", self.folder / "mine.ckpt")

    def another_for_encodec(self) -> str:
        torch.save({"backbone.embed.weight": torch.zeros(1)}, self.folder / "mine.th")
        return self.message("encodec", self.folder / "mine.th")

    def no_checkpoint(self) -> str:
        (self.folder / "mine.th").write_text("not weights")
        return self.message("encodec", self.folder / "mine.th")


SCENES = [name for name in vars(Scene) if not name.startswith("_") and name not in ("message", "fetched")]


@pytest.mark.parametrize("scene", SCENES)
def test_the_book_quotes_the_message_that_the_code_gives(
    scene: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = getattr(Scene(server, tmp_path, monkeypatch), scene)()
    quoted = QUOTED[SCENES.index(scene)]
    assert re.fullmatch(re.escape(quoted).replace("…", ".+"), said), f"the page has\n{quoted}\nthe code says\n{said}"


def test_the_book_quotes_no_other_message() -> None:
    assert len(QUOTED) == len(SCENES)


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.file)
def test_the_book_lists_the_pins(release: Release) -> None:
    listed = f"{release.file} {release.url} {release.sha256} "
    said = words(PAGE.read_text(encoding="utf-8")).replace("```", "")
    assert listed in said and " ".join(release.by_path) in said
