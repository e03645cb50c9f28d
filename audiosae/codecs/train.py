"""The stage `train_codec`: teach one of the small codecs on a larger render of the embedded corpus.

    python -m audiosae.codecs.train encodec checkpoints/encodec.safetensors results/codec/encodec_training.csv
        results/codec/encodec.json --minutes 60 …

Training pieces only are played; no checkpoint has met a validation or test piece. A codec with codebooks starts without
them; then they start from k-means, and the rest of the steps rounds to them. A second, shorter round refines the result
on another render with more single voices, since notes near the ends of the range are rare in the first. What is kept is
a moving average of the weights. A killed run continues from its last saved state with the same result, because every
step draws from a seed of its own. On a GPU the same recipe runs there.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
from dataclasses import fields
from pathlib import Path
from typing import Any, get_origin, get_type_hints

import pandas as pd
import torch
from tqdm.auto import tqdm

from audiosae import checkpoint, results, resume
from audiosae.checkpoint import file_hash
from audiosae.codecs import codebooks, embedded
from audiosae.codecs.recipes import RECIPES
from audiosae.codecs.training import Loss, Run, Settings
from audiosae.codecs.training_data import batch, render
from audiosae.determinism import prepare
from audiosae.errors import ParameterError, report

CHECKS = 32
"""Validation examples."""

REFINE_CHORALES = 3.0
"""Share of chorales in the second render; every other part has 1."""


def train(codec: str, shape: object, settings: Settings, loss: Loss, target: Path) -> pd.DataFrame:
    """Train a codec, and write its checkpoint.

    Parameters
    ----------
    codec
        A name in `RECIPES`.
    shape
        The codec's own `Shape`.
    settings, loss
        See `training`.
    target
        Checkpoint to write.

    Returns
    -------
    Progress: step, quantised or not, and the terms of the loss on validation pieces.

    Raises
    ------
    ParameterError
        If the clips are shorter than an example, or the loss is no number any more.
    OSError
        If the disk is full.
    """
    recipe = RECIPES[codec]
    rate, crop = recipe.module.SAMPLE_RATE, recipe.crop
    if settings.clip_seconds * rate <= crop:
        raise ParameterError(
            f"train_codec: clip_seconds must be above {crop / rate:.2f}, the length of a training example of {codec}; "
            f"it is {settings.clip_seconds}."
        )
    given = {"codec": codec, "shape": vars(shape), "settings": vars(settings), "loss": vars(loss)}
    # With other code a stopped run would not end as if it had not been stopped: it starts anew.
    key = hashlib.sha256((json.dumps(given, sort_keys=True) + _code()).encode()).hexdigest()[:12]
    states = resume.FOLDER / f"{codec}-{key}"
    states.mkdir(parents=True, exist_ok=True)
    device = prepare(settings.seed)
    torch.use_deterministic_algorithms(device.type == "cpu")  # the quantiser's scatter has no such form on a GPU
    sound = dict(sample_rate=rate, channels=recipe.module.CHANNELS, folder=states)
    length = (settings.minutes, settings.clip_seconds)
    waves = render(*length, settings.seed, "train", **sound)
    refining = render(*length, settings.seed + 1, "train", **sound, chorales=REFINE_CHORALES)
    unseen = render(2, settings.clip_seconds, settings.seed, "validation", **sound)
    checks = batch(unseen, CHECKS, crop, settings.seed, 0, device)

    run = Run(recipe, shape, settings, loss, device)
    state_path = states / "state.pt"
    first, progress = resume.restore(state_path, run.parts(), settings.total, device)
    if first == 0:
        run.start(batch(waves, settings.batch_size, crop, settings.seed, settings.steps, device))

    bar = tqdm(range(first, settings.total), initial=first, total=settings.total, desc=f"training {codec}", unit="step")
    for step in bar:
        torch.manual_seed(settings.seed + step)
        if run.rounds and step == settings.rounding_from:
            run.start_rounding(batch(waves, settings.batch_size, crop, settings.seed + 1, number, device)
                               for number in range(codebooks.BATCHES))
        source = waves if step < settings.steps else refining
        run.step(batch(source, settings.batch_size, crop, settings.seed, step, device), step)
        if (step + 1) % settings.save_every == 0 or step + 1 == settings.total:
            rounding = step >= settings.rounding_from
            terms = run.validate(checks, rounding)
            if not all(map(math.isfinite, terms.values())):
                raise ParameterError(
                    f"train_codec: by step {step + 1} the loss of {codec} is {terms}; lower learning_rate and refine_rate."
                )
            progress.append({"step": step + 1, "quantised": run.rounds and rounding, **terms})
            bar.set_postfix({name: f"{value:.3f}" for name, value in terms.items()})
            resume.write({**run.state(), "step": step + 1, "progress": progress}, state_path)

    corpus = [hashlib.sha256(data.tobytes()).hexdigest() for data in (waves, refining)]
    embedded.save(codec, run.result(), shape, target, {"corpus": corpus, "code": _code(), "parent": None, **given})
    return pd.DataFrame(progress)


def _code() -> str:
    """Hash of the modules that decide what comes out: those of the codecs and of the corpus."""
    package = Path(__file__).parents[1]
    files = [*package.glob("codecs/*.py"), *package.glob("corpus/*.py"), package / "audio.py"]
    return hashlib.sha256("".join(file_hash(path) for path in sorted(files)).encode()).hexdigest()


def account(codec: str, path: Path) -> dict[str, Any]:
    """What the book tells of a trained codec, read from its checkpoint.

    Returns
    -------
    numbers
        In the checkpoint, codebooks included.
    steps
        Of both rounds.
    hours_rendered, hours_heard
        Of music in both renders, and in all examples together.
    mega_bytes
        Of the file.
    """
    tensors, header = checkpoint.load(path, f"codec/{codec}")
    settings, recipe = header["provenance"]["settings"], RECIPES[codec]
    steps = settings["steps"] + settings["refine_steps"]
    return {
        "numbers": sum(tensor.numel() for tensor in tensors.values()),
        "steps": steps,
        "hours_rendered": 2 * settings["minutes"] / 60,
        "hours_heard": steps * settings["batch_size"] * recipe.crop / recipe.module.SAMPLE_RATE / 3600,
        "mega_bytes": path.stat().st_size / 1e6,
    }


def _arguments(parser: argparse.ArgumentParser, kind: type, prefix: str) -> None:
    """One required option for each field of a dataclass; tuples take several numbers."""
    for name, hint in get_type_hints(kind).items():
        if get_origin(hint) is tuple:
            parser.add_argument(f"--{prefix}{name}", type=int, nargs="+", required=True)
        else:
            parser.add_argument(f"--{prefix}{name}", type=hint, required=True)


def _take(kind: type, given: dict[str, Any], prefix: str) -> Any:
    values = {field.name: given[prefix + field.name] for field in fields(kind)}
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def main() -> None:
    """Read the arguments that DVC makes from params.yaml, train, and leave the curve in results/."""
    codec = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    codec.add_argument("codec", choices=sorted(RECIPES))
    name, _ = codec.parse_known_args()
    shape = RECIPES[name.codec].module.Shape
    parser = argparse.ArgumentParser(prog="audiosae.codecs.train", description=__doc__, parents=[codec],
                                     allow_abbrev=False)
    parser.add_argument("target", type=Path)
    parser.add_argument("curve", type=Path, help="CSV of the training curve")
    parser.add_argument("account", type=Path, help="JSON of what the book tells of the training")
    kinds = {"": Settings, "shape.": shape, "loss.": Loss}
    for prefix, kind in kinds.items():
        _arguments(parser, kind, prefix)
    given = vars(parser.parse_args())
    settings, shape, loss = (_take(kind, given, prefix) for prefix, kind in kinds.items())
    progress = train(given["codec"], shape, settings, loss, given["target"])
    given["curve"].parent.mkdir(parents=True, exist_ok=True)
    progress.to_csv(given["curve"], index=False, float_format="%.6g")
    results.write(given["account"], account(given["codec"], given["target"]))


if __name__ == "__main__":
    report(main)
