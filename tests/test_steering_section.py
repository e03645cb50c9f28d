"""Steering as a section: computed once for its parameters, inputs and code, and read back unchanged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from tiny_project import CODEC, WEIGHTS, make

from audiosae import codecs, frames
from audiosae.errors import NothingToShow
from audiosae.files import determinism, results
from audiosae.sections import steering as section
from audiosae.steering import response
from audiosae.steering.response import STRENGTHS
from audiosae.widgets import SoundSwitch, SoundTable


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(determinism, "THREADS", 1)  # threads that wait for each other take minutes beside other tests
        yield make(tmp_path_factory.mktemp("tiny"))


def run(project: Path, seed: int = 0) -> section.Steering:
    return section.run(CODEC, WEIGHTS, "swift-f0", [20], [0.1, 0.9], 2, 1.0, seed, project)


@pytest.fixture(scope="module")
def found(project: Path) -> section.Steering:
    """Computed with a program that ran because its reader accepted it."""
    load = section.codecs.load

    def accepting(codec: str, weights: str) -> codecs.Codec:
        results.accepted.add("f" * 64)
        return load(codec, weights)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(section.codecs, "load", accepting)
        made = run(project)
    results.accepted.clear()
    return made


def test_what_was_computed_is_read_and_not_computed_again(project: Path, found: section.Steering, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section.codecs, "load", lambda *_: pytest.fail("computed again"))
    again = run(project)
    assert found.figures["provenance"]["accepted"] == ["f" * 64]
    assert again.figures == found.figures == results.read(project / f"results/steering/{CODEC}.json")
    pd.testing.assert_frame_equal(again.measured, found.measured, check_exact=True)
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(project, seed=1)
    (project / f"data/steering/{CODEC}/measured.csv").rename(project / "kept.csv")
    with pytest.raises(pytest.fail.Exception, match="computed again"):
        run(project)
    (project / "kept.csv").rename(project / f"data/steering/{CODEC}/measured.csv")


def test_latents_without_a_decoder_have_figures_that_say_so(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(section.codecs, "decodes", lambda codec: False)
    other = shutil.copytree(project, tmp_path / "other", symlinks=True)
    for again in (False, True):
        if again:  # as the notebook does, behind its stage
            monkeypatch.setattr(section.codecs, "load", lambda *given: pytest.fail("computed again"))
        with pytest.raises(NothingToShow, match="These latents have no decoder"):
            run(other, seed=1)
    told = results.read(other / f"results/steering/{CODEC}.json")
    assert told["properties"] == {"pitch": None, "amplitude": None, "timbre": None} and "no decoder" in told["lacks"]
    assert (other / f"book/_static/sounds/{CODEC}/04_steering").is_dir() and (other / f"data/steering/{CODEC}/measured.csv").is_file()


def test_figures_are_those_of_the_table(project: Path, found: section.Steering) -> None:
    per_target, at_random = len(STRENGTHS) + 1, section.DIRECTIONS * len(STRENGTHS)
    assert set(found.measured["clip"]) == {"007", "NA"} and len(found.measured) == 2 * (3 * 2 * per_target + at_random)
    table = frames.load(project / f"data/frames/{CODEC}")
    for prop, goals in response.goals(table, [0.1, 0.9]).items():
        told = found.figures["properties"][prop]
        assert response.respond(found.measured, prop, goals, table.edges, 0).figures == told
        assert told["clips"] == 2 and told["seeds"] == 1 and list(told["paper"]) == ["20"]
        # A random autoencoder's probes are as random: 20 times a row of norm 0.1 √128, beside features of norm √128.
        assert told["paper"]["20"]["r"] == pytest.approx(2, rel=0.2)


def test_sounds_are_there_for_the_page(found: section.Steering) -> None:
    index = json.loads((found.sounds / "steering/index.json").read_text())
    assert index["axes"][1:] == [
        ["property", ["pitch", "amplitude", "timbre"], "list"], ["target", ["low", "high"], "list"],
        ["r", ["−1", "0", "1", "2"], "slider"],
    ]  # fmt: skip
    # At no strength every target gives the SAE's reconstruction, and measures the same; it surely is the clip.
    readouts = {key: dict(state["readout"]) for key, state in index["states"].items()}
    still = [told for key, told in readouts.items() if key.startswith("0-") and key.endswith("-1")]
    assert len({str({**told, "target": ""}) for told in still}) == 1 and still[0]["sound"] == "still the clip"
    alphas = [float(readouts[f"0-0-0-{place}"]["the paper's α"].replace("−", "-")) for place in range(4)]
    assert alphas == pytest.approx([r * alphas[2] for r in (-1, 0, 1, 2)], abs=0.3) and alphas[2] == pytest.approx(10, rel=0.2)
    index = json.loads((found.sounds / "processed/index.json").read_text())
    assert index["axes"][3] == ["share of the way", ["0", "0.5", "1"], "slider"]
    levels = {key: float(dict(state["readout"])["amplitude"].split()[0].replace("−", "-")) for key, state in index["states"].items()}
    targets = [float(dict(index["states"][f"0-1-{target}-2"]["readout"])["target"].split()[1].replace("−", "-")) for target in (0, 1)]
    assert [levels[f"0-1-{target}-2"] for target in (0, 1)] == pytest.approx(targets, abs=0.6)  # a gain arrives; targets are rounded
    assert levels["0-1-0-1"] == pytest.approx((levels["0-1-0-0"] + levels["0-1-0-2"]) / 2, abs=0.15)
    assert "decoded from the SAE" in SoundTable(found.sounds / "reconstructed").html("") and SoundSwitch(found.sounds / "steering")


def test_sections_compute_without_drawing() -> None:
    code = (
        "import sys\n"
        "from audiosae.sections import probing, sae_training, steering\n"
        "print([name for name in ('matplotlib', 'papermill', 'seaborn') if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
