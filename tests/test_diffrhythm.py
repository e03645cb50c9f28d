"""DiffRhythm against numbers from the authors' own program, and what it says of files that do not fit.

The numbers were recorded by tests/recorded/record_diffrhythm.py, which also compares the two at the released width.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from recorded import formula

from audiosae import generation
from audiosae.errors import CheckpointError, ParameterError
from audiosae.generation import diffrhythm, flow
from audiosae.generation.transformer import Shape

RECORDED = json.loads((formula.RECORDS / "diffrhythm.json").read_text())
LENGTHS = (diffrhythm.SHORT, diffrhythm.LONG)
FRAMES, STATES = 30, 5
"""Of what was recorded."""


def state(longest: int) -> dict[str, torch.Tensor]:
    """Weights from the formula, by the names in the authors' checkpoint."""
    sizes = formula.DIFFRHYTHM
    shape = Shape(sizes["mel_dim"], sizes["dim"], sizes["depth"], diffrhythm.HEADS, sizes["dim"] * sizes["ff_mult"], 512)
    network = diffrhythm.Network(shape, longest, sizes["text_num_embeds"] + 1, sizes["text_dim"], sizes["conv_layers"])
    return formula.weights({f"transformer.{name}": shape for name, shape in formula.shapes(network).items()})


def styles(texts: Sequence[str]) -> torch.Tensor:
    return torch.stack([formula.style(text) for text in texts])


def write(folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """Both files, as the authors publish them."""
    np.save(folder / "vocal.npy", formula.style("vocal")[None].numpy())
    torch.save({"model_state_dict": tensors}, folder / "cfm_model.pt")
    return folder / "cfm_model.pt"


def load(folder: Path, longest: int) -> diffrhythm.Generator:
    return diffrhythm.load(write(folder, state(longest)), styles)


# --- the numbers of the original ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("longest", LENGTHS)
def test_the_transformer_gives_the_originals_velocities(tmp_path: Path, longest: int) -> None:
    """With lyrics, sound to go on from, a start, and in the longer model a length."""
    with torch.no_grad():
        found = load(tmp_path, longest).network.predict(**formula.told(FRAMES))
    expected = torch.tensor(RECORDED[str(longest)]["velocity"])
    torch.testing.assert_close(formula.some(found), expected, rtol=0, atol=1e-4)
    assert expected.abs().max() > 0.5


@pytest.mark.parametrize("longest", LENGTHS)
def test_the_sampler_goes_the_originals_way(tmp_path: Path, longest: int) -> None:
    """Every state of two prompts, each from its own seed, with guidance away from singing."""
    made = load(tmp_path, longest)
    found = flow.sample(made.velocity(formula.PROMPTS), made.noise(range(len(formula.PROMPTS)), FRAMES), STATES).noisy
    assert len(RECORDED[str(longest)]["states"]) == STATES - 1
    for number, expected in enumerate(RECORDED[str(longest)]["states"], start=1):
        torch.testing.assert_close(formula.some(found[number]), torch.tensor(expected), rtol=0, atol=2e-4)


def test_what_it_is_told_counts(tmp_path: Path) -> None:
    """Numbers that nothing hangs on would agree as well."""
    network, told = load(tmp_path, diffrhythm.LONG).network, formula.told(FRAMES)
    with torch.no_grad():
        plain = network.predict(**told)
        for name in ("time", "style", "tokens", "sound", "start", "duration"):
            other = told | {name: told[name] * 0}
            assert (network.predict(**other) - plain).abs().max() > 1e-3, name


def test_half_the_longest_song_is_said_to_be_half(tmp_path: Path) -> None:
    made = load(tmp_path, diffrhythm.LONG)
    x = made.noise([3], 12)
    told = dict(style=styles(["calm piano"]), tokens=torch.zeros(1, 12, dtype=torch.long), sound=torch.zeros_like(x), start=torch.zeros(1))
    expected = made.network.predict(x=x, time=torch.tensor([0.25]), duration=torch.tensor([12 / diffrhythm.LONG]), **told)
    torch.testing.assert_close(made.velocity(["calm piano"])(x, 0.25)[0], expected, rtol=1e-4, atol=1e-5)


# --- files that do not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.pop("transformer.proj_out.weight"), "no checkpoint of DiffRhythm: it lacks 'proj_out.weight'"),
        (lambda tensors: tensors.pop("transformer.norm_out.linear.bias"), "Missing .*norm_out.linear.bias"),
        (lambda tensors: tensors.update({"transformer.more": torch.zeros(2)}), "Unexpected .*more"),
        (lambda tensors: tensors.update({"transformer.norm_out.linear.bias": torch.zeros(2)}), "size mismatch for norm_out.linear.bias"),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path: Path, change, told: str) -> None:
    tensors = state(diffrhythm.SHORT)
    change(tensors)
    with pytest.raises(CheckpointError, match=f"(?s){told}"):
        diffrhythm.load(write(tmp_path, tensors), styles)


def test_tables_of_positions_in_a_checkpoint_are_left_out(tmp_path: Path) -> None:
    tensors = state(diffrhythm.SHORT) | {"transformer.rotary_emb.inv_freq": torch.zeros(1)}
    diffrhythm.load(write(tmp_path, tensors), styles)


def test_the_style_of_singing_has_to_lie_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path, state(diffrhythm.SHORT))
    np.save(tmp_path / "vocal.npy", np.zeros(7, dtype=np.float32))
    with pytest.raises(CheckpointError, match="vocal.npy is no style of 512 finite numbers"):
        diffrhythm.load(path, styles)
    (tmp_path / "vocal.npy").unlink()
    with pytest.raises(CheckpointError, match="infer/example/vocal.npy from github.com/ASLP-lab/DiffRhythm; put it beside"):
        diffrhythm.load(path, styles)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "sprung",))

    path = write(tmp_path, {})
    torch.save({"model_state_dict": {"x": Trap()}}, path)
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        diffrhythm.load(path, styles)
    assert not (tmp_path / "sprung").exists()


def test_without_muq_one_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "muq", None)
    with pytest.raises(ParameterError, match=r"muq cannot be used here .*--editable '\.\[diffrhythm\]'"):
        diffrhythm.muq_style()


def test_its_music_is_not_for_the_embedded_vae(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="would decode from them is noise"):
        generation.load(write(tmp_path, state(diffrhythm.SHORT)))


def test_a_file_of_another_kind_is_no_generator() -> None:
    with pytest.raises(CheckpointError, match="examples/mel_codec.py is no generator's checkpoint"):
        generation.load("examples/mel_codec.py")
