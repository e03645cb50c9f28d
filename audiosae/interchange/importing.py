"""An autoencoder that was trained elsewhere, in the place of the paper's: sections 3 and 4, the browser and the desk then show it.

    python -m audiosae.interchange.importing --codec encodec --source sae_lens_output

Writes checkpoints/imported/CODEC.safetensors, which section 2 puts into use from the next `dvc repro` on. To go back, delete that file.
"""

from __future__ import annotations

from pathlib import Path

import torch

from audiosae import frames
from audiosae.errors import ParameterError
from audiosae.files.whole import path_hash
from audiosae.frames import unique
from audiosae.interchange import dictionary_learning, saelens
from audiosae.sae import reference


def run(codec: str, source: Path, project: Path = Path(".")) -> None:
    """Read what SAELens or dictionary_learning saved in a folder, trained on the latents of a codec, and fit it to their standardisation.

    A `CheckpointError` if it cannot be read, a `ParameterError` if it is for latents of another size. Section 1 has run in the project.
    """
    format = saelens if (source / saelens.CONFIG).is_file() else dictionary_learning
    sae, table = format.read(source), frames.load(project / "data/frames" / codec)
    if sae.dim != (dim := table.latents.shape[1]):
        raise ParameterError(f"{source} reads {sae.dim} dimensions; a latent frame of {codec} has {dim}.")
    rows = unique.find(table.latents)
    sae.standardise(rows.latents, torch.from_numpy(rows.counts(table.rows("train"))))
    name = format.__name__.rpartition(".")[2]
    target = reference.imported(codec, project)
    sae.save(target, {"from": name, "source": path_hash(source)})
    print(f"{target}: {sae.hidden} features from {name}; `dvc repro` judges it")


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
