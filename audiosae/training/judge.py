"""The stage `train_judge`: teach a judge the instruments of the embedded corpus.

python -m audiosae.training.judge --target checkpoints/instruments.safetensors --minutes 60 --clip_seconds 5 --penalty 10 --seed 0
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from audiosae import codecs
from audiosae.audio import for_codec
from audiosae.audio.io import SAMPLE_RATE
from audiosae.codecs import embedded
from audiosae.files.code import digest
from audiosae.files.whole import file_hash
from audiosae.generation.embedded import CODEC
from audiosae.generation.instruments import Judge, describe
from audiosae.generation.prompts import plain
from audiosae.training import loop
from audiosae.training.data import play


@torch.no_grad()
def train(target: Path, minutes: float, clip_seconds: float, penalty: float, seed: int) -> None:
    """Play training pieces (see `corpus.embedded.plan`), and fit the judge to them as they are and as the VAE decodes them.

    The penalty is the factor of ½‖W‖²; the target is the checkpoint.
    """
    loop.prepare(seed)
    codec = codecs.load(CODEC)
    described, names = [], []
    for clip in play(minutes, clip_seconds, seed, "train"):
        wave = for_codec(clip.wave, SAMPLE_RATE, codec.sample_rate, codec.channels)
        decoded = codec.decode(codec.encode(torch.from_numpy(wave)[None]))[0].numpy()[:, : wave.shape[1]]
        described += [describe(wave, codec.sample_rate), describe(decoded, codec.sample_rate)]
        names += 2 * [plain(str(clip.row["instrument"]))]
    scaler = StandardScaler().fit(described)
    fitted = LogisticRegression(C=1 / penalty, max_iter=1000).fit(scaler.transform(described), names)
    parent = embedded.FOLDER / f"{CODEC}.safetensors"
    settings = {"minutes": minutes, "clip_seconds": clip_seconds, "penalty": penalty, "seed": seed}
    made = {"settings": settings, "codec": file_hash(parent), "code": digest(["audiosae.training.judge"]), "clips": len(names)}
    Judge(tuple(map(str, fitted.classes_)), scaler.mean_, scaler.scale_, fitted.coef_, np.asarray(fitted.intercept_)).save(target, made)


if __name__ == "__main__":
    from audiosae import command

    command.run(train)
