"""Sound, against known answers: reading, damaged files, resampling; loudness, compression and excerpts for a listener."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
import torchaudio
from hypothesis import given, settings
from hypothesis import strategies as st

from audiosae import audio
from audiosae.audio import SAMPLE_RATE as RATE
from audiosae.audio import loudness
from audiosae.errors import AudioError

FEW = settings(deadline=None, max_examples=15, derandomize=True)
NOISE = np.random.default_rng(0).normal(0, 0.1, (2 * RATE, 1))  # does not compress to a single page


def sine(hertz: float, seconds: float, amplitude: float = 0.5, rate: int = RATE) -> np.ndarray:
    """A sine [1, samples]."""
    return (amplitude * np.sin(2 * np.pi * hertz * np.arange(int(seconds * rate)) / rate)).astype(np.float32)[None]


def decibels(ratio: float) -> float:
    return float(20 * np.log10(ratio))


def rms(wave: np.ndarray) -> float:
    return float(np.sqrt(np.mean(wave.astype(np.float64) ** 2)))


def peak(*waves: np.ndarray) -> float:
    return max(float(np.abs(wave).max()) for wave in waves)


# --- files --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("channels", [1, 2])
def test_flac_keeps_wave_rate_and_channels(tmp_path: Path, channels: int) -> None:
    wave = np.concatenate([sine(440, 0.3), sine(660, 0.3, 0.2)])[:channels]
    audio.write_flac(tmp_path / "a.flac", wave, 22050)
    found, rate = audio.read(tmp_path / "a.flac")
    assert rate == 22050 and found.dtype == np.float32 and found.flags.c_contiguous
    np.testing.assert_allclose(found, wave, atol=2**-23)
    assert [path.name for path in tmp_path.iterdir()] == ["a.flac"]


@pytest.mark.parametrize("suffix", audio.io.SUFFIXES)
def test_every_format_is_read_whole_with_its_level(tmp_path: Path, suffix: str) -> None:
    own = 48000 if suffix == ".opus" else RATE
    how = {".opus": {"format": "OGG", "subtype": "OPUS"}, ".aif": {"format": "AIFF"}}.get(suffix, {})
    for wave, near in ((sine(440, 1.0, rate=own), 0.2), (NOISE.T, 2)):  # a lossy format drops the highest of a noise
        soundfile.write(tmp_path / f"a{suffix}", wave.T, own, **how)
        found, rate = audio.read(tmp_path / f"a{suffix}")
        assert rate == own and found.shape == (1, pytest.approx(wave.shape[1], abs=3000))
        assert decibels(rms(found[:, own // 4 : own // 2]) / rms(wave)) == pytest.approx(0, abs=near)


def test_a_long_recording_is_read_in_blocks_to_the_same_samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio.write_flac(tmp_path / "a.flac", NOISE.T[:, :50001], RATE)
    whole, _ = audio.read(tmp_path / "a.flac")
    for size in (2000, 50001):
        monkeypatch.setattr(audio.io, "_BLOCK", size)
        np.testing.assert_array_equal(audio.read(tmp_path / "a.flac")[0], whole)


def test_a_part_is_what_lies_there(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    audio.write_flac(path, NOISE.T[:, :50000], 16000)
    whole, _ = audio.read(path)
    for start, end in ((0, 16000), (20000, 36000), (45000, 50000)):  # the last one is cut off by the end
        found, rate = audio.read_part(path, start, 1.0)
        np.testing.assert_array_equal(found, whole[:, start:end])
        assert rate == 16000
    path.write_bytes(path.read_bytes()[:40000])
    with pytest.raises(AudioError, match="cut short|truncated"):
        audio.read_part(path, 20000, 1.0)


# --- damaged files ------------------------------------------------------------------------------------------------------


def write(path: Path, samples: np.ndarray, keep: float = 1.0, rate: int = RATE, **options: str) -> None:
    """Write a sound, and keep only so much of its file."""
    soundfile.write(path, samples, rate, **options)
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data))])


def with_header(path: Path, samples: np.ndarray, at: int, packing: str, *values: int) -> None:
    """Write a sound, and other numbers into its header."""
    write(path, samples)
    data = bytearray(path.read_bytes())
    struct.pack_into(packing, data, at, *values)
    path.write_bytes(data)


def with_sample(value: float) -> np.ndarray:
    samples = sine(440, 1.0).T
    samples[RATE // 2] = value
    return samples


BAD: dict[str, tuple[Callable[[Path], object], str]] = {  # file: how it is made, what must be said
    "gone.wav": (lambda path: None, "there is no such file"),
    "folder.wav": (lambda path: path.mkdir(), "there is no such file"),
    "text.wav": (lambda path: path.write_text("this is no sound"), "cannot be read as audio"),
    "text.mp3": (lambda path: path.write_text("this is no sound"), "cannot be read as audio"),
    "empty.flac": (lambda path: path.write_bytes(b""), "cannot be read as audio"),
    "cut.wav": (lambda path: write(path, NOISE, 0.6), "truncated"),
    "cut.flac": (lambda path: write(path, NOISE, 0.6), "cut short|truncated"),
    "cut.mp3": (lambda path: write(path, NOISE, 0.6), "truncated"),
    "cut.ogg": (lambda path: write(path, NOISE, 0.6), "truncated"),
    "cut.aiff": (lambda path: write(path, NOISE, 0.6), "truncated"),
    "cut.aif": (lambda path: write(path, NOISE, 0.999, format="AIFF", subtype="FLOAT"), "truncated"),
    "cut.opus": (lambda path: write(path, NOISE, 0.999, 48000, format="OGG", subtype="OPUS"), "truncated"),
    "nan.wav": (lambda path: write(path, with_sample(np.nan), subtype="FLOAT"), r"1 samples are NaN.*at 0\.500 s"),
    "infinite.wav": (lambda path: write(path, with_sample(np.inf), subtype="FLOAT"), "infinite"),
    "silent.wav": (lambda path: write(path, 0 * NOISE), "pure silence"),
    "short.wav": (lambda path: write(path, NOISE[:1764]), "shorter than one analysis frame"),
    "none.wav": (lambda path: write(path, NOISE[:0]), "shorter than one analysis frame"),
    "seven.wav": (lambda path: write(path, np.repeat(NOISE, 7, axis=1)), "7 channels; only mono and stereo"),
    "streamed and cut.wav": (lambda path: with_header(path, NOISE, 40, "<I", 2 * len(NOISE) + 4), "truncated"),
    "slow.wav": (lambda path: with_header(path, NOISE, 24, "<I", 1), "sample rate of 1 Hz; rates from 4000 to 384000 Hz"),
    "fast.wav": (lambda path: with_header(path, NOISE, 24, "<I", 400_000), "sample rate of 400000 Hz"),
    "endless.flac": (lambda path: with_header(path, NOISE, 21, ">BI", 0xFF, 0xFFFFFFFF), "cannot be read as audio|truncated"),
    "unknown.flac": (lambda path: with_header(path, NOISE, 21, ">BI", 0xF0, 0), "does not say how long it is"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_is_named_with_what_is_wrong(tmp_path: Path, name: str) -> None:
    make, said = BAD[name]
    make(tmp_path / name)
    with pytest.raises(AudioError, match=said) as caught:
        audio.read(tmp_path / name)
    assert str(caught.value).startswith(str(tmp_path / name)) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sizes",
    [(0, 0), (0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFFFFF, 0x7FFFFFFF), (0x7FFFF024, 0x7FFFF000), (0x80000024, 0x80000000), (0, None)],
    ids=lambda sizes: f"{sizes[0]:x}" + f" {sizes[1]}",
)
def test_a_wav_that_was_written_to_a_pipe_is_read_to_its_end(tmp_path: Path, sizes: tuple[int, int | None]) -> None:
    whole, streamed = tmp_path / "whole.wav", tmp_path / "streamed.wav"
    write(whole, NOISE)
    with_header(streamed, NOISE, 4, "<I", sizes[0])
    data = bytearray(streamed.read_bytes())
    if sizes[1] is not None:
        struct.pack_into("<I", data, 40, sizes[1])
    streamed.write_bytes(data)
    np.testing.assert_array_equal(audio.read(streamed)[0], audio.read(whole)[0])


def test_a_wav_with_no_block_align_is_read_and_still_told_when_cut(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with_header(path, NOISE, 32, "<H", 0)
    assert audio.read(path)[0].shape == (1, len(NOISE))
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(AudioError, match="truncated"):
        audio.read(path)


def test_an_empty_wav_with_a_comment_is_not_taken_for_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    write(path, NOISE[:0])
    path.write_bytes(path.read_bytes() + b"LIST\x00\x40\x00\x00INFO" + bytes(0x3FFC))
    with pytest.raises(AudioError, match="0 samples"):
        audio.read(path)


# --- rate and channels --------------------------------------------------------------------------------------------------


def test_resampling_removes_what_the_new_rate_cannot_hold() -> None:
    assert rms(audio.resample(sine(15000, 0.5), RATE, 24000)[:, 1000:-1000]) < 1e-3


ORDINARY = [(44100, 16000), (44100, 24000), (24000, 44100), (48000, 44100), (11025, 48000), (384000, 44100)]


@pytest.mark.parametrize(("source", "target"), ORDINARY)
def test_between_ordinary_rates_torchaudio_resamples(source: int, target: int) -> None:
    wave = sine(1000, 0.5, rate=source)
    found = audio.resample(wave, source, target)
    expected = torchaudio.functional.resample(torch.from_numpy(wave), source, target, lowpass_filter_width=32).numpy()
    np.testing.assert_array_equal(found, expected)
    middle = slice(target // 10, 4 * target // 10)
    np.testing.assert_allclose(found[:, middle], sine(1000, 0.5, rate=target)[:, middle], atol=5e-3)  # in phase and level


@pytest.mark.parametrize(("source", "target"), [(44099, 44100), (191999, 44100), (44100, 23999), (22254, 44100)])
def test_rates_with_no_simple_ratio_ask_for_no_gigabytes(source: int, target: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*arguments: object, **options: object) -> None:
        raise MemoryError("a filter for each phase")

    monkeypatch.setattr(torchaudio.functional, "resample", fill)
    wave = np.concatenate([sine(1000, 0.5, rate=source), sine(3000, 0.5, rate=source)])
    found = audio.resample(wave, source, target)
    assert found.shape == (2, -(-wave.shape[1] * target // source)) and found.dtype == np.float32
    middle = slice(target // 10, 4 * target // 10)
    for channel, hertz in enumerate((1000, 3000)):
        np.testing.assert_allclose(found[channel, middle], sine(hertz, 0.5, rate=target)[0, middle], atol=1e-4)


def test_a_codec_gets_the_channels_it_expects_at_an_unchanged_level() -> None:
    left, right = sine(440, 0.5), sine(880, 0.5, 0.25)
    stereo = np.concatenate([left, right])
    np.testing.assert_allclose(audio.for_codec(stereo, RATE, RATE, 1), (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(audio.for_codec(left, RATE, RATE, 2), np.concatenate([left, left]))
    np.testing.assert_array_equal(audio.for_codec(stereo, RATE, RATE, 2), stereo)
    assert audio.for_codec(left, RATE, 24000, 1).shape == (1, 12000)


def test_the_mix_that_is_measured_is_made_before_it_is_resampled() -> None:
    stereo = np.concatenate([sine(440, 0.5, rate=24000), sine(660, 0.5, rate=24000)])
    np.testing.assert_array_equal(audio.mono_mix(stereo, 24000), audio.resample(stereo.mean(axis=0), 24000, RATE))


# --- loudness -----------------------------------------------------------------------------------------------------------


def test_loudness_of_the_standards_own_tone() -> None:
    # ITU-R BS.1770: a full-scale sine of 997 Hz in one channel is -3.01 LUFS, in two channels 3.01 dB more.
    tone = sine(997, 2.0, 1.0)
    assert loudness.loudness(tone, RATE) == pytest.approx(-3.01, abs=0.05)
    assert loudness.loudness(np.repeat(tone, 2, axis=0), RATE) == pytest.approx(0.0, abs=0.05)
    assert loudness.loudness(tone * np.float32(0.1), RATE) == pytest.approx(-23.01, abs=0.05)
    assert loudness.loudness(tone[0], RATE) == loudness.loudness(tone, RATE)
    assert loudness.loudness(0 * tone, RATE) == -np.inf
    assert np.isfinite(loudness.loudness(sine(997, 0.1), RATE))  # shorter than the meter's block


@FEW
@given(st.lists(st.floats(0.001, 0.9), min_size=1, max_size=3), st.floats(-40, 0))
def test_matched_sounds_are_equally_loud_and_safe(amplitudes: list[float], target: float) -> None:
    waves = [sine(300 + 400 * i, 1.0, amplitude) for i, amplitude in enumerate(amplitudes)]
    matched = loudness.match_loudness(waves, RATE, target)
    levels = [loudness.loudness(wave, RATE) for wave in matched]
    assert peak(*matched) < loudness.CEILING
    assert max(levels) - min(levels) < 0.01
    assert max(levels) <= target + 0.01
    if peak(*matched) < 0.99 * loudness.CEILING:  # no limit in the way
        assert levels[0] == pytest.approx(target, abs=0.01)


@pytest.mark.parametrize("target", [-23.0, -3.0])  # the second is out of reach: the limit comes in
def test_a_clip_about_the_gate_of_the_meter_is_matched_too(target: float) -> None:
    # A tone of amplitude a is 20 log a − 3 LUFS: a second at −66, which counts, then four at −73, which do when turned up.
    quiet = np.concatenate([sine(997, 1.0, 10 ** (-63 / 20)), sine(997, 4.0, 10 ** (-70 / 20))], axis=1)
    assert loudness.loudness(quiet, RATE) == pytest.approx(-66.5, abs=0.5)
    matched = loudness.match_loudness([quiet, sine(440, 1.0)], RATE, target)
    levels = [loudness.loudness(wave, RATE) for wave in matched]
    assert levels[0] == pytest.approx(levels[1], abs=0.01)
    assert peak(*matched) < loudness.CEILING
    assert target != -23 or levels[0] == pytest.approx(target, abs=0.01)


def test_silence_among_matched_sounds_stays_silent() -> None:
    silent, loud = loudness.match_loudness([np.zeros((1, RATE), np.float32), sine(440, 1.0)], RATE)
    assert not silent.any()
    assert loudness.loudness(loud, RATE) == pytest.approx(-23, abs=0.01)


def test_a_shared_gain_keeps_the_differences_and_puts_the_peak_under_the_limit() -> None:
    soft, loud = loudness.shared_gain([sine(440, 0.5, 0.01), sine(440, 0.5, 0.1)])
    assert decibels(peak(loud)) == pytest.approx(-1 - loudness.MP3_OVERSHOOT, abs=0.02)
    assert decibels(rms(loud) / rms(soft)) == pytest.approx(20, abs=1e-3)
    quiet = sine(440, 0.5, 0.01)
    np.testing.assert_array_equal(loudness.shared_gain([quiet], limit_only=True)[0], quiet)
    assert not loudness.shared_gain([np.zeros((1, 10), np.float32)])[0].any()


# --- what a listener gets -----------------------------------------------------------------------------------------------


def test_mp3_is_the_same_sound_and_the_same_bytes() -> None:
    wave = sine(440, 1.0)
    encoded = loudness.encode_mp3(wave, RATE)
    assert encoded == loudness.encode_mp3(wave[0], RATE)
    decoded, rate = soundfile.read(io.BytesIO(encoded), always_2d=True)
    assert rate == RATE
    assert decibels(rms(decoded[RATE // 4 : RATE // 2]) / rms(wave)) == pytest.approx(0, abs=0.2)
    assert np.abs(np.fft.rfft(decoded[: RATE // 2, 0])).argmax() * 2 == 440


@pytest.mark.parametrize("rate", [24000, RATE])
@pytest.mark.parametrize("level", [loudness.shared_gain, lambda waves: loudness.match_loudness(waves, 44100, -3.0)])
def test_a_decoded_mp3_peaks_under_the_limit(rate: int, level: Callable[[list[np.ndarray]], list[np.ndarray]]) -> None:
    time = np.arange(2 * rate) / rate
    chord = sum(np.sin(2 * np.pi * hertz * time) for hertz in (220.0, 277.2, 329.6, 440.0))
    since = time % 0.5
    string = sum(np.sin(2 * np.pi * 220 * k * time) / k for k in range(1, 40))
    driven, plucked = np.clip(chord, -1.5, 1.5), string * np.exp(-8 * since) * np.minimum(since / 0.005, 1)
    for wave in level([driven.astype(np.float32), plucked.astype(np.float32)]):
        decoded, _ = soundfile.read(io.BytesIO(loudness.encode_mp3(wave, rate)))
        assert peak(decoded) < loudness.PEAK


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (loudness.CEILING * 1.001, "match_loudness or shared_gain"),
        (-10.0, "match_loudness"),
        (np.nan, "NaN or"),
        (-np.inf, "NaN or infinite"),
    ],
)
def test_mp3_refuses_what_would_hurt(bad: float, told: str) -> None:
    wave = sine(440, 0.1)
    wave[0, 50] = bad
    with pytest.raises(AudioError, match=told):
        loudness.encode_mp3(wave, RATE)


@FEW
@given(st.integers(1, 5000), st.floats(-1, 3), st.floats(0.01, 1.5))
def test_an_excerpt_has_its_length_lies_inside_and_does_not_click(samples: int, time: float, seconds: float) -> None:
    rate = 2000
    wave = np.linspace(1, 2, samples, dtype=np.float32)[None]  # every sample names its place
    kept = wave.copy()
    cut = loudness.excerpt(wave, rate, time, seconds)
    assert cut.shape == (1, min(int(seconds * rate), samples))
    np.testing.assert_array_equal(wave, kept)
    fade = min(cut.shape[1] // 2, int(0.01 * rate))
    assert not fade or cut[0, 0] == cut[0, -1] == 0
    inside = cut[0, fade : cut.shape[1] - fade]
    if inside.size:
        first = int(np.searchsorted(wave[0], inside[0]))
        np.testing.assert_array_equal(inside, wave[0, first : first + inside.size])


def test_an_excerpt_is_centred_where_there_is_room() -> None:
    wave = np.zeros((1, 10 * 1000), np.float32)
    wave[0, 4000] = 1
    assert loudness.excerpt(wave, 1000, 4.0, 2.0)[0].argmax() == 1000
    assert loudness.excerpt(wave, 1000, 9.9, 8.0)[0].argmax() == 2000  # moved inwards: begins at 2 s
