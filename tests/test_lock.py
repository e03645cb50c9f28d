"""dvc.lock tells the truth about this repository, and the remote inside it holds what dvc.lock records."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from dvc.repo import Repo

from audiosae.pipeline import frozen, lock

ROOT = Path(__file__).resolve().parents[1]


def broken(root: Path) -> list[str]:
    """Say which stages were recorded with an input in another state than the stage left it in that makes it. Needs no data."""
    recorded = frozen.stages(root, "dvc.lock")
    fixed = frozen.names(root, recorded)
    made = {out["path"]: (name, out) for name, stage in recorded.items() for out in stage["outs"]}
    found = []
    for name, stage in recorded.items():
        for dependency in stage.get("deps", []) if name not in fixed else ():
            path = dependency["path"]
            inside = [out for where, (_, out) in made.items() if where.startswith(f"{path}/")]
            if path in made and made[path][1]["md5"] != dependency["md5"]:
                found.append(f"{name}: {path} was recorded in another state than {made[path][0]} made.")
            elif inside and not path.startswith("results"):  # a folder of parts, one a codec; others than stages write results too
                total = sum(out["size"] for out in inside), sum(out.get("nfiles", 1) for out in inside)
                if total != (dependency["size"], dependency["nfiles"]):
                    found.append(f"{name}: {path} was recorded in another state than the stages left it in that write there.")
    return found


def free(root: Path) -> set[str]:
    """Names of the stages that are not frozen."""
    recorded = frozen.stages(root, "dvc.lock")
    return recorded.keys() - frozen.names(root, recorded)


# --- this repository ---------------------------------------------------------------------------------------------------


def test_dvc_lock_matches_the_repository() -> None:
    found = lock.discrepancies(ROOT, free(ROOT)) + broken(ROOT)
    assert not (found := [line for line in found if "make weights" not in line]), "run `dvc repro` and commit dvc.lock:\n" + "\n".join(
        found
    )


def test_the_remote_in_the_repository_holds_the_shipped_files_no_more_and_is_small() -> None:
    held = {path.parent.name + path.name: path for path in (ROOT / ".dvc/embedded").glob("files/md5/??/*")}
    with Repo(str(ROOT)) as repo:
        shipped = {out.hash_info.value for stage in repo.index.stages for out in stage.outs if out.remote == "embedded"}
    for folder in [name for name in shipped if name.endswith(".dir")]:
        shipped |= {file["md5"] for file in json.loads(held[folder].read_text())}
    assert held.keys() == shipped, "run `dvc push --remote embedded`, and remove what belongs to no output"
    assert sum(path.stat().st_size for path in held.values()) <= 45e6


def test_a_codec_and_a_dependency_that_are_gone_from_the_pipeline_are_told(tmp_path: Path) -> None:
    """What else `verify` finds there: test_verify.py."""
    for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
        shutil.copy(ROOT / name, tmp_path)
    Repo.init(str(tmp_path), no_scm=True).close()
    shutil.move(tmp_path / ".dvc/config", tmp_path / ".dvc/config.local")  # that there is no git
    shutil.copy(ROOT / ".dvc/config", tmp_path / ".dvc/config")
    params = (tmp_path / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(re.sub(r"\n  wavtokenizer: \{weights.*", "", params, count=1))
    text = (tmp_path / "dvc.yaml").read_text()
    (tmp_path / "dvc.yaml").write_text(text.replace("        - results/pitch_trackers.json\n", "", 1))
    found = "\n".join(lock.discrepancies(tmp_path, free(ROOT)))
    assert "probing@wavtokenizer: dvc.lock keeps this stage, which dvc.yaml and params.yaml do not name." in found
    assert "extraction@encodec: recorded with a dependency on results/pitch_trackers.json, which dvc.yaml does not name." in found
