"""The stage `current`: which evidence is of the recordings, codecs, autoencoders and probes that are here.

    python -m audiosae.evidence.subject --project .

Evidence of the embedded corpus ships with the repository, since it takes long. Where a reader has another corpus or codec, no page or
verdict may use it. results/current.json tells them: by question and codec, null where it is of what is here, else why not, in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from audiosae import codecs
from audiosae.errors import ParameterError
from audiosae.files import params, results
from audiosae.files.whole import path_hash
from audiosae.sae.reference import in_use

QUESTIONS = ("grid", "loss", "baselines", "features", "steering", "richer")

OTHER = {
    "corpus": "other recordings",
    "codec": "other weights of the codec",
    "sae": "another autoencoder",
    "probes": "other probes",
    "k_sparse": "another k-sparse autoencoder",
}
"""How a sentence calls what differs."""


def of(codec: str, project: str | Path = ".") -> dict[str, str]:
    """What evidence of a codec would be of now: SHA-256 of corpus, codec, autoencoders and probes; of what ships, equal on every processor.

    A codec that params.yaml does not name is a `ParameterError`.
    """
    project = Path(project)
    named = params.codecs(project / "params.yaml")
    if codec not in named:
        raise ParameterError(f"{project / 'params.yaml'} names no codec {codec!r}, so it cannot be said what evidence of it is of.")
    files = {"sae": ("sae", "paper"), "probes": ("probes", "paper"), "k_sparse": ("sae", "k_sparse")}
    made = {name: path_hash(in_use(codec, *which, project)) for name, which in files.items()}
    return {"corpus": path_hash(project / "data/corpus"), "codec": codecs.identity(codec, named[codec]["weights"]), **made}


def why_not(file: Path, here: Mapping[str, str]) -> str | None:
    """Why the evidence in a file is not of what is `here` (see `of`), as a sentence; None where it is. One that does not say counts as none."""
    told = results.read(file).get("of", {}) if file.is_file() else {}
    if told == here:
        return None
    others = [name for kind, name in OTHER.items() if told.get(kind) != here[kind]]
    made = f"computed for {', '.join(others[:-1])}{' and ' * (len(others) > 1)}{others[-1]}" if told else "not computed for this codec"
    return f"{made}; `make evidence ONLY=evidence@{file.parent.name}` computes it for what is here"


def survey(project: str | Path = ".") -> dict[str, dict[str, str | None]]:
    """`why_not` of every question and of every codec that params.yaml names."""
    here = {codec: of(codec, project) for codec in params.codecs(Path(project, "params.yaml"))}
    folder = Path(project, "results", "evidence")
    return {question: {codec: why_not(folder / question / f"{codec}.json", here[codec]) for codec in here} for question in QUESTIONS}


def run(project: Path) -> None:
    """Write results/current.json of a project's folder."""
    results.write(project / "results/current.json", survey(project))


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
