"""The autoencoders of a project, with their codecs and probes, as a folder for SAELens and for the Hugging Face hub.

    python -m audiosae.interchange.exporting --target exported
    .venv/bin/hf upload OWNER/NAME exported

CODEC/paper and CODEC/k_sparse are what SAELens loads, with the probes beside it; codecs/ has the codecs that this project trained, README.md a card.
Weights that others made, released or imported, stay out.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from audiosae import codecs, frames
from audiosae.files import params, results, whole
from audiosae.files.params import title
from audiosae.interchange import saelens
from audiosae.numbers import number, percent
from audiosae.sae import reference

CARD = """---
license: mit
library_name: saelens
tags: [audio, sparse-autoencoder, interpretability, saelens]
---
# Sparse autoencoders on audio latents

From `audiosae`, a companion to [Paek et al. 2025](https://arxiv.org/abs/2510.23802), *Learning Interpretable Features in Audio Latent Spaces via Sparse
Autoencoders*; not the authors' own weights. Each reads the latents of a codec, frame by frame.

{table}

FVU: fraction of variance unexplained on held-out frames; L0: active features a frame; the last three: test accuracy of linear probes on the features, for notes,
levels and spectral centroids. Corpus: {corpus}.

```python
import audiosae.interchange.rmsnorm  # the paper's kind: features over their root mean square
from sae_lens import SAE

sae = SAE.load_from_disk("{example}/paper")  # in a copy of this repository
```

`cfg.json` names the codec, its sample rate, and samples a frame (`hop`); `probes.safetensors` has, by property, one row of weights a class; `codecs/` has the small
codecs whose latents these are, for `audiosae.codecs.load`. What the figures do and do not say is in the project's book.
"""


def run(target: Path, project: Path = Path(".")) -> None:
    """Write the folder `target`, a `FileExistsError` if there is something in it, from a project whose sections 1 to 3 have run."""
    if target.is_dir() and any(target.iterdir()):
        raise FileExistsError(f"{target} is not empty")
    said = params.read(project / "params.yaml")
    rows: list[tuple[str, ...]] = [("codec", "autoencoder", "features", "FVU", "L0", "pitch", "amplitude", "timbre"), ("---",) * 8]
    for codec, line in said["codecs"].items():
        trained, probed = (results.read(project / f"results/{stage}/{codec}.json") for stage in ("sae_training", "probing"))
        table = frames.load(project / "data/frames" / codec)
        model = codecs.load(codec, table.weights)
        about = {
            "model_name": codec, "hook_name": "latents", "codec_weights": codecs.identity(codec, table.weights),
            "sample_rate": model.sample_rate, "hop": round(model.sample_rate / model.frame_rate), "channels": model.channels,
        }  # fmt: skip
        for kind in ("k_sparse",) if trained["imported"] else reference.KINDS:
            place, folder = reference.in_use(codec, "sae", kind, project), target / codec / kind
            saelens.write(reference.load(place), folder, about | {"checkpoint": whole.file_hash(place)})
            shutil.copy(reference.in_use(codec, "probes", kind, project), folder / "probes.safetensors")
            sae, *probes = (found if kind == "paper" else found[kind] for found in (trained, *probed["properties"].values()))
            measured = [number(sae["chosen"][name], digits) for name, digits in (("hidden", 0), ("fvu", 3), ("l0", 0))]
            accuracies = [percent(probe["accuracy"]) for probe in probes]
            rows.append((title(codec), "the paper's" if kind == "paper" else "k-sparse", *measured, *accuracies))
        if line["weights"] == "embedded":
            (target / "codecs").mkdir(exist_ok=True)
            shutil.copy(codecs.source(codec, "embedded"), target / "codecs")
    lines = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    whole.write(target / "README.md", CARD.format(table=lines, corpus=said["corpus"]["source"], example=codec))
    print(f"{target}: for SAELens {saelens.VERSION}; to publish it, .venv/bin/hf upload OWNER/NAME {target}")


if __name__ == "__main__":
    from audiosae import command

    command.run(run)
