"""The authors' own checkpoints: pinned by SHA-256, fetched once, kept in a cache.

Our own download, since pooch and huggingface_hub throw a broken one away, and the second takes the hash from the server. Pickles are
read with `weights_only=True`, so that no code in them is run; for TorchScript modules, which are programs, see `program`.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import os
import re
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from audiosae.codecs.time_limit import time_limit
from audiosae.errors import CheckpointError, DownloadError
from audiosae.files import results
from audiosae.files.whole import file_hash

TIMEOUT = 30
"""Seconds without an answer, or without a further byte, after which a download has failed."""

LONGEST = 3 * 3600
"""Seconds after which a download stops, however it goes, in a main thread; what has come by then is kept."""

ACCEPT = "ACCEPT"
"""The environment variable with the SHA-256 of a file that is not on record and that the reader accepts."""


@dataclass(frozen=True)
class Release:
    """A file that its authors publish."""

    codec: str  # that reads it, as in params.yaml
    file: str  # its name in the cache
    url: str  # where its authors publish it, at a fixed revision where one is known
    sha256: str  # of the one file that is taken
    most: int  # bytes that a download may have
    exact: bool = False  # whether the file has just that many
    by_path: tuple[str, ...] = ()  # further SHA-256 on record, for files given by path

    @property
    def page(self) -> str:
        """Where people can look at the file; the Hugging Face hub shows its SHA-256 there."""
        return self.url.replace("/resolve/", "/blob/")


# To pin a release, put the commit into its address, and below it the SHA-256 that its page shows. Tests hold book/released.md to this.

ENCODEC_24KHZ = Release(
    "encodec",
    "encodec_24khz-d7cc33bc.th",
    "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
    "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
    93_171_529,  # as several programs that check this file say, beside the same SHA-256
    exact=True,
)

# The paper does not say which of the 75-token checkpoints it used. The authors' table gives this one for speech, audio and music,
# although its repository is named after speech. The one for music and audio alone, WavTokenizer-medium-music-audio-75token, can be used by
# path. The hash is the one under which the hub's client caches the file, and the one in the pointer of a copy; the commit is not known.
WAVTOKENIZER_75 = Release(
    "wavtokenizer",
    "wavtokenizer_large_speech_320_v2.ckpt",
    "https://huggingface.co/novateur/WavTokenizer-large-speech-75token/resolve/main/wavtokenizer_large_speech_320_v2.ckpt",
    "5dd430d5f0d96e2313babb1b896d0f990b65bfd143b2894fc3851cfc3cca9846",
    2_000_000_000,  # the hub's page says 1.75 GB
)

# Of the two hashes on record, the one that the authors' page has shown. If its commit holds another file, that has to be accepted.
DIFFRHYTHM_VAE = Release(
    "diffrhythm-vae",
    "diffrhythm_vae_model.pt",
    "https://huggingface.co/ASLP-lab/DiffRhythm-vae/resolve/74e2afacfd91dd1b96662c96dcef763c1258768b/vae_model.pt",
    "cbf5e34d649b48fae7e5c5c2266bbbce97b647d52e7dcd584325a28a8338c81a",
    800_000_000,  # the hub's page says 625 MB
    by_path=("712693f27299937c6ccf1a6d6f1d9b45c7c8c11210d3b0cbb0f36181465ba29f",),  # of a later copy by others
)

RELEASED = {release.codec: release for release in (ENCODEC_24KHZ, WAVTOKENIZER_75, DIFFRHYTHM_VAE)}
"""What the word "released" fetches, by codec."""


def cache_folder() -> Path:
    """Where downloads are kept: $AUDIOSAE_CACHE, else ~/.cache/audiosae."""
    return Path(os.environ.get("AUDIOSAE_CACHE", Path.home() / ".cache" / "audiosae"))


def path(weights: str | Path, release: Release) -> Path | None:
    """The authors' file, fetched if need be, where weights are "released" or a path with the ending that the authors use; else None."""
    if weights == "released":
        return fetch(release)
    return Path(weights) if Path(weights).suffix == Path(release.file).suffix else None


def fetch(release: Release) -> Path:
    """Return the cached file, fetched if it is not there; the next call goes on from the FILE.partial of a broken download.

    A file of another hash than the pinned one is kept as FILE.refused, and taken only if its hash stands in the environment variable ACCEPT.

    Raises
    ------
    DownloadError
        Without a network, with a full disk, if the file is not the pinned one, has another size or takes too long. The message names the file,
        the address, the path to put it at by hand, and the SHA-256.
    """
    by_path = f"give its path as codecs.{release.codec}.weights in params.yaml"
    target = cache_folder() / release.file
    partial, refused = (target.with_name(target.name + ending) for ending in (".partial", ".refused"))
    by_hand = f"fetch {release.url} elsewhere and put it at {target} (SHA-256 {release.sha256}), or {by_path}."
    try:
        if not target.is_file() and refused.is_file() and accepts(file_hash(refused)):
            os.replace(refused, target)
        if target.is_file():
            if (found := file_hash(target)) != release.sha256 and not accepts(found):
                raise DownloadError(f"{target} is not the pinned file: its SHA-256 is {found}. Delete it and run this again, or {by_hand}")
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        with time_limit(LONGEST, TimeoutError(f"the download took more than {LONGEST:,} seconds")):
            _download(release, partial)
        if (found := file_hash(partial)) != release.sha256 and not accepts(found):
            os.replace(partial, refused)
            raise DownloadError(
                f"{release.url} gave a damaged file, or another one than the pinned one: it has {refused.stat().st_size:,} bytes and the SHA-256 "
                f"{found}. It is kept as {refused}, and nothing uses it. If {release.page} shows that SHA-256 and you trust the file, put "
                f"`{ACCEPT}={found}` before the command that you typed. Otherwise run this again to fetch it anew, or {by_hand}"
            )
        os.replace(partial, target)
        refused.unlink(missing_ok=True)
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if type(error) is urllib.error.URLError else error
        full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
        room = "Make room, or set AUDIOSAE_CACHE to a folder with room. " if full else ""
        kept = partial.stat().st_size if partial.is_file() else 0
        again = f"{kept:,} bytes are kept in {partial}; run this again to go on from there" if kept else "Run this again"
        raise DownloadError(f"{release.file} could not be fetched: {reason}. {room}{again}, or {by_hand}") from error
    return target


def _download(release: Release, partial: Path) -> None:
    """Fetch the rest of a file, behind what is there already; what goes wrong is an OSError or HTTPException."""
    expected = f"the pinned one has {'' if release.exact else 'at most '}{release.most:,}"
    done = partial.stat().st_size if partial.is_file() else 0
    if done > release.most:  # of another file
        partial.unlink()
        done = 0
    if release.exact and done == release.most:
        return  # the hash will tell
    headers = {"User-Agent": "audiosae"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(urllib.request.Request(release.url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if done and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing lies behind what is there: it is whole, or the hash will tell
        raise
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            done = 0  # the server sends the whole file, whatever was asked for
        whole = re.search("/([0-9]{1,18})$", answer.headers.get("Content-Range", "").strip())
        sizes = ([] if answer.length is None else [done + answer.length]) + ([int(whole[1])] if whole else [])
        for size in sizes:
            if size > release.most or (release.exact and size != release.most):
                raise ConnectionError(f"the server has a file of {size:,} bytes, and {expected}")
        total = release.most if release.exact else max(sizes, default=None)
        with (
            open(partial, "ab" if done else "wb") as file,
            tqdm(total=total, initial=done, unit="B", unit_scale=True, desc=partial.stem) as bar,
        ):
            while block := answer.read1(1 << 20):
                if done + len(block) > release.most:
                    partial.unlink()
                    raise ConnectionError(f"the server sent more than it should: {expected}. What came was deleted")
                done += file.write(block)
                bar.update(len(block))
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke off after {done:,} of {total:,} bytes")


def accepts(sha256: str) -> bool:
    """Whether ACCEPT names this hash; then it is noted for provenance in `results.accepted`."""
    named = os.environ.get(ACCEPT, "").strip().lower() == sha256
    if named:
        results.accepted.add(sha256)
    return named


def program(path: Path, release: Release) -> bytes:
    """Read a file that is a program, if it may be run: its hash is on record, or stands in the environment variable ACCEPT.

    The returned bytes are those whose hash was compared. An accepted hash is noted for provenance in `results.accepted`.

    Raises
    ------
    CheckpointError
        If the file cannot be read, or its hash is neither on record nor accepted. The message says how to accept it.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error}); check the path.") from error
    found = hashlib.sha256(content).hexdigest()
    if found in (release.sha256, *release.by_path) or accepts(found):
        return content
    now = ""
    if accepted := os.environ.get(ACCEPT, "").strip():
        well_formed = re.fullmatch("[0-9a-fA-F]{64}", accepted)
        fault = "that of another file" if well_formed else "no SHA-256: that has 64 hexadecimal digits"
        now = f" {ACCEPT} is {accepted!r} now, which is {fault}."
    raise CheckpointError(
        f"{path} was not loaded, and nothing in it was run. A .pt of TorchScript is a program, which runs with your rights, and "
        f"this one is not on record. It has {len(content):,} bytes and the SHA-256 {found}. Compare that with the SHA-256 shown "
        f"at {release.page}. If you trust the file, type `make repro {ACCEPT}={found}`, or put `{ACCEPT}={found}` before the "
        f"command that you typed, such as `{ACCEPT}={found} .venv/bin/dvc repro`.{now}"
    )
