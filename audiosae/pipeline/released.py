"""The whole pipeline once more, with released weights and, where they are given, the paper's data.

    python -m audiosae.pipeline.released [--data FOLDER] [--weights CODEC=FILE …]

It runs in a copy of the project, .released/, with the same cache and environment. Codecs with embedded weights get released ones; a path
in params.yaml stays. The embedded generator knows the embedded VAE alone, so there is a part on generation only where DiffRhythm's own
checkpoint is given, as diffrhythm=FILE. When all of it has run, its figures replace results/released/.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from audiosae import codecs, generation
from audiosae.codecs import released
from audiosae.corpus.datasets import DATASETS
from audiosae.errors import AudiosaeError, ParameterError
from audiosae.files import whole
from audiosae.files.params import OF_AUTHORS, VAE
from audiosae.pipeline import frozen
from audiosae.pipeline.side_by_side import RUNS
from audiosae.pipeline.summary import STAGES
from audiosae.widgets.sound import STATIC

COPY = Path(".released")
FIGURES = Path("results/released")
GENERATOR = "diffrhythm"
SHIPPED = ("train_codec", "train_sae", "train_generator", "train_judge", "compare_codecs")
"""The stages whose outputs travel inside the repository."""


class RunError(AudiosaeError):
    """A step of the run failed; what it printed says why."""


def released_params(text: str, data: Path | None, files: dict[str, Path]) -> str:
    """What params.yaml says in the copy, from what it says here; arguments and errors as for `run`."""
    values: dict[str, Any] = yaml.safe_load(text)
    known = [*values["codecs"], GENERATOR]
    if unknown := files.keys() - set(known):
        raise ParameterError(f"--weights {', '.join(unknown)}: known are {', '.join(known)}.")
    if GENERATOR in files and VAE not in values["codecs"]:
        raise ParameterError(f"--weights {GENERATOR}: what it makes are latents of {VAE}; give that codec a line in params.yaml.")
    for line in values["codecs"].values():
        if line["weights"] == "embedded":
            line["weights"] = "released"
    values["generators"] = {GENERATOR: {}} if GENERATOR in files else {}
    for name, path in files.items():
        (values["codecs"] | values["generators"])[name].update(weights=str(path), file=str(path))
    if data is not None:
        values["corpus"]["source"] = f"paper:{data}"
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def copy_project(project: Path, copy: Path) -> None:
    """Bring the copy up to date with sources, committed or not, and results that a frozen stage wrote or none; what was computed there stays."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        names = subprocess.run(listed, cwd=project, capture_output=True, text=True, check=True).stdout.split("\0")
    except (subprocess.CalledProcessError, FileNotFoundError) as error:
        raise RunError(f"{project} is no git checkout ({error}); clone the project with git.") from error
    # Frozen stages are as the project has them, so that none runs; any other that ran in the copy is as it ran there.
    here, there = (frozen.stages(folder, "dvc.lock") if (folder / "dvc.lock").is_file() else {} for folder in (project, copy))
    fixed = frozen.names(project, here | there)
    outs = {out["path"]: name in fixed for name, record in here.items() for out in record["outs"]}
    for name in filter(None, names):
        source, target = project / name, copy / name
        made = name.startswith("results/") and not outs.get(name, Path(name).parent == FIGURES.parent)
        if source.is_file() and not made and not name.startswith(".dvc/embedded/"):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)  # setup/python stays a command
    stages = here | {name: record for name, record in there.items() if name not in fixed}
    (copy / "dvc.lock").write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}), encoding="utf-8")
    if not (copy / ".venv").exists():
        (copy / ".venv").symlink_to(project / ".venv")
    # Without git of its own, and with the caches of the project.
    (copy / ".dvc" / "config.local").write_text(
        f"[core]\n    no_scm = true\n[cache]\n    dir = {project / '.dvc' / 'cache'}\n"
        f"['remote \"embedded\"']\n    url = {project / '.dvc' / 'embedded'}\n"
    )


def collect(results: Path, target: Path, named: list[str]) -> None:
    """Replace a folder by the figures of a run, all of them or none: one folder a stage, one JSON file for each of the codecs `named`.

    Figures that the run shares with the folder above, such as evidence that it did not compute, stay there alone.
    """
    partial = target.with_name(f".{target.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    for path in sorted(results.rglob("*.json")):
        own, copy = (folder / path.relative_to(results) for folder in (target.parent, partial))
        shared = own.is_file() and own.read_bytes() == path.read_bytes()
        if not shared and (path.parent.name not in STAGES or path.stem in named):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    shutil.rmtree(target, ignore_errors=True)
    os.replace(partial, target)


def collect_pages(made: Path, book: Path, named: list[str]) -> None:
    """Replace the pages and sounds of codecs that stand in a book beside its own by those that a run `made`.

    The feature browser's page stays behind: it plays clips of the corpus, which may be another one.
    """
    for codec in named:
        beside, address = f"{codec}{OF_AUTHORS}", f"{STATIC}sounds/{codec}"
        for folder in (Path(RUNS), Path("_static/sounds")):
            shutil.rmtree(book / folder / beside, ignore_errors=True)
        if (sounds := made / "_static/sounds" / codec).is_dir():
            shutil.copytree(sounds, book / "_static/sounds" / beside)
        for page in (made / RUNS / codec).glob("*.ipynb"):
            text = page.read_text(encoding="utf-8")
            if f"{STATIC}live/" not in text:
                whole.write(book / RUNS / beside / page.name, text.replace(f"{address}/", f"{address}{OF_AUTHORS}/"))


def announced(lines: dict[str, dict[str, str]], data: Path | None) -> Iterator[str]:
    """What is going to be fetched, with its size and the time that this takes, and which of the paper's data sets are there."""
    for name, line in lines.items():
        release = released.RELEASED.get(name) if line["weights"] == "released" else None
        if release is None:
            yield f"{name}: {line['weights']}"
        elif (place := released.cache_folder() / release.file).is_file():
            yield f"{name}: {place}, {place.stat().st_size / 1e6:,.0f} MB, is here"
        else:
            size = release.most / 1e6
            yield f"{name}: fetches {release.url}, {'' if release.exact else 'at most '}{size:,.0f} MB, {size / 10 / 60:.0f} min at 10 MB/s"
    if data is not None:
        for dataset in DATASETS:
            yield f"{dataset.folder}: {'is' if (data / dataset.folder).is_dir() else 'is not'} in {data}"


def run(project: Path, data: Path | None, files: dict[str, Path]) -> None:
    """Fetch, copy, compute, collect.

    `data` is the folder with the paper's data sets; None leaves the corpus as it is. `files` are checkpoints to use in place of a download,
    by codec; and DiffRhythm's, which has no download.

    Raises
    ------
    ParameterError
        If the data or a file is not there, or the codec that a file is for, or the package that reads DiffRhythm's prompts.
    DownloadError, CheckpointError
        If the weights of a codec or of DiffRhythm cannot be had or used. This is tried before anything is computed.
    RunError
        If the project is no git checkout, or a stage fails. What ran before it is kept, and the next run goes on from there.
    """
    if data is not None and not data.is_dir():
        raise ParameterError(f"{data} is no folder; give the one that holds the paper's data sets, see book/data.md.")
    for path in files.values():
        if not path.is_file():
            raise ParameterError(f"{path}: there is no such checkpoint; check the path.")
    text = released_params((project / "params.yaml").read_text(encoding="utf-8"), data, files)
    params = yaml.safe_load(text)
    for told in announced(params["codecs"], data):
        print(told, flush=True)
    for name, line in params["codecs"].items():
        codec = codecs.load(name, line["weights"])
        print(
            f"{name} has {codec.frame_rate:g} frames a second of {codec.dim} numbers, {codec.channels} × {codec.sample_rate} Hz", flush=True
        )
    for name, line in params["generators"].items():
        print(f"{name}: {line['weights']}", flush=True)
        generation.load(line["weights"], params["codecs"][VAE]["weights"])
    copy = project / COPY
    copy.mkdir(exist_ok=True)
    copy_project(project, copy)
    whole.write(copy / "params.yaml", text)
    # The copy's own package, in every process that a stage starts.
    environment = {**os.environ, "PYTHONPATH": str(copy)}
    for words in (["pull", "--remote", "embedded", *SHIPPED], ["repro"]):
        if subprocess.run([sys.executable, "-m", "dvc", *words], cwd=copy, env=environment, check=False).returncode:
            raise RunError(f"`dvc {' '.join(words)}` failed in {copy} (above); results/released is as it was.")
    collect(copy / "results", project / FIGURES, list(params["codecs"]))
    collect_pages(copy / "book", project / "book", list(params["codecs"]))
    print(f"the figures are in {FIGURES}, the book in {COPY / 'book/_build/html'}; `make book` puts both beside the project's own")


def main(data: Path | None = None, weights: tuple[str, ...] = ()) -> None:
    """Run with the authors' weights, and perhaps the paper's data.

    Parameters
    ----------
    data
        Folder that holds the paper's data sets.
    weights
        Checkpoints that are here already, as CODEC=FILE; several in one word are split as a shell would.
    """
    try:
        words = [word for argument in weights for word in shlex.split(argument)]
    except ValueError as error:
        raise ParameterError(
            f"--weights {' '.join(weights)}: {error}; put a path with spaces or quotes into quotes of the other kind."
        ) from error
    files = {}
    for word in words:
        name, _, path = word.partition("=")
        if not (name and path):
            raise ParameterError(f"--weights {word}: write CODEC=FILE, such as encodec=/path/encodec_24khz-d7cc33bc.th.")
        files[name] = Path(path).resolve()
    run(Path.cwd(), data and data.resolve(), files)


if __name__ == "__main__":
    from audiosae import command

    command.run(main)
