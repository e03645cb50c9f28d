"""Frames: latents and labels in one table, and what is counted over them."""

from audiosae.frames.mapped import Mapped
from audiosae.frames.table import Frames, load, made_of, part, save

__all__ = ["Frames", "Mapped", "load", "made_of", "part", "save"]
