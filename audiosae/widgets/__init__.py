"""Sounds to compare, in the book and in JupyterLab.

A computation writes a folder below the book's ``_static``: `write_table` a grid of players, `write_switch` controls that choose among
sounds. A notebook shows it: `SoundTable`, `SoundSwitch` and `FeatureBrowser` give HTML for the book, which refers to the files as
``static:sounds/…``, and a widget for JupyterLab that plays the same files. `desk.LiveDesk` computes what it plays. Recorded sounds are already
matched in loudness: no widget of theirs changes a level.
"""

from audiosae.widgets.browser import FeatureBrowser
from audiosae.widgets.sound import Sound
from audiosae.widgets.switch import SoundSwitch, write_switch
from audiosae.widgets.table import SoundTable, write_table

__all__ = ["FeatureBrowser", "Sound", "SoundSwitch", "SoundTable", "write_switch", "write_table"]
