"""Frames: latents and labels in one table, and what is counted over them."""

from audiosae.frames.table import Frames, load, save

__all__ = ["Frames", "load", "save"]
