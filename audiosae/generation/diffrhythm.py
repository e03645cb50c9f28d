"""DiffRhythm itself (Ning et al. 2025), with the weights that its authors release: instrumental music from a text prompt.

After what they publish (github.com/ASLP-lab/DiffRhythm at commit 28ad63c). Each frame is told the lyrics at that time and sound to go on
from; for instrumental music both are empty. Guidance leads away from another style, that of singing.

The checkpoint is taken by path, because no SHA-256 of it is known here; it is read as data, and nothing in it is run. It
holds a thousand million numbers: a GPU with 12 GB, or patience.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn

from audiosae.codecs import legacy
from audiosae.errors import CheckpointError, ParameterError
from audiosae.generation import flow
from audiosae.generation.transformer import Shape, TimeEmbedding, Transformer, angles

CODEC = "diffrhythm-vae"
HEADS = 32
"""Of attention, whatever the width: the authors leave it to the default of the package that they build on."""

SHORT, LONG = 2048, 6144
"""Latent frames of the two released models: 95 s, and 285 s."""

NEGATIVE = "vocal.npy"
"""The style of singing, from infer/example/ of the authors' repository, beside the checkpoint."""

EPS = 1e-6
PREFIX = "transformer."
AVERAGE, COUNTERS = "ema_model.", ("initted", "step")
"""How the names of a moving average of the weights begin, and what it holds besides."""

TABLES = ("freqs_cis", "inv_freq")
"""Last names of tables of positions, which older versions of packages save; they are computed here."""

Style = Callable[[Sequence[str]], torch.Tensor]
"""Texts -> style vectors [texts, condition]."""


class ResponseNorm(nn.Module):
    """Scale each channel by its strength over time beside that of the others (ConvNeXt V2, Woo et al. 2023)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1, 1, width))
        self.beta = nn.Parameter(torch.zeros(1, 1, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """[batch, frames, width] -> the same shape."""
        norm = x.norm(dim=1, keepdim=True)
        relative = norm / (norm.mean(dim=-1, keepdim=True) + EPS)
        return x + self.gamma * (x * relative) + self.beta


class TextBlock(nn.Module):
    """A convolution over seven frames of each channel, then two layers: [batch, frames, width] -> the same shape."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=EPS)
        self.pwconv1 = nn.Linear(width, inner)
        self.grn = ResponseNorm(inner)
        self.pwconv2 = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        near = self.norm(self.dwconv(x.transpose(1, 2)).transpose(1, 2))
        return x + self.pwconv2(self.grn(nn.functional.gelu(self.pwconv1(near))))


class TextEmbedding(nn.Module):
    """Lyrics, one token a frame, as vectors; token 0 is no sound."""

    def __init__(self, tokens: int, width: int, layers: int) -> None:
        super().__init__()
        self.text_embed = nn.Embedding(tokens, width)
        self.text_blocks = nn.Sequential(*(TextBlock(width, 2 * width) for _ in range(layers)))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """[batch, frames] -> [batch, frames, width]."""
        x = self.text_embed(tokens)
        angle = angles(x.shape[1], x.shape[2], x.device)
        return self.text_blocks(x + torch.cat([angle.cos(), angle.sin()], dim=-1).to(x.dtype))


class Network(Transformer):
    """DiffRhythm's transformer with its lyrics.

    `frames` are the most that it makes, `SHORT` or `LONG`; `tokens`, `text` and `layers` are known tokens, numbers in a token's vector, and
    blocks that work on them.
    """

    def __init__(self, shape: Shape, frames: int, tokens: int, text: int, layers: int) -> None:
        super().__init__(shape, context=shape.latent + text)
        self.frames = frames
        self.start_time_embed = TimeEmbedding(shape.condition)
        self.duration_time_embed = TimeEmbedding(shape.condition) if frames == LONG else None
        self.text_embed = TextEmbedding(tokens, text, layers)
        # The authors give these layers the width of the style, which is that of the text as well.
        self.text_fusion_linears = nn.ModuleList(
            nn.Sequential(nn.Linear(shape.condition, shape.width), nn.SiLU()) for _ in range(shape.depth // 2)
        )

    def predict(
        self, x: torch.Tensor, time: torch.Tensor, style: torch.Tensor, tokens: torch.Tensor, sound: torch.Tensor, start: torch.Tensor,
        duration: torch.Tensor,
    ) -> torch.Tensor:  # fmt: skip
        """Predict dx/dt of latents [batch, frames, latent] at times [batch], for styles [batch, condition].

        Lyrics are tokens [batch, frames], and sound to go on from latents; zeros for none. Where in the song this begins, and its length,
        are shares of the longest song [batch]; the shorter model ignores the length.
        """
        told = self.time_embed(time) + self.start_time_embed(start)
        if self.duration_time_embed is not None:
            told = told + self.duration_time_embed(duration)
        text = self.text_embed(tokens)
        return self(x, told, style, [sound, text], [layer(text) for layer in self.text_fusion_linears])


class Generator:
    """DiffRhythm for instrumental music, for `flow.sample`; `negative` is the style that guidance leads away from [condition]."""

    def __init__(self, network: Network, style: Style, negative: torch.Tensor) -> None:
        self.network = network.eval().requires_grad_(False)
        self.style, self.negative = style, negative

    def to(self, device: torch.device | str) -> Generator:
        """Move the weights; returns itself."""
        self.network.to(device)
        return self

    def noise(self, seeds: Sequence[int], frames: int) -> torch.Tensor:
        """x_0 [seeds, frames, dim], one seed a prompt."""
        return flow.noise(seeds, frames, self.network.shape.latent).to(self.network.proj_out.weight.device)

    def velocity(self, texts: Sequence[str]) -> flow.Velocity:
        """The velocities for some prompts, and for the style of singing."""
        weight = self.network.proj_out.weight
        style = self.style(texts).to(weight)
        both = torch.cat([style, self.negative.to(weight).expand_as(style)])

        def predict(x: torch.Tensor, t: float) -> tuple[torch.Tensor, torch.Tensor]:
            x = torch.cat([x, x]).to(weight)
            tokens = torch.zeros(x.shape[:2], dtype=torch.long, device=x.device)
            time, start, duration = (x.new_full((len(x),), value) for value in (t, 0.0, x.shape[1] / self.network.frames))
            with_style, without = self.network.predict(x, time, both, tokens, torch.zeros_like(x), start, duration).float().chunk(2)
            return with_style, without

        return predict


def load(weights: str | Path, style: Style | None = None, precision: str = "float32") -> Generator:
    """Read DiffRhythm: cfm_model.pt as the authors publish it, with infer/example/vocal.npy of their repository beside it.

    `style` turns texts into vectors; None for `muq_style`. `precision` is that of the layers. A file that does not fit is a `CheckpointError`.
    """
    weights = Path(weights)
    network = _rebuild(legacy.tensors(weights, "DiffRhythm", "model_state_dict", "ema_model_state_dict"), weights)
    negative = _negative(weights.with_name(NEGATIVE), network.shape.condition)
    return Generator(network.to(getattr(torch, precision)), style or muq_style(), negative)


def _rebuild(state: dict[str, torch.Tensor], path: Path) -> Network:
    """A network of the sizes that the tensors have."""
    state = {
        name.removeprefix(AVERAGE).removeprefix(PREFIX): tensor.float()
        for name, tensor in state.items()
        if name.rsplit(".", 1)[-1] not in (*TABLES, *COUNTERS)
    }
    try:
        latent, width = state["proj_out.weight"].shape
        tokens, text = state["text_embed.text_embed.weight"].shape
        inner = state["transformer_blocks.0.mlp.gate_proj.weight"].shape[0]
        condition = state["time_embed.time_mlp.2.weight"].shape[0]
    except KeyError as error:
        raise CheckpointError(f"{path} is no checkpoint of DiffRhythm: it lacks {error}. Fetch cfm_model.pt again.") from error
    except ValueError as error:
        raise CheckpointError(
            f"{path} is no checkpoint of DiffRhythm: its matrices have another number of axes. Fetch cfm_model.pt again."
        ) from error
    if wrong := [name for name, tensor in state.items() if not torch.isfinite(tensor).all()]:
        raise CheckpointError(f"{path}: tensor {wrong[0]} holds NaN or infinite values; the file is unusable.")
    shape = Shape(latent, width, _count(state, "transformer_blocks."), HEADS, inner, condition)
    long = "duration_time_embed.time_mlp.0.weight" in state
    with torch.device("meta"):  # no memory for weights that are replaced at once
        network = Network(shape, LONG if long else SHORT, tokens, text, _count(state, "text_embed.text_blocks."))
    try:
        network.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise CheckpointError(f"{path} is not DiffRhythm's at commit 28ad63c ({error}). Fetch cfm_model.pt again.") from error
    return network


def _count(state: dict[str, torch.Tensor], prefix: str) -> int:
    """How many numbered layers there are below a name."""
    return len({name.removeprefix(prefix).split(".")[0] for name in state if name.startswith(prefix)})


def _negative(path: Path, condition: int) -> torch.Tensor:
    try:
        values = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"{path} cannot be read ({error}). It is what guidance leads away from: infer/example/vocal.npy from "
            "github.com/ASLP-lab/DiffRhythm; put it beside the checkpoint."
        ) from error
    if values.size != condition or not np.isfinite(values).all():
        raise CheckpointError(f"{path} is no style of {condition} finite numbers; take infer/example/vocal.npy of DiffRhythm.")
    return torch.from_numpy(values.astype(np.float32)).flatten()


def muq_style() -> Style:
    """Text to style by MuQ-MuLan (Zhu et al. 2025), whose package fetches its own weights; `ParameterError` if it is missing."""
    try:
        from muq import MuQMuLan
    except (ImportError, RuntimeError) as error:  # the second where torchvision is for another build of torch
        raise ParameterError(
            f"DiffRhythm reads its text prompts with MuQ-MuLan, and the package muq cannot be used here ({error}). Install it: "
            ".venv/bin/python -m pip install --constraint requirements.lock --editable '.[diffrhythm]'. "
            "It fetches OpenMuQ/MuQ-MuLan-large on first use."
        ) from error
    model = MuQMuLan.from_pretrained("OpenMuQ/MuQ-MuLan-large").eval()

    @torch.no_grad()
    def style(texts: Sequence[str]) -> torch.Tensor:
        return model(texts=list(texts)).half().float()  # which is what the authors' program keeps

    return style
