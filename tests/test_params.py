"""The codecs and generators that params.yaml names."""

from __future__ import annotations

from pathlib import Path

import pytest

from audiosae.errors import ParameterError
from audiosae.files.params import codecs, generators

ROOT = Path(__file__).resolve().parents[1]


def test_three_codecs_run_by_default() -> None:
    named = codecs(ROOT / "params.yaml")
    assert list(named) == ["encodec", "wavtokenizer", "diffrhythm-vae"]
    assert all(line == {"weights": "embedded", "file": f"checkpoints/{name}.safetensors"} for name, line in named.items())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "params.yaml cannot be read"),
        ("codecs: {a: ", "params.yaml cannot be read"),
        ("", "codecs is missing"),
        ("codecs: {}\n", "codecs is {}; .*at least 1 item"),
        ("codecs:\nseed: 0\n", "codecs is None"),
        ("codecs: [encodec]\n", r"codecs is \['encodec'\]"),
        ("codecs:\n  mel: examples/mel_codec.py\n", "codecs.mel is 'examples/mel_codec.py'; it must have a line for each name"),
        ("codecs:\n  mel: {weights: embedded}\n", "codecs.mel.file is missing"),
        ("codecs:\n  mel: {weights: a, file: b, more: c}\n", "codecs.mel.more is unknown"),
    ],
)
def test_a_section_that_is_not_one_is_said(tmp_path: Path, text: str | None, told: str) -> None:
    if text is not None:
        (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(ParameterError, match=told):
        codecs(tmp_path / "params.yaml")


def test_one_generator_runs_by_default_and_none_is_no_error(tmp_path: Path) -> None:
    assert generators(ROOT / "params.yaml") == {"small-diffrhythm": {"weights": "embedded", "file": "checkpoints/generator.safetensors"}}
    (tmp_path / "params.yaml").write_text("codecs:\n  a: {weights: b, file: c}\n")
    assert generators(tmp_path / "params.yaml") == {}
    (tmp_path / "params.yaml").write_text("codecs:\n  a: {weights: b, file: c}\ngenerators: {a: {weights: b}}\n")
    with pytest.raises(ParameterError, match="generators.a.file is missing"):
        generators(tmp_path / "params.yaml")
