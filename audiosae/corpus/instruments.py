"""The instruments of the SoundFont that sound in tune, and the ranges in which real ones play.

Ranges were checked by ear and by pitch tracker with TimGM6mb; some of its programs (glockenspiel, xylophone, organs) sound in other
octaves and are left out.
"""

from __future__ import annotations

from typing import NamedTuple


class Instrument(NamedTuple):
    """A pitched instrument: its name, family, General MIDI program from 0, and range in MIDI notes, both ends included."""

    name: str
    family: str
    program: int
    low: int
    high: int


ORCHESTRA: tuple[Instrument, ...] = (
    Instrument("tuba", "brass", 58, 29, 55),
    Instrument("piccolo", "woodwind", 72, 74, 96),
    Instrument("violin", "strings", 40, 55, 92),
    Instrument("vibraphone", "mallets", 11, 53, 89),
    Instrument("double bass", "strings", 43, 29, 55),
    Instrument("flute", "woodwind", 73, 60, 95),
    Instrument("trumpet", "brass", 56, 55, 84),
    Instrument("harp", "plucked", 46, 30, 95),
    Instrument("cello", "strings", 42, 36, 76),
    Instrument("recorder", "woodwind", 74, 72, 95),
    Instrument("French horn", "brass", 60, 41, 77),
    Instrument("oboe", "woodwind", 68, 58, 86),
    Instrument("viola", "strings", 41, 48, 84),
    Instrument("clarinet", "woodwind", 71, 50, 88),
    Instrument("trombone", "brass", 57, 40, 72),
    Instrument("bassoon", "woodwind", 70, 34, 72),
)
"""Players of single chorale voices, in the order in which they are called, so that few clips already hold every family.
Tuba, double bass and harp reach the lowest pitch classes, piccolo, flute and recorder the highest."""

VOICES: tuple[Instrument, ...] = (
    Instrument("choir, ah", "voice", 52, 40, 84),
    Instrument("choir, oh", "voice", 53, 40, 84),
    Instrument("solo voice, synthetic", "voice", 54, 40, 84),
    Instrument("solo vowel, bright", "voice", 85, 40, 84),
)

GUITARS: tuple[Instrument, ...] = (
    Instrument("nylon guitar", "plucked", 24, 40, 83),
    Instrument("steel guitar", "plucked", 25, 40, 83),
    Instrument("jazz guitar", "plucked", 26, 40, 83),
    Instrument("clean electric guitar", "plucked", 27, 40, 83),
    Instrument("electric bass", "plucked", 33, 29, 55),
)

PIANOS: tuple[Instrument, ...] = (Instrument("grand piano", "keyboard", 0, 24, 100), Instrument("bright piano", "keyboard", 1, 24, 100))

ENSEMBLES: dict[str, tuple[str, str, str, str]] = {
    "string quartet": ("violin", "violin", "viola", "cello"),
    "wind quartet": ("flute", "oboe", "clarinet", "bassoon"),
    "brass quartet": ("trumpet", "trumpet", "French horn", "trombone"),
    "mixed quartet": ("flute", "clarinet", "French horn", "cello"),
}
"""Who plays soprano, alto, tenor and bass together."""

KITS: dict[str, int] = {"standard": 0, "room": 8, "power": 16, "electronic": 24, "TR-808": 25, "jazz": 32, "brush": 40}
"""Drum kits on bank 128."""

BY_NAME: dict[str, Instrument] = {i.name: i for i in (*ORCHESTRA, *VOICES, *GUITARS, *PIANOS)}
