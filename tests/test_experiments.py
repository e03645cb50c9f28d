"""DVC's experiments on this pipeline: a parameter on the command line, what it changed, and a queue."""

from __future__ import annotations

import json
import re
import subprocess
import time

import pytest
import yaml
from conftest import Clone

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def committed(small: Clone, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A copy of the small clone with all that git keeps committed, and with plots again."""
    made = small.copy(tmp_path_factory.mktemp("experiments") / "project")
    pipeline = yaml.safe_load((made.root / "dvc.yaml").read_text())
    curves = {"x": "epoch", "y": {"data/sae_training/encodec/curves.csv": ["reconstruction", "penalty"]}}
    pipeline["plots"] = [{"loss of the autoencoders in training": curves}]
    (made.root / "dvc.yaml").write_text(yaml.safe_dump(pipeline, sort_keys=False))
    for words in (["add", "-A"], ["-c", "user.name=me", "-c", "user.email=me@example.org", "commit", "-qm", "as it was"]):
        subprocess.run(["git", *words], cwd=made.root, check=True)
    return made


def accuracy(said: str) -> dict[str, float]:
    """What `dvc metrics diff` says of one figure."""
    return json.loads(said)["results/summary.json"]["codecs.encodec.probing.amplitude.accuracy"]


def test_a_parameter_on_the_command_line_and_what_it_changed(committed: Clone) -> None:
    before = json.loads((committed.root / "results/probing/encodec.json").read_text())["properties"]["amplitude"]["accuracy"]
    said = committed.dvc("exp", "run", "-S", "probing.iterations=1", "--name", "short", "summary")
    assert "Running stage 'probing@encodec'" in said and "Running stage 'sae_training@encodec'" not in said
    after = json.loads((committed.root / "results/probing/encodec.json").read_text())["properties"]["amplitude"]["accuracy"]
    found = accuracy(committed.dvc("metrics", "diff", "--json"))
    assert (found["old"], found["new"]) == (before, after) and found["diff"] == pytest.approx(after - before) and before != after
    assert yaml.safe_load((committed.root / "params.yaml").read_text())["probing"]["iterations"] == 1
    assert accuracy(committed.dvc("metrics", "diff", "--json", "HEAD", "short")) == found
    (drawn,) = json.loads(committed.dvc("plots", "diff", "--json", "HEAD"))["data"]["loss of the autoencoders in training"]
    assert {point["rev"] for point in drawn["content"]["data"]["values"]} == {"workspace", "HEAD"}
    subprocess.run(["git", "checkout", "-q", "--", "."], cwd=committed.root, check=True)
    committed.dvc("checkout")


def test_a_queue_runs_beside_the_project_which_stays_as_it_was(committed: Clone) -> None:
    was = (committed.root / "results/summary.json").read_bytes()
    for name, iterations in (("two", 2), ("three", 3)):
        committed.dvc("exp", "run", "--queue", "-S", f"probing.iterations={iterations}", "--name", name, "summary")
    committed.dvc("queue", "start")
    end = time.monotonic() + 1800
    while re.search("Queued|Running", said := committed.dvc("queue", "status")):
        assert time.monotonic() < end, said
        time.sleep(2)
    committed.dvc("queue", "stop")
    assert (committed.root / "results/summary.json").read_bytes() == was
    two, three = (accuracy(committed.dvc("metrics", "diff", "--json", "HEAD", name)) for name in ("two", "three"))
    assert two["old"] == three["old"] and len({two["old"], two["new"], three["new"]}) > 1
    shown = committed.dvc("exp", "show", "--csv")
    assert "two" in shown and "three" in shown
