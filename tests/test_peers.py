"""What needs other libraries: their own tests, in the environment that `make peers` makes, and the pipeline on what they made."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
import torch
from conftest import ROOT, Clone
from safetensors.torch import load_file, save_file

from audiosae import frames
from audiosae.interchange import importing
from audiosae.sae import reference

PEERS = ROOT / ".venv/peers/bin/python"


def peers(*words: object, **options: object) -> str:
    """Run Python in the environment of the peers, and return what it printed."""
    assert PEERS.is_file(), "SAELens and transformers are not installed; run `make peers`."
    done = subprocess.run([PEERS, *map(str, words)], cwd=ROOT, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", [path.stem for path in sorted((ROOT / "tests/peers").glob("test_*.py"))])
def test_in_the_environment_of_the_peers(name: str, request: pytest.FixtureRequest) -> None:
    ran = {"AUDIOSAE_RAN": str(request.getfixturevalue("clone").root)} if name == "test_hub" else {}
    print(peers("-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/peers/{name}.py", env={**os.environ, **ran}))


def test_an_autoencoder_of_saelens_goes_through_sections_3_and_4_and_into_the_browser(clone: Clone, tmp_path: Path) -> None:
    other, theirs = clone.copy(tmp_path / "copy"), tmp_path / "theirs"
    script, project = ROOT / "examples/saelens_training.py", ("--project", other.root)
    train = [script, "--target", theirs, *"--architecture topk --k 5 --epochs 1 --factor 2 --batch 64".split(), *project]
    peers(*train, env=other.environment)
    importing.run("encodec", theirs, other.root)
    stages = [f"{stage}@encodec" for stage in ("page_sae_training", "page_probing", "page_steering", "live")]
    ran = other.repro(*stages)
    assert {"sae_training@encodec", "probing@encodec", "steering@encodec", *stages} <= set(ran)
    trained, was = (json.loads((root / "results/sae_training/encodec.json").read_text()) for root in (other.root, clone.root))
    table = frames.load(other.root / "data/frames/encodec")
    x, sae = table.latents[:200], reference.load(reference.in_use("encodec", "sae", project=other.root))
    assert trained["imported"] and trained["chosen"]["l0"] <= 5 and trained["chosen"]["hidden"] == 2 * x.shape[1] == sae.hidden
    assert trained["seeds"]["fvu"] == [trained["chosen"]["fvu"]] and trained["k_sparse"] == was["k_sparse"] and not was["imported"]
    save_file({"x": x}, theirs / "x")
    peers(
        "-c",
        "import sys; from sae_lens import SAE; from safetensors.torch import load_file, save_file\n"
        "f = SAE.load_from_disk(sys.argv[1]).encode(load_file(sys.argv[1] + '/x')['x']); save_file({'f': f.detach()}, sys.argv[1] + '/f')",
        theirs,
    )
    torch.testing.assert_close(sae.encode(x), load_file(theirs / "f")["f"], rtol=1e-3, atol=1e-3)
    browser = json.loads((other.root / "book/_static/live/encodec/paper/features.json").read_text())
    assert len(browser["fires"]) == sae.hidden
    (other.root / "checkpoints/imported/encodec.safetensors").unlink()
    other.repro("steering@encodec")
    for name in ("sae_training", "probing", "steering"):
        assert (other.root / f"results/{name}/encodec.json").read_bytes() == (clone.root / f"results/{name}/encodec.json").read_bytes()


def test_hidden_states_go_through_sections_1_to_3_and_section_4_says_what_they_lack(clone: Clone, tmp_path: Path) -> None:
    other = clone.copy(tmp_path / "copy")
    (other.root / ".venv").unlink()
    (other.root / ".venv").symlink_to(PEERS.parents[1])
    (other.root / "models").mkdir()
    script = "import sys; from pathlib import Path; from test_hidden_states import made; made(Path(sys.argv[1]), 'wavlm-base')"
    peers("-c", script, other.root / "models/small", env=other.environment | {"PYTHONPATH": f"{other.root}:{ROOT / 'tests/peers'}"})
    source = (
        (other.root / "examples/hidden_states.py")
        .read_text()
        .replace("models/hubert-base-ls960", "models/small")
        .replace("LAYER = 6", "LAYER = 2")
    )
    (other.root / "examples/own.py").write_text(source)
    other.add_codec("  hubert: {weights: examples/own.py, file: examples/own.py}\n")
    ran = other.repro()
    assert {f"{stage}@hubert" for stage in ("extraction", "sae_training", "probing", "steering", "live", "page_steering")} <= set(ran)
    # Pages of section 4 read for which codecs there is evidence, and there is one codec more.
    assert {stage for stage in ran if stage.endswith("@encodec")} <= {"page_steering@encodec"}
    found = {
        stage: json.loads((other.root / f"results/{stage}/hubert.json").read_text()) for stage in ("extraction", "probing", "steering")
    }
    assert found["extraction"]["codec"] == {"sample_rate": 16000, "channels": 1, "frame_rate": 50.0, "dim": 24}
    assert found["extraction"]["reconstruction"] is None and found["steering"]["properties"] == dict.fromkeys(
        ("pitch", "amplitude", "timbre")
    )
    timbre = found["probing"]["properties"]["timbre"]
    assert timbre["accuracy"] > timbre["majority"]
    pages = {page: (other.html / f"sections/{page}.html").read_text() for page in ("01_extraction", "03_probing", "04_steering")}
    assert "these latents have no decoder" in pages["01_extraction"] and "These latents have no decoder" in pages["04_steering"]
    assert "hubert" in pages["03_probing"]
    browser = json.loads((other.root / "book/_static/live/hubert/index.json").read_text())
    assert "no decoder" in browser["why"] and browser["hidden"]["paper"] == 96
