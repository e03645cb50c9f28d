"""The stage `check`: what must hold before any other stage runs, since DVC deletes the outputs of a stage before it runs it.

    python -m audiosae.pipeline.check [CHECKED RECORDINGS CODE]

It always runs, and every other stage needs, directly or through others, what it writes:

- CHECKED, whose content never changes;
- RECORDINGS, which lists the user's own recordings, so that the corpus is built again when one of them changes;
- CODE, a folder with one hash for each command and each notebook (`audiosae.files.code`), so that a stage runs again when its code
  changes in substance.

Without these three it only checks, as `make` does before it calls DVC.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from audiosae.errors import AudiosaeError, CorpusError, ParameterError, report
from audiosae.files import code, params, whole
from audiosae.files.walk import walk
from audiosae.files.whole import file_hash
from audiosae.pipeline import frozen

NOTEBOOK, BOOK = "audiosae.pipeline.notebook", "pipeline.book"

CHECKED = "params.yaml, the paths in it and the results of frozen stages were checked before this.\n"


class CheckError(AudiosaeError):
    """Something in the working tree would be lost or forged if stages ran now."""


def check(project: Path) -> dict[str, Any]:
    """Check the project in a folder, and return what its params.yaml says.

    Raises
    ------
    ParameterError
        If params.yaml is not what the stages take, or names a file or folder that is, holds or lies in an output of a stage.
    FrozenError, CheckError
        If a result of a frozen stage is not the committed one, or a checkpoint not the one that its stage wrote.
    """
    said = params.read(project / "params.yaml")
    written = _outputs(project)
    source, texts = said["corpus"]["source"], said["generation"]["texts"]
    if source != "embedded":
        folder = project / Path(source.removeprefix("paper:")).expanduser()
        if not folder.is_dir():
            raise ParameterError(
                f"corpus.source: there is no folder {folder}; name one, or write `embedded` for the scores that come with this."
            )
        _refuse_output(written, "corpus.source", folder)
        for link in (path for path in _contents(folder) if path.is_symlink()):
            _refuse_output(written, f"corpus.source has a link, {link}, which", link)
    if texts:
        _refuse_output(written, "generation.texts", project / texts)
    for section in ("codecs", "generators"):
        for name, line in said[section].items():
            _refuse_output(written, f"{section}.{name}.file", project / line["file"], unless_made=True)
    if wrong := frozen.altered(project) + altered(project):
        raise CheckError("\n  ".join(["some results are not those that were computed; nothing was run:", *wrong]))
    return said


def _outputs(project: Path) -> list[Path]:
    """What the stages that run write, resolved; for a stage of many, such as one a codec, with * for the name."""
    found = []
    for stage in frozen.stages(project, "dvc.yaml").values():
        for out in [] if frozen.is_frozen(stage) else stage.get("do", stage).get("outs", []):
            path = Path(re.sub(r"\$\{.*?\}", "*", out if isinstance(out, str) else next(iter(out))))
            found.append((project / path.parent).resolve() / path.name if "*" in path.name else (project / path).resolve())
    # A corpus is written here first; what a stopped run left is removed.
    return found + [out.with_name(out.name + ".partial") for out in found]


def _refuse_output(written: list[Path], name: str, given: Path, unless_made: bool = False) -> None:
    """Refuse a parameter's path, links followed, that DVC would delete; `unless_made` lets one that a stage makes for others pass."""
    parts = given.resolve().parts
    for out in written:
        # Equal as far as both go: the same place, or one inside the other.
        if all(fnmatchcase(*pair) for pair in zip(parts, out.parts)) and not (unless_made and len(parts) == len(out.parts)):
            raise ParameterError(
                f"{name} is {given}, and the pipeline writes {out}: what stands there is deleted before the stage runs. "
                "Nothing was run, and nothing deleted. Move your files out of the pipeline's folders, and name the new place."
            )


def _contents(folder: Path) -> Iterator[Path]:
    """Every file and folder below a folder and the folders that are linked there, without those that are hidden."""

    def refuse(error: OSError) -> None:
        raise CorpusError(
            f"corpus.source: {error.filename} cannot be read ({error.strerror}); make it readable, or name another folder."
        ) from error

    for place in walk(folder, refuse):
        yield from (place.folder / name for name in (*place.below, *place.files))


def altered(project: Path) -> list[str]:
    """Say which trained checkpoints are not those that their stages wrote, though nothing that they are made from has changed.

    DVC would train them again and say nothing of it. Where code, parameters or data have changed, or a stage was stopped, that is right.
    """
    wrong = {}
    for name, stage in frozen.stages(project, "dvc.lock").items():
        files = {out["path"]: out.get("md5") for out in stage["outs"] if out["path"].startswith("checkpoints/")}
        wrong[name] = [file for file, md5 in files.items() if (project / file).is_file() and file_hash(project / file, "md5") != md5]
    if not any(wrong.values()):
        return []
    from dvc.repo import Repo  # takes a second, and is needed only where something is wrong

    # Compared here and not by `dvc status`: DVC, which runs this, lets nobody else look at data/code. What stands there is of the code that
    # ran last: other code than dvc.lock has, where dvc.lock came with a `git pull`.
    code = code_md5(project)
    found = []
    with Repo(str(project)) as repo:
        for stage in repo.index.stages:
            if stage.frozen or not wrong.get(name := getattr(stage, "name", "")):
                continue
            same = (
                dependency.hash_info.value == code.get(dependency.def_path, dependency.hash_info.value)
                and (dependency.def_path in code and not dependency.exists or not dependency.workspace_status())
                for dependency in stage.deps
            )
            if not stage.cmd_changed and all(same):
                found += [
                    f"{path} is not the file that the stage {name} wrote (dvc.lock). Delete it, or move it away if it is your own "
                    "work; the stage then computes it again."
                    for path in wrong[name]
                ]
    return found


def _recordings(source: str) -> Iterator[str]:
    """A line for each file in a folder of the user's own recordings: path, size in bytes, time of change; none for other sources."""
    if source != "embedded" and not source.startswith("paper:"):
        for path in _contents(Path(source).expanduser()):
            if not path.is_dir():
                stat = path.stat() if path.exists() else path.lstat()
                yield f"{path}\t{stat.st_size}\t{stat.st_mtime_ns}\n"


def mend_lock(project: Path) -> None:
    """Remove DVC's table of paths in use if it is no JSON: DVC was killed while it wrote it, and would refuse to start ever after."""
    table = project / ".dvc" / "tmp" / "rwlock"
    try:
        json.loads(table.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        table.unlink()
        print(f"check: {table} was left half-written by a run that was killed; it was removed")


def code_hashes(project: Path) -> dict[str, str]:
    """The hash of the code behind every command, such as "sections.probing", and every notebook, such as "03_probing".

    The book's covers its Sphinx extensions and the text of the modules whose docstrings book/reference.md prints.
    """
    found = {}
    for path in sorted((project / code.PACKAGE).rglob("*.py")):
        if path.name == "__main__.py" or '\nif __name__ == "__main__":' in path.read_text(encoding="utf-8"):
            name = ".".join(path.relative_to(project).with_suffix("").parts).removesuffix(".__main__")
            found[name.removeprefix(f"{code.PACKAGE}.")] = code.digest([name], project)
    for path in sorted((project / "notebooks").glob("*.py")):
        found[path.stem] = code.digest([path.relative_to(project), NOTEBOOK], project)
    if BOOK in found:
        extensions = [path.relative_to(project) for path in sorted((project / "book/_ext").glob("*.py"))]
        printed = re.findall(r"automodule:: (\S+)", (project / "book/reference.md").read_text(encoding="utf-8"))
        texts = [file_hash(path) for name, path in sorted(code.closure(printed, project).items()) if name in printed]
        found[BOOK] = "\n".join([code.digest([f"{code.PACKAGE}.{BOOK}", *extensions], project), *texts])
    return found


def code_md5(project: Path) -> dict[str, str]:
    """MD5 of each file that `check` writes to data/code, by path, as dvc.lock has it, without writing them."""
    return {f"data/code/{name}.txt": hashlib.md5(f"{text}\n".encode()).hexdigest() for name, text in code_hashes(project).items()}


def main() -> None:
    """Check the project in the working directory, and write what the other stages need."""
    project = Path.cwd()
    source = check(project)["corpus"]["source"]
    if len(sys.argv) != 4:
        mend_lock(project)
        return
    checked, recordings, folder = map(Path, sys.argv[1:])
    whole.write(checked, CHECKED)
    whole.write(recordings, "".join(_recordings(source)))
    found = {folder / f"{name}.txt": text for name, text in code_hashes(project).items()}
    for path, text in found.items():
        whole.write(path, f"{text}\n")
    for path in set(folder.glob("*.txt")) - found.keys():
        path.unlink()


if __name__ == "__main__":
    report(main)
