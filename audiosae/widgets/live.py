"""What all widgets share: the page's question, Python's answer, and HTML for a page without Python."""

from __future__ import annotations

from collections.abc import Mapping

import anywidget
from anywidget.experimental import command

from audiosae.widgets.sound import ASSETS


class Live(anywidget.AnyWidget):
    """A widget whose module asks Python for sounds; a subclass says which module, and answers.

    In the module: ``const [{ error, ...content }, buffers] = await experimental.invoke("ask", message, { signal })``.
    """

    _css = ASSETS / "audiosae.css"
    _title = ""
    _html = ""
    """For pages without Python; empty where there is no such page."""

    def answer(self, message: Mapping[str, object]) -> tuple[dict[str, object], list[bytes]]:
        """What a message asks for: values, and files as bytes."""
        raise NotImplementedError

    @command
    def ask(self, message: Mapping[str, object], _: list[bytes]) -> tuple[dict[str, object], list[bytes]]:
        """Answer a message; an error, of a reader's own function too, goes to the page, where the reader sees it."""
        try:
            return self.answer(message)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}, []

    def _repr_mimebundle_(self, **options: object) -> tuple[dict[str, object], dict[str, object]]:
        data, metadata = super()._repr_mimebundle_(**options)
        return {**data, **({"text/html": self._html} if self._html else {})}, metadata

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._title!r})"
