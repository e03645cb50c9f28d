"""Sounds to compare: widgets that compute in JupyterLab and play files in the book.

`SoundSwitch` has controls that choose among sounds; `SoundTable` is a grid of players; `FeatureBrowser` has a card for each
feature. All take waves that are already matched in loudness, and never change a level.

Given a folder below the book's ``_static``, they render every sound at once, write MP3 files there, and show HTML
that refers to them as ``static:sounds/…``; the book turns that into a path that suits the page. Without a folder they
need none: sounds are computed when asked for, or sit inside the page.
"""

from audiosae.widgets.browser import FeatureBrowser
from audiosae.widgets.sound import Sound
from audiosae.widgets.switch import SoundSwitch
from audiosae.widgets.table import SoundTable

__all__ = ["FeatureBrowser", "Sound", "SoundSwitch", "SoundTable"]
