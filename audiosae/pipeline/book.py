"""Build the book: ``python -m audiosae.pipeline.book``, from the project's folder, into book/_build/html.

Jupyter Book's configuration is given to Sphinx here, rather than through its command, for three reasons: warnings are
errors; the extension that calls scripts from another host is left out; and what holds times or machine paths never
reaches the output, so that two builds of one commit give the same bytes.

The table of contents is book/_toc.yml with its part on a codec written once for each codec that params.yaml names, and likewise
its part on a generator.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import yaml
from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import color_terminal, nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from audiosae.errors import AudiosaeError
from audiosae.files.params import TITLES, codecs, generators

ONLINE = {"sphinx_thebe", "sphinx_comments"}
"""Extensions that Jupyter Book loads by default, and that write addresses of other hosts into every page."""

SHARED = {"clips"}
"""Folders of sounds that belong to no codec and no generator."""

COMMIT = "commit.txt"
"""In a file of its own, which .dvcignore names: the pages depend on their sources, not on the commit that holds them."""


class BookError(AudiosaeError):
    """The book could not be built."""


def main(builder: Literal["html", "linkcheck"] = "html", /) -> None:
    """Build the book of the project in the working directory.

    Parameters
    ----------
    builder
        linkcheck asks for every address that the book names, and builds nothing.
    """
    if builder == "linkcheck":
        with prepared(Path.cwd(), builder):
            print("every address that the book names was there")
        return
    html = build(Path.cwd()).relative_to(Path.cwd().resolve())
    print(f"the book is in {html}; read it with: python -m http.server -d {html}")


def build(project: Path) -> Path:
    """Build the book whole, or leave the last one as it was.

    Parameters
    ----------
    project
        The folder that holds book/, results/ and params.yaml.

    Returns
    -------
    The folder of pages, book/_build/html.

    Raises
    ------
    ParameterError
        If params.yaml names no codecs.
    BookError
        If there is no book, or Sphinx warns about anything: a missing page, number, sound or reference.
    """
    with prepared(project, "html") as html:
        kept = {*codecs(project / "params.yaml"), *generators(project / "params.yaml"), *SHARED}
        (html / ".buildinfo").unlink()
        for sounds in (html / "_static" / "sounds").glob("*"):
            if sounds.name not in kept:
                shutil.rmtree(sounds)
        (html / COMMIT).write_text(provenance(project) + "\n", encoding="utf-8")
        final = project.resolve() / "book" / "_build" / "html"
        if final.exists():
            shutil.rmtree(final)
        os.replace(html, final)
    return final


@contextmanager
def prepared(project: Path, builder: str) -> Iterator[Path]:
    """Run one of Sphinx's builders into a folder that lasts as long as the context; see `build` for the errors."""
    source = project.resolve() / "book"
    if not (source / "_config.yml").is_file():
        raise BookError(f"{source / '_config.yml'} is missing; run this in the project's folder.")
    named = {kind: list(read(project / "params.yaml")) for kind, read in (("codec", codecs), ("generator", generators))}
    if not color_terminal():
        nocolor()
    (source / "_build").mkdir(exist_ok=True)
    # A neighbour of the final folder, so that the last step is one rename.
    with tempfile.TemporaryDirectory(dir=source / "_build", prefix=".partial-") as partial:
        target = Path(partial, builder)
        toc = Path(partial, "_toc.yml")
        contents = yaml.safe_load((source / "_toc.yml").read_text(encoding="utf-8"))
        toc.write_text(yaml.safe_dump(complete(contents, named), sort_keys=False), encoding="utf-8")
        config = _configuration(source, toc)
        # Sphinx changes docutils' tables for the whole process; both contexts undo that.
        with patch_docutils(str(source)), docutils_namespace():
            try:
                app = Sphinx(
                    srcdir=source,
                    confdir=None,
                    outdir=target,
                    doctreedir=Path(partial, "doctrees"),
                    buildername=builder,
                    confoverrides=config,
                    warning=sys.stderr,
                    freshenv=True,
                    warningiserror=True,
                    keep_going=True,
                )
                app.build()
            except SphinxError as error:
                raise BookError(f"{error.category}: {error}") from error
        if app.statuscode:
            raise BookError("Sphinx warned (above), and a warning is an error here; the last book was left as it was.")
        yield target


def complete(contents: dict[str, Any], named: dict[str, list[str]]) -> dict[str, Any]:
    """Write the part on a codec once for each codec, and the part on a generator once for each generator.

    Parameters
    ----------
    contents
        A table of contents as jupyter-book has it. A part whose text holds ``{codec}`` stands for as many as there are
        codecs; ``{codec}`` becomes the name, ``{title}`` its spelling in headings. Likewise for ``{generator}``.
    named
        By kind, "codec" and "generator", the names in the order of their parts.
    """
    parts: list[dict[str, Any]] = []
    for part in contents["parts"]:
        text = yaml.safe_dump(part)
        kind = next((kind for kind in named if f"{{{kind}}}" in text), None)
        parts += (
            [part]
            if kind is None
            else [yaml.safe_load(text.replace(f"{{{kind}}}", name).replace("{title}", TITLES.get(name, name))) for name in named[kind]]
        )
    return {**contents, "parts": parts}


def _configuration(source: Path, toc: Path) -> dict[str, Any]:
    """What Sphinx is told: book/_config.yml as Jupyter Book reads it, with our own changes."""
    config, _ = get_final_config(
        user_yaml=source / "_config.yml",
        cli_config={"latex_individualpages": False, "external_toc_path": toc.as_posix()},
        sourcedir=source,
        raise_on_invalid=True,
    )
    config["extensions"] = [name for name in config["extensions"] if name not in ONLINE]
    config.pop("comments_config", None)  # belongs to an extension that was just left out
    config["html_theme_options"]["extra_footer"] = (
        f'<p><a href="{COMMIT}" data-audiosae-commit>The commit that this book was built from</a></p>'
    )
    return config


def provenance(project: Path) -> str:
    """Say from which commit the book is built, or that this is not known."""
    git = ["git", "-C", str(project)]
    try:
        commit, top = subprocess.run(
            [*git, "rev-parse", "HEAD", "--show-toplevel"], capture_output=True, text=True, check=True
        ).stdout.split("\n")[:2]
        if Path(top) != project.resolve():
            return f"Built in a copy of commit {commit[:12]}, with parameters of its own."
        sources = ["audiosae", "notebooks", "book", "params.yaml", "dvc.yaml"]
        status = [*git, "status", "--porcelain", "--", *sources]
        changed = subprocess.run(status, capture_output=True, text=True, check=True).stdout.strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "Built from an unknown commit: the folder is no git checkout, or has no commit yet."
    return f"Built from commit {commit[:12]}" + (", with changes that are not committed." if changed else ".")


if __name__ == "__main__":
    from audiosae import command

    command.run(main)
