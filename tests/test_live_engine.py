"""The desk's questions, answered by Python, in a tiny project."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tiny_project import CODEC, NOTES, WEIGHTS, make

from audiosae import steering
from audiosae.errors import ParameterError
from audiosae.live.engine import SILENT, Engine, models
from audiosae.steering import methods
from audiosae.widgets.desk import LiveDesk


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = make(tmp_path_factory.mktemp("tiny"))
    (root / "params.yaml").write_text((Path(__file__).parents[1] / "params.yaml").read_text())
    return root


@pytest.fixture
def engine(project: Path) -> Engine:
    """With a clip at hand, and a codec whose wave is its latents, one after another."""
    made = Engine({CODEC: WEIGHTS}, [0.1, 0.9], project)
    made.load(CODEC, "paper")
    made.clip("007")
    made.codec = SimpleNamespace(decode=lambda latents: latents.reshape(1, 1, -1), sample_rate=44100, frame_rate=75.0)  # type: ignore[assignment]
    return made


def test_the_index_names_test_clips_classes_and_targets(project: Path) -> None:
    info = Engine({CODEC: WEIGHTS}, [0.1, 0.9], project).load(CODEC, "k_sparse")["info"]
    assert [clip["clip"] for clip in info["clips"]] == ["NA", "007"] and info["begin"] == "007" and info["hidden"] == {"k_sparse": 128}
    assert info["classes"]["pitch"][39] == "A4 (440 Hz)" and info["centres"]["pitch"][39] == 69
    low, high = info["targets"]["pitch"].values()
    assert low < high == NOTES["train-2"] - 30


@pytest.mark.parametrize("variant", steering.VARIANTS)
@pytest.mark.parametrize("direction", [{"what": "class", "property": "timbre", "number": 4}, {"what": "feature", "number": 7}])
def test_a_push_is_that_of_section_4(engine: Engine, direction: dict, variant: str) -> None:
    w = engine.fitted["timbre"].weight[4] if direction["what"] == "class" else torch.eye(128)[7]
    found = engine.render(direction, 3.0, variant)
    assert found["r"] == pytest.approx(float(3 * w.norm() / 128**0.5), rel=1e-4)  # the paper's features are √hidden long
    expected = methods.along_features(engine.sae, engine.latents, w, found["r"], variant)
    np.testing.assert_allclose(found["wave"].reshape(-1, 64), expected.numpy(), atol=1e-5)


def test_a_part_is_pushed_alone_and_nothing_is_the_reconstruction(engine: Engine) -> None:
    direction = {"what": "feature", "number": 7}
    assert (engine.render()["wave"].reshape(-1, 64) == engine.latents.numpy()).all()
    still, part, whole = (
        engine.render(direction, alpha, span=span)["wave"].reshape(-1, 64) for alpha, span in ((0.0, None), (9.0, [10, 20]), (9.0, None))
    )
    np.testing.assert_allclose(still, engine.sae.decode(engine.sae.encode(engine.latents)).detach().numpy(), atol=1e-5)
    inside = np.arange(len(still)) // 10 == 1
    np.testing.assert_allclose(part[~inside], still[~inside], atol=1e-5)
    np.testing.assert_allclose(part[inside], whole[inside], atol=1e-5)
    assert np.abs(whole - still).max() > 0.1


def test_what_is_heard_is_measured_as_a_label(project: Path) -> None:
    engine = Engine({CODEC: WEIGHTS}, [0.1, 0.9], project)
    engine.load(CODEC, "paper")
    rate = engine.codec.sample_rate
    tone = (0.1 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)).astype(np.float32)[None]
    found = engine.measure(tone)
    assert np.nanmedian(found["f0"]) == pytest.approx(440, rel=0.003)
    assert np.median(found["rms"]) == pytest.approx(0.1 / 2**0.5, rel=0.01) and np.median(found["centroid"]) == pytest.approx(440, rel=0.05)
    assert engine.measure(0 * tone)["loudness"] == SILENT and np.isnan(engine.measure(0 * tone)["f0"]).all()
    assert engine.sound(np.repeat(tone, 2, axis=0))["frames"] == len(engine.latents) == pytest.approx(75, abs=1)


def test_features_that_fire_come_strongest_first(engine: Engine) -> None:
    f = engine.sae.encode(engine.latents)[10:20].mean(dim=0).detach()
    found = engine.firing([10, 20])["features"]
    assert [j for j, _ in found] == f.argsort(descending=True)[: len(found)].tolist() and found[0][1] == pytest.approx(float(f.max()))


def test_the_widget_sends_arrays_as_floats_and_takes_waves_as_they_came(project: Path) -> None:
    desk = LiveDesk(project, [0.1, 0.9])
    desk.engine = Engine({CODEC: WEIGHTS}, [0.1, 0.9], project)
    desk.answer({"job": "load", "told": {"name": CODEC, "kind": "paper"}})
    desk.answer({"job": "clip", "told": {"clip": "NA"}})
    told, (sound,) = desk.answer({"job": "render", "told": {}})
    assert told["wave"] == [{"$array": 0}] and told["loudness"] < 0
    wave = np.frombuffer(sound, dtype="<f4")
    (f0, *_), expected = (
        desk.answer({"job": "measure", "told": {"wave": told["wave"]}, "buffers": [sound]})[1],
        desk.engine.measure(wave[None]),
    )
    np.testing.assert_array_equal(np.frombuffer(f0, dtype="<f4"), expected["f0"].astype(np.float32))
    with pytest.raises(ParameterError, match="no job '__init__'"):
        desk.answer({"job": "__init__", "told": {}})


def test_frames_that_name_other_weights_run_nothing(project: Path) -> None:
    """A table of frames is data: it must not decide which program is run as a codec."""
    models.cache_clear()
    with pytest.raises(ParameterError, match="come from weights '.*mel_codec.py', not 'hostile.py'"):
        Engine({CODEC: "hostile.py"}, [0.1, 0.9], project).load(CODEC, "paper")
