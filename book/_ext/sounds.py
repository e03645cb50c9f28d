"""Sounds in the book: the widgets' assets, addresses that suit each page, and a directive to mount a widget in prose.

In a page::

    ```{sound-switch} sounds/encodec/04_steering/pitch
    ```

mounts the widget that a notebook wrote in that folder below _static; with ``:fix: clip=first; property=timbre`` some controls
stand still, each at its first, middle or last value or at the one of that text, or the first that contains it, and are not shown. ``{sound-pads}`` puts single sounds of such
folders on pads, which loop in step, with ``:small:`` as buttons alone: each line of YAML has a label, the folder, the values, and words on it::

    ```{sound-pads} sounds/encodec/04_steering
    - [Original, steering, beside clip=last; property=pitch, "Words."]
    ```

A sound of a table has its row and column as values, as in ``row=pitch; column=first``.

``{listening-check}`` mounts a blind check of the
sounds that section 4 steered, ``{live-desk}`` the desk that steers in the page, ``{live-generator}`` a generator that plays there. In what notebooks put out, and here, addresses
begin with ``static:``; each page gets a path relative to itself. A sound that is not there fails the build.
"""

from __future__ import annotations

import json
import re
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import yaml
from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from audiosae.files import params
from audiosae.files.params import title
from audiosae.widgets.sound import ASSETS, STATIC
from audiosae.widgets.switch import mount

logger = logging.getLogger(__name__)

STEERED = "04_steering/steering"
"""Where section 4 writes the sounds that it steered, below the folder of a codec."""

ADDRESS = re.compile(rf'\b(src|data-audiosae-[a-z]+)="{STATIC}([^"]+)"')


class SoundSwitchDirective(SphinxDirective):
    """Mount the widget that lies in a folder below _static."""

    required_arguments = 1
    option_spec = {"fix": directives.unchanged, "title": directives.unchanged, "caption": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the mount, titled as the widget's index says, or as asked for."""
        index = self.index()
        if index is None:
            return []
        title = self.options.get("title", index["title"])
        told = {"title": title, "fix": self.fixed(index["axes"])}
        if "caption" in self.options:
            told["caption"] = self.options["caption"]
        return [nodes.raw("", mount(f"{STATIC}{self.address}", title, told), format="html")]

    @property
    def address(self) -> str:
        """Of the index, below _static."""
        return f"{self.arguments[0].strip('/')}/index.json"

    def index(self) -> dict[str, Any] | None:
        """The index that the widget wrote; None if it is not there, with a warning if it belongs to a codec or generator of params.yaml."""
        path, written = Path(self.env.srcdir, "_static", self.address), Path(self.env.srcdir).parent / "params.yaml"
        if not path.is_file():
            if self.address.split("/")[1] in (*params.codecs(written), *params.generators(written)):
                logger.warning("no widget at %s; run the stage that writes it.", path, location=self.get_location())
            return None
        self.env.note_dependency(str(path))
        return json.loads(path.read_text(encoding="utf-8"))

    def fixed(self, axes: list[list[Any]]) -> list[int | None]:
        """Place of the value at which each axis stands still; None for one that moves."""
        wanted = dict(part.split("=", 1) for part in self.options.get("fix", "").replace(" ;", ";").split(";") if part.strip())
        wanted = {name.strip(): text.strip() for name, text in wanted.items()}
        if unknown := wanted.keys() - {name for name, *_ in axes}:
            logger.warning("the widget has no control %s.", ", ".join(sorted(unknown)), location=self.get_location())
        found: list[int | None] = []
        for name, values, *_ in axes:
            text = wanted.get(name)
            ends = {"first": [0], "middle": [len(values) // 2], "last": [len(values) - 1]}
            holding = [place for place, value in enumerate(values) if text is not None and text in value]
            places = ends.get(text) or ([values.index(text)] if text in values else holding)  # "1" is 1, and not −1
            if name in wanted and not places:
                logger.warning("no value of %s contains %r.", name, wanted[name], location=self.get_location())
            found.append(places[0] if places else None)
        return found


class SoundPadsDirective(SoundSwitchDirective):
    """Mount single sounds of widgets below a folder on pads."""

    option_spec = {"title": directives.unchanged, "caption": directives.unchanged, "small": directives.flag}
    has_content = True
    folder = ""

    def run(self) -> list[nodes.Node]:
        """Return the mount."""
        pads = []
        for label, folder, values, *note in yaml.safe_load("\n".join(self.content)):
            self.folder = folder
            if (index := self.index()) is None:
                return []
            beside, self.options["fix"] = values.startswith("beside "), values.removeprefix("beside ")
            sound = self.of_table(index) if "rows" in index else self.of_switch(index, beside)
            at = {kind: f"../{self.folder}/{sound[name]}" for kind, name in (("url", "file"), ("picture", "picture")) if name in sound}
            pads.append({"label": label, **at, "readout": sound["readout"], "note": note[0] if note else ""})
        told = {name: self.options[name] for name in ("title", "caption") if name in self.options} | {
            "pads": pads,
            "small": "small" in self.options,
        }
        html = (
            f'<div class="audiosae-switch" data-audiosae-pads="{STATIC}{self.address}" data-audiosae-told="{attribute(told)}">'
            f"<p>{escape(told.get('title', ''))}</p><noscript><p>These sounds need JavaScript.</p></noscript></div>"
        )
        return [nodes.raw("", html, format="html")]

    def of_switch(self, index: dict[str, Any], beside: bool) -> dict[str, Any]:
        """A state of a switch, or the sound beside it."""
        state = index["states"]["-".join(str(place or 0) for place in self.fixed(index["axes"]))]
        return index["besides"][state["beside"]] if beside else state

    def of_table(self, index: dict[str, Any]) -> dict[str, Any]:
        """A sound of a table."""
        row, column = (place or 0 for place in self.fixed([["row", index["rows"]], ["column", index["columns"]]]))
        return {"file": index["files"][row][column], "readout": index["readouts"][row][column]}

    @property
    def address(self) -> str:
        """Of the index of the widget at hand, below _static."""
        return f"{self.arguments[0].strip('/')}/{self.folder}/index.json"


class ListeningCheckDirective(SphinxDirective):
    """Mount a blind check of the steered sounds of all codecs."""

    def run(self) -> list[nodes.Node]:
        """Return the mount."""
        found = {title(codec): f"../{codec}/{STEERED}/index.json" for codec in codecs(self.env.srcdir)}
        html = (
            f'<div class="audiosae-check" data-audiosae-check="{STATIC}sounds/clips/index.json" data-audiosae-codecs="{attribute(found)}">'
            "<noscript><p>The check needs JavaScript.</p></noscript></div>"
        )
        return [nodes.raw("", html, format="html")]


class LiveDeskDirective(SphinxDirective):
    """Mount the desk that computes in the page, for the codecs that it can; below it stands why it cannot for others."""

    def run(self) -> list[nodes.Node]:
        """Return the mount."""
        written = {codec: Path(self.env.srcdir, "_static/live", codec, "index.json") for codec in codecs(self.env.srcdir)}
        told = {codec: json.loads(path.read_text(encoding="utf-8")) for codec, path in written.items()}
        able = {codec: index["title"] for codec, index in told.items() if "why" not in index}
        html = (
            f'<div class="audiosae-switch audiosae-live" data-audiosae-desk="{attribute(able)}"><p>Steering, live</p>'
            "<noscript><p>The desk needs JavaScript.</p></noscript></div>"
        )
        others = [nodes.paragraph("", f"{index['title']}: {index['why']}") for index in told.values() if "why" in index]
        return [nodes.raw("", html, format="html"), *others]


class LiveGeneratorDirective(SphinxDirective):
    """Mount the generators of params.yaml, which make music in the page."""

    def run(self) -> list[nodes.Node]:
        """Return the mounts."""
        html = (
            '<div class="audiosae-switch audiosae-live" data-audiosae-generator="{address}"><p>A generator, live</p>'
            "<noscript><p>The generator needs JavaScript.</p></noscript></div>"
        )
        found = params.generators(Path(self.env.srcdir).parent / "params.yaml")
        return [nodes.raw("", html.format(address=f"{STATIC}live/{name}/index.json"), format="html") for name in found]


def codecs(source: str) -> list[str]:
    """The codecs of params.yaml, beside the book's sources."""
    return list(params.codecs(Path(source).parent / "params.yaml"))


def attribute(value: Any) -> str:
    """A value as JSON, in an attribute."""
    return escape(json.dumps(value, ensure_ascii=False), quote=True)


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
    app.add_directive("sound-pads", SoundPadsDirective)
    app.add_directive("listening-check", ListeningCheckDirective)
    app.add_directive("live-desk", LiveDeskDirective)
    app.add_directive("live-generator", LiveGeneratorDirective)
    app.add_css_file("audiosae/audiosae.css")
    app.add_js_file("audiosae/mount.mjs", type="module")
    app.connect("config-inited", add_assets)
    app.connect("html-page-context", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
