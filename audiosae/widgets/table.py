"""A grid of labelled players: originals beside decoded clips, or the clips that excite a feature."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Sound, read_index, static_address, write_folder


def write_table(folder: Path, rows: Mapping[str, Mapping[str, Sound]], caption: str = "") -> None:
    """Write the sounds of a table, and an ``index.json``, into a folder of its own below the book's ``_static``.

    Each row has a label and cells, of column labels and sounds. Columns stand in the order in which they first occur; a row may lack some.
    The caption says what to listen for.
    """
    columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
    if not columns:
        raise ParameterError("a table of sounds needs at least one row with one sound.")
    names = [[f"{r}-{c}.mp3" if column in cells else None for c, column in enumerate(columns)] for r, cells in enumerate(rows.values())]
    readouts = [[list(cells[column].readout.items()) if column in cells else [] for column in columns] for cells in rows.values()]
    sounds = {name: cells[column] for row, cells in zip(names, rows.values()) for name, column in zip(row, columns) if name}
    with ThreadPoolExecutor() as pool:
        files = dict(zip(sounds, pool.map(Sound.mp3, sounds.values()), strict=True))
    write_folder(folder, files, {"caption": caption, "columns": columns, "rows": list(rows), "files": names, "readouts": readouts})


class SoundTable:
    """Show what `write_table` wrote in a folder, or a `ParameterError`: players in rows and columns, in plain HTML."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._index = folder, read_index(folder)

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
        grid = f"<table>{caption}<thead><tr><td></td>{head}</tr></thead><tbody>{body}</tbody></table>"
        return f'<div class="audiosae-table">{style}{grid}</div>'

    def _cell(self, address: str, label: str, name: str | None, readout: list[list[str]]) -> str:
        """One player with its readout."""
        if name is None:
            return "<td></td>"
        embedded = "" if address else base64.b64encode((self._folder / name).read_bytes()).decode()
        source = f"{address}/{name}" if address else f"data:audio/mpeg;base64,{embedded}"
        items = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in readout)
        told = f'<dl class="audiosae-readout">{items}</dl>' if items else ""
        return f'<td><audio controls preload="none" src="{source}" aria-label="{escape(label, quote=True)}"></audio>{told}</td>'

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        data = ipywidgets.HTML(self.html(""))._repr_mimebundle_(**options)
        return {**data, "text/html": self.html(static_address(self._folder)), "text/plain": repr(self)}

    def __repr__(self) -> str:
        return f"SoundTable({self._index['caption']!r})"
