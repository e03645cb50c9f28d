"""Generation as a section: computed once for its parameters, inputs and code, and read back as it was."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_project import CODEC, WEIGHTS, make

from audiosae.audio.labels import PROPERTIES
from audiosae.files import determinism, results
from audiosae.generation import flow
from audiosae.generation.instruments import Judge
from audiosae.generation.trajectory import PATHS
from audiosae.probes import seeds
from audiosae.sections import generation as section

STATES = 4


class Bent:
    """A generator that nobody trained."""

    def to(self, device: torch.device) -> Bent:
        return self

    def noise(self, seeds: list[int], frames: int) -> torch.Tensor:
        return flow.noise(seeds, frames, 64)

    def velocity(self, texts: list[str]) -> flow.Velocity:
        ends = torch.stack([flow.noise([sum(map(ord, text))], 1, 64)[0] for text in texts])
        return lambda x, t: (ends - x, -x)


def run(project: Path, seed: int = 0) -> section.Generation:
    options = {"tracker": "swift-f0", "texts": "texts.txt", "prompts": 3, "seconds": 1.0, "states": STATES, "strength": 1.0, "batch": 2}
    steering = {"steered": 2, "steered_seconds": 0.5, "alpha": 1.0, "precision": "float32", "seed": seed, "project": project}
    return section.run("small", str(project / "generator.safetensors"), str(project / "vae.py"), **options, **steering)


def test_what_was_computed_is_read_and_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(tmp_path)
    for path in [*project.rglob(f"{CODEC}.*"), project / f"data/frames/{CODEC}"]:
        path.rename(path.with_stem("diffrhythm-vae"))
    for number in (0, 1):  # the first stands for the one in use, which is read in its own place
        for source, place in zip(("sae", "probes"), seeds.places("diffrhythm-vae", number, project)):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes((project / f"checkpoints/{source}/diffrhythm-vae.safetensors").read_bytes())
    (project / "vae.py").write_text(Path(WEIGHTS).read_text().replace('"mel"', '"diffrhythm-vae"'))
    (project / "texts.txt").write_text("violin, alone, high\n\nsoft\n")
    (project / "generator.safetensors").touch()
    zero = np.zeros(384)
    Judge(("violin", "tuba"), zero, zero + 1, np.zeros((2, 384)), np.array([1.0, 0.0])).save(
        project / section.JUDGE, {}
    )  # hears violins alone
    monkeypatch.setattr(determinism, "THREADS", 1)

    def accepting(*_: str) -> Bent:
        results.accepted.add("f" * 64)
        return Bent()

    monkeypatch.setattr(section.generation, "load", accepting)
    found = run(project)
    results.accepted.clear()
    assert found.figures["provenance"]["accepted"] == ["f" * 64] and "texts" in found.figures["provenance"]["inputs"]
    assert {"weights/sae", "weights/sae, seed 1", "weights/probes, seed 1"} <= set(found.figures["provenance"]["inputs"])
    assert set(found.figures["properties"]) == set(PROPERTIES) and found.figures["order"]["seeds"] == 2
    assert found.instrument.loc["generated"].to_dict() == {
        "heard first": 1,
        "heard in the first three": 1,
        "pieces": 2,
        "by chance, first": 0.5,
    }
    assert list(found.instrument.index) == ["generated"]  # whose prompts name a violin; nobody knows what the clips are
    assert {(row.way, row.property, row.window) for row in found.steering.itertuples()} == {
        (way, prop, when) for way in ("control vector", "another prompt") for prop in PROPERTIES for when in ("early", "late")
    }
    assert found.arrays[PATHS[0], "pitch"].shape == (STATES, 66) and found.arrays["generated", "timbre"].sum() > 0
    assert list(found.frechet.index) == ["test clips", "generated", "noise"] and list(found.spread.columns) == list(PROPERTIES)
    states = json.loads((found.sounds / "states" / "index.json").read_text())
    assert len(states["states"]) == 2 * STATES and states["title"] == "From noise to music: violin, alone, high"
    assert (found.sounds / "states" / f"0-{STATES - 1}.mp3").read_bytes() == (found.sounds / "states" / f"1-{STATES - 1}.mp3").read_bytes()
    assert {path.name for path in (found.sounds / "examples").glob("*.mp3")} == {"0-0.mp3", "1-0.mp3"}
    rounded = pd.read_csv(project / "results/generation/small_curves.csv")
    np.testing.assert_allclose(rounded["mean"], found.curves["mean"], rtol=1e-5)

    monkeypatch.setattr(section.generation, "load", lambda *_: pytest.fail("computed again"))
    again = run(project)
    assert again.figures == found.figures == results.read(project / "results/generation/small.json")
    pd.testing.assert_frame_equal(again.curves, found.curves, check_exact=True)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(project, seed=1)
    (project / "texts.txt").write_text("soft")
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(project)
    (project / "texts.txt").write_text("violin, alone, high\n\nsoft\n")
    assert run(project).figures == found.figures
    seeds.places("diffrhythm-vae", 1, project)[0].unlink()
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(project)
