"""Compute the published results once more, in a copy of the working tree as it is, and compare them number by number.

    python -m audiosae.pipeline.verify [--only STAGE ...] [--keep FOLDER]

First dvc.lock and frozen.sha256 are held against the tree: parameters, code, weights, published files. Then every stage that writes
results, and is not frozen, runs in a temporary copy, and its results are compared with results/: on a processor of equal arithmetic
they must have equal bytes, on another they must keep the tolerances of `tolerances`. Nothing in the working tree is changed. The exit
status is 1 if anything differs.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from audiosae.errors import AudiosaeError, ParameterError
from audiosae.files import results
from audiosae.files.whole import file_hash
from audiosae.pipeline import check, frozen
from audiosae.pipeline.platform_fingerprint import fingerprint
from audiosae.pipeline.verify import ledger, regeneration
from audiosae.pipeline.verify.comparison import Comparison, compare
from audiosae.pipeline.verify.regeneration import Outcome, Plan, results_of
from audiosae.pipeline.verify.tolerances import EQUAL

SHOWN = 20
"""Differences that are told of one file."""


class VerifyError(AudiosaeError):
    """The pipeline cannot be read, so that nothing can be verified."""


def verify(project: Path, only: Sequence[str] = (), keep: Path | None = None) -> int:
    """Verify a working tree, and print the report.

    Parameters
    ----------
    project
        Its folder.
    only
        Stages to regenerate, with what they need; empty for all.
    keep
        Folder for the copy, which then stays; else it is temporary.

    Returns
    -------
    The number of differences: lines of the ledger, figures, and stages that failed.

    Raises
    ------
    ParameterError
        If a stage is unknown, or `keep` is not empty.
    VerifyError, LedgerError
        If dvc.yaml, params.yaml or dvc.lock cannot be read.
    """
    if keep is not None and keep.exists() and any(keep.iterdir()):
        raise ParameterError(f"--keep {keep}: is not empty; name a new folder.")
    try:
        repo = Repo(str(project))
        stages = [stage for stage in repo.index.stages if isinstance(stage, PipelineStage)]
        whole, chosen = regeneration.plan(repo, stages), regeneration.plan(repo, stages, only)
    except DvcException as error:
        raise VerifyError(f"the pipeline cannot be read: {error}; see dvc.yaml, params.yaml and dvc.lock.") from error
    with repo:
        root = Path(repo.root_dir)
        booked = ledger.discrepancies(root, {stage.name for stage in whole.stages})
        # dvc.lock may have been brought in line with a forged file, by DVC itself.
        forged = frozen.altered(root) + check.altered(root)
        booked += [line for line in forged if not any(line.split(" is not ")[0] in known for known in booked)]
        _tell("dvc.lock and the working tree differ:" if booked else "dvc.lock and the working tree agree", booked)
        print(flush=True)
        same = _published_fingerprint(root) == fingerprint()
        with nullcontext(keep) if keep else tempfile.TemporaryDirectory(prefix="audiosae-verify-") as folder:
            copy = Path(folder).resolve()
            regeneration.make_copy(root, copy, chosen)
            outcome = regeneration.run(chosen, copy)
            comparison = _compared(root, copy, stages, chosen, outcome, same)
        _report(comparison, same)
        _left(root, stages, chosen, outcome)
    differences = len(booked) + sum(map(len, comparison.differences.values())) + len(outcome.failed)
    print("\nverify: passed" if not differences else f"\nverify: FAILED, {differences} difference{'s' * (differences > 1)}")
    return differences


def _published_fingerprint(root: Path) -> str | None:
    """Of the processor that made the published results; None where they do not say."""
    try:
        return results.read(root / "results" / "summary.json").get("provenance", {}).get("arithmetic")
    except results.ResultsError:
        return None


def _compared(root: Path, copy: Path, stages: Sequence[PipelineStage], chosen: Plan, outcome: Outcome, same: bool) -> Comparison:
    """Compare the results of the stages that ran to their end."""
    paths = [Path(out.fs_path) for stage in stages if stage.frozen for out in stage.outs]
    fixed = {file_hash(path) for path in paths if path.is_file()}
    comparison = Comparison()
    for stage in chosen.stages:
        for file in results_of(stage) if stage.name in outcome.done else ():
            compare(root, copy, file, comparison, same_processor=same, gathered=stage in chosen.gathering, fixed=fixed)
    return comparison


def _report(comparison: Comparison, same: bool) -> None:
    """Tell what differs, and what was allowed to."""
    print(
        "\nthe processor: its arithmetic is the one that results/summary.json names, so bytes must be equal"
        if same
        else "\nthe processor: its arithmetic is not the one that results/summary.json names, so there are tolerances"
    )
    for file, found in comparison.differences.items():
        rest = [f"… and {len(found) - SHOWN} more in {file}"] if len(found) > SHOWN else []
        if found:
            _tell(f"{file} differs:", [*map(str, found[:SHOWN]), *rest])
    agreed = sum(not found for found in comparison.differences.values())
    print(
        f"\ncompared {comparison.files} files with {comparison.numbers} numbers: {comparison.equal} files have equal bytes, "
        f"{agreed} {'agree' if same else 'agree within the tolerances'}"
    )
    if same:
        return
    if comparison.hashes:
        print(f"{comparison.hashes} hashes of data and weights that are made anew were not compared: their bytes depend on the processor")
    needed = [
        f"{kind.what}: {kind}; {largest:.2g} of {count}; {kind.reason}"
        for kind, (largest, count) in comparison.largest.items()
        if kind is not EQUAL
    ]
    _tell(
        "tolerances that were needed (allowed; the largest difference, of how many figures; why):" if needed else "no tolerance was needed",
        needed,
    )


def _left(root: Path, stages: Sequence[PipelineStage], chosen: Plan, outcome: Outcome) -> None:
    """Tell which results were not regenerated, and why."""
    for name, printed in outcome.failed.items():
        _tell(f"{name} failed; the end of what it printed:", printed.splitlines())
    files = {stage.name: ", ".join(results_of(stage)) for stage in stages}
    by_reason: dict[str, list[str]] = {}
    for name, reason in {**chosen.left, **outcome.waiting, **dict.fromkeys(outcome.failed, "failed")}.items():
        by_reason.setdefault(reason, []).append(f"{name}: {files[name]}" if files[name] and reason == "frozen" else name)
    made = {path for stage in stages for path in results_of(stage)}
    others = sorted(path.relative_to(root).as_posix() for path in (root / regeneration.RESULTS).rglob("*") if path.is_file())
    if strays := [path for path in others if not any(path == out or path.startswith(f"{out}/") for out in made)]:
        by_reason["no stage writes them, so nothing was checked"] = strays
    said = {"frozen": "frozen, so checked against dvc.lock only", "writes no results": "no results follow from these"}
    for reason, names in by_reason.items():
        _tell(f"not regenerated ({said.get(reason, reason)}):", names)


def _tell(title: str, lines: Sequence[str] = ()) -> None:
    print("\n".join([f"\n{title}", *(f"  {line}" for line in lines)]), flush=True)


def main(only: tuple[str, ...] = (), keep: Path | None = None) -> None:
    """Verify the project in the working directory; exit with status 1 if anything differs.

    Parameters
    ----------
    only
        Stages to regenerate, with what they need, in place of all.
    keep
        A new folder for the copy, which then stays.
    """
    if verify(Path.cwd(), only, keep):
        raise SystemExit(1)


if __name__ == "__main__":
    from audiosae import command

    command.run(main)
