"""Linear probes from features to acoustic classes (the paper's section 3.2).

One softmax classifier a property, p = softmax(W x + b), fitted by cross-entropy with a small penalty on W. The penalty is chosen on
validation recordings. Feature j adds W[k, j] · f[j] to the logit of class k.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from audiosae.errors import CheckpointError, ParameterError
from audiosae.files import checkpoint, determinism

KIND = "probe"


@dataclass(frozen=True)
class Probe:
    """A fitted classifier.

    Attributes
    ----------
    weight
        W, float32 [classes, inputs]; its row k points to class k.
    bias
        b, [classes].
    penalty
        The weight decay that validation recordings chose.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    penalty: float

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """W x + b: inputs [frames, inputs] -> [frames, classes]."""
        return x @ self.weight.T + self.bias

    def predict(self, x: torch.Tensor) -> np.ndarray:
        """The most probable class of each frame: [frames]."""
        return self.logits(x).argmax(dim=1).cpu().numpy()


def fit(x: torch.Tensor, train: torch.Tensor, validation: torch.Tensor, penalties: list[float], iterations: int) -> Probe:
    """Fit on training frames, choose the penalty on validation frames.

    The loss over frames is a sum over rows of class counts times negative log-likelihoods: less work where frames repeat.

    Parameters
    ----------
    x
        Inputs, of about unit scale [rows, inputs].
    train, validation
        How many frames each row stands for, by class [rows, classes]; see `unique.Rows.histogram`. Some classes may have no frames.
    penalties
        Factors of ½‖W‖² to try, tried from the strongest down, each starting where the last one ended.
    iterations
        Of L-BFGS for each penalty. The problem is convex: more only sharpens the same answer.

    Returns
    -------
    The probe with the best validation accuracy; of equals, the most penalised.
    """
    learnt, checked = (counts.sum(dim=1) > 0 for counts in (train, validation))
    if not learnt.any() or not checked.any():
        raise ParameterError("a probe needs training and validation frames of the property; one of them has none.")
    x, x_validation = (x if where.all() else x[where] for where in (learnt, checked))  # not copied if none is left out
    train, validation = train[learnt], validation[checked]
    share = train.to(x.dtype) / train.sum()
    weight = torch.zeros(train.shape[1], x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(train.shape[1], device=x.device, requires_grad=True)
    tried: list[tuple[int, Probe]] = []
    with determinism.threads(1):
        for penalty in sorted(penalties, reverse=True):
            minimise(x, share, weight, bias, penalty, iterations)
            probe = Probe(weight.detach().clone(), bias.detach().clone(), penalty)
            hits = validation.gather(1, probe.logits(x_validation).argmax(dim=1, keepdim=True)).sum()
            tried.append((int(hits), probe))
    return max(tried, key=lambda one: one[0])[1]  # of equals the first


def minimise(
    x: torch.Tensor, share: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, penalty: float, iterations: int,
    mask: torch.Tensor | None = None,
) -> None:  # fmt: skip
    """Move W [classes, inputs] and b [classes] to the minimum of cross-entropy + ½ penalty ‖W‖² by L-BFGS, in place.

    From inputs x [rows, inputs] and the share of all frames by row and class [rows, classes]. `mask` is 1 where a class may read an
    input, else 0 [classes, inputs].
    """
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe")

    def objective() -> torch.Tensor:
        optimizer.zero_grad()
        read = weight if mask is None else weight * mask
        loss = nn.functional.cross_entropy(x @ read.T + bias, share, reduction="sum") + 0.5 * penalty * weight.pow(2).sum()
        loss.backward()
        return loss

    optimizer.step(objective)


def top_features(probe: Probe, mean: torch.Tensor, k: int, count: int) -> list[tuple[int, float]]:
    """The `count` features with the largest W[k, j] · f[j] where f is the mean over frames of class k [hidden], each with it."""
    contribution = probe.weight[k] * mean
    strongest = contribution.topk(min(count, len(contribution)))
    return list(zip(strongest.indices.tolist(), strongest.values.tolist()))


def save(probes: dict[str, Probe], path: str | Path, provenance: dict[str, Any], half: bool = False) -> None:
    """Write one probe a property as safetensors, in half precision where asked."""
    tensors: dict[str, torch.Tensor] = {}
    for prop, probe in probes.items():
        parts = {f"{prop}.weight": probe.weight, f"{prop}.bias": probe.bias}
        tensors |= {name: part.half() if half else part for name, part in parts.items()}
    header = {"kind": KIND, "penalty": {prop: probe.penalty for prop, probe in probes.items()}, "provenance": provenance}
    checkpoint.save(path, tensors, header)


def load(path: str | Path) -> dict[str, Probe]:
    """Read what `save` wrote, by property; a file that is missing or damaged is a `CheckpointError`."""
    tensors, header = checkpoint.load(path, KIND)
    penalties = header.get("penalty")
    if not isinstance(penalties, dict) or not penalties:
        raise CheckpointError(f"{path} names no property that it has a probe of; run 03_probing again.")
    wanted = {f"{prop}.{part}" for prop in penalties for part in ("weight", "bias")}
    if odd := ", ".join(sorted(wanted ^ tensors.keys())):
        raise CheckpointError(f"{path} lacks tensors or has some too many ({odd}); run 03_probing again.")
    tensors = {name: part.float() if part.dtype == torch.float16 else part for name, part in tensors.items()}
    found = {prop: Probe(tensors[f"{prop}.weight"], tensors[f"{prop}.bias"], penalty) for prop, penalty in penalties.items()}
    for prop, probe in found.items():
        shaped = probe.weight.ndim == 2 and probe.weight.numel() > 0 and probe.bias.shape == probe.weight.shape[:1]
        finite = all(part.dtype == torch.float32 and part.isfinite().all() for part in (probe.weight, probe.bias))
        if not (shaped and finite and type(probe.penalty) in (int, float) and 0 <= probe.penalty < np.inf):
            wanted_form = "finite weights [classes, inputs], biases [classes], and a penalty from 0"
            raise CheckpointError(f"{path}: the probe of {prop} is not {wanted_form}; run 03_probing again.")
    return found
