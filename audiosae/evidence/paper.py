"""Figures that the paper reports, for comparison."""

from __future__ import annotations

RANGES: dict[str, dict[str, list[float]]] = {
    "diffrhythm-vae": {"sparsity": [0.65, 0.98], "pitch": [0.75, 0.87], "amplitude": [0.17, 0.40], "timbre": [0.17, 0.35]},
    "wavtokenizer": {"sparsity": [0.993, 0.999], "pitch": [0.75, 0.82], "amplitude": [0.17, 0.30], "timbre": [0.17, 0.25]},
    "encodec": {"sparsity": [0.55, 0.95], "pitch": [0.78, 0.87], "amplitude": [0.56, 0.63], "timbre": [0.30, 0.46]},
}
"""Lowest and highest value over the grid (Paek et al. 2025, arXiv 2510.23802v1); pitch, amplitude and timbre are accuracies of probes."""
