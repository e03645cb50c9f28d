"""A grid of labelled players: originals beside decoded clips, or the clips that excite a feature."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

from audiosae.errors import ParameterError
from audiosae.widgets.sound import ASSETS, Sound, drop_others, static_address, write_whole


class SoundTable:
    """Players in rows and columns, in plain HTML.

    Parameters
    ----------
    rows
        Row label to cells, a cell being a column label and its `Sound`. Columns stand in the order in which they
        first occur; a row may lack some.
    folder
        Below the book's ``_static``, used by this table alone: the sounds are written there now. None puts them into
        the page itself, for JupyterLab.
    caption
        One sentence that says what to listen for.

    Raises
    ------
    ParameterError
        For no rows, or a folder outside ``_static``.
    AudioError
        For a sound that is too loud or not finite.
    """

    def __init__(self, rows: Mapping[str, Mapping[str, Sound]], folder: Path | None = None, caption: str = "") -> None:
        columns = list(dict.fromkeys(column for cells in rows.values() for column in cells))
        if not columns:
            raise ParameterError("a SoundTable needs at least one row with one sound.")
        folder = None if folder is None else Path(folder)
        if folder is not None:
            address = static_address(folder)
            folder.mkdir(parents=True, exist_ok=True)
        written: set[str] = set()
        body = []
        for r, (row, cells) in enumerate(rows.items()):
            line = f'<th scope="row">{escape(row)}</th>'
            for c, column in enumerate(columns):
                sound = cells.get(column)
                if sound is None:
                    line += "<td></td>"
                    continue
                if folder is None:
                    source = "data:audio/mpeg;base64," + base64.b64encode(sound.mp3()).decode()
                else:
                    name = f"{r}-{c}.mp3"
                    write_whole(folder / name, sound.mp3())
                    written.add(name)
                    source = f"{address}/{name}"
                label = escape(f"{row}, {column}", quote=True)
                line += f'<td><audio controls preload="none" src="{source}" aria-label="{label}"></audio>'
                line += _readout(sound.readout) + "</td>"
            body.append(f"<tr>{line}</tr>")
        if folder is not None:
            drop_others(folder, written)
        head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
        # The book has the style sheet; a page of JupyterLab need not.
        style = f"<style>{(ASSETS / 'audiosae.css').read_text(encoding='utf-8')}</style>" if folder is None else ""
        self._html = (
            f'<div class="audiosae-table">{style}<table>'
            + (f"<caption>{escape(caption)}</caption>" if caption else "")
            + f"<thead><tr><td></td>{head}</tr></thead><tbody>{''.join(body)}</tbody></table></div>"
        )

    def _repr_html_(self) -> str:
        return self._html


def _readout(values: Mapping[str, str]) -> str:
    if not values:
        return ""
    items = "".join(f"<div><dt>{escape(key)}</dt><dd>{escape(value)}</dd></div>" for key, value in values.items())
    return f'<dl class="audiosae-readout">{items}</dl>'
