"""Which autoencoder and probes the later sections use, and how alike those of several seeds are."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from audiosae.errors import CheckpointError
from audiosae.probes import Probe
from audiosae.probes.seeds import Member
from audiosae.sae import SparseAutoencoder, reference
from audiosae.sae.training import Settings
from audiosae.sections.probing import agreement

CODEC = "encodec"
SETTINGS = Settings(4, 0.1, 2, 8, 0.001, 0)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A corpus of one file, a codec's weights, and an autoencoder that ships for them."""
    (tmp_path / "data/corpus").mkdir(parents=True)
    (tmp_path / "data/corpus/manifest.csv").write_text("clip")
    (tmp_path / "codec.py").write_text("pass")
    of = reference.made_of(CODEC, str(tmp_path / "codec.py"), SETTINGS, None, tmp_path)
    sae(1).save(reference.shipped(CODEC, "sae", "paper", tmp_path), {"of": of}, half=True)
    return tmp_path


def sae(seed: int) -> SparseAutoencoder:
    torch.manual_seed(seed)
    return SparseAutoencoder(2, 4)


def settled(project: Path, settings: Settings = SETTINGS, k: int | None = None) -> tuple[bool, bytes | None]:
    """Whether what ships is put into use, and what is."""
    of = reference.made_of(CODEC, str(project / "codec.py"), settings, k, project)
    in_use = reference.in_use(CODEC, "sae", project=project)
    return reference.settle(CODEC, "sae", "paper", of, project), in_use.read_bytes() if in_use.is_file() else None


def test_what_ships_is_used_for_what_it_was_made_of(project: Path) -> None:
    assert settled(project) == (True, reference.shipped(CODEC, "sae", "paper", project).read_bytes())


@pytest.mark.parametrize("other", ["corpus", "codec", "settings", "k", "nothing ships"])
def test_otherwise_nothing_is_put_into_use(other: str, project: Path) -> None:
    settings, k = SETTINGS, None
    match other:
        case "corpus":
            (project / "data/corpus/manifest.csv").write_text("other")
        case "codec":
            (project / "codec.py").write_text("other = 1")
        case "settings":
            settings = Settings(4, 0.2, 2, 8, 0.001, 0)
        case "k":
            k = 2
        case _:
            reference.shipped(CODEC, "sae", "paper", project).unlink()
    assert settled(project, settings, k) == (False, None)


def test_a_damaged_one_is_no_reason_to_train_in_silence(project: Path) -> None:
    reference.shipped(CODEC, "sae", "paper", project).write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match="damaged"):
        settled(project)


def member(directions: list[list[float]]) -> Member:
    """Probes whose rows, decoded, are these directions."""
    one = sae(0)
    with torch.no_grad():
        one.decoder.weight.copy_(torch.cat([torch.eye(2), torch.zeros(2, 2)], dim=1))
    rows = torch.cat([torch.tensor(directions), torch.randn(len(directions), 2)], dim=1)  # features that the decoder does not read
    return Member(one, {"pitch": Probe(rows, torch.zeros(len(rows)), 0.0)})


def test_directions_are_compared_where_they_are_decoded() -> None:
    members = [member([[1, 0], [0, 2], [1, 1]]), member([[3, 0], [1, 1], [-1, -1]])]
    found = agreement(members, {"pitch": torch.tensor([True, True, True])})["pitch"]
    assert found["cosine"] == pytest.approx(0.5**0.5) and found["seeds"] == [found["cosine"]]
    assert agreement(members, {"pitch": torch.tensor([False, False, True])})["pitch"]["cosine"] == pytest.approx(-1)
    assert agreement(members[:1], {"pitch": torch.ones(3, dtype=torch.bool)}) == {}
