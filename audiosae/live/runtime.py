"""The stage `live_runtime`: what runs models in the page, from the packages that `make setup` installed.

    python -m audiosae.live.runtime book/_static/runtime

onnxruntime-web (MIT) with the WebAssembly that has no need of threads, and SwiftF0's model (MIT), the pitch tracker of all labels.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import swift_f0

from audiosae.errors import AudiosaeError
from audiosae.files import whole

PACKAGE = Path(sys.prefix) / "page/node_modules/onnxruntime-web"
MODULE, WASM, TRACKER = "ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm", "swift-f0.onnx"


class RuntimeMissing(AudiosaeError):
    """A package that pages need is not installed."""


def write(target: Path, /) -> None:
    """Copy the runtime into a folder of the book.

    Parameters
    ----------
    target
        The folder. The WebAssembly lies there gzipped, since plain file servers do not compress: 3.7 MB in place of 14.
    """
    if not (PACKAGE / "dist" / WASM).is_file():
        raise RuntimeMissing(f"{PACKAGE} is missing; run `make setup`, which installs what setup/page/package-lock.json names.")
    whole.write(target / MODULE, (PACKAGE / "dist" / MODULE).read_bytes())
    whole.write(target / f"{WASM}.gz", gzip.compress((PACKAGE / "dist" / WASM).read_bytes(), 9, mtime=0))
    whole.write(target / TRACKER, Path(swift_f0.__file__).with_name("model.onnx").read_bytes())


if __name__ == "__main__":
    from audiosae import command

    command.run(write)
