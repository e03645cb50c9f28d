"""Pages of old addresses, each of which leads to where its content is now.

`MOVED` has a name, without ending, for each old page, and the new page; after a question mark stands the tab that it opens. Places on the old page stay
places on the new one, where there are such.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from posixpath import relpath

from sphinx.application import Sphinx

from audiosae.files import params

SECTIONS = {
    "01_extraction": "01_extraction",
    "02_sae_training": "02_sae_training",
    "03_probing": "03_probing",
    "04_steering": "04_steering",
    "12_feature_browser": "10_feature_browser",
}
"""Pages that each codec had for itself."""

MOVED = {
    "verdicts": "findings",
    "ten_figures": "findings",
    "results": "findings",
    "corpus": "data",
    "data_card": "data",
    "codec": "codecs",
    "model_card": "codecs",
    "parity": "codecs",
    "generator": "sections/05_generation",
    "live": "reproduce",
    "bibliography": "cite",
    "sections/small-diffrhythm/05_diffrhythm": "sections/05_generation",
    "sections/evidence/06_grid": "sections/06_sparsity",
    "sections/evidence/07_loss": "sections/06_sparsity",
    "sections/evidence/08_baselines": "sections/07_baselines",
    "sections/evidence/09_features": "sections/08_features",
    "sections/evidence/10_steering": "sections/09_steering_methods",
    "sections/evidence/11_properties": "sections/07_baselines",
    "sections/codecs/14_codecs": "sections/12_codecs",
}

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>This page has moved</title><link rel="canonical" href="{address}">
<script>
const address = new URL("{address}", location), asked = new URLSearchParams(location.search);
asked.forEach((value, name) => address.searchParams.set(name, value));
address.hash = location.hash;
location.replace(address);
</script>
<meta http-equiv="refresh" content="1; url={address}"></head>
<body><p>This page has moved: <a href="{address}">{address}</a>.</p></body></html>
"""


def moved(codecs: list[str]) -> Iterator[tuple[str, str]]:
    """Old pages, and the addresses of new ones from the root of the book."""
    for old, new in MOVED.items():
        yield old, f"{new}.html"
    for codec in codecs:
        for old, new in SECTIONS.items():
            yield f"sections/{codec}/{old}", f"sections/{new}.html?codec={codec}"


def write(app: Sphinx, error: Exception | None) -> None:
    """Write the pages of old addresses."""
    if error or app.builder.format != "html":
        return
    for old, new in moved(list(params.codecs(Path(app.srcdir).parent / "params.yaml"))):
        page, _, asked = new.partition("?")
        if page.removesuffix(".html") not in app.env.found_docs:
            continue
        address = relpath(page, Path(old).parent.as_posix()) + (f"?{asked}" if asked else "")
        path = Path(app.outdir, f"{old}.html")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(PAGE.format(address=escape(address)), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("build-finished", write)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
