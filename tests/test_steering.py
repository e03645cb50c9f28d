"""Steering on models small enough to follow by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import steering
from audiosae.audio import SAMPLE_RATE, labels, pitch
from audiosae.errors import ParameterError
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, rms_norm

FEW = settings(deadline=None, max_examples=50, derandomize=True)
NAN = float("nan")


def toy(dim: int = 6, hidden: int = 24) -> tuple[SparseAutoencoder, Probe, torch.Tensor]:
    """A random SAE, a random probe of five classes, and latents."""
    torch.manual_seed(0)
    sae = SparseAutoencoder(dim, hidden).eval().requires_grad_(False)
    latents = torch.randn(2, 30, dim) * 2 + 1
    sae.standardise(latents.reshape(-1, dim))
    return sae, Probe(torch.randn(5, hidden) * 0.2, torch.randn(5) * 0.1, 0.01), latents


# --- the step -----------------------------------------------------------------------------------------------------------


def test_no_strength_is_the_saes_own_reconstruction() -> None:
    sae, probe, latents = toy()
    steered = steering.steer(sae, latents, probe.weight[2], 0.0)
    torch.testing.assert_close(steered, sae.decode(sae.encode(latents)), rtol=1e-5, atol=1e-5)
    assert steered.shape == latents.shape
    assert (steered - latents).abs().max() > 0.1  # it is not the codec's own latents


def test_a_step_is_the_papers() -> None:
    sae, probe, latents = toy()
    f = sae.encode(latents) + 3.0 * probe.weight[1]
    expected = sae.decode(f / (f.pow(2).mean(-1, keepdim=True) + 1e-8).sqrt())
    torch.testing.assert_close(steering.steer(sae, latents, probe.weight[1], 3.0), expected)


def test_relu_hides_the_negative_part_from_the_decoder() -> None:
    sae, probe, latents = toy()
    moved = (sae.encode(latents) + 3.0 * probe.weight[1]).clamp_min(0)
    expected = sae.decode(moved / (moved.pow(2).mean(-1, keepdim=True) + 1e-8).sqrt())
    torch.testing.assert_close(steering.steer(sae, latents, probe.weight[1], 3.0, "relu"), expected)


def test_the_remainder_is_what_the_papers_step_loses() -> None:
    sae, probe, latents = toy()
    lost = latents - sae.decode(sae.encode(latents))
    expected = steering.steer(sae, latents, probe.weight[1], 3.0) + lost
    torch.testing.assert_close(steering.steer(sae, latents, probe.weight[1], 3.0, "remainder"), expected)
    torch.testing.assert_close(steering.steer(sae, latents, probe.weight[1], 0.0, "remainder"), latents)


@pytest.mark.parametrize("variant", steering.VARIANTS)
def test_each_clip_may_have_its_direction_and_each_frame_its_strength(variant: str) -> None:
    sae, probe, latents = toy()
    both = steering.steer(sae, latents, probe.weight[:2, None], 3.0, variant)
    part = steering.steer(sae, latents[0], probe.weight[0], 3.0 * (torch.arange(30) < 10)[:, None], variant)
    for clip in range(2):
        torch.testing.assert_close(both[clip], steering.steer(sae, latents[clip], probe.weight[clip], 3.0, variant))
    torch.testing.assert_close(part[:10], both[0, :10])
    torch.testing.assert_close(part[10:], steering.steer(sae, latents[0], probe.weight[0], 0.0, variant)[10:])


def test_an_unknown_variant_is_refused() -> None:
    sae, probe, latents = toy()
    with pytest.raises(ParameterError, match="no variant 'clip'.*paper, relu, remainder"):
        steering.steer(sae, latents, probe.weight[0], 1.0, "clip")


@pytest.mark.parametrize("k", range(5))
def test_a_probes_row_raises_its_own_class(k: int) -> None:
    sae, probe, latents = toy()
    f = sae.encode(latents)
    before = probe.logits(f).softmax(-1)[..., k]
    for alpha in (1.0, 20.0):
        after = probe.logits(rms_norm(f + alpha * probe.weight[k])).softmax(-1)[..., k]
        assert (after > before).all()
    assert (probe.logits(rms_norm(f + 20 * probe.weight[k])).argmax(-1) == k).float().mean() > 0.95


def test_strength_is_told_in_units_of_the_feature_vector() -> None:
    sae, probe, latents = toy()
    norm = sae.encode(latents).norm(dim=-1).mean()
    expected = 10 * probe.weight[0].norm() / norm
    assert steering.relative_strength(sae, probe.weight[0], 10) == pytest.approx(float(expected), rel=1e-3)


# --- shares and bins ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "target", "share"),
    [
        (0, 10, 10, 1.0),
        (0, 0, 10, 0.0),
        (0, 5, 10, 0.5),
        (0, 15, 10, 0.5),
        (0, 20, 10, 0.0),
        (0, 30, 10, -1.0),
        (0, -10, 10, -1.0),
        (10, 4, 0, 0.6),
        (3, NAN, 10, 0.0),
    ],
)
def test_share_of_a_distance_that_is_closed(before: float, after: float, target: float, share: float) -> None:
    assert steering.share_closed(before, after, target) == pytest.approx(share)


PLACE = st.floats(-100, 100)


@FEW
@given(PLACE, PLACE, PLACE, PLACE)
def test_a_share_is_at_most_one_and_knows_no_direction(before: float, after: float, target: float, shift: float) -> None:
    if abs(before - target) < 0.1:
        return
    share = steering.share_closed(before, after, target)
    assert share <= 1
    assert share == pytest.approx(steering.share_closed(-before, -after, -target))
    assert share == pytest.approx(steering.share_closed(before + shift, after + shift, target + shift), abs=1e-9, rel=1e-9)


def test_a_clip_at_its_target_has_no_share() -> None:
    with pytest.raises(ParameterError, match="distance of zero"):
        steering.share_closed(4.0, 5.0, 4.0)


@FEW
@given(PLACE, st.floats(0.1, 50), st.floats(-3, 30), st.floats(-3, 30))
def test_places_in_bins_are_linear_and_whole_at_the_centres(low: float, width: float, a: float, b: float) -> None:
    edges = low + width * np.arange(21)
    np.testing.assert_allclose([steering.in_bins(x, edges) for x in labels.centres(edges)], np.arange(20), atol=1e-6)
    moved = steering.in_bins(low + a * width, edges) - steering.in_bins(low + b * width, edges)
    assert moved == pytest.approx(a - b, abs=1e-6)


# --- targets and directions ---------------------------------------------------------------------------------------------


def test_targets_are_classes_that_were_heard() -> None:
    classes = np.array([3] * 50 + [7] * 49 + [19])
    assert steering.targets(classes, [0.1, 0.9]) == [3, 7]
    with pytest.raises(ParameterError, match=r"classes \[3, 3\]; spread them"):
        steering.targets(classes, [0.1, 0.2])


def test_directions_are_rows_by_name() -> None:
    probe = Probe(torch.arange(6.0).reshape(3, 2), torch.zeros(3), 0.1)
    assert steering.direction({"pitch": probe}, "pitch", 2).tolist() == [4, 5]
    for prop, k in (("pitch", 3), ("pitch", -1), ("colour", 0)):
        with pytest.raises(ParameterError, match=f"no class {k} of property '{prop}'; properties are pitch"):
            steering.direction({"pitch": probe}, prop, k)


# --- listening ----------------------------------------------------------------------------------------------------------


def test_what_is_heard_of_a_tone() -> None:
    rate, midi = 24000, 64
    time = np.arange(rate) / rate
    tone = (0.4 * np.sin(2 * np.pi * pitch.to_hz(midi) * time)).astype(np.float32)[None]
    heard = steering.listen(tone, rate, "swift-f0", 75.0)
    assert heard.pitch == pytest.approx(midi, abs=0.2)
    assert heard.amplitude == pytest.approx(0.4 / 2**0.5, rel=0.02)
    assert heard.timbre == pytest.approx(pitch.to_hz(midi), rel=0.15)
    louder = steering.listen(tone * 2, rate, "swift-f0", 75.0)
    assert louder.amplitude == pytest.approx(2 * heard.amplitude, rel=1e-4)
    assert louder.timbre == pytest.approx(heard.timbre, rel=1e-3)


def test_noise_has_no_pitch_and_silence_has_nothing() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, (1, SAMPLE_RATE)).astype(np.float32)
    heard = steering.listen(noise, SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(heard.pitch) and heard.timbre == pytest.approx(SAMPLE_RATE / 4, rel=0.1)
    silent = steering.listen(np.zeros((1, SAMPLE_RATE), np.float32), SAMPLE_RATE, "swift-f0", 75.0)
    assert np.isnan(silent.pitch) and silent.amplitude == 0 and np.isnan(silent.timbre)


def test_a_clip_is_decoded_at_the_codecs_rate() -> None:
    class Doubler:
        """Stands for a codec whose decoder repeats each frame's one number twice."""

        def decode(self, latents: torch.Tensor) -> torch.Tensor:
            return latents.repeat_interleave(2, dim=1).transpose(1, 2)

    assert steering.render(Doubler(), torch.tensor([[1.0], [2.0]])).tolist() == [[1, 1, 2, 2]]


# --- effects ------------------------------------------------------------------------------------------------------------


def heard_row(steered: str, target: int, **places: float) -> dict[str, object]:
    still = {f"{prop}_{when}": 5.0 for prop in labels.PROPERTIES for when in ("before", "after")}
    return {"clip": "a", "steered": steered, "target": target, "alpha": 20, **still, **places}


def values(*rows: dict[str, object]) -> dict[str, float]:
    return steering.effects(pd.DataFrame(rows)).set_index("measured")["value"].to_dict()


def test_effects_by_hand() -> None:
    found = values(heard_row("pitch", 15, pitch_after=10.0, amplitude_after=3.5, timbre_after=5.25))
    assert found == {"pitch": 0.5, "amplitude": 1.5, "timbre": 0.25}


def test_targets_that_are_too_near_are_left_out_but_still_leak() -> None:
    found = values(heard_row("amplitude", 7, amplitude_after=7.0, pitch_after=6.0))
    assert found == {"pitch": 1.0, "timbre": 0.0}
    assert "amplitude" in values(heard_row("amplitude", 5 + steering.MARGIN))


def test_a_clip_that_had_no_pitch_is_left_out_and_one_that_lost_it_has_closed_nothing() -> None:
    assert "pitch" not in values(heard_row("pitch", 15, pitch_before=NAN))
    assert values(heard_row("pitch", 15, pitch_after=NAN))["pitch"] == 0
    assert np.isnan(values(heard_row("timbre", 15, pitch_after=NAN))["pitch"])


def test_effects_of_nothing_have_their_columns() -> None:
    empty = steering.effects(pd.DataFrame([heard_row("pitch", 5)]).iloc[:0])
    assert list(empty) == ["clip", "steered", "target", "alpha", "measured", "value"] and empty.empty


# --- figures ------------------------------------------------------------------------------------------------------------


def heard_clips(*places: dict[str, object]) -> pd.DataFrame:
    return pd.DataFrame([heard_row("pitch", 15) | place for place in places])


def test_figures_are_means_over_clips_and_not_over_targets() -> None:
    heard = heard_clips(
        {"clip": "a", "target": 15, "pitch_after": 10.0, "timbre_after": 7.0},  # half the way
        {"clip": "a", "target": 25, "pitch_after": 5.0},  # no nearer
        {"clip": "b", "target": 15, "pitch_after": 15.0, "amplitude_after": 6.0},  # there
        {"clip": "b", "target": 15, "pitch_after": 5.0, "alpha": 1},
    )
    found = steering.summarise(steering.effects(heard), heard, "pitch", 20, seed=0)
    assert found["on_target"] == pytest.approx((0.25 + 1) / 2) and found["clips"] == 2
    assert found["leakage"] == pytest.approx((0.5 + 0.5) / 2)
    assert found["by_alpha"] == {"1": 0.0, "20": pytest.approx(0.625)} and found["alpha"] == 20
    assert found["on_target_ci95"][0] == pytest.approx(0.25) and found["on_target_ci95"][1] == pytest.approx(1)
    assert found["pitch_lost"] == 0


def test_figures_where_no_clip_has_a_pitch_are_left_open() -> None:
    heard = heard_clips({"pitch_before": NAN, "pitch_after": NAN, "amplitude_after": 6.0})
    found = steering.summarise(steering.effects(heard), heard, "pitch", 20, seed=0)
    assert found["on_target"] is None and found["on_target_ci95"] is None and found["clips"] == 0
    assert found["leakage"] == pytest.approx(0.5) and found["pitch_lost"] == 1 and found["by_alpha"] == {"20": None}
    other = heard_clips({"steered": "timbre", "pitch_before": NAN, "pitch_after": NAN, "amplitude_after": NAN})
    assert steering.summarise(steering.effects(other), other, "timbre", 20, seed=0)["leakage"] is None
