"""The authors' own implementations, built from clones of their repositories, or from the package."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from types import ModuleType
from unittest import mock

import torch
import yaml
from encodec import EncodecModel
from torch import nn

from audiosae.codecs import diffrhythm_vae, legacy, wavtokenizer

CONFIGURATION = "configs/wavtokenizer_smalldata_frame{}_3s_nq1_code4096_dim512_kmeans200_attn.yaml"


def build_wavtokenizer(clone: Path, rate: str, small: wavtokenizer.Shape | None = None) -> nn.Module:
    """WavTokenizer as the authors' configuration describes it.

    Parameters
    ----------
    clone
        Of github.com/jishengpeng/WavTokenizer.
    rate
        "75" or "40" frames a second.
    small
        Sizes to put in place of the configuration's, and of those that the authors' code fixes.
    """
    if str(clone) not in sys.path:
        sys.path.insert(0, str(clone))
    from decoder import feature_extractors
    from decoder.pretrained import WavTokenizer, instantiate_class

    config = yaml.safe_load((clone / CONFIGURATION.format(rate)).read_text())["model"]["init_args"]
    seanet, quantizer = {}, {}
    if small is not None:
        config["backbone"]["init_args"] |= {
            "input_channels": small.dim, "dim": small.width, "intermediate_dim": small.inner,
            "num_layers": small.blocks,
        }
        config["head"]["init_args"]["dim"] = small.width
        seanet, quantizer = {"dimension": small.dim, "n_filters": small.filters}, {"dimension": small.dim}
    with legacy.weight_norm(), mock.patch.multiple(
        feature_extractors,
        SEANetEncoder=_resized(feature_extractors.SEANetEncoder, **seanet),
        SEANetDecoder=_resized(feature_extractors.SEANetDecoder, **seanet),
        ResidualVectorQuantizer=_resized(feature_extractors.ResidualVectorQuantizer, **quantizer),
    ):
        parts = [instantiate_class((), config[part]) for part in ("feature_extractor", "backbone", "head")]
    return WavTokenizer(*parts).eval()


def _resized(kind: type, **sizes: int) -> object:
    return lambda **given: kind(**given | sizes)


class Oobleck(nn.Module):
    """The autoencoder of stable-audio-tools, with the two methods that DiffRhythm's TorchScript module offers."""

    def __init__(self, encoder: nn.Module, decoder: nn.Module) -> None:
        super().__init__()
        self.encoder, self.decoder = encoder, decoder

    def encode_export(self, audio: torch.Tensor) -> torch.Tensor:
        """[batch, 2, 2048 · frames] -> mean and scale [batch, 128, frames]."""
        return self.encoder(audio)

    def decode_export(self, latents: torch.Tensor) -> torch.Tensor:
        """[batch, 64, frames] -> [batch, 2, 2048 · frames]."""
        return self.decoder(latents)


def build_oobleck(clone: Path, shape: diffrhythm_vae.Shape) -> Oobleck:
    """The VAE of Stable Audio.

    Parameters
    ----------
    clone
        Of github.com/Stability-AI/stable-audio-tools.
    shape
        Sizes; the released ones are (128, 128, (1, 2, 4, 8, 16)).
    """
    package = "stable_audio_tools"
    # The autoencoder's file imports the whole of the package, of which it needs the blocks alone.
    for name in (package, f"{package}.models"):
        sys.modules[name] = ModuleType(name)
        sys.modules[name].__path__ = [str(clone / name.replace(".", "/"))]
    unused = ["inference", "inference.sampling", "inference.utils", *(
        f"models.{name}" for name in ("bottleneck", "diffusion", "factory", "pretransforms", "transformer", "utils"))]
    for name in ["alias_free_torch", *(f"{package}.{name}" for name in unused)]:
        sys.modules[name] = mock.MagicMock()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what it imports
        from stable_audio_tools.models import autoencoders

    strides, multiples = list(diffrhythm_vae.RATIOS), list(shape.multiples)
    with legacy.weight_norm():
        encoder = autoencoders.OobleckEncoder(
            2, shape.encoder, 2 * diffrhythm_vae.DIM, multiples, strides, use_snake=True
        )
        decoder = autoencoders.OobleckDecoder(
            2, shape.decoder, diffrhythm_vae.DIM, multiples, strides, use_snake=True, final_tanh=False
        )
    return Oobleck(encoder, decoder).eval()


def oobleck_name(name: str) -> str:
    """What stable-audio-tools calls a part that diffusers calls `name`."""
    side, *parts, tensor = name.split(".")
    blocks = len(diffrhythm_vae.RATIOS)
    inner = {"snake1": 0, "conv1": 1, "snake2": 2, "conv2": 3}
    if parts[0] != "block":
        return f"{side}.layers.{ {'conv1': 0, 'snake1': blocks + 1, 'conv2': blocks + 2}[parts[0]] }.{tensor}"
    if side == "encoder":
        outer = {"res_unit1": 0, "res_unit2": 1, "res_unit3": 2, "snake1": 3, "conv1": 4}
    else:
        outer = {"snake1": 0, "conv_t1": 1, "res_unit1": 2, "res_unit2": 3, "res_unit3": 4}
    _, block, unit, *layer = parts
    within = f".layers.{inner[layer[0]]}" if layer else ""
    return f"{side}.layers.{int(block) + 1}.layers.{outer[unit]}{within}.{tensor}"


def oobleck_weights(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Give stable-audio-tools the weights of our network, which has the same layers without weight normalisation."""
    found = {}
    for name, tensor in weights.items():
        theirs = oobleck_name(name)
        if theirs.endswith(".weight"):
            found[f"{theirs}_v"], found[f"{theirs}_g"] = tensor, tensor.norm(dim=(1, 2), keepdim=True)
        else:
            found[theirs] = tensor.flatten()
    return found


def build_encodec() -> EncodecModel:
    """EnCodec at 24 kHz, with random weights, at 6 kb/s."""
    with legacy.weight_norm():
        model = EncodecModel.encodec_model_24khz(pretrained=False)
    model.set_target_bandwidth(6.0)
    return model.eval()
