"""Linear probes from features to acoustic classes (the paper's section 3.2).

One softmax classifier a property, p = softmax(W x + b), fitted by cross-entropy with a small penalty on W. The penalty
is chosen on validation pieces; the test pieces are scored once. Feature j speaks for class k with W[k, j] · f[j].
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from audiosae import checkpoint, determinism, intervals
from audiosae.errors import CheckpointError, ParameterError

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
        The weight decay that validation pieces chose.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    penalty: float

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """W x + b: inputs [frames, inputs] -> [frames, classes]."""
        return x @ self.weight.T + self.bias

    def predict(self, x: torch.Tensor) -> np.ndarray:
        """The likeliest class of each frame: [frames]."""
        return self.logits(x).argmax(dim=1).cpu().numpy()


def fit(
    x: torch.Tensor, train: torch.Tensor, validation: torch.Tensor, penalties: list[float], iterations: int
) -> Probe:
    """Fit on training frames, choose the penalty on validation frames.

    Frames with equal inputs differ in their labels alone, so the loss over frames is a sum over rows of how often each
    class occurs times its surprise. Where frames repeat, this is the same loss for less work.

    Parameters
    ----------
    x
        Inputs, of about unit scale [rows, inputs].
    train, validation
        How many frames each row stands for, by class [rows, classes]; see `distinct.Rows.histogram`. Some classes may
        have no frames.
    penalties
        Factors of ½‖W‖² to try, tried from the strongest down, each starting where the last one ended.
    iterations
        Of L-BFGS for each penalty. The problem is convex: more only sharpens the same answer.

    Returns
    -------
    The probe with the best validation accuracy; of equals, the most penalised.

    Raises
    ------
    ParameterError
        If there are no frames.
    """
    learnt, checked = (counts.sum(dim=1) > 0 for counts in (train, validation))
    if not learnt.any() or not checked.any():
        raise ParameterError("a probe needs training and validation frames of the property; one of them has none.")
    (x, x_validation), train, validation = (x[learnt], x[checked]), train[learnt], validation[checked]
    share = train.to(x.dtype) / train.sum()
    weight = torch.zeros(train.shape[1], x.shape[1], device=x.device, requires_grad=True)
    bias = torch.zeros(train.shape[1], device=x.device, requires_grad=True)
    best, best_hits = None, -1
    with determinism.one_thread():
        for penalty in sorted(penalties, reverse=True):
            optimizer = torch.optim.LBFGS(
                [weight, bias], max_iter=iterations, history_size=10, line_search_fn="strong_wolfe"
            )

            def objective(penalty: float = penalty, optimizer: torch.optim.Optimizer = optimizer) -> torch.Tensor:
                optimizer.zero_grad()
                surprise = nn.functional.cross_entropy(x @ weight.T + bias, share, reduction="sum")
                loss = surprise + 0.5 * penalty * weight.pow(2).sum()
                loss.backward()
                return loss

            optimizer.step(objective)
            probe = Probe(weight.detach().clone(), bias.detach().clone(), penalty)
            hits = int(validation.gather(1, probe.logits(x_validation).argmax(dim=1, keepdim=True)).sum())
            if hits > best_hits:
                best, best_hits = probe, hits
    return best


def best_labels(counts: np.ndarray) -> np.ndarray:
    """The commonest class of each row, and the commonest of all for rows without frames.

    Nothing that sees one frame at a time can name more of these frames: it has to say the same wherever a row occurs.

    Parameters
    ----------
    counts
        How many frames each row stands for, by class [rows, classes]; see `distinct.Rows.histogram`.

    Returns
    -------
    Classes [rows].
    """
    return np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())


def score(predicted: np.ndarray, truth: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, object]:
    """Accuracy on frames, with an interval over recordings.

    Parameters
    ----------
    predicted, truth
        Classes [frames].
    pieces
        The recording of each frame.
    seed
        Of the bootstrap.

    Returns
    -------
    accuracy, ci95 = [low, high], recordings, frames.
    """
    hit = predicted == truth
    _, index = np.unique(pieces, return_inverse=True)
    hits, counts = np.bincount(index, weights=hit), np.bincount(index)
    return {
        "accuracy": float(hit.mean()),
        "ci95": intervals.ratio(hits, counts, seed),
        "recordings": int(len(counts)),
        "frames": int(len(hit)),
    }


def ceiling(
    train: np.ndarray, row: np.ndarray, truth: np.ndarray, pieces: np.ndarray, seed: int
) -> dict[str, dict[str, object]]:
    """What can be said of frames that repeat, when each is seen alone.

    Parameters
    ----------
    train
        How many training frames each row stands for, by class [rows, classes].
    row
        The row of each test frame [frames].
    truth, pieces, seed
        As for `score`.

    Returns
    -------
    learned
        The score of a table that gives each row its commonest class in training.
    oracle
        The score of one made on these very test frames: no probe of one frame can name more of them.
    """
    test = np.zeros_like(train)
    np.add.at(test, (row, truth), 1)
    tables = {"learned": best_labels(train), "oracle": best_labels(test)}
    return {name: score(table[row], truth, pieces, seed) for name, table in tables.items()}


def baselines(train: np.ndarray, test: np.ndarray, classes: int) -> dict[str, object]:
    """What needs no input at all.

    Returns
    -------
    chance
        1 / classes.
    majority
        Accuracy on test frames of always saying the commonest training class.
    without_training
        Classes that no training frame has, which no probe can learn.
    """
    counts = np.bincount(train, minlength=classes)
    return {
        "chance": 1 / classes,
        "majority": float((test == counts.argmax()).mean()),
        "without_training": [int(k) for k in np.flatnonzero(counts == 0)],
    }


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Share of each true class (row) that is called each class (column): [classes, classes]; NaN rows have no frames."""
    counts = np.zeros((classes, classes))
    np.add.at(counts, (truth, predicted), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def speaking(probe: Probe, features: torch.Tensor, k: int, count: int) -> list[tuple[int, float]]:
    """The features that speak most for a class.

    Parameters
    ----------
    probe
        Fitted on features.
    features
        f of frames whose class is `k` [frames, hidden].
    k
        The class.
    count
        How many to name.

    Returns
    -------
    (feature, mean of W[k, j] · f[j] over these frames), strongest first.
    """
    contribution = probe.weight[k] * features.mean(dim=0)
    strongest = contribution.topk(min(count, len(contribution)))
    return [(int(j), float(v)) for j, v in zip(strongest.indices, strongest.values)]


def save(probes: dict[str, Probe], path: str | Path, provenance: dict[str, object]) -> None:
    """Write one probe a property as safetensors."""
    tensors = {}
    for prop, probe in probes.items():
        tensors[f"{prop}.weight"], tensors[f"{prop}.bias"] = probe.weight, probe.bias
    header = {"kind": KIND, "penalty": {prop: probe.penalty for prop, probe in probes.items()}, "provenance": provenance}
    checkpoint.save(path, tensors, header)


def load(path: str | Path) -> dict[str, Probe]:
    """Read what `save` wrote, by property.

    Raises
    ------
    CheckpointError
        If the file is missing or damaged.
    """
    tensors, header = checkpoint.load(path, KIND)
    penalties = header.get("penalty")
    if not isinstance(penalties, dict) or not penalties:
        raise CheckpointError(f"{path} names no property that it has a probe of; run 03_probing again.")
    wanted = {f"{prop}.{part}" for prop in penalties for part in ("weight", "bias")}
    if wanted != tensors.keys():
        odd = ", ".join(sorted(wanted ^ tensors.keys()))
        raise CheckpointError(f"{path} lacks tensors or has some too many ({odd}); run 03_probing again.")
    found = {}
    for prop, penalty in penalties.items():
        weight, bias = tensors[f"{prop}.weight"], tensors[f"{prop}.bias"]
        shaped = weight.ndim == 2 and weight.numel() > 0 and bias.shape == weight.shape[:1]
        if not (shaped and weight.dtype == bias.dtype == torch.float32):
            raise CheckpointError(f"{path}: the probe of {prop} has unlike shapes or is not float32; run 03_probing again.")
        if not (weight.isfinite().all() and bias.isfinite().all()):
            raise CheckpointError(f"{path}: the probe of {prop} holds NaN or infinite values; run 03_probing again.")
        if type(penalty) not in (int, float) or not 0 <= penalty < np.inf:
            raise CheckpointError(f"{path}: the penalty of {prop} is {penalty!r}, not a number from 0; run 03_probing again.")
        found[prop] = Probe(weight, bias, penalty)
    return found
