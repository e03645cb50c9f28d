"""Sound: reading it, its loudness, its pitch, and the labels that are measured on it."""

from audiosae.audio.io import SAMPLE_RATE, for_codec, mono_mix, read, read_part, resample, to_mono, write_flac

__all__ = ["SAMPLE_RATE", "for_codec", "mono_mix", "read", "read_part", "resample", "to_mono", "write_flac"]
