"""A sound of your own: through a codec and its autoencoder, steered along any class or any single feature, and read by its features.

What sections 3 and 4 do to the corpus happens here to one file, in an interactive session; nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from audiosae import audio, codecs, frames, probes, steering
from audiosae.audio import labels, loudness, pitch
from audiosae.codecs import Codec
from audiosae.errors import ParameterError
from audiosae.frames import Frames
from audiosae.probes import Probe
from audiosae.sae import SparseAutoencoder, features_of, reference
from audiosae.widgets import cards as feature_cards
from audiosae.widgets.browser import LiveBrowser, describe_clip
from audiosae.widgets.sound import Live, Sound
from audiosae.widgets.switch import LiveSwitch

LONGEST = 15.0
"""Seconds of a file that are used: its beginning. A slider should answer within a second or two on two cores."""


@dataclass
class OwnSound:
    """One sound, with the codec, its autoencoder and the probes that it goes through."""

    codec: Codec
    sae: SparseAutoencoder
    fitted: dict[str, Probe]
    wave: np.ndarray  #: [channels, samples] at the codec's rate: the beginning of the file
    table: Frames  #: its frames, with latents and labels

    def towards(self, prop: str, k: int, r: float) -> Sound:
        """Steered towards class k of a property, as in section 4, with the original beside it; r = 0 is the reconstruction."""
        return self._moved(self.fitted[prop].weight[k], r, shared=prop == "amplitude")

    def pushed(self, feature: int, r: float) -> Sound:
        """One feature pushed up or down, with the original beside it."""
        return self._moved(torch.eye(self.sae.hidden)[feature], r, shared=False)

    def _moved(self, direction: torch.Tensor, r: float, shared: bool) -> Sound:
        """A step r times as long as the features; one gain for both sounds where loudness is the subject, else they are matched."""
        x = torch.from_numpy(self.table.latents)
        with torch.no_grad():
            alpha = steering.strength_of(self.sae, x, direction, r)
        after = steering.render(self.codec, steering.steer(self.sae, x, direction, alpha))
        length = min(after.shape[1], self.wave.shape[1])
        pair = [self.wave[:, :length], after[:, :length]]
        original, steered = loudness.shared_gain(pair) if shared else loudness.match_loudness(pair, self.codec.sample_rate)
        beside = Sound(original, self.codec.sample_rate, self._of_original)
        return Sound(steered, self.codec.sample_rate, self._readout(pair[1]), beside=beside)

    @cached_property
    def _of_original(self) -> dict[str, str]:
        return self._readout(self.wave)

    def _readout(self, wave: np.ndarray) -> dict[str, str]:
        return steering.readout(steering.listen(wave, self.codec.sample_rate, self.table.tracker, self.codec.frame_rate))

    def cards(self, named: pd.DataFrame) -> list[dict[str, Any]]:
        """Cards of the features that `named` names, see `feature_cards.speakers`, as far as they fire in this sound."""
        made = feature_cards.cards(self.table, features_of(self.sae, self.table.latents), self.sae, self.fitted, named, clips=1)
        return [card for card in made if card["clips"]]

    def summary(self) -> pd.DataFrame:
        """What was measured on the original, a row a property: median, and the share of frames for which it is known."""
        table = self.table.table
        voiced = table.loc[table["pitch"] >= 0, "f0"]
        median = {
            "pitch": f"MIDI {np.median(pitch.to_midi(voiced.to_numpy())):.1f}" if len(voiced) else "none found",
            "amplitude": f"{20 * np.log10(max(table['rms'].median(), 1e-6)):.1f} dBFS",
            "timbre": f"{table['centroid'].median():.0f} Hz",
        }
        known = {prop: float((table[prop] >= 0).mean()) for prop in labels.PROPERTIES}
        return pd.DataFrame({"median": median, "known in (share of frames)": known})

    def widgets(self, named: pd.DataFrame) -> Iterator[Live]:
        """Steering towards any class, pushing any feature, and cards of the features that fire; `named` as for `cards`."""
        classes = feature_cards.class_names(self.table.edges)
        goals = {f"{prop} {name}": (prop, k) for prop, names in classes.items() for k, name in enumerate(names)}
        shown: dict[str, Any] = {"beside": "the original", "pictures": True}
        axes: dict[str, list[Any]] = {"towards": list(goals), "r": [n / 8 for n in range(-16, 33)]}
        yield LiveSwitch("Steer towards a class", axes, lambda towards, r: self.towards(*goals[towards], r), **shown)
        axes = {"feature": list(range(self.sae.hidden)), "r": [n / 4 for n in range(33)]}
        yield LiveSwitch("Push one feature", axes, self.pushed, **shown)
        if cards := self.cards(named):
            mono = audio.to_mono(self.wave)
            name = cards[0]["clips"][0]["clip"]
            alone = Sound(loudness.match_loudness([mono], self.codec.sample_rate)[0], self.codec.sample_rate)
            described = {name: describe_clip(mono, self.codec.sample_rate, name)}
            yield LiveBrowser("Features in your sound", cards, classes, described, lambda _: alone)


@lru_cache(maxsize=4)
def models(codec: str, weights: str, project: Path, kind: str = "paper") -> tuple[Codec, SparseAutoencoder, dict[str, Probe], Frames]:
    """What the sections made in a project for a codec and its weights: the codec, its autoencoder of a kind, its probes, and the corpus's frames."""
    table = frames.load(project / f"data/frames/{codec}.arrow")
    # A table is data, and must not name a program to run.
    if table.weights != weights:
        raise ParameterError(f"the frames of {codec} come from weights {table.weights!r}, not {weights!r}; run `dvc repro`.")
    sae, fitted = (reference.in_use(codec, part, kind, project) for part in ("sae", "probes"))
    return codecs.load(codec, weights), reference.KINDS[kind].load(sae), probes.load(fitted), table


def load(path: str | Path, codec: str, weights: str, project: Path, kind: str = "paper") -> OwnSound:
    """Read a wav, flac, mp3 or ogg file and encode its beginning, with `models` of these names."""
    model, sae, fitted, corpus = models(codec, weights, project, kind)
    wave, rate = audio.read(path)
    wave = wave[:, : int(LONGEST * rate)]
    ready = audio.for_codec(wave, rate, model.sample_rate, model.channels)
    with torch.no_grad():
        latents = model.encode(torch.from_numpy(ready)[None])[0].cpu().numpy()
    measured = labels.describe(wave, rate, model.frame_rate, corpus.tracker, len(latents))
    name = Path(path).stem
    table = pd.DataFrame({**vars(measured), "monophonic": True, "clip": name, "piece": name, "part": "yours", "split": "test"})
    table["pitch"] = labels.pitch_bins(measured.f0, labels.voiced(measured.confidence, measured.rms))
    for prop, column in (("amplitude", "rms"), ("timbre", "centroid")):
        table[prop] = labels.to_bins(table[column].to_numpy(), corpus.edges[prop])
    found = Frames(latents.astype(np.float32), table, corpus.edges, codec, corpus.weights, corpus.tracker, model.frame_rate)
    return OwnSound(model, sae, fitted, ready, found)
