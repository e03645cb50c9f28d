"""SAELens's format (6.54): a folder with cfg.json and sae_weights.safetensors.

SAELens reads latents as they are, so the statistics by which ours are standardised go into the weights:

    W_enc ← W_enc / std    b_enc ← b_enc − W_enc mean / std    W_dec ← std W_dec    b_dec ← std b_dec + mean

The paper's kind becomes the architecture `audiosae_rmsnorm`, which SAELens knows after `import audiosae.interchange.rmsnorm`; the k-sparse kind
becomes `jumprelu`, since after training its features are those above a threshold.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from audiosae.errors import CheckpointError
from audiosae.files.whole import writing
from audiosae.sae.imported import ImportedAutoencoder
from audiosae.sae.k_sparse import KSparseAutoencoder
from audiosae.sae.model import SparseAutoencoder
from audiosae.sae.threshold import ThresholdAutoencoder

CONFIG, WEIGHTS = "cfg.json", "sae_weights.safetensors"

VERSION = "6.54.12"
"""The SAELens whose format this is."""

RMSNORM = "audiosae_rmsnorm"


@torch.no_grad()
def write(sae: SparseAutoencoder, folder: Path, metadata: dict[str, Any]) -> None:
    """Write an autoencoder for `sae_lens.SAE.load_from_disk`; `metadata` is what cfg.json is to say of it beside its shape."""
    mean, std = sae.mean.double(), sae.std.double()
    encoder = sae.encoder.weight.double() / std
    decoder = (sae.directions() if isinstance(sae, KSparseAutoencoder) else sae.decoder.weight).double()
    tensors = {
        "W_enc": encoder.T, "b_enc": sae.encoder.bias.double() - encoder @ mean,
        "W_dec": (std[:, None] * decoder).T, "b_dec": std * sae.decoder.bias.double() + mean,
    }  # fmt: skip
    special: dict[str, Any] = {"architecture": RMSNORM}
    if isinstance(sae, ImportedAutoencoder) and sae.k < sae.hidden:
        special = {"architecture": "topk", "k": sae.k, "rescale_acts_by_decoder_norm": False}
    elif isinstance(sae, ThresholdAutoencoder):
        special = {"architecture": "jumprelu"}
        tensors["threshold"] = sae.threshold.double().expand(sae.hidden)
    config = {
        "d_in": sae.dim, "d_sae": sae.hidden, "dtype": "float32", "device": "cpu", "apply_b_dec_to_input": False,
        "normalize_activations": "none", "reshape_activations": "none", **special,
        "metadata": {"sae_lens_version": VERSION, "sae_lens_training_version": None, **metadata},
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    with writing(folder / WEIGHTS) as partial:
        save_file({name: tensor.float().cpu().contiguous() for name, tensor in tensors.items()}, partial)
    with writing(folder / CONFIG) as partial:
        partial.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def read(folder: Path) -> ImportedAutoencoder:
    """Read a standard, top-k or JumpReLU autoencoder that SAELens saved; anything else, or a damaged file, is a `CheckpointError`."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        tensors = load_file(folder / WEIGHTS)
        dim, hidden = int(config["d_in"]), int(config["d_sae"])
        kind, normalised, reshaped = config["architecture"], config["normalize_activations"], config["reshape_activations"]
        k = int(config["k"]) if kind == "topk" else hidden
        rescaled, centred = config.get("rescale_acts_by_decoder_norm", False), config["apply_b_dec_to_input"]
    except (OSError, ValueError, SafetensorError) as error:
        raise CheckpointError(f"{folder} cannot be read as what SAELens saves, {CONFIG} and {WEIGHTS}: {error}.") from error
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{folder / CONFIG} does not say {error}, as SAELens 6 does; save it with that version again.") from error
    if kind not in ("standard", "topk", "jumprelu"):
        raise CheckpointError(f"{folder}: architecture {kind!r} has no counterpart here; standard, topk and jumprelu have.")
    if (normalised, reshaped) != ("none", "none"):
        raise CheckpointError(
            f"{folder}: reads inputs in a way that is not in its weights (normalize_activations {normalised!r}, reshape_activations "
            f"{reshaped!r}). SAELens folds a scaling into the weights when a training ends; others have no counterpart here."
        )
    return build(tensors, dim, hidden, k, bool(centred), bool(rescaled), folder)


@torch.no_grad()
def build(
    tensors: dict[str, torch.Tensor], dim: int, hidden: int, k: int, centred: bool, rescaled: bool, source: Path
) -> ImportedAutoencoder:  # fmt: skip
    """An autoencoder from SAELens's tensors W_enc, b_enc, W_dec, b_dec and, of a JumpReLU, threshold; for the sizes see `ImportedAutoencoder`.

    `centred` tells whether b_dec is taken from the input first, `rescaled` whether features are meant for decoder rows of length 1; `source` is for
    messages. A tensor that is missing, of another shape, or not finite is a `CheckpointError`.
    """
    shapes = {"W_enc": (dim, hidden), "b_enc": (hidden,), "W_dec": (hidden, dim), "b_dec": (dim,)}
    shapes |= {"threshold": (hidden,)} if "threshold" in tensors else {}
    for name, shape in shapes.items():
        if name not in tensors or tensors[name].shape != shape or not torch.isfinite(tensors[name]).all():
            found = f"is {list(tensors[name].shape)}, or not finite" if name in tensors else "is missing"
            raise CheckpointError(f"{source}: tensor {name} {found}; {list(shape)} finite numbers were expected.")
    encoder, bias, decoder, offset = (tensors[name].double() for name in ("W_enc", "b_enc", "W_dec", "b_dec"))
    if centred:
        bias = bias - offset @ encoder
    if rescaled:  # selected by f · ‖d‖, decoded by d / ‖d‖
        norms = decoder.norm(dim=1)
        encoder, bias, decoder = encoder * norms, bias * norms, decoder / norms[:, None]
    sae = ImportedAutoencoder(dim, hidden, k)
    sae.encoder.weight.copy_(encoder.T)
    sae.encoder.bias.copy_(bias)
    sae.decoder.weight.copy_(decoder.T)
    sae.decoder.bias.copy_(offset)
    if "threshold" in tensors:
        # Below 0 a threshold lets through what is negative; ReLU, which all three architectures end in, does not.
        sae.threshold.copy_(tensors["threshold"].clamp_min(0))
    return sae.eval()
