"""Cards of features on a codec whose features are known: two that follow a class each, and one that never fires."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.audio import labels
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, features_of
from audiosae.widgets import cards

FRAMES = 30
"""Of each of four clips."""


@pytest.fixture
def known() -> tuple[Frames, torch.Tensor, SparseAutoencoder, dict[str, Probe]]:
    """Feature 0 is the first number of a frame, feature 1 the second, feature 2 nothing, feature 3 a constant."""
    rng = np.random.default_rng(0)
    loud = np.repeat([0, 1, 0, 1], FRAMES)
    latents = np.stack([1.0 - loud, 1.0 * loud], axis=1).astype(np.float32) * rng.uniform(1, 2, (4 * FRAMES, 1)).astype(np.float32)
    latents[2 * FRAMES + 7, 0] = 50  # clip c2, feature 0
    clips, times = np.repeat(["c0", "c1", "c2", "c3"], FRAMES), np.tile((np.arange(FRAMES) + 0.5) / 10, 4)
    table = pd.DataFrame({"clip": clips, "time": times, "split": "train", "pitch": -1, "amplitude": loud, "timbre": -1, "monophonic": True})
    sae = SparseAutoencoder(2, 4).eval()
    with torch.no_grad():
        sae.encoder.weight.copy_(torch.tensor([[1.0, 0], [0, 1], [0, 0], [0, 0]]))
        sae.encoder.bias.copy_(torch.tensor([0.0, 0, -1, 2.0]))
        sae.decoder.weight.copy_(torch.tensor([[1.0, 0, 1, 0.1], [0, 1, 0.2, 1]]))
    edges = {prop: np.arange(3.0) if prop != "pitch" else labels.pitch_edges() for prop in labels.PROPERTIES}
    weights = torch.tensor([[3.0, 0, 9, 0], [0, 2, 9, 0]])
    fitted = {prop: Probe(torch.zeros(len(of) - 1, 4), torch.zeros(len(of) - 1), 0.0) for prop, of in edges.items()}
    fitted["amplitude"] = Probe(weights, torch.zeros(2), 0.0)
    frames = Frames(latents, table, edges, "two", "none", "none", 10.0)
    return frames, features_of(sae, latents), sae, fitted


def test_the_speaker_of_a_class_adds_most_to_its_score(known: tuple) -> None:
    table, features, sae, fitted = known
    named = cards.speakers(table, features, fitted)
    assert named[["property", "number", "feature"]].to_numpy().tolist() == [["amplitude", 0, 0], ["amplitude", 1, 1]]
    of_class = torch.from_numpy((table.table["amplitude"] == 1).to_numpy(copy=True))
    assert named["strength"][1] == pytest.approx(2 * float(features[of_class, 1].mean()), rel=1e-5)


def test_a_card_says_when_and_where_its_feature_fires(known: tuple) -> None:
    table, features, sae, fitted = known
    soft, loud = cards.cards(table, features, sae, fitted, cards.speakers(table, features, fitted), clips=2)
    assert (soft["feature"], soft["property"], soft["class"]) == (0, "amplitude", 0)
    assert soft["fires"] == loud["fires"] == 0.5
    assert [clip["clip"] for clip in soft["clips"]] == ["c2", "c0"] and soft["clips"][0]["time"] == 0.75
    assert {clip["clip"] for clip in loud["clips"]} == {"c1", "c3"}
    assert soft["clips"][0]["curve"].index(100) == 7 and len(soft["clips"][0]["curve"]) == FRAMES
    # The probe's weights, in units of what the feature adds where it fires.
    assert soft["weights"]["amplitude"][1] == 0 < soft["weights"]["amplitude"][0] and set(soft["weights"]["pitch"]) == {0}
    # Neighbours are those whose decoder directions agree.
    assert [feature for feature, _ in soft["near"]] == [2, 3, 1] and soft["near"][0][1] == pytest.approx(1 / 1.04**0.5, abs=1e-3)


def test_a_feature_that_fires_nowhere_shows_no_clip(known: tuple) -> None:
    table, features, sae, fitted = known
    named = pd.DataFrame([{"property": "amplitude", "number": 0, "feature": 2, "strength": 1.0}])
    (card,) = cards.cards(table, features, sae, fitted, named, clips=3)
    assert card["clips"] == [] and card["fires"] == 0 and set(card["weights"]["amplitude"]) == {0}


def test_a_corpus_too_short_to_name_anything_is_refused(known: tuple) -> None:
    table, features, sae, fitted = known
    table.table["split"] = "test"
    with pytest.raises(ParameterError, match="longer corpus"):
        cards.speakers(table, features, fitted)
