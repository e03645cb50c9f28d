"""What a probe is worth: accuracy with an interval over recordings, beside what needs no probe at all."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from audiosae.probes.linear import Probe, fit
from audiosae.stats import bootstrap


@dataclass(frozen=True)
class Task:
    """Frames to learn one property from, and to be scored on."""

    train: torch.Tensor  # how many frames each row of inputs stands for, by class [rows, classes]
    validation: torch.Tensor
    row: np.ndarray  # of each test frame [frames]
    truth: np.ndarray  # its class
    pieces: np.ndarray  # its recording


class Result(NamedTuple):
    """A fitted probe, its classes of the test frames [frames], and their `score` with the penalty."""

    probe: Probe
    predicted: np.ndarray
    scores: dict[str, Any]


def fit_and_score(x: torch.Tensor, task: Task, penalties: list[float], iterations: int, seed: int) -> Result:
    """`fit` on inputs [rows, inputs], and score once on test frames; the seed is that of the interval."""
    probe = fit(x, task.train, task.validation, penalties, iterations)
    predicted = probe.predict(x)[task.row]
    return Result(probe, predicted, {**score(predicted, task.truth, task.pieces, seed), "penalty": probe.penalty})


def score(predicted: np.ndarray, truth: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, Any]:
    """accuracy, ci95, recordings and frames of predicted and true classes, and the recording of each frame [frames]."""
    accuracy, ci95, recordings = bootstrap.over_recordings(predicted == truth, pieces, seed)
    return {"accuracy": accuracy, "ci95": ci95, "recordings": recordings, "frames": len(truth)}


def baselines(train: np.ndarray, test: np.ndarray, classes: int) -> dict[str, Any]:
    """What needs no input at all, from classes of training and test frames.

    Returns
    -------
    chance
        1 / classes.
    majority
        Accuracy on test frames of the majority class of training.
    without_training
        Classes that no training frame has, which no probe can learn.
    """
    counts = np.bincount(train, minlength=classes)
    return {
        "chance": 1 / classes,
        "majority": float((test == counts.argmax()).mean()),
        "without_training": np.flatnonzero(counts == 0).tolist(),
    }


def best_labels(counts: np.ndarray) -> np.ndarray:
    """The majority class of each row, and that of all frames for rows without any: counts [rows, classes] -> classes [rows].

    No probe of one frame at a time can classify more of these frames correctly: wherever a row occurs, its answer is the same.
    """
    return np.where(counts.any(axis=1), counts.argmax(axis=1), counts.sum(axis=0).argmax())


def ceiling(train: np.ndarray, row: np.ndarray, truth: np.ndarray, pieces: np.ndarray, seed: int) -> dict[str, dict[str, Any]]:
    """The best accuracy on frames that repeat, when each is seen alone; arguments as in `Task`.

    Returns
    -------
    learned
        The score of a table that gives each row its majority class in training.
    oracle
        The score of one made on these very test frames: no probe of one frame can do better.
    """
    test = np.zeros_like(train)
    np.add.at(test, (row, truth), 1)
    tables = {"learned": best_labels(train), "oracle": best_labels(test)}
    return {name: score(table[row], truth, pieces, seed) for name, table in tables.items()}


def confusion(predicted: np.ndarray, truth: np.ndarray, classes: int) -> np.ndarray:
    """Share of each true class (row) that is given each class (column): [classes, classes]; NaN rows have no frames."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(counts, (truth, predicted), 1)
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)
