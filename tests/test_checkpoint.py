"""Checkpoints: equal contents are equal bytes, and a bad file is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from audiosae.codecs import embedded, encodec
from audiosae.errors import CheckpointError
from audiosae.files import checkpoint, whole

TENSORS = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor([1, 2])}
HEADER = {"kind": "toy", "size": 3, "provenance": {"corpus": "abc", "parent": None}}


def written(path: Path) -> Path:
    checkpoint.save(path, TENSORS, HEADER)
    return path


def test_tensors_and_header_come_back(tmp_path: Path) -> None:
    tensors, header = checkpoint.load(written(tmp_path / "new" / "a.safetensors"), "toy")
    assert header == HEADER and set(tensors) == set(TENSORS)
    assert all(torch.equal(tensors[name], TENSORS[name]) and tensors[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert os.listdir(tmp_path / "new") == ["a.safetensors"]


def test_equal_contents_are_equal_bytes_in_any_order(tmp_path: Path) -> None:
    first = written(tmp_path / "a.safetensors").read_bytes()
    checkpoint.save(tmp_path / "b", dict(reversed(TENSORS.items())), dict(reversed(HEADER.items())))
    checkpoint.save(tmp_path / "c", TENSORS, {**HEADER, "size": 4})
    assert (tmp_path / "b").read_bytes() == first != (tmp_path / "c").read_bytes()


def test_views_and_gradients_are_written_as_plain_numbers(tmp_path: Path) -> None:
    view = torch.arange(6.0).reshape(2, 3).requires_grad_().T
    checkpoint.save(tmp_path / "a", {"x": view}, HEADER)
    assert torch.equal(checkpoint.load(tmp_path / "a", "toy")[0]["x"], view.detach())


# --- bad files ----------------------------------------------------------------------------------------------------------


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="a.safetensors is missing; `make repro`"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_a_truncated_file_is_said(tmp_path: Path, keep: int) -> None:
    path = written(tmp_path / "a.safetensors")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CheckpointError, match="a.safetensors is damaged"):
        checkpoint.load(path, "toy")


def test_a_damaged_header_is_said(tmp_path: Path) -> None:
    path = written(tmp_path / "a.safetensors")
    data = bytearray(path.read_bytes())
    data[8:40] = b"x" * 32
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="a.safetensors is damaged"):
        checkpoint.load(path, "toy")


def test_a_file_of_another_kind_names_both_kinds(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="checkpoint of 'toy', but 'sae' is needed"):
        checkpoint.load(written(tmp_path / "a.safetensors"), "sae")


def test_a_file_of_another_project_is_said(tmp_path: Path) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors")
    with pytest.raises(CheckpointError, match="not written by this project"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


def test_a_failed_write_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path / "a.safetensors")
    before = path.read_bytes()

    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    for target in ((whole.os, "replace"), (checkpoint, "save_file")):
        with monkeypatch.context() as patch:
            patch.setattr(*target, full)
            with pytest.raises(OSError, match="No space left"):
                checkpoint.save(path, {"a": torch.zeros(1)}, HEADER)
        assert path.read_bytes() == before


# --- into a module ------------------------------------------------------------------------------------------------------


def state(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    return {**nn.Linear(2, 3).state_dict(), **changes}


def test_half_precision_becomes_single(tmp_path: Path) -> None:
    module, half = nn.Linear(2, 3), {name: tensor.half() for name, tensor in state().items()}
    checkpoint.restore(module, half, "a")
    assert module.weight.dtype == torch.float32 and torch.equal(module.weight, half["weight"].float())


@pytest.mark.parametrize("changes", [{"weight": torch.zeros(3, 3)}, {"extra": torch.zeros(1)}], ids=["another shape", "a tensor too many"])
def test_what_does_not_fit_is_refused(changes: dict[str, torch.Tensor]) -> None:
    with pytest.raises(CheckpointError, match="file.x does not fit Linear"):
        checkpoint.restore(nn.Linear(2, 3), state(**changes), "file.x")


def test_a_tensor_too_few_is_refused() -> None:
    with pytest.raises(CheckpointError, match="(?s)file.x does not fit Linear.*bias"):
        checkpoint.restore(nn.Linear(2, 3), {"weight": torch.zeros(3, 2)}, "file.x")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused_and_named(bad: float) -> None:
    module = nn.Linear(2, 3)
    before = module.weight.clone()
    with pytest.raises(CheckpointError, match="file.x: tensor bias holds NaN or infinite"):
        checkpoint.restore(module, state(bias=torch.full((3,), bad)), "file.x")
    assert torch.equal(module.weight, before)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("no json", "damaged header"),
        ('[["kind", "toy"]]', "damaged header .a list, not an object"),
        ('"toy"', "damaged header .a str"),
        ("null", "damaged header .a NoneType"),
        ("NaN", "damaged header .a float"),
        ("{}", "checkpoint of None, but 'toy'"),
        ('{"kind": ["toy"]}', "checkpoint of .'toy'., but 'toy'"),
        ("[" * 100_000, "damaged header"),
        ('{"kind": "toy"', "damaged header"),
    ],
    ids=["no json", "pairs", "a word", "null", "NaN", "no kind", "a list of kinds", "nested", "cut off"],
)
def test_a_header_of_another_kind_of_json_is_said(tmp_path: Path, header: str, told: str) -> None:
    save_file(TENSORS, tmp_path / "a.safetensors", metadata={"audiosae": header})
    with pytest.raises(CheckpointError, match=f"(?s)a.safetensors .*{told}"):
        checkpoint.load(tmp_path / "a.safetensors", "toy")


@pytest.mark.parametrize(
    "bad",
    [
        torch.zeros(3, 2, dtype=torch.int64),
        torch.zeros(3, 2, dtype=torch.complex64),
        torch.zeros(3, 2, dtype=torch.bool),
        torch.zeros(3, 2).to(torch.float8_e4m3fn),
    ],
    ids=["integers", "complex", "booleans", "8 bits"],
)
def test_another_kind_of_number_is_refused(bad: torch.Tensor) -> None:
    with pytest.raises(CheckpointError, match="file.x does not fit Linear: weight is .*, not float32"):
        checkpoint.restore(nn.Linear(2, 3), state(weight=bad), "file.x")


# --- a module from the sizes in a header --------------------------------------------------------------------------------


def rebuilt(sizes: object, tensors: dict[str, torch.Tensor] | None = None) -> nn.Module:
    return checkpoint.rebuild(lambda given: nn.Linear(**given), sizes, state() if tensors is None else tensors, "file.x")


def test_a_module_is_rebuilt_and_draws_no_more_random_numbers_than_its_own() -> None:
    held = state()
    torch.manual_seed(0)
    nn.Linear(2, 3)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    made = rebuilt({"in_features": 2, "out_features": 3}, held)
    assert all(torch.equal(tensor, held[name]) for name, tensor in made.state_dict().items())
    assert made.weight.device.type == "cpu" and torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize(
    "sizes",
    [
        None,
        [],
        "2",
        7,
        {},
        {"in_features": 2},
        {"in_features": 2, "out_features": 3, "more": 1},
        *({"in_features": 2, "out_features": bad} for bad in (True, -3, 0, 3.0, float("nan"), None, "3", 10**15, [3], {"a": 3}, [True])),
    ],
    ids=str,
)
def test_sizes_that_are_none_are_refused(sizes: object) -> None:
    with pytest.raises(CheckpointError, match="file.x does not say its shape .*; fetch or train it again"):
        rebuilt(sizes)


def test_sizes_are_compared_with_the_tensors_before_they_take_memory() -> None:
    """A side of a million is in the file, so a million is no absurd size; a million by a million is four terabytes."""
    large = 2**20
    tensors = state(large=torch.zeros(large, dtype=torch.int8))
    with pytest.raises(
        CheckpointError, match=r"does not fit Linear: .*size mismatch for weight: \[3, 2\] in the file, \[1048576, 1048576\] in the model"
    ):
        rebuilt({"in_features": large, "out_features": large}, tensors)


@pytest.mark.parametrize(
    "changes",
    [
        {"filters": True},
        {"filters": -2},
        {"filters": 2.0},
        {"filters": 10**12},
        {"lstm": 10**9},
        {"codebooks": 10**9},
        {"norm": "none of them"},
        {"norm": None},
        {"surprise": 1},
        {"filters": 1000},
        {"codebooks": 1},
    ],
    ids=str,
)
def test_the_sizes_of_a_codec_are_looked_at_before_it_is_built(changes: dict[str, object], tmp_path: Path) -> None:
    shape = encodec.Shape(filters=2, lstm=1, norm="none", codebooks=2)
    embedded.save("encodec", encodec.Network(shape), shape, tmp_path / "a.safetensors", {})
    tensors, header = checkpoint.load(tmp_path / "a.safetensors", "codec/encodec")
    checkpoint.save(tmp_path / "a.safetensors", tensors, {**header, "shape": header["shape"] | changes})
    with pytest.raises(CheckpointError, match="a.safetensors does not (say its shape|fit Network)"):
        encodec.load(tmp_path / "a.safetensors")
