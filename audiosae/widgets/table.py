"""A grid of labelled players: originals beside decoded clips, or the clips that excite a feature."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import ipywidgets

from audiosae.errors import ParameterError
from audiosae.files import whole
from audiosae.widgets.sound import ASSETS, Sound, drop_others, read_index, static_address, write_index


def write_table(folder: Path, rows: Mapping[str, Mapping[str, Sound]], caption: str = "") -> None:
    """Write the sounds of a table, and an ``index.json`` with its rows, columns, caption, files and readouts.

    Parameters
    ----------
    folder
        Below the book's ``_static``, used by this table alone.
    rows
        Row label to cells, a cell being a column label and its `Sound`. Columns stand in the order in which they
        first occur; a row may lack some.
    caption
        One sentence that says what to listen for.

    Raises
    ------
    ParameterError
        For no rows, or a folder outside ``_static``.
    AudioError
        For a sound that is too loud or not finite.
    """
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    if not columns:
        raise ParameterError("a table of sounds needs at least one row with one sound.")
    static_address(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files: list[list[str | None]] = []
    readouts: list[list[list[tuple[str, str]]]] = []
    for r, cells in enumerate(rows.values()):
        files.append([f"{r}-{c}.mp3" if column in cells else None for c, column in enumerate(columns)])
        readouts.append([list(cells[column].readout.items()) if column in cells else [] for column in columns])
        for c, column in enumerate(columns):
            if column in cells:
                whole.write(folder / files[r][c], cells[column].mp3())
    drop_others(folder, {name for row in files for name in row if name})
    write_index(folder, {"caption": caption, "columns": columns, "rows": list(rows), "files": files, "readouts": readouts})


class SoundTable:
    """Show what `write_table` wrote: players in rows and columns, in plain HTML.

    Parameters
    ----------
    folder
        That it wrote.

    Raises
    ------
    ParameterError
        If nothing was written there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = Path(folder)
        self._index = read_index(self._folder)

    def html(self, address: str) -> str:
        """The table, with its sounds at an address; an empty one puts them into the page itself."""
        index = self._index
        body = ""
        for row, files, readouts in zip(index["rows"], index["files"], index["readouts"], strict=True):
            columns = zip(index["columns"], files, readouts, strict=True)
            cells = "".join(self._cell(address, f"{row}, {column}", *cell) for column, *cell in columns)
            body += f'<tr><th scope="row">{escape(row)}</th>{cells}</tr>'
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in index["columns"])
        # The book has the style sheet; a page of JupyterLab need not.
        style = "" if address else f"<style>{(ASSETS / 'audiosae.css').read_text(encoding='utf-8')}</style>"
        caption = f"<caption>{escape(index['caption'])}</caption>" if index["caption"] else ""
        return (
            f'<div class="audiosae-table">{style}<table>{caption}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def _cell(self, address: str, label: str, name: str | None, readout: list[list[str]]) -> str:
        """One player with its readout."""
        if name is None:
            return "<td></td>"
        if address:
            source = f"{address}/{name}"
        else:
            source = "data:audio/mpeg;base64," + base64.b64encode((self._folder / name).read_bytes()).decode()
        items = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in readout)
        told = f'<dl class="audiosae-readout">{items}</dl>' if items else ""
        return f'<td><audio controls preload="none" src="{source}" aria-label="{escape(label, quote=True)}"></audio>{told}</td>'

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        data = ipywidgets.HTML(self.html(""))._repr_mimebundle_(**options)
        return {**data, "text/html": self.html(static_address(self._folder)), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"SoundTable({self._index['caption']!r})"
