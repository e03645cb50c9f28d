"""Build the book: ``python -m audiosae.book``, from the project's folder, into book/_build/html.

Jupyter Book's configuration is given to Sphinx here, rather than through its command, for three reasons: warnings are
errors; the extension that calls scripts from another host is left out; and what holds times or machine paths never
reaches the output, so that two builds of one commit give the same bytes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from jupyter_book.config import get_final_config
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.util.console import color_terminal, nocolor
from sphinx.util.docutils import docutils_namespace, patch_docutils

from audiosae.errors import AudiosaeError, report

ONLINE = {"sphinx_thebe", "sphinx_comments"}
"""Extensions that Jupyter Book loads by default, and that write addresses of other hosts into every page."""


COMMIT = "commit.txt"
"""In a file of its own, which .dvcignore names: the pages depend on their sources, not on the commit that holds them."""


class BookError(AudiosaeError):
    """The book could not be built."""


def main() -> None:
    """Build the book of the project in the working directory."""
    html = build(Path.cwd())
    print(f"the book is in {html.relative_to(Path.cwd())}; read it with: python -m http.server -d {html.relative_to(Path.cwd())}")


def build(project: Path) -> Path:
    """Build the book whole, or leave the last one as it was.

    Parameters
    ----------
    project
        The folder that holds book/ and results/.

    Returns
    -------
    The folder of pages, book/_build/html.

    Raises
    ------
    BookError
        If there is no book, or Sphinx warns about anything: a missing page, number, sound or reference.
    """
    source = project.resolve() / "book"
    if not (source / "_config.yml").is_file():
        raise BookError(f"{source / '_config.yml'} is missing; run this in the project's folder.")
    config, _ = get_final_config(
        user_yaml=source / "_config.yml",
        cli_config={"latex_individualpages": False},
        sourcedir=source,
        raise_on_invalid=True,
    )
    if not color_terminal():
        nocolor()
    config["extensions"] = [name for name in config["extensions"] if name not in ONLINE]
    config.pop("comments_config", None)  # belongs to an extension that was just left out
    config["html_theme_options"]["extra_footer"] = (
        f'<p data-audiosae-commit>The commit that this book was built from stands in {COMMIT}.</p>'
    )
    (source / "_build").mkdir(exist_ok=True)
    # A neighbour of the final folder, so that the last step is one rename.
    with tempfile.TemporaryDirectory(dir=source / "_build", prefix=".partial-") as partial:
        html = Path(partial, "html")
        # Sphinx changes docutils' tables for the whole process; both contexts undo that.
        with patch_docutils(source), docutils_namespace():
            try:
                app = Sphinx(
                    srcdir=source,
                    confdir=None,
                    outdir=html,
                    doctreedir=Path(partial, "doctrees"),
                    buildername="html",
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
        (html / ".buildinfo").unlink()
        (html / COMMIT).write_text(provenance(project) + "\n", encoding="utf-8")
        final = source / "_build" / "html"
        if final.exists():
            shutil.rmtree(final)
        os.replace(html, final)
    return final


def provenance(project: Path) -> str:
    """Say from which commit the book is built, or that this is not known.

    Parameters
    ----------
    project
        A git working tree, or not.
    """
    git = ["git", "-C", str(project)]
    try:
        commit = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        sources = ["audiosae", "notebooks", "book", "params.yaml", "dvc.yaml"]
        status = [*git, "status", "--porcelain", "--", *sources]
        changed = subprocess.run(status, capture_output=True, text=True, check=True).stdout.strip()
    except (subprocess.CalledProcessError, FileNotFoundError):
        return "Built from an unknown commit: the folder is no git checkout, or has no commit yet."
    return f"Built from commit {commit[:12]}" + (", with changes that are not committed." if changed else ".")


if __name__ == "__main__":
    report(main)
