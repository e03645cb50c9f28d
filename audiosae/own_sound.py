"""A sound of your own: through a codec and its autoencoder, steered along any class or any single feature, and read by its features.

What sections 3 and 4 do to the corpus happens here to one file, in an interactive session; nothing is written but the file that was uploaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from audiosae import audio, codecs, feature_cards, frames, labels, listening, params, pitch, probes, steering
from audiosae.codecs import Codec
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder
from audiosae.widgets.sound import Sound

LONGEST = 15.0
"""Seconds of a file that are used: its beginning. A slider should answer within a second or two on two cores."""


@dataclass
class OwnSound:
    """One sound and the models that it goes through.

    Attributes
    ----------
    codec, sae, fitted, edges
        The codec, its autoencoder, the probes, and the edges of each property's bins.
    wave
        [channels, samples] at the codec's rate: the beginning of the file.
    table
        Its frames, with latents and labels.
    path
        Of the file.
    """

    codec: Codec
    sae: SparseAutoencoder
    fitted: dict[str, Probe]
    edges: dict[str, np.ndarray]
    wave: np.ndarray
    table: Frames
    path: Path

    @property
    def latents(self) -> torch.Tensor:
        """[frames, dim]."""
        return torch.from_numpy(self.table.latents)

    def towards(self, prop: str, k: int, alpha: float) -> Sound:
        """Steered towards a class, as in section 4, with the original beside it.

        Parameters
        ----------
        prop, k
            Property and class.
        alpha
            Any strength; 0 is the reconstruction.
        """
        return self._moved(steering.direction(self.fitted, prop, k), alpha, shared=prop == "amplitude")

    def pushed(self, feature: int, strength: float) -> Sound:
        """One feature pushed up or down, with the original beside it.

        Parameters
        ----------
        feature
            Its number.
        strength
            Of the push, in lengths of the feature vector: at 1 the step is as long as what was there.

        Raises
        ------
        ParameterError
            If the autoencoder has no such feature.
        """
        if not 0 <= feature < self.sae.hidden:
            raise ParameterError(f"no feature {feature}; this autoencoder has 0 to {self.sae.hidden - 1}.")
        direction = torch.zeros(self.sae.hidden)
        direction[feature] = self.sae.hidden**0.5
        return self._moved(direction, strength, shared=False)

    def _moved(self, direction: torch.Tensor, strength: float, shared: bool) -> Sound:
        after = steering.render(self.codec, steering.steer(self.sae, self.latents, direction, strength))
        length = min(after.shape[1], self.wave.shape[1])
        pair = [self.wave[:, :length], after[:, :length]]
        level = listening.shared_gain(pair) if shared else listening.match_loudness(pair, self.codec.sample_rate)
        original, steered = level
        beside = Sound(original, self.codec.sample_rate, self._of_original)
        return Sound(steered, self.codec.sample_rate, self._readout(pair[1]), beside=beside)

    @cached_property
    def _of_original(self) -> dict[str, str]:
        return self._readout(self.wave)

    def _readout(self, wave: np.ndarray) -> dict[str, str]:
        return steering.readout(steering.listen(wave, self.codec.sample_rate, self.table.tracker, self.codec.frame_rate))

    def cards(self, named: pd.DataFrame) -> list[dict[str, object]]:
        """Cards of the named features that fire in this sound, see `feature_cards.cards`; named by the corpus, as `feature_cards.speakers` does."""
        made = feature_cards.cards(self.table, self.sae, self.fitted, named, clips=1)
        return [card for card in made if card["clips"]]


@lru_cache(maxsize=4)
def models(codec: str, project: Path) -> tuple[Codec, SparseAutoencoder, dict[str, Probe], Frames]:
    """What a codec's sections made: codec, with the weights that its frames came from, autoencoder, probes, and the corpus's frames. See `OwnSound`.

    Raises `ParameterError` if the frames come from other weights than those that params.yaml names.
    """
    table = frames.load(project / f"data/frames/{codec}.arrow")
    # A table is data, and must not name a program to run.
    named = params.codecs(project / "params.yaml").get(codec, {}).get("weights")
    if table.weights != named:
        raise ParameterError(f"the frames of {codec} come from weights {table.weights!r}, but params.yaml names {named!r}; run `dvc repro`.")
    return (
        codecs.load(codec, named), SparseAutoencoder.load(project / f"checkpoints/sae/{codec}.safetensors"),
        probes.load(project / f"checkpoints/probes/{codec}.safetensors"), table,
    )


def load(path: str | Path, codec: str, project: Path = Path("..")) -> OwnSound:
    """Read a file and encode its beginning.

    Parameters
    ----------
    path
        Of a wav, flac, mp3 or ogg file.
    codec
        Its name; the pipeline must have run for it.
    project
        The folder that holds checkpoints/ and data/.

    Raises
    ------
    AudioError
        If the file is missing, damaged, or shorter than a frame.
    CheckpointError
        If the pipeline has not run.
    """
    model, sae, fitted, corpus = models(codec, Path(project))
    wave, rate = audio.read(path)
    wave = wave[:, : int(LONGEST * rate)]
    mono = audio.to_mono(wave)
    ready = audio.for_codec(wave, rate, model.sample_rate, model.channels)
    with torch.no_grad():
        latents = model.encode(torch.from_numpy(ready)[None])[0].cpu().numpy()
    measured = labels.measure(audio.resample(mono, rate, audio.SAMPLE_RATE), len(latents), model.frame_rate, corpus.tracker)
    name = Path(path).stem
    table = pd.DataFrame({**vars(measured), "monophonic": True, "clip": name, "piece": name, "part": "yours", "split": "test"})
    voiced = labels.voiced(measured.confidence, measured.rms)
    table["pitch"] = labels.pitch_bins(measured.f0, voiced)
    for prop, column in (("amplitude", "rms"), ("timbre", "centroid")):
        table[prop] = labels.to_bins(table[column].to_numpy(), corpus.edges[prop])
    found = Frames(latents.astype(np.float32), table, corpus.edges, codec, corpus.weights, corpus.tracker, model.frame_rate)
    return OwnSound(model, sae, fitted, corpus.edges, ready, found, Path(path))


def summary(own: OwnSound) -> pd.DataFrame:
    """What was measured on the original, a row a property: median, and the share of frames for which it is known."""
    table = own.table.table
    return pd.DataFrame({
        "median": {"pitch": _note(table), "amplitude": f"{20 * np.log10(max(table['rms'].median(), 1e-6)):.1f} dBFS",
                   "timbre": f"{table['centroid'].median():.0f} Hz"},
        "known in (share of frames)": {prop: float((table[prop] >= 0).mean()) for prop in labels.PROPERTIES},
    })


def _note(table: pd.DataFrame) -> str:
    voiced = table.loc[table["pitch"] >= 0, "f0"]
    return f"MIDI {np.median(pitch.to_midi(voiced.to_numpy())):.1f}" if len(voiced) else "none found"
