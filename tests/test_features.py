"""The question as it is asked of a codec: a small one, in which some features are known to be real."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import toy_material

from audiosae.audio import labels
from audiosae.evidence import features
from audiosae.evidence.material import Material
from audiosae.figures import evidence_features
from audiosae.probes import Probe
from audiosae.probes import seeds as members
from audiosae.probes.representations import FEATURES, K_SPARSE, NAMES, RAW, UNTRAINED
from audiosae.sae import SparseAutoencoder

DIM, CLASSES = 6, 3


def material() -> Material:
    """Pitch has a latent dimension that is high for each class, timbre one that is low; amplitude has none; an SAE of both signs."""
    rng = np.random.default_rng(0)
    recordings, notes, length = 30, 8, 5
    piece = np.repeat(np.arange(recordings), notes * length)
    pitch, amplitude, timbre = (np.repeat(rng.integers(CLASSES, size=recordings * notes), length) for _ in range(3))
    latents = np.concatenate([3.0 * np.eye(CLASSES)[pitch], -2.0 * np.eye(CLASSES)[timbre]], axis=1)
    latents = (latents + 0.2 * rng.standard_normal(latents.shape)).astype(np.float32)
    table = pd.DataFrame({"pitch": pitch, "amplitude": amplitude, "timbre": timbre, "piece": piece, "monophonic": True})
    table["split"] = np.select([piece < 12, piece < 18], ["train", "validation"], "test")
    sae = SparseAutoencoder(DIM, 2 * DIM).eval()
    with torch.no_grad():
        sae.encoder.weight[:] = torch.cat([torch.eye(DIM), -torch.eye(DIM)])
        sae.encoder.bias.zero_()
    sae.standardise(torch.from_numpy(latents))
    weight = torch.cat([torch.eye(DIM)[:CLASSES], torch.zeros(CLASSES, DIM)], dim=1)
    probe = {"pitch": weight, "amplitude": torch.ones_like(weight), "timbre": weight.roll(DIM + CLASSES, dims=1)}
    fitted = {prop: Probe(w, torch.zeros(CLASSES), 0.1) for prop, w in probe.items()}
    edges = {prop: np.linspace(0.1, 1, CLASSES + 1) for prop in labels.PROPERTIES}
    return toy_material.material(latents, table, sae, edges, fitted)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    given = {"epochs": 2, "batch": 64, "learning_rate": 1e-3, "seeds": 2, "penalties": [1e-3], "iterations": 10}
    made = material()
    torch.manual_seed(1)
    seeds = [members.Member(sae, {}) for sae in (made.sae, SparseAutoencoder(DIM, 2 * DIM).eval())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(members, "load", lambda codec: seeds)
        return toy_material.ask(patch, features, made, **given, halves=2, top=60, permutations=199)


def test_planted_features_are_confirmed_and_noise_is_not(found: dict[str, Any]) -> None:
    rows = {(row["property"], row["class"]): row for row in found["monosemantic"]["features"]["probe"]}
    assert found["monosemantic"]["classes"] == {prop: [0, 1, 2] for prop in labels.PROPERTIES}
    for k in range(CLASSES):
        assert rows["pitch", k]["feature"] == k and rows["timbre", k]["feature"] == DIM + CLASSES + k
        assert rows["pitch", k]["auroc"] > 0.97 and rows["pitch", k]["holm"] < 0.06
        assert rows["amplitude", k]["auroc"] < 0.7 and rows["amplitude", k]["holm"] > 0.06


def test_raw_latents_are_taken_with_both_signs(found: dict[str, Any]) -> None:
    """Three of nine classes are high in a dimension, three low, and three nowhere: with one sign the median would be at chance."""
    for selection in features.SELECTIONS:
        of = found["monosemantic"][selection]
        assert set(of) == {FEATURES, K_SPARSE, UNTRAINED, RAW} and of[RAW]["tested"] == 9 and of[RAW]["median_auroc"] > 0.9
        for name in (UNTRAINED, RAW):
            assert of[name]["behind"] == pytest.approx(of[FEATURES]["median_auroc"] - of[name]["median_auroc"])
            low, high = of[name]["behind_ci95"]
            assert low <= high
    whole = found["monosemantic"]["whole_probe"]
    assert whole["tested"] == 9 and whole["median_auroc"] > 0.9


def test_each_named_feature_says_whether_it_came_back(found: dict[str, Any]) -> None:
    cosines = [row["cosine"] for row in found["monosemantic"]["features"]["probe"]]
    assert all(c is None or -1 <= c <= 1 for c in cosines) and any(c is not None for c in cosines)


def test_every_code_has_its_disentanglement_and_the_results_are_json(found: dict[str, Any]) -> None:
    assert set(found["disentanglement"]) == set(NAMES)
    for of in found["disentanglement"].values():
        assert set(of["halves"]) == {"disentanglement", "completeness", "features_used", "informativeness"}
        for measure, (low, high) in of["halves"].items():
            assert low <= high and np.isfinite(of[measure])
    json.dumps(found, allow_nan=False)


def test_sentences_say_what_the_intervals_say() -> None:
    def told(raw: list[float], untrained: list[float]) -> str:
        own = {"confirmed": 3, "tested": 9, "median_auroc": 0.8, "mostly": 0.5}
        others = {name: {"behind": 0.1, "behind_ci95": interval} for name, interval in ((RAW, raw), (UNTRAINED, untrained))}
        of = {"whole_probe": {"median_auroc": 0.9}, "probe": {FEATURES: own, **others}}
        return evidence_features.tested_sentences("toy", {"monosemantic": of})

    line = told([0.05, 0.2], [-0.1, 0.2])
    assert "3 of 9" in line and "more than that of raw latents" in line and "not to be told from that of untrained SAE" in line
    line = told([-0.2, -0.05], [0.1, 0.2])
    assert "less than that of raw latents" in line and "more than that of untrained SAE" in line
