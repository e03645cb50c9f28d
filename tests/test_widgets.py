"""The sound widgets: the files that they write for the book, and the answers that they give in JupyterLab."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest
import soundfile
from PIL import Image

from audiosae.errors import AudioError, ParameterError
from audiosae.widgets import FeatureBrowser, Sound, SoundSwitch, SoundTable, write_switch, write_table
from audiosae.widgets.browser import features
from audiosae.widgets.sound import ASSETS, Answer, Live, inlined
from audiosae.widgets.spectrogram import LOWEST, SIZE, picture

RATE = 24000
VIEW = "application/vnd.jupyter.widget-view+json"


def tone(frequency: float, level: float = 0.3) -> np.ndarray:
    return (level * np.sin(2 * np.pi * frequency * np.arange(RATE // 2) / RATE)).astype(np.float32)


def render(clip: str, alpha: float) -> Sound:
    frequency = {"low": 200, "high": 1000}[clip] + 100 * alpha
    return Sound(tone(frequency), RATE, {"pitch": f"{frequency:.0f} Hz"})


def compared(clip: str, alpha: float) -> Sound:
    sound = render(clip, alpha)
    return Sound(sound.wave, RATE, sound.readout, beside=render(clip, 20))


def frequency_of(data: bytes) -> float:
    wave, rate = soundfile.read(io.BytesIO(data))
    return float(np.argmax(np.abs(np.fft.rfft(wave * np.hanning(len(wave))))) * rate / len(wave))


def rows_of(data: bytes) -> np.ndarray:
    """Brightness of a picture, from top to bottom: [height]."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("L"), dtype=float).mean(axis=1)


AXES = {"clip": ["low", "high"], "alpha": [0, 1.5, -1]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "book" / "_static" / "sounds" / "encodec" / "pitch"


def asked(widget: Live, monkeypatch: pytest.MonkeyPatch, **message: object) -> tuple[dict, list[bytes]]:
    """What the page gets for a message."""
    sent: list[tuple[dict, list[bytes]]] = []
    monkeypatch.setattr(widget, "send", lambda content, buffers=(): sent.append((content, list(buffers))))
    widget._handle_custom_msg({"id": "7", "kind": "anywidget-command", "name": "ask", "msg": message}, [])
    ((content, files),) = sent
    assert content["id"] == "7"
    return content["response"], files


# --- a switch -----------------------------------------------------------------------------------------------------------


def test_every_state_is_written_and_played_from_its_own_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_switch(folder, "Pitch", AXES, render, "Listen.")
    index = json.loads((folder / "index.json").read_text())
    assert index["axes"] == [["clip", ["low", "high"], "list"], ["alpha", ["0", "1.5", "−1"], "slider"]]
    assert len(index["states"]) == 6
    shown = SoundSwitch(folder)
    assert shown.description == {"title": "Pitch", "caption": "Listen.", "axes": index["axes"]}
    for indices, expected in {(0, 0): 200, (0, 1): 350, (1, 2): 900}.items():
        state = index["states"]["-".join(map(str, indices))]
        content, (sound,) = asked(shown, monkeypatch, indices=list(indices), beside=False)
        assert content["readout"] == state["readout"] == [["pitch", f"{expected} Hz"]]
        assert sound == (folder / state["file"]).read_bytes() and frequency_of(sound) == pytest.approx(expected, abs=5)
    data, _ = shown._repr_mimebundle_()
    assert set(data) == {"text/html", "text/plain", VIEW} and data["text/plain"] == "SoundSwitch('Pitch')"
    assert 'data-audiosae-src="static:sounds/encodec/pitch/index.json"' in data["text/html"]


def test_what_stands_beside_is_written_once_for_all_states_that_share_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_switch(folder, "Pitch", {"clip": ["low", "high"], "alpha": [0, 1, 2]}, compared, beside="the original", pictures=True)
    index = json.loads((folder / "index.json").read_text())
    assert index["beside"] == "the original" and len(list(folder.glob("beside-*.mp3"))) == len(index["besides"]) == 2
    for indices, expected in {(0, 0): 2200, (0, 2): 2200, (1, 1): 3000}.items():
        content, (sound, drawn) = asked(SoundSwitch(folder), monkeypatch, indices=list(indices), beside=True)
        assert content == {"readout": [["pitch", f"{expected} Hz"]]}
        assert frequency_of(sound) == pytest.approx(expected, abs=5) and Image.open(io.BytesIO(drawn)).size == SIZE


def test_a_spectrogram_shows_the_pitch_on_one_scale_for_all_sounds() -> None:
    mels = librosa.mel_frequencies(SIZE[1] + 2, fmin=LOWEST, fmax=RATE / 2)[1:-1][::-1]
    for frequency, near in ((200, 0.15), (4200, 0.05)):
        assert mels[rows_of(picture(tone(frequency), RATE)).argmax()] == pytest.approx(frequency, rel=near)
    loud, soft = (rows_of(picture(tone(1000, level), RATE)).max() for level in (0.3, 0.003))
    assert loud > 1.5 * soft > 0


def test_curves_follow_the_axis_that_they_are_drawn_for(folder: Path) -> None:
    curves = {"label": "progress", "by": "clip", "sets": {"high": {"pitch": [0, 1]}, "low": {"pitch": [0, 0.5]}}}
    write_switch(folder, "Pitch", {"clip": ["low", "high"], "alpha": [0, 1]}, render, curves=curves)
    shown = SoundSwitch(folder).description["curves"]
    assert shown == {"label": "progress", "by": 0, "sets": [[["pitch", [0, 0.5]]], [["pitch", [0, 1]]]]}


def test_an_error_is_sent_to_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Live):
        _esm = "export default {};"

        def answer(self, message: Mapping[str, Any]) -> Answer:
            raise RuntimeError(f"no clip {message['clip']}")

    assert asked(Broken("Broken"), monkeypatch, clip="a") == ({"error": "RuntimeError: no clip a"}, [])


def test_a_module_is_sent_with_all_that_it_imports(tmp_path: Path) -> None:
    for name, text in {
        "a": 'import { b } from "./b.mjs";\nb();',
        "b": 'import { c } from "./c.mjs";\nexport const b = c;',
        "c": "export const c = 1;",
    }.items():
        (tmp_path / f"{name}.mjs").write_text(text)
    address = re.compile(r'from "data:text/javascript;base64,([^"]+)"')
    first = inlined(tmp_path / "a.mjs")
    second = base64.b64decode(address.search(first)[1]).decode()
    assert base64.b64decode(address.search(second)[1]).decode() == "export const c = 1;" and first.endswith("\nb();")


# --- a folder of files --------------------------------------------------------------------------------------------------


def test_files_of_an_earlier_version_go_and_two_runs_are_equal(folder: Path) -> None:
    write_switch(folder, "Pitch", AXES, render)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (folder / "9-9.mp3").write_bytes(b"old")
    write_switch(folder, "Pitch", AXES, render)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize(
    ("below", "alphas", "level", "beside", "error"),
    [
        ("_static/x", [], 0.3, "", "different labels"),
        ("_static/x", [1, 1.0], 0.3, "", "different labels"),
        ("_static/x", [0, 1], 0.99, "", "dBFS"),
        ("_static/x", [0], 0.3, "the original", "beside it, the original"),
        ("sounds", [0, 1], 0.3, "", "_static"),
    ],
)
def test_a_switch_that_cannot_be_written_leaves_nothing(
    tmp_path: Path, below: str, alphas: list, level: float, beside: str, error: str
) -> None:
    with pytest.raises((ParameterError, AudioError), match=error):
        write_switch(tmp_path / below, "Bad", {"alpha": alphas}, lambda alpha: Sound(tone(300, level), RATE), beside=beside)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("widget", [SoundSwitch, SoundTable, FeatureBrowser])
def test_a_folder_without_an_index_names_what_to_run(widget: type, folder: Path) -> None:
    with pytest.raises(ParameterError, match="index.json is missing: run"):
        widget(folder)


# --- features -----------------------------------------------------------------------------------------------------------


def test_features_are_asked_for_by_kind_and_clips_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    live, clips = tmp_path / "_static/live/encodec", tmp_path / "_static/sounds/clips"
    columns = {kind: {"names": ["a"], "fires": [share]} for kind, share in (("paper", 0.5), ("k_sparse", 0.1))}
    for folder, index in ((live, {"title": "EnCodec"}), (clips, {"a": {"text": "tuba", "seconds": 0.5, "peaks": [100]}})):
        folder.mkdir(parents=True)
        (folder / "index.json").write_text(json.dumps(index))
    for kind, of in columns.items():
        (live / kind).mkdir()
        (live / kind / "features.json").write_text(json.dumps(of))
    (clips / "a.mp3").write_bytes(b"sound")
    shown = FeatureBrowser(live)
    data, _ = shown._repr_mimebundle_()
    assert 'data-audiosae-features="static:live/encodec/index.json"' in data["text/html"] and VIEW in data
    assert shown.index["title"] == "EnCodec" and shown.index["described"]["a"]["text"] == "tuba"
    assert asked(shown, monkeypatch, kind="k_sparse") == (columns["k_sparse"], []) and features(live, "paper") == columns["paper"]
    assert asked(shown, monkeypatch, clip="a") == ({}, [b"sound"])


# --- a table ------------------------------------------------------------------------------------------------------------


def test_a_table_has_a_player_for_each_sound_and_escapes_its_labels(folder: Path) -> None:
    rows = {
        "cello <1>": {"original": Sound(tone(220), RATE), "decoded": Sound(tone(230), RATE, {"SI-SDR": "9 dB"})},
        "flute": {"decoded": Sound(tone(440), RATE)},
    }
    write_table(folder, rows, "Compare.")
    data = SoundTable(folder)._repr_mimebundle_()
    html = data["text/html"]
    sources = re.findall(r'src="static:sounds/encodec/pitch/([^"]+)"', html)
    assert [round(frequency_of((folder / name).read_bytes()), -1) for name in sources] == [220, 230, 440]
    assert "cello &lt;1&gt;" in html and "<1>" not in html
    assert html.count('preload="none"') == 3 and "autoplay" not in html
    assert "SI-SDR" in html and "<caption>Compare.</caption>" in html
    # In JupyterLab, which knows no `static:`, the sounds sit in the page itself.
    assert VIEW in data and SoundTable(folder).html("").count('src="data:audio/mpeg;base64,') == 3
    with pytest.raises(ParameterError, match="at least one row"):
        write_table(folder, {"a": {}})


# --- assets ---------------------------------------------------------------------------------------------------------------


def test_assets_come_from_nowhere_else() -> None:
    for path in filter(Path.is_file, ASSETS.rglob("*")):
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")  # the name of a language, which nobody fetches
        assert not re.search(r"https?://", text), path.name
