"""What the book says to other sites: cards for shared links, and where its repository is, if GitHub's workflows name one in the environment."""

from __future__ import annotations

import os
from html import escape

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config

IMAGE = "_static/desk.webp"
LONGEST = 200  # letters of a description


def description(doctree: nodes.document | None) -> str:
    """The first paragraph of a page, as plain text and not too long."""
    paragraphs = doctree.findall(nodes.paragraph) if doctree else []
    text = next((text for one in paragraphs if (text := " ".join(one.astext().split())) and "made-by-cell" not in one["classes"]), "")
    return text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"


def card(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Add a card to a page's head. An image needs a full address, so it is left out where the book's is unknown."""
    told = {"og:type": "article", "og:site_name": app.config.html_title or app.config.project, "og:title": context.get("title", "")}
    told |= {"og:description": description(doctree), "twitter:card": "summary_large_image"}
    if base := app.config.html_baseurl:
        told |= {"og:url": f"{base}{pagename}.html", "og:image": f"{base}{IMAGE}"}
    tags = "".join(f'<meta property="{name}" content="{escape(value, quote=True)}">\n' for name, value in told.items() if value)
    context["metatags"] = context.get("metatags", "") + tags


def name_repository(app: Sphinx, config: Config) -> None:
    """Links to the repository, to edit a page and to report a fault, and the address of the published book."""
    repository = os.environ.get("GITHUB_REPOSITORY")
    if not repository:
        return
    owner, name = repository.split("/")
    config.html_baseurl = f"https://{owner}.github.io/{name}/"
    config.html_theme_options |= {
        "repository_url": f"https://github.com/{repository}",
        "repository_branch": "main",
        "use_repository_button": True,
        "use_edit_page_button": True,
        "use_issues_button": True,
    }


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", name_repository, priority=100)
    app.connect("html-page-context", card)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
