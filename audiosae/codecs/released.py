"""The authors' own checkpoints: pinned by address and SHA-256, fetched once, cached.

No code in a downloaded file is run: pickles are read with `weights_only=True` by the adapters.
"""

from __future__ import annotations

import http.client
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from tqdm.auto import tqdm

from audiosae.checkpoint import file_hash
from audiosae.errors import DownloadError


@dataclass(frozen=True)
class Release:
    """A file that its authors publish.

    Attributes
    ----------
    file
        Name in the cache.
    url
        Where its authors publish it.
    sha256
        Of the file that this project was written against.
    """

    file: str
    url: str
    sha256: str


ENCODEC_24KHZ = Release(
    "encodec_24khz-d7cc33bc.th",
    "https://dl.fbaipublicfiles.com/encodec/v0/encodec_24khz-d7cc33bc.th",
    "d7cc33bcf1aad7f2dad9836f36431530744abeace3ca033005e3290ed4fa47bf",
)


def cache_folder() -> Path:
    """Where downloads are kept: $AUDIOSAE_CACHE, else ~/.cache/audiosae."""
    return Path(os.environ.get("AUDIOSAE_CACHE", Path.home() / ".cache" / "audiosae"))


def fetch(release: Release) -> Path:
    """Return the cached file, after fetching it if it is not there.

    Raises
    ------
    DownloadError
        Without a network, or if the file is not the pinned one.
    """
    target = cache_folder() / release.file
    advice = f"Fetch {release.url} elsewhere and put it at {target} (SHA-256 {release.sha256})."
    if not target.is_file():
        partial = target.with_suffix(".partial")
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with urllib.request.urlopen(release.url, timeout=30) as answer, open(partial, "wb") as file:
                size = int(answer.headers.get("Content-Length", 0)) or None
                with tqdm(total=size, unit="B", unit_scale=True, desc=release.file) as bar:
                    while block := answer.read(1 << 20):
                        file.write(block)
                        bar.update(len(block))
        except (OSError, http.client.HTTPException) as error:
            partial.unlink(missing_ok=True)
            raise DownloadError(f"{release.file} could not be fetched ({error}). {advice}") from error
        found = file_hash(partial)
        if found != release.sha256:
            partial.unlink()
            raise DownloadError(f"{release.url} gave another file than the pinned one: its SHA-256 is {found}. {advice}")
        os.replace(partial, target)
    found = file_hash(target)
    if found != release.sha256:
        raise DownloadError(f"{target} is not the pinned file: its SHA-256 is {found}. Delete it. {advice}")
    return target
