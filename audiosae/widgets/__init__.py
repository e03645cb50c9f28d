"""Sounds to compare, in the book and in JupyterLab.

A computation writes a folder below the book's ``_static``: `write_table` a grid of players, `write_switch` controls that choose among
sounds, `write_browser` a card for each feature. A notebook shows it: `SoundTable`, `SoundSwitch` and `FeatureBrowser` give HTML for
the book, which refers to the files as ``static:sounds/…``, and a widget for JupyterLab that plays the same files. `LiveSwitch` and
`LiveBrowser` ask Python for each sound instead. Sounds are already matched in loudness: no widget changes a level.
"""

from audiosae.widgets.browser import FeatureBrowser, LiveBrowser, write_browser
from audiosae.widgets.sound import Sound
from audiosae.widgets.switch import LiveSwitch, SoundSwitch, write_switch
from audiosae.widgets.table import SoundTable, write_table

__all__ = [
    "FeatureBrowser",
    "LiveBrowser",
    "LiveSwitch",
    "Sound",
    "SoundSwitch",
    "SoundTable",
    "write_browser",
    "write_switch",
    "write_table",
]
