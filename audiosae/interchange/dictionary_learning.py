"""What dictionary_learning (0.1) saves: a folder with ae.pt, a pickle of tensors, and config.json, which names the class.

AutoEncoder           f = ReLU(W_enc (x − b) + b_enc)
AutoEncoderTopK       the k largest of that
BatchTopKSAE          that where it is above one threshold
JumpReluAutoEncoder   f = ReLU(W_enc x + b_enc) where it is above a threshold of its feature
"""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import torch

from audiosae.errors import CheckpointError
from audiosae.interchange import saelens
from audiosae.sae.imported import ImportedAutoencoder

CONFIG, WEIGHTS = "config.json", "ae.pt"


def read(folder: Path) -> ImportedAutoencoder:
    """Read one of the four classes above, and unpickle tensors alone; anything else, or a damaged file, is a `CheckpointError`."""
    try:
        named = json.loads((folder / CONFIG).read_text(encoding="utf-8"))["trainer"]["dict_class"]
        saved = torch.load(folder / WEIGHTS, map_location="cpu", weights_only=True)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{folder} cannot be read as what dictionary_learning saves, {CONFIG} and {WEIGHTS}: {error}.") from error
    try:
        if jump := named == "JumpReluAutoEncoder":
            tensors = {name: saved[name] for name in ("W_enc", "b_enc", "W_dec", "b_dec", "threshold")}
        elif named in ("AutoEncoder", "AutoEncoderTopK", "BatchTopKSAE"):
            tensors = {"W_enc": saved["encoder.weight"].T, "b_enc": saved["encoder.bias"], "W_dec": saved["decoder.weight"].T}
            tensors["b_dec"] = saved["bias" if named == "AutoEncoder" else "b_dec"]
            if named == "BatchTopKSAE":
                tensors["threshold"] = saved["threshold"].expand(len(saved["encoder.bias"]))
        else:
            raise CheckpointError(f"{folder}: class {named!r} has no counterpart here; those in {__name__} have.")
        dim, hidden = tensors["W_enc"].shape
        k = int(saved["k"]) if named == "AutoEncoderTopK" else hidden
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise CheckpointError(f"{folder / WEIGHTS} is not a {named}: {error}.") from error
    return saelens.build(tensors, dim, hidden, k, centred=not jump, rescaled=False, source=folder)
