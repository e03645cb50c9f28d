"""Tables with one column a codec, for however many codecs the results hold.

A page writes one row a figure: what it is, where it stands, and how it is written::

    {{ codec_table(extraction, "decoded against original", [
        ["correlation of frame RMS", "reconstruction.rms", number]]) }}
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sphinx.application import Sphinx
from sphinx.config import Config


class CodecTable:
    """Writes a table in Markdown.

    Parameters
    ----------
    codecs
        Names of the codecs, in the order of their columns.
    """

    def __init__(self, codecs: Sequence[str]) -> None:
        self._codecs = list(codecs)

    def __call__(self, results: object, heading: str, rows: Sequence[Sequence]) -> str:
        """Return the table.

        Parameters
        ----------
        results
            A branch of results/ whose keys are codecs.
        heading
            Of the first column.
        rows
            Label, path below the codec with dots between its keys (in a list, its place), a formatter, and what else the
            formatter takes. Or a label and what others found, as text by codec. A figure that is null, or a codec that is
            not there, is a dash; a wrong key fails the build.
        """
        lines = [[heading, *self._codecs], ["---"] * (1 + len(self._codecs))]
        for label, source, *form in rows:
            if isinstance(source, dict):
                cells = [source.get(codec, "–") for codec in self._codecs]
            else:
                cells = [self._cell(results, codec, source, *form) for codec in self._codecs]
            lines.append([label, *cells])
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)

    @staticmethod
    def _cell(results: object, codec: str, path: str, form: Callable, *options: int) -> str:
        value = results[codec] if codec in results.keys() else None
        for key in path.split("."):
            value = None if value is None else value[int(key) if isinstance(value, list) else key]
        return "–" if value is None else form(value, *options)


def add_name(app: Sphinx, config: Config) -> None:
    """Put `codec_table` among MyST's substitutions, after the results are there."""
    config.myst_substitutions["codec_table"] = CodecTable(config.myst_substitutions["summary"]["codecs"].keys())


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.connect("config-inited", add_name, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
