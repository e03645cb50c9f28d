"""Hidden states of self-supervised audio models as latents: a codec without a way back. Needs `transformers`; nothing else imports this.

HuBERT, WavLM and wav2vec 2.0 read the wave, and have a frame every 20 ms. MERT is HuBERT at 24 kHz, and is loaded as that, so no code comes with its weights.
An Audio Spectrogram Transformer (AST) reads patches of a spectrogram; the patches of one time are averaged, a frame every 100 ms. Waves are padded so that frame
i is centred at (i + ½) frames, where its labels are measured. What a model does to its input stays as its makers have it: most bring each clip to one level,
so that a probe for amplitude can only read how loud a frame is within its clip.
"""

from __future__ import annotations

import json
import math
import pickle
import re
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download
from safetensors import SafetensorError
from torch import nn

from audiosae.errors import CheckpointError, DownloadError, ParameterError
from audiosae.files.whole import file_hash

CONFIG, PREPROCESSOR, *WEIGHTS = "config.json", "preprocessor_config.json", "model.safetensors", "pytorch_model.bin"

AST = "audio-spectrogram-transformer"
MODELS = {
    "hubert": transformers.HubertModel,
    "mert_model": transformers.HubertModel,
    "wavlm": transformers.WavLMModel,
    "wav2vec2": transformers.Wav2Vec2Model,
    AST: transformers.ASTModel,
}
"""By `model_type` of config.json."""


class HiddenStates(nn.Module):
    """One layer of a model that reads waves.

    Parameters
    ----------
    name, sample_rate
        See `Codec`, whose attributes this has.
    model
        From `transformers`.
    layer
        0 for what goes into the first transformer layer, 1 for what comes out of it, and so on.
    normalise
        Whether each clip is brought to mean 0 and variance 1, as the model was trained.
    """

    channels = 1

    def __init__(self, name: str, model: Any, layer: int, sample_rate: int, normalise: bool) -> None:
        super().__init__()
        if not 0 <= layer <= (last := model.config.num_hidden_layers):
            raise ParameterError(f"{name}: layer {layer} is not there; the model has 0 to {last}.")
        self.name, self.layer, self.sample_rate, self.normalise = name, layer, sample_rate, normalise
        self.network = model.eval().requires_grad_(False)
        self.hop, self.reach = self._hop_and_reach()
        self.frame_rate, self.dim = sample_rate / self.hop, model.config.hidden_size

    def _hop_and_reach(self) -> tuple[int, int]:
        """Samples between frames, and samples that a frame is computed from before the transformer."""
        hop = reach = 1
        for kernel, stride in zip(self.network.config.conv_kernel, self.network.config.conv_stride, strict=True):
            reach += (kernel - 1) * hop
            hop *= stride
        return hop, reach

    def padded(self, wave: torch.Tensor) -> torch.Tensor:
        """[batch, 1, samples] -> [batch, samples and what lies around], so that frames are whole and centred."""
        left = (self.reach - self.hop) // 2
        return nn.functional.pad(wave[:, 0], (left, self.reach - self.hop - left + -wave.shape[-1] % self.hop))

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] -> float32 [batch, frames, dim]."""
        if self.normalise:
            wave = (wave - wave.mean(dim=-1, keepdim=True)) / (wave.var(dim=-1, keepdim=True, unbiased=False) + 1e-7).sqrt()
        return self.network(self.padded(wave), output_hidden_states=True).hidden_states[self.layer]


class SpectrogramStates(HiddenStates):
    """One layer of an Audio Spectrogram Transformer, on as many seconds at a time as it was trained on; `extractor` makes the spectrogram."""

    def __init__(self, name: str, model: Any, layer: int, extractor: Any) -> None:
        self.extractor = extractor
        super().__init__(name, model, layer, extractor.sampling_rate, False)

    def _hop_and_reach(self) -> tuple[int, int]:
        # Kaldi's spectrogram: windows of 25 ms, one every 10 ms.
        config, rate = self.network.config, self.extractor.sampling_rate
        return config.time_stride * rate // 100, (config.patch_size - 1) * rate // 100 + rate // 40

    @torch.no_grad()
    def encode(self, wave: torch.Tensor) -> torch.Tensor:
        """float32 [batch, 1, samples] -> float32 [batch, frames, dim]."""
        padded, config, states = self.padded(wave), self.network.config, []
        rows = (config.num_mel_bins - config.patch_size) // config.frequency_stride + 1
        most = (config.max_length - config.patch_size) // config.time_stride + 1
        frames = math.ceil(wave.shape[-1] / self.hop)
        for first in range(0, frames, most):
            count = min(most, frames - first)
            part = padded[:, first * self.hop : (first + count - 1) * self.hop + self.reach]
            given = self.extractor(list(part.cpu().numpy()), sampling_rate=self.sample_rate, return_tensors="pt").input_values
            patches = self.network(given.to(wave.device), output_hidden_states=True).hidden_states[self.layer][:, 2:]
            states.append(patches.unflatten(1, (rows, -1)).mean(dim=1)[:, :count])
        return torch.cat(states, dim=1)


def load(name: str, source: str | Path, layer: int, revision: str = "", sha256: str = "") -> HiddenStates:
    """Load a model, on the CPU, in evaluation mode; no code that comes with it is run.

    Parameters
    ----------
    name, layer
        See `HiddenStates`.
    source
        A folder with config.json, preprocessor_config.json and weights, or a `CheckpointError`; or a repository of the Hugging Face hub, OWNER/NAME.
    revision, sha256
        The commit (40 digits), and the SHA-256 of the weights; without them nothing is fetched. What is not fetched, or is another file, is a
        `DownloadError`.
    """
    folder = Path(source) if Path(source).is_dir() else _fetched(str(source), revision, sha256)
    weights = next((folder / file for file in WEIGHTS if (folder / file).is_file()), None)
    if weights is None:
        raise CheckpointError(f"{folder} has no {' or '.join(WEIGHTS)}.")
    if sha256 and (found := file_hash(weights)) != sha256:
        raise DownloadError(f"{weights} is not the pinned file: its SHA-256 is {found}.")
    try:
        said, prepared = (json.loads((folder / file).read_text(encoding="utf-8")) for file in (CONFIG, PREPROCESSOR))
        kind = said["model_type"]
    except (OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{folder} needs {CONFIG} with a model_type, and {PREPROCESSOR}: {error}.") from error
    if kind not in MODELS:
        raise CheckpointError(f"{folder}: models of type {kind!r} are not known here; {', '.join(MODELS)} are.")
    if said.get("feature_extractor_cqt") or said.get("deepnorm"):
        raise CheckpointError(f"{folder}: this MERT is more than HuBERT (a constant-Q transform, or DeepNorm), which is not read here.")
    cls, known = MODELS[kind], MODELS[kind].config_class().to_dict()
    config = cls.config_class(**{key: value for key, value in said.items() if key in known and key != "model_type"})
    transformers.logging.set_verbosity_error()  # what is missing is told below
    try:
        model, told = cls.from_pretrained(
            folder, config=config, local_files_only=True, output_loading_info=True, attn_implementation="eager", dtype=torch.float32
        )
    except (OSError, RuntimeError, ValueError, SafetensorError, pickle.UnpicklingError) as error:
        raise CheckpointError(f"{weights} does not fit {CONFIG} beside it: {error}") from error
    if missing := set(told["missing_keys"]) - {"masked_spec_embed"}:  # which serves training alone
        raise CheckpointError(f"{weights} lacks {len(missing)} tensors of a {cls.__name__}, such as {min(missing)}.")
    if kind == AST:
        return SpectrogramStates(name, model, layer, transformers.ASTFeatureExtractor.from_pretrained(folder))
    return HiddenStates(name, model, layer, prepared.get("sampling_rate", 16000), bool(prepared.get("do_normalize", True)))


def _fetched(repository: str, revision: str, sha256: str) -> Path:
    """The files of a repository at a commit, in the hub's cache."""
    if not (re.fullmatch("[0-9a-f]{40}", revision) and re.fullmatch("[0-9a-f]{64}", sha256)):
        raise DownloadError(
            f"{repository} is no folder here, and is not fetched: name the commit (`revision`, 40 digits) and the SHA-256 of its weights, "
            "as its page on the hub shows them."
        )
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=[CONFIG, PREPROCESSOR, *WEIGHTS]))
    except (OSError, ValueError) as error:
        raise DownloadError(f"{repository} could not be fetched: {error}. With its files in a folder, give the path of that.") from error
