"""Sound: reading it, its loudness, its pitch, and the labels that are measured on it."""

from audiosae.audio.io import (
    RATES,
    SAMPLE_RATE,
    SUFFIXES,
    check,
    for_codec,
    mono_mix,
    opened,
    read,
    read_part,
    refuse_truncated,
    resample,
    to_mono,
    write_flac,
)

__all__ = [
    "RATES",
    "SAMPLE_RATE",
    "SUFFIXES",
    "check",
    "for_codec",
    "mono_mix",
    "opened",
    "read",
    "read_part",
    "refuse_truncated",
    "resample",
    "to_mono",
    "write_flac",
]
