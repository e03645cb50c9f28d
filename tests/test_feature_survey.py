"""The survey of all features, on a table whose features are known: one a class, one that never fires, one that always does."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from audiosae.audio import labels
from audiosae.evidence import monosemantic
from audiosae.frames import Frames
from audiosae.live import features
from audiosae.live.features import BARS, Labelled, survey
from audiosae.probes import Probe
from audiosae.sae.k_sparse import KSparseAutoencoder

CLIPS, FRAMES = 12, 30
NAMES = [f"c{number}" for number in range(CLIPS)]
TELLS, NEVER, ALWAYS = 3, 2, 0
"""Feature 3 fires for loud frames alone, 1 for soft ones, 2 for none, 0 for all."""


@pytest.fixture
def known() -> tuple[Frames, KSparseAutoencoder, dict[str, Probe]]:
    """Clips are loud or soft by turns; one of three is for training, and each is a piece of its own. Latents are [soft, loud, always]."""
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(CLIPS), FRAMES)
    loud = of % 2
    size = rng.uniform(1, 2, CLIPS * FRAMES).astype(np.float32)
    latents = np.stack([size * (1 - loud), size * loud, np.ones_like(size)], axis=1).astype(np.float32)
    latents[5 * FRAMES + 7, 1] = 8  # clip c5, feature 3
    latents[3 * FRAMES + 20, 1] = 4
    table = pd.DataFrame({"clip": [NAMES[n] for n in of], "time": np.tile((np.arange(FRAMES) + 0.5) / 10, CLIPS), "monophonic": True})
    table["split"], table["piece"] = np.where(of % 3 == 0, "train", "test"), table["clip"]
    table = table.assign(pitch=-1, amplitude=loud, timbre=-1)
    sae = KSparseAutoencoder(3, 4, 2).eval()
    with torch.no_grad():
        sae.encoder.weight.copy_(torch.tensor([[0.0, 0, 1], [1, 0, 0], [0, 0, 0], [0, 1, 0]]))
        sae.encoder.bias.zero_()
        sae.decoder.weight.copy_(torch.tensor([[0.0, 1, 1, 0], [0, 0, 0.75, 1], [1, 0, 0, 0]]))
        sae.threshold.fill_(0.1)
    edges = {prop: np.arange(3.0) if prop != "pitch" else labels.pitch_edges() for prop in labels.PROPERTIES}
    fitted = {prop: Probe(torch.zeros(len(of) - 1, 4), torch.zeros(len(of) - 1), 0.0) for prop, of in edges.items()}
    fitted["amplitude"] = Probe(torch.tensor([[0.1, 3, 9, 0], [0.1, 0, 9, 2]]), torch.zeros(2), 0.0)
    return Frames(latents, table, edges, "three", "none", "none", 10.0), sae, fitted


def test_a_feature_says_when_it_fires_and_for_what(known: tuple) -> None:
    table, sae, fitted = known
    found = survey(table, sae, fitted, NAMES, clips=2)
    assert found["fires"] == [1, 0.5, 0, 0.5] and found["peak"][TELLS] == 8 and found["peak"][NEVER] == 0
    # It tells loud (1) from soft (0) without a miss on test recordings; what always fires alike tells nothing.
    amplitude = labels.PROPERTIES.index("amplitude")
    assert found["classes"][TELLS] == [[amplitude, 1, 1000], [amplitude, 0, 0]]
    assert [told[-1] for told in found["classes"][ALWAYS]] == [500, 500] and found["classes"][NEVER] == []
    # Its strongest moments, in hundredths: clip c5 at 0.75 s with 8, then c3 at 2.05 s with 4.
    assert found["clips"][TELLS] == [[5, 75, 800], [3, 205, 400]] and found["clips"][NEVER] == []
    # Of 180 frames that fire, 178 lie from 1 to 2, in the bars 3 to 5 of 24 up to 8, one at 4, and one at the end.
    bars = found["histogram"][TELLS]
    assert (
        len(bars) == BARS
        and sum(bars[3:6]) == pytest.approx(1000 * 178 / 180, abs=2)
        and bars[12] == bars[23] == 6
        and bars[13:23] == [0] * 10
    )
    assert set(found["histogram"][NEVER]) == {0}
    # Decoder columns: 3 is (0, 1, 0), and 2 is (1, ¾, 0), at a cosine of 0.6; the others stand at right angles.
    assert found["near"][TELLS][0] == [NEVER, 60] and found["near"][NEVER][:2] == [[1, 80], [TELLS, 60]]
    json.dumps(found, allow_nan=False)


def test_the_top_feature_of_a_class_adds_most_to_its_score(known: tuple) -> None:
    table, sae, fitted = known
    activation = sae.encode(table.latents[:]).detach()
    members = table.rows("train") & (table.table["amplitude"] == 1).to_numpy()
    (soft, loud) = survey(table, sae, fitted, NAMES)["top"]
    assert soft[:3] == ["amplitude", 0, 1] and loud[:3] == ["amplitude", 1, TELLS]
    assert loud[3] == pytest.approx(2 * float(activation[torch.from_numpy(members), TELLS].mean()), abs=1e-3)


def test_one_sound_has_moments_and_no_classes(known: tuple) -> None:
    table, sae, fitted = known
    mine = (table.table["clip"] == "c5").to_numpy()
    alone = replace(table, latents=table.latents[mine], table=table.table[mine].assign(clip="yours"))
    found = survey(alone, sae, fitted, ["yours"])
    assert found["clips"][TELLS] == [[0, 75, 800]] and found["classes"] == [[]] * 4 and found["top"] == []


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_aurocs_are_those_of_the_evidence(share: float) -> None:
    """Ties, classes that are missing, and features that never fire or always do among them."""
    rng = np.random.default_rng(1)
    f = np.round(rng.exponential(size=(6, 400)), 1).astype(np.float32) * (rng.random((6, 400)) < share)
    f[0] = 0
    frames = Labelled(np.flatnonzero(rng.random(400) < 0.7), np.empty(0), np.empty(0))
    frames = frames._replace(label=rng.choice([0, 2, 3, 7], size=len(frames.row)))
    np.testing.assert_allclose(features.aurocs(f, frames, [2, 7]), monosemantic.aurocs(f.T, frames, [2, 7]), atol=1e-12)
