"""Build the book: ``python -m audiosae.pipeline.book``, from the project's folder, into book/_build/html.

Jupyter Book's configuration is given to Sphinx here, rather than through its command, so that warnings are errors, the extension
that calls scripts from another host is left out, and two builds of one commit give the same bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Literal

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import color_terminal, nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from audiosae.errors import AudiosaeError
from audiosae.files.params import OF_AUTHORS, TAKEN, codecs, generators
from audiosae.pipeline import side_by_side

ONLINE = {"sphinx_thebe", "sphinx_comments"}
"""Extensions that Jupyter Book loads by default, and that write addresses of other hosts into every page."""

COMMIT = "commit.txt"
"""In a file of its own, which .dvcignore names: the pages depend on their sources, not on the commit that holds them."""


class BookError(AudiosaeError):
    """The book could not be built."""


def main(builder: Literal["html", "linkcheck"] = "html", /) -> None:
    """Build the book of the project in the working directory; linkcheck only asks for every address that it names."""
    build(Path.cwd(), builder)
    if builder == "linkcheck":
        print("every address that the book names was there")
    else:
        print("the book is in book/_build/html; read it with: python -m http.server -d book/_build/html")


def build(project: Path, builder: str = "html") -> None:
    """Run one of Sphinx's builders. "html" replaces book/_build/html, whole, or leaves the last book as it was.

    A `ParameterError` if params.yaml names no codecs; a `RunsError` if the runs of a notebook do not fit together; a `BookError` if there is
    no book, or if Sphinx warns about anything.
    """
    source = project.resolve() / "book"
    if not (source / "_config.yml").is_file():
        raise BookError(f"{source / '_config.yml'} is missing; run this in the project's folder.")
    named = codecs(project / "params.yaml")
    subjects = [*named, *(f"{codec}{OF_AUTHORS}" for codec in named), *generators(project / "params.yaml"), *TAKEN]
    side_by_side.write(source, subjects)
    if not color_terminal():
        nocolor()
    (source / "_build").mkdir(exist_ok=True)
    # A neighbour of the final folder, so that the last step is one rename.
    with tempfile.TemporaryDirectory(dir=source / "_build", prefix=".partial-") as partial:
        target = Path(partial, builder)
        config = _configuration(source)
        # Sphinx changes docutils' tables for the whole process; both contexts undo that.
        with patch_docutils(str(source)), docutils_namespace():
            try:
                doctrees = Path(partial, "doctrees")
                app = Sphinx(source, None, target, doctrees, builder, config, freshenv=True, warningiserror=True, keep_going=True)
                app.build()
            except SphinxError as error:
                raise BookError(f"{error.category}: {error}") from error
        if app.statuscode:
            raise BookError("Sphinx warned (above), and a warning is an error here; the last book was left as it was.")
        if builder == "html":
            (target / ".buildinfo").unlink()
            for folder in [*(target / "_static/sounds").glob("*"), *(target / "_static/live").glob("*")]:
                if folder.name not in subjects:
                    shutil.rmtree(folder)  # of a codec that was taken away
            (target / COMMIT).write_text(provenance(project) + "\n", encoding="utf-8")
            final = source / "_build" / "html"
            shutil.rmtree(final, ignore_errors=True)
            os.replace(target, final)


def _configuration(source: Path) -> dict[str, Any]:
    """What Sphinx is told: book/_config.yml as Jupyter Book reads it, with our own changes."""
    config, _ = get_final_config(
        user_yaml=source / "_config.yml", cli_config={"latex_individualpages": False}, sourcedir=source, raise_on_invalid=True
    )
    config["extensions"] = [name for name in config["extensions"] if name not in ONLINE]
    config.pop("comments_config", None)  # belongs to an extension that was just left out
    if scorer := config.get("html_search_scorer"):
        config["html_search_scorer"] = str(source / scorer)  # Sphinx looks for it in the working directory
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
