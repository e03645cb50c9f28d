"""Steering latents along features (paper, section 4), its variants, and measuring what it does."""

from audiosae.steering.step import (
    MARGIN,
    VARIANTS,
    VOICED_SHARE,
    Heard,
    direction,
    effects,
    in_bins,
    listen,
    readout,
    relative_strength,
    render,
    share_closed,
    steer,
    summarise,
    targets,
)

__all__ = [
    "Heard",
    "MARGIN",
    "VARIANTS",
    "VOICED_SHARE",
    "direction",
    "effects",
    "in_bins",
    "listen",
    "readout",
    "relative_strength",
    "render",
    "share_closed",
    "steer",
    "summarise",
    "targets",
]
