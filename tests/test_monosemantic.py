"""Naming features, and putting the names to the test, on data whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import mannwhitneyu

from audiosae.errors import ParameterError
from audiosae.evidence import monosemantic
from audiosae.evidence.monosemantic import Labelled, Named
from audiosae.probes import Probe


def melodies(recordings: int, notes: int, length: int, classes: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels that stay for a note, and the recording of each frame."""
    rng = np.random.default_rng(seed)
    label = np.repeat(rng.integers(classes, size=recordings * notes), length)
    return label, np.repeat([f"r{i:02}" for i in range(recordings)], notes * length)


def labelled(label: np.ndarray, piece: np.ndarray) -> Labelled:
    return Labelled(np.arange(len(label)), label, piece)


# --- names --------------------------------------------------------------------------------------------------------------


def test_classes_need_training_frames_and_test_recordings() -> None:
    train = labelled(np.repeat([0, 1, 2], [20, 19, 30]), np.full(69, "a"))
    test = labelled(np.array([0, 0, 0, 1, 1, 1, 2, 2, 2]), np.array(list("abcabcaab")))
    assert monosemantic.testable(train, test) == [0]


def test_contributions_are_weight_times_mean_of_what_fires() -> None:
    probe = Probe(torch.tensor([[1.0, 2.0], [3.0, -4.0]]), torch.zeros(2), 0.1)
    x = np.array([[2.0, 1.0], [4.0, -9.0], [100.0, 100.0]])
    train = Labelled(np.array([0, 1, 2]), np.array([1, 1, 0]), np.array(list("abc")))
    np.testing.assert_allclose(monosemantic.contributions(probe, x, train, [1]), [[9.0, -2.0]])


def test_aurocs_are_those_of_scipy_with_ties() -> None:
    rng = np.random.default_rng(0)
    x, label = rng.integers(0, 4, (60, 3)).astype(float), rng.integers(0, 3, 60)
    row = rng.integers(0, 40, 60)  # some rows stand for several frames, some for none
    found = monosemantic.aurocs(x, Labelled(row, label, np.full(60, "a")), [0, 2])
    for place, k in enumerate((0, 2)):
        for j in range(3):
            a = x[row, j]
            u = mannwhitneyu(a[label == k], a[label != k]).statistic
            assert found[place, j] == pytest.approx(u / ((label == k).sum() * (label != k).sum()))


def test_each_feature_has_one_class_and_each_class_one_feature() -> None:
    strength = np.array([[9.0, 5.0, 0.0], [8.0, 2.0, 1.0]])
    classes = [("pitch", 3), ("timbre", 4)]
    assert monosemantic.choose(strength, classes, 60) == [Named(0, "pitch", 3), Named(1, "timbre", 4)]
    assert monosemantic.choose(strength, classes, 1) == [Named(0, "pitch", 3)]


# --- the test -----------------------------------------------------------------------------------------------------------


def test_near_is_one_class_and_for_pitch_the_octave() -> None:
    label = np.array([0, 1, 2, 3, 12, 13, 14, 25])
    assert monosemantic.near(label, "amplitude", 1).tolist() == [True, True, True, False, False, False, False, False]
    assert monosemantic.near(label, "pitch", 1).tolist() == [True, True, True, False, False, True, False, True]


def test_orders_keep_every_recording_whole_and_in_time() -> None:
    pieces = np.repeat(list("bca"), [4, 2, 5])
    for order in monosemantic.orders(pieces, 30, 0):
        assert sorted(order) == list(range(11))
        # Turned back until a recording begins, each recording is one run in the order of time.
        start = next(s for s in range(11) if pieces[order[s]] != pieces[order[s - 1]] or order[s] < order[s - 1])
        turned = np.roll(order, -start)
        for piece in "abc":
            at = np.flatnonzero(pieces[turned] == piece)
            assert (np.diff(at) == 1).all() and (np.diff(turned[at]) == 1).all()


def test_a_true_feature_is_confirmed() -> None:
    label, piece = melodies(12, 8, 5, 4, 0)
    activation = np.stack([label == 2, label == 1], axis=1) + 0.1 * np.random.default_rng(1).random((len(label), 2))
    p = monosemantic.p_values(activation, np.array([2, 1]), labelled(label, piece), 199, 0)
    assert (p == 1 / 200).all()
    mixed = np.argsort(np.arange(len(label)) % 2, kind="stable")  # frames of a recording may stand anywhere in the table
    again = monosemantic.p_values(activation[mixed], np.array([2, 1]), labelled(label[mixed], piece[mixed]), 199, 0)
    assert (again == 1 / 200).all()
    assert (monosemantic.p_values(-activation, np.array([2, 1]), labelled(label, piece), 199, 0) > 0.9).all()


def test_notes_that_last_do_not_confirm_what_is_not_there() -> None:
    """Activations and labels that both last but have nothing to do with each other: p below 0.05 in about one of twenty."""
    small, frames_small = 0, 0
    for seed in range(100):
        label, piece = melodies(12, 4, 20, 4, seed)
        rng = np.random.default_rng(1000 + seed)
        a = np.repeat(rng.random(48), 20)[:, None] + np.repeat(rng.random(12), 80)[:, None]
        small += monosemantic.p_values(a, np.array([0]), labelled(label, piece), 99, seed)[0] <= 0.05
        frames_small += mannwhitneyu(a[label == 0, 0], a[label != 0, 0], alternative="greater").pvalue <= 0.05
    assert small <= 12
    assert frames_small > 20  # what a test of frames would have made of it


def test_wins_add_up_to_the_auroc_of_any_resample() -> None:
    rng = np.random.default_rng(0)
    a, member, recording = rng.integers(0, 5, 80).astype(float), rng.random(80) < 0.4, rng.integers(0, 4, 80)
    won = monosemantic.wins(a, member, recording, 4)
    drawn = [2, 2, 0, 3]  # recording 2 twice, 1 not at all
    at = np.concatenate([np.flatnonzero(recording == r) for r in drawn])
    times = np.bincount(drawn, minlength=4)
    assert times @ won @ times == pytest.approx(mannwhitneyu(a[at][member[at]], a[at][~member[at]]).statistic)


def test_measures_of_a_good_and_a_random_feature() -> None:
    label, piece = melodies(12, 8, 5, 5, 3)
    noise = np.repeat(np.random.default_rng(1).random(96), 5)
    x = np.stack([(label == 4).astype(float), noise, np.zeros(len(label))], axis=1)
    named = [Named(0, "timbre", 4), Named(1, "timbre", 0), Named(2, "timbre", 2)]
    summary, rows, resampled = monosemantic.confirm(x, named, {"timbre": labelled(label, piece)}, 199, 0)
    good, random, silent = rows
    assert (good["auroc"], good["precision"]) == (1, 1) and good["holm"] == pytest.approx(3 / 200)
    assert good["base"] == pytest.approx((label >= 3).mean())
    assert random["holm"] > 0.05 and random["auroc_ci95"][0] < 0.5 < random["auroc_ci95"][1]
    assert silent["auroc"] == 0.5 and silent["precision"] is None
    assert summary["tested"] == 3 and summary["confirmed"] == 1 and summary["share_confirmed"] == pytest.approx(1 / 3)
    assert summary["median_auroc"] == pytest.approx(np.median([r["auroc"] for r in rows]))
    assert summary["median_auroc_ci95"] == pytest.approx(np.percentile(resampled, [2.5, 97.5]))
    assert summary["mostly"] == pytest.approx(1 / 3 + (random["precision"] > 0.5) / 3)


def test_what_is_below_zero_ranks_but_does_not_fire_and_nothing_to_test_is_refused() -> None:
    label, piece = melodies(8, 8, 5, 4, 0)
    x, test = np.where(label == 0, -1.0, -2.0)[:, None], {"amplitude": labelled(label, piece)}
    _, rows, _ = monosemantic.confirm(x, [Named(0, "amplitude", 0)], test, 19, 0)
    assert rows[0]["auroc"] == 1 and rows[0]["precision"] is None
    with pytest.raises(ParameterError, match="no class has enough"):
        monosemantic.confirm(x, [], test, 9, 0)
