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


# --- the numbers of the original ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("longest", LENGTHS)
def test_the_transformer_gives_the_originals_velocities(tmp_path: Path, longest: int) -> None:
    """With lyrics, sound to go on from, a start, and in the longer model a length; tables of positions in the file are left out."""
    path = write(tmp_path, state(longest) | {"transformer.rotary_emb.inv_freq": torch.zeros(1)})
    with torch.no_grad():
        found = diffrhythm.load(path, styles).network.predict(**formula.told(FRAMES))
    torch.testing.assert_close(formula.some(found), torch.tensor(RECORDED[str(longest)]["velocity"]), rtol=0, atol=1e-4)


@pytest.mark.parametrize("longest", LENGTHS)
def test_the_sampler_goes_the_originals_way(tmp_path: Path, longest: int) -> None:
    """Every state of two prompts, each from its own seed, with guidance away from singing."""
    made = diffrhythm.load(write(tmp_path, state(longest)), styles)
    found = flow.sample(made.velocity(formula.PROMPTS), made.noise(range(len(formula.PROMPTS)), FRAMES), STATES).noisy
    assert len(RECORDED[str(longest)]["states"]) == STATES - 1
    for number, expected in enumerate(RECORDED[str(longest)]["states"], start=1):
        torch.testing.assert_close(formula.some(found[number]), torch.tensor(expected), rtol=0, atol=2e-4)


def test_half_precision_differs_by_its_rounding_and_hands_on_float32(tmp_path: Path) -> None:
    """The authors', for which 1.2e-3 was measured at full size."""
    path = write(tmp_path, state(diffrhythm.SHORT))
    full, half = (diffrhythm.load(path, styles, precision=precision) for precision in ("float32", "float16"))
    noise = half.noise([0], FRAMES)
    assert torch.equal(noise, full.noise([0], FRAMES))
    for found, expected in zip(half.velocity(["piano"])(noise, 0.5), full.velocity(["piano"])(noise, 0.5), strict=True):
        assert found.dtype == torch.float32
        assert 1e-5 < float((found - expected).norm() / expected.norm()) < 1e-2


def test_half_precision_of_the_small_generator_is_refused() -> None:
    with pytest.raises(ParameterError, match="precision is float16, which is for DiffRhythm's own checkpoint; write float32 for embedded"):
        generation.load("embedded", precision="float16")


# --- files that do not fit ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda tensors: tensors.pop("transformer.proj_out.weight"), "no checkpoint of DiffRhythm: it lacks 'proj_out.weight'"),
        (lambda tensors: tensors.update({"transformer.proj_out.weight": torch.zeros(2)}), "its matrices have another number of axes"),
        (lambda tensors: tensors["transformer.norm_out.linear.bias"].fill_(torch.nan), "norm_out.linear.bias holds NaN"),
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


def test_a_moving_average_alone_is_read(tmp_path: Path) -> None:
    tensors = state(diffrhythm.SHORT)
    path = write(tmp_path, tensors)
    plain = diffrhythm.load(path, styles).network.state_dict()
    average = {f"ema_model.{name}": tensor for name, tensor in tensors.items()} | {"initted": torch.tensor(True), "step": torch.tensor(5)}
    torch.save({"ema_model_state_dict": average}, path)
    found = diffrhythm.load(path, styles).network.state_dict()
    assert found.keys() == plain.keys() and all(torch.equal(found[name], plain[name]) for name in plain)


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

    torch.save({"model_state_dict": {"x": Trap()}}, tmp_path / "cfm_model.pt")
    with pytest.raises(CheckpointError, match="nothing in it was run"):
        diffrhythm.load(tmp_path / "cfm_model.pt", styles)
    assert not (tmp_path / "sprung").exists()


def test_without_muq_one_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "muq", None)
    with pytest.raises(ParameterError, match=r"muq cannot be used here .*--editable '\.\[diffrhythm\]'"):
        diffrhythm.muq_style()


@pytest.mark.parametrize(
    ("file", "told"), [("cfm_model.pt", "decode from them is noise"), ("mel_codec.py", "mel_codec.py is no generator's checkpoint")]
)
def test_files_that_are_not_for_the_embedded_vae_are_refused(file: str, told: str) -> None:
    with pytest.raises(CheckpointError, match=told):
        generation.load(file)
