"""Sounds in the book: the widgets' assets, addresses that suit each page, and a directive to mount a widget in prose.

In a page::

    ```{sound-switch} sounds/encodec/04_steering/pitch
    ```

mounts the widget that a notebook wrote in that folder below _static. In what notebooks put out, and here, addresses
begin with ``static:``; each page gets a path relative to itself. A sound that is not there fails the build.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from audiosae.widgets.sound import ASSETS, STATIC
from audiosae.widgets.switch import mount

logger = logging.getLogger(__name__)

ADDRESS = re.compile(rf'\b(src|data-audiosae-src)="{STATIC}([^"]+)"')


class SoundSwitchDirective(SphinxDirective):
    """Mount the widget that lies in a folder below _static."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the mount, titled as the widget's index says."""
        address = f"{self.arguments[0].strip('/')}/index.json"
        path = Path(self.env.srcdir, "_static", address)
        if not path.is_file():
            logger.warning("no widget at %s; run the notebook that writes it.", path, location=self.get_location())
            return []
        title = json.loads(path.read_text(encoding="utf-8"))["title"]
        return [nodes.raw("", mount(STATIC + address, title), format="html")]


def add_assets(app: Sphinx, config: Config) -> None:
    """Serve the widgets' modules and style from _static/audiosae."""
    config.html_static_path.append(str(ASSETS.parent))


def resolve(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Make the addresses of a page's sounds relative to the page."""

    def relative(match: re.Match) -> str:
        attribute, address = match.groups()
        if not Path(app.srcdir, "_static", unquote(address)).is_file():
            logger.warning("%s refers to _static/%s, which is not there.", pagename, address)
        return f'{attribute}="{context["pathto"]("_static/" + address, 1)}"'

    if "body" in context:
        context["body"] = ADDRESS.sub(relative, context["body"])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("sound-switch", SoundSwitchDirective)
    app.add_css_file("audiosae/audiosae.css")
    app.add_js_file("audiosae/mount.mjs", type="module")
    app.connect("config-inited", add_assets)
    app.connect("html-page-context", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
