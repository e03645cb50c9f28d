"""Ways from a page into a running notebook, where the book is built for a published repository.

GitHub's workflows name the repository and the commit in the environment (GITHUB_REPOSITORY, GITHUB_SHA); without these names there
is nothing to open, and no button. binder/ in the repository holds the set-up. In a page::

    ```{launch} 11_live
    Or without installing anything:
    ```

``{commands}`` writes commands for a shell, behind the one that clones the repository where that is known.
"""

from __future__ import annotations

import os

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

BINDER = "https://mybinder.org/v2/gh/{repository}/{commit}?urlpath=lab/tree/notebooks/{notebook}.py"
WORDS = "open in Binder"


def address(notebook: str) -> str | None:
    """Where a notebook runs for anybody; None if the book belongs to no published repository.

    Parameters
    ----------
    notebook
        Its name without the ending, as ``11_live``.
    """
    repository, commit = os.environ.get("GITHUB_REPOSITORY"), os.environ.get("GITHUB_SHA")
    return BINDER.format(repository=repository, commit=commit, notebook=notebook) if repository and commit else None


class Launch(SphinxDirective):
    """The directive `launch`: its words and a link, or nothing at all."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """One paragraph."""
        found = address(self.arguments[0])
        if found is None:
            return []
        link = nodes.reference("", WORDS, refuri=found, internal=False, classes=["launch"])
        return [nodes.paragraph("", "", nodes.Text(" ".join(self.content) + " "), link, nodes.Text("."))]


class Commands(SphinxDirective):
    """The directive `commands`."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """One block of code."""
        repository = os.environ.get("GITHUB_REPOSITORY")
        first = [f"git clone https://github.com/{repository} audiosae && cd audiosae"] if repository else []
        text = "\n".join([*first, *self.content])
        return [nodes.literal_block(text, text, language="sh")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_directive("launch", Launch)
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
