"""The sound widgets: the files that they write for the book, and the answers that they give in JupyterLab."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile
from PIL import Image

from audiosae.errors import AudioError, ParameterError
from audiosae.widgets import FeatureBrowser, Sound, SoundSwitch, SoundTable
from audiosae.widgets.sound import ASSETS
from audiosae.widgets.spectrogram import LOWEST, SIZE, picture
from audiosae.widgets.switch import label

RATE = 24000


def tone(frequency: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(RATE // 2) / RATE)).astype(np.float32)


def render(clip: str, alpha: float) -> Sound:
    frequency = {"low": 200, "high": 1000}[clip] + 100 * alpha
    return Sound(tone(frequency), RATE, {"pitch": f"{frequency:.0f} Hz"})


def frequency_of(data: bytes) -> float:
    wave, rate = soundfile.read(io.BytesIO(data))
    return float(np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave))))) * rate / len(wave))


def switch(folder: Path | None) -> SoundSwitch:
    return SoundSwitch("Pitch", {"clip": ["low", "high"], "alpha": [0, 1.5, -1]}, render, folder, "Listen.")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "book" / "_static" / "sounds" / "encodec" / "pitch"


def test_every_state_is_written_and_holds_its_own_sound(folder: Path) -> None:
    switch(folder)
    index = json.loads((folder / "index.json").read_text())
    assert index["axes"] == [["clip", ["low", "high"], "list"], ["alpha", ["0", "1.5", "−1"], "slider"]]
    assert len(index["states"]) == 6
    for key, expected in {"0-0": 200, "0-1": 350, "1-2": 900}.items():
        state = index["states"][key]
        assert state["readout"] == [["pitch", f"{expected} Hz"]]
        assert frequency_of((folder / state["file"]).read_bytes()) == pytest.approx(expected, abs=5)


def compared(clip: str, alpha: float) -> Sound:
    sound = render(clip, alpha)
    return Sound(sound.wave, RATE, sound.readout, beside=render(clip, 20))


def test_what_stands_beside_is_written_once_for_all_states_that_share_it(folder: Path) -> None:
    SoundSwitch("Pitch", {"clip": ["low", "high"], "alpha": [0, 1, 2]}, compared, folder, beside="the original")
    index = json.loads((folder / "index.json").read_text())
    assert index["beside"] == "the original" and len(list(folder.glob("beside-*.mp3"))) == len(index["besides"]) == 2
    for key, expected in {"0-0": 2200, "0-2": 2200, "1-1": 3000}.items():
        beside = index["besides"][index["states"][key]["beside"]]
        assert frequency_of((folder / beside["file"]).read_bytes()) == pytest.approx(expected, abs=5)
        assert beside["readout"] == [["pitch", f"{expected} Hz"]]


def test_a_sound_with_nothing_beside_it_is_refused_where_something_is_promised(folder: Path) -> None:
    with pytest.raises(ParameterError, match="the original"):
        SoundSwitch("Pitch", {"alpha": [0]}, lambda alpha: render("low", alpha), folder, beside="the original")
    assert not (folder / "index.json").exists()


def rows_of(data: bytes) -> np.ndarray:
    """Brightness of a picture, from top to bottom: [height]."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=float).mean(axis=1)


def test_a_spectrogram_stands_with_every_state_and_shows_its_pitch(folder: Path) -> None:
    SoundSwitch("Pitch", {"alpha": [0, 40]}, lambda alpha: render("low", alpha), folder, pictures=True)
    index = json.loads((folder / "index.json").read_text())
    low, high = (rows_of((folder / index["states"][key]["picture"]).read_bytes()) for key in ("0", "1"))
    mels = librosa.mel_frequencies(SIZE[1] + 2, fmin=LOWEST, fmax=RATE / 2)[1:-1][::-1]
    assert mels[low.argmax()] == pytest.approx(200, rel=0.15) and mels[high.argmax()] == pytest.approx(4200, rel=0.05)


def test_a_spectrogram_has_one_scale_for_all_sounds() -> None:
    loud, soft = (rows_of(picture(tone(1000, level), RATE)).max() for level in (0.3, 0.003))
    assert loud > 1.5 * soft > 0


def test_curves_follow_the_axis_that_they_are_drawn_for() -> None:
    curves = {"label": "progress", "by": "clip", "sets": {"high": {"pitch": [0, 1]}, "low": {"pitch": [0, 0.5]}}}
    told = SoundSwitch("Pitch", {"clip": ["low", "high"], "alpha": [0, 1]}, render, curves=curves).describe()
    assert told["curves"] == {"label": "progress", "by": 0, "sets": [[["pitch", [0, 0.5]]], [["pitch", [0, 1]]]]}


def test_a_long_axis_of_whole_numbers_is_typed() -> None:
    told = SoundSwitch("Features", {"feature": list(range(100)), "clip": list("ab"), "alpha": [0, 1]}, render).describe()
    assert [kind for *_, kind in told["axes"]] == ["number", "list", "slider"]


def test_live_the_sound_beside_is_sent_when_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = SoundSwitch("Pitch", {"clip": ["low", "high"], "alpha": [0, 1]}, compared, beside="the original", pictures=True)
    made._repr_mimebundle_()
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(made._live, "send", lambda content, buffers=(): sent.append((content, list(buffers))))
    made._live._handle_custom_msg({"request": 1, "indices": [0, 1], "beside": True}, [])
    ((content, (sound, drawn)),) = sent
    assert content == {"request": 1, "readout": [("pitch", "2200 Hz")]}
    assert frequency_of(sound) == pytest.approx(2200, abs=5) and Image.open(io.BytesIO(drawn)).size == SIZE


CARD = {"feature": 3, "property": "pitch", "class": 0, "strength": 1.0, "weights": {}, "fires": 0.1, "near": [],
        "clips": [{"clip": "a", "time": 0.1, "activation": 1.0, "curve": [0, 100]}]}
CLIPS = {"a": {"text": "flute", "seconds": 0.5, "peaks": [100]}, "b": {"text": "tuba", "seconds": 0.5, "peaks": [100]}}


def test_the_book_gets_cards_with_the_clips_that_they_name(folder: Path) -> None:
    bundle = FeatureBrowser("F", [CARD], {"pitch": ["C4"]}, CLIPS, folder=folder)._repr_mimebundle_()
    assert 'data-audiosae-features="static:sounds/encodec/pitch/index.json"' in bundle["text/html"]
    index = json.loads((folder / "index.json").read_text())
    assert index["cards"] == [CARD] and set(index["clips"]) == {"a"}


def test_live_cards_are_answered_with_the_clip_or_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    made = FeatureBrowser("F", [CARD], {"pitch": ["C4"]}, CLIPS, sound=lambda clip: render({"a": "low"}[clip], 0))
    made._repr_mimebundle_()
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(made._live, "send", lambda content, buffers=(): sent.append((content, list(buffers))))
    made._live._handle_custom_msg({"request": 1, "clip": "a"}, [])
    made._live._handle_custom_msg({"request": 2, "clip": "z"}, [])
    assert sent[0][0] == {"request": 1} and frequency_of(sent[0][1][0]) == pytest.approx(200, abs=5)
    assert sent[1] == ({"request": 2, "error": "KeyError: 'z'"}, [])


def test_cards_without_their_clips_or_a_place_for_them_are_refused(folder: Path) -> None:
    with pytest.raises(ParameterError, match="description"):
        FeatureBrowser("F", [CARD], {}, {}, folder=folder)
    with pytest.raises(ParameterError, match="cards"):
        FeatureBrowser("F", [], {}, CLIPS, folder=folder)
    with pytest.raises(ParameterError, match="either"):
        FeatureBrowser("F", [CARD], {}, CLIPS)


def test_files_of_an_earlier_version_go_and_two_runs_are_equal(folder: Path) -> None:
    switch(folder)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "9-9.mp3").write_bytes(b"old")
    switch(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_the_book_gets_a_mount_and_no_live_view(folder: Path) -> None:
    bundle = switch(folder)._repr_mimebundle_()
    assert set(bundle) == {"text/html", "text/plain"}
    assert 'data-audiosae-src="static:sounds/encodec/pitch/index.json"' in bundle["text/html"]


def test_a_sound_that_fails_stops_the_notebook_before_the_index_is_written(folder: Path) -> None:
    def fail(alpha: int) -> Sound:
        return Sound(tone(300, level=0.99 if alpha else 0.3), RATE)

    with pytest.raises(AudioError, match="dBFS"):
        SoundSwitch("Loud", {"alpha": [0, 1]}, fail, folder)
    assert not (folder / "index.json").exists()
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize("axes", [{}, {"alpha": []}, {"alpha": [1, 1.0]}])
def test_axes_that_cannot_be_chosen_from_are_refused(axes: dict) -> None:
    with pytest.raises(ParameterError):
        SoundSwitch("Bad", axes, render)


def test_a_folder_that_the_book_does_not_serve_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="_static"):
        switch(tmp_path / "sounds")
    with pytest.raises(ParameterError, match="_static"):
        SoundTable({"a": {"b": render("low", 0)}}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_live_requests_are_answered_with_the_sound_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made = switch(None)
    bundle = made._repr_mimebundle_()
    data = bundle[0] if isinstance(bundle, tuple) else bundle
    assert "application/vnd.jupyter.widget-view+json" in data
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(made._live, "send", lambda content, buffers=(): sent.append((content, list(buffers))))
    made._live._handle_custom_msg({"request": 4, "indices": [1, 1], "beside": False}, [])
    ((content, (sound,)),) = sent
    assert content == {"request": 4, "readout": [("pitch", "1150 Hz")]}
    assert frequency_of(sound) == pytest.approx(1150, abs=5)


def test_an_error_in_live_rendering_is_sent_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(alpha: int) -> Sound:
        raise RuntimeError("no such clip")

    made = SoundSwitch("Broken", {"alpha": [0, 1]}, fail)
    made._repr_mimebundle_()
    sent: list[dict] = []
    monkeypatch.setattr(made._live, "send", lambda content, buffers=(): sent.append(content))
    made._live._handle_custom_msg({"request": 1, "indices": [0], "beside": False}, [])
    assert sent == [{"request": 1, "error": "RuntimeError: no such clip"}]


def test_a_table_has_a_player_for_each_sound_and_escapes_its_labels(folder: Path) -> None:
    rows = {
        "cello <1>": {"original": Sound(tone(220), RATE), "decoded": Sound(tone(230), RATE, {"SI-SDR": "9 dB"})},
        "flute": {"decoded": Sound(tone(440), RATE)},
    }
    html = SoundTable(rows, folder, "Compare.")._repr_html_()
    sources = re.findall(r'src="static:sounds/encodec/pitch/([^"]+)"', html)
    assert [round(frequency_of((folder / name).read_bytes()), -1) for name in sources] == [220, 230, 440]
    assert "cello &lt;1&gt;" in html and "<1>" not in html
    assert html.count("preload=\"none\"") == 3 and "autoplay" not in html
    assert "SI-SDR" in html and "<caption>Compare.</caption>" in html


def test_a_table_without_a_folder_carries_its_sounds() -> None:
    html = SoundTable({"a": {"b": render("low", 0)}})._repr_html_()
    assert 'src="data:audio/mpeg;base64,' in html


def test_an_empty_table_is_refused() -> None:
    with pytest.raises(ParameterError):
        SoundTable({"a": {}})


@pytest.mark.parametrize(("value", "text"), [(10, "10"), (0.5, "0.5"), (-3.0, "−3"), ("cello", "cello"), (True, "True")])
def test_labels_read_well(value: object, text: str) -> None:
    assert label(value) == text


def test_assets_come_from_nowhere_else() -> None:
    assert {"sound_switch.mjs", "feature_browser.mjs", "listening_check.mjs", "mount.mjs", "audiosae.css"} <= {path.name for path in ASSETS.iterdir()}
    for path in ASSETS.iterdir():
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # the name of a language, which nobody fetches
        assert not re.search(r"https?://", text), path.name
