"""The authors' own checkpoints: pinned by SHA-256, fetched once, kept in a cache.

A download that breaks off is kept and goes on where it stopped. That is why this is not left to a library: of those at
hand, pooch and huggingface_hub (2.4) throw a broken download away, and the second takes the hash from the server.

The adapters read pickles with `weights_only=True`, so that no code in them is run. A TorchScript module brings its own
program, which is a reason more to take the pinned file only.
"""

from __future__ import annotations

import errno
import http.client
import os
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from audiosae.checkpoint import file_hash
from audiosae.errors import DownloadError

TIMEOUT = 30
"""Seconds without an answer, or without a further byte, after which a download has failed."""


@dataclass(frozen=True)
class Release:
    """A file that its authors publish.

    Attributes
    ----------
    codec
        The codec that reads it, as params.yaml names it.
    file
        Name in the cache.
    url
        Where its authors publish it, at a fixed revision where one is known.
    sha256
        Of the one file that is taken; None while it is not known, and then nothing is fetched.
    """

    codec: str
    file: str
    url: str
    sha256: str | None

    @property
    def page(self) -> str:
        """Where people can look at the file; the Hugging Face hub shows its SHA-256 there."""
        return self.url.replace("/resolve/", "/blob/")


# To pin a release, put the commit into its address and the SHA-256 that its page shows into its last line; nothing else
# has to change. The tests hold book/released.md to what stands here.

ENCODEC_24KHZ = Release(
    "encodec",
    "encodec_24khz-d7cc33bc.th",
    "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
    "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
)

# The paper does not say which of the 75-token checkpoints it used. The authors' table of models gives this one for
# speech, audio and music, trained on 80,000 hours, although its repository is named after speech. The one for music and
# audio alone, WavTokenizer-medium-music-audio-75token, can be used by path; its hash is not known here. The hash below
# is the one under which the hub's own client caches the file, and the one in the pointer of a copy; the commit is not
# known, so the address follows `main`, and the hash alone says which file is meant.
WAVTOKENIZER_75 = Release(
    "wavtokenizer",
    "wavtokenizer_large_speech_320_v2.ckpt",
    "https://huggingface.co/novateur/WavTokenizer-large-speech-75token/resolve/main/"
    "wavtokenizer_large_speech_320_v2.ckpt",
    "5dd430d5f0d96e2313babb1b896d0f990b65bfd143b2894fc3851cfc3cca9846",
)

WAVTOKENIZER_40 = Release(
    "wavtokenizer",
    "wavtokenizer_large_unify_600_24k.ckpt",
    "https://huggingface.co/novateur/WavTokenizer-large-unify-40token/resolve/7dc47a9450ce71cab736434b7645604013ca028b/"
    "wavtokenizer_large_unify_600_24k.ckpt",
    "72182c1b6bd5ea7f84cf3ec78a0a3244cf42daa660b2e9bce23f5d74064d8205",
)

# Two hashes are on record: cbf5e34d649b48fae7e5c5c2266bbbce97b647d52e7dcd584325a28a8338c81a, once shown on the authors'
# page, and 712693f27299937c6ccf1a6d6f1d9b45c7c8c11210d3b0cbb0f36181465ba29f, of a later copy by others. Which of them
# this commit holds has to be read from its page before it is pinned.
DIFFRHYTHM_VAE = Release(
    "diffrhythm-vae",
    "diffrhythm_vae_model.pt",
    "https://huggingface.co/ASLP-lab/DiffRhythm-vae/resolve/74e2afacfd91dd1b96662c96dcef763c1258768b/vae_model.pt",
    None,
)


def cache_folder() -> Path:
    """Where downloads are kept: $AUDIOSAE_CACHE, else ~/.cache/audiosae."""
    return Path(os.environ.get("AUDIOSAE_CACHE", Path.home() / ".cache" / "audiosae"))


def fetch(release: Release) -> Path:
    """Return the cached file, after fetching it if it is not there.

    What a broken download brought is kept beside it as FILE.partial, and the next call goes on from there.

    Raises
    ------
    DownloadError
        Without a network, with a full disk, if the file is not the pinned one, or if it is not pinned yet. The message
        names the file, the address, the path to put it at by hand, and the SHA-256.
    """
    by_path = f"give its path as codecs.{release.codec}.weights in params.yaml"
    if release.sha256 is None:
        raise DownloadError(
            f"{release.file} is not fetched: its SHA-256 is not pinned yet, and no file is taken on trust. Fetch "
            f"{release.url} yourself, check it against the SHA-256 shown at {release.page}, and {by_path}."
        )
    target = cache_folder() / release.file
    partial = target.with_name(target.name + ".partial")
    by_hand = f"fetch {release.url} elsewhere and put it at {target} (SHA-256 {release.sha256}), or {by_path}."
    try:
        if not target.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            _download(release.url, partial)
            if (found := file_hash(partial)) != release.sha256:
                partial.unlink()
                raise DownloadError(
                    f"{release.url} gave a damaged file, or another one than the pinned one: its SHA-256 is {found}. "
                    f"It was deleted. Run this again, or {by_hand}"
                )
            os.replace(partial, target)
        elif (found := file_hash(target)) != release.sha256:
            raise DownloadError(
                f"{target} is not the pinned file: its SHA-256 is {found}. Delete it and run this again, or {by_hand}"
            )
    except (OSError, http.client.HTTPException) as error:
        raise DownloadError(f"{release.file} could not be fetched: {_account(error, partial)}, or {by_hand}") from error
    return target


def _account(error: OSError | http.client.HTTPException, partial: Path) -> str:
    """What went wrong, what is left of it, and how to go on."""
    reason = error.reason if type(error) is urllib.error.URLError else error
    full = isinstance(error, OSError) and error.errno == errno.ENOSPC
    room = "Make room, or set AUDIOSAE_CACHE to a folder with room. " if full else ""
    kept = partial.stat().st_size if partial.is_file() else 0
    again = f"{kept:,} bytes are kept in {partial}; run this again to go on from there" if kept else "Run this again"
    return f"{reason}. {room}{again}"


def _download(url: str, partial: Path) -> None:
    """Fetch the rest of a file, behind what is there already.

    Raises
    ------
    OSError, http.client.HTTPException
        If the server cannot be reached, refuses, stops answering or breaks off, or if the disk is full.
    """
    done = partial.stat().st_size if partial.is_file() else 0
    headers = {"User-Agent": "audiosae"} | ({"Range": f"bytes={done}-"} if done else {})
    try:
        answer = urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if done and error.code == http.client.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing lies behind what is there: it is whole, or the hash will tell
        raise
    with answer:
        if answer.status != http.client.PARTIAL_CONTENT:
            done = 0  # the server sends the whole file, whatever was asked for
        size = answer.headers.get("Content-Length")
        total = done + int(size) if size else None
        with (
            open(partial, "ab" if done else "wb") as file,
            tqdm(total=total, initial=done, unit="B", unit_scale=True, desc=partial.stem) as bar,
        ):
            while block := answer.read(1 << 20):
                done += file.write(block)
                bar.update(len(block))
    if total is not None and done < total:
        raise ConnectionError(f"the connection broke off after {done:,} of {total:,} bytes")
