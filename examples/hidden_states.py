"""A layer of HuBERT as a latent space, to stand beside the codecs. It needs `transformers`: .venv/bin/pip install --constraint requirements.lock '.[hidden-states]'

In params.yaml, under `codecs`:

    hubert: {weights: examples/hidden_states.py, file: examples/hidden_states.py}
"""

from __future__ import annotations

from pathlib import Path

from audiosae.codecs import hidden_states

SOURCE = Path(__file__).resolve().parents[1] / "models/hubert-base-ls960"  # or "OWNER/NAME", with the two lines below filled in
REVISION = ""  # 40 digits: the commit
SHA256 = ""  # of its weights

LAYER = 6


def load() -> hidden_states.HiddenStates:
    """Called by the project when params.yaml names this file."""
    return hidden_states.load("hubert", SOURCE, LAYER, REVISION, SHA256)
