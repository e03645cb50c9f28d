"""The stage `compare_trackers`: how far a faster pitch tracker agrees with CREPE and with the scores.

    python -m audiosae.pitch_comparison data/corpus results/pitch_trackers.json

CREPE full takes several times as long as the music lasts, so the stage is frozen, and its result kept.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae import audio, corpus, labels, pitch
from audiosae.determinism import prepare
from audiosae.errors import report

FRAME_RATE = 75.0
EVERY = 6
"""Every sixth monophonic clip, in the order of the manifest."""


def true_notes(notes: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """The score's MIDI note at each time, NaN between notes and within 50 ms of an onset or 20 ms of an end.

    Parameters
    ----------
    notes
        Of one monophonic clip: start and end in s, midi.
    times
        In s.
    """
    truth = np.full(len(times), np.nan)
    for note in notes.itertuples():
        truth[(times > note.start + 0.05) & (times < note.end - 0.02)] = note.midi
    return truth


def share_within(a: np.ndarray, b: np.ndarray, cents: float = 50.0) -> float:
    """Share of pairs of MIDI notes no further apart than `cents`; NaN for none."""
    return float((np.abs(a - b) <= cents / 100).mean()) if len(a) else float("nan")


def compare(folder: str | Path) -> dict[str, dict[str, float]]:
    """Run every tracker on a sixth of the monophonic clips.

    Returns
    -------
    For each tracker: `with_full`, share of frames voiced for both whose pitch is within 50 cents of CREPE full's;
    `voicing_with_full`, share of frames where both say voiced or both unvoiced; `with_score`, share of its voiced
    frames inside a note that are within 50 cents of the score; `found`, share of frames inside a note that it calls
    voiced; `frames`.
    """
    manifest = corpus.load(folder)
    notes = corpus.load_notes(folder)
    chosen = manifest[manifest["monophonic"]].iloc[::EVERY]
    found: dict[str, list[np.ndarray]] = {tracker: [] for tracker in pitch.TRACKERS}
    truth, audible = [], []
    for row in tqdm(list(chosen.itertuples()), desc="tracking", unit="clip"):
        mono = audio.to_mono(audio.read(row.file)[0])
        times = labels.frame_times(int(len(mono) / audio.SAMPLE_RATE * FRAME_RATE), FRAME_RATE)
        cut = labels.windows(mono, times)
        audible.append(np.sqrt((cut**2).mean(axis=1)) > labels.SILENCE)
        truth.append(true_notes(notes[notes["clip"] == row[1]], times))
        for tracker in found:
            f0, confidence = pitch.track(mono, times, tracker)
            found[tracker].append(np.stack([pitch.to_midi(f0), confidence]))
    score, loud = np.concatenate(truth), np.concatenate(audible)
    both = {tracker: np.concatenate(parts, axis=1) for tracker, parts in found.items()}
    full_note, full_confidence = both["crepe-full"]
    full_voiced = (full_confidence >= labels.CONFIDENCE) & loud
    inside = np.isfinite(score) & loud
    result = {}
    for tracker, (note, confidence) in both.items():
        voiced = (confidence >= labels.CONFIDENCE) & loud
        result[tracker] = {
            "with_full": share_within(note[voiced & full_voiced], full_note[voiced & full_voiced]),
            "voicing_with_full": float((voiced == full_voiced).mean()),
            "with_score": share_within(note[voiced & inside], score[voiced & inside]),
            "found": float(voiced[inside].mean()),
            "frames": int(len(score)),
        }
    return result


def main() -> None:
    """Compare, and write JSON."""
    parser = argparse.ArgumentParser(prog="audiosae.pitch_comparison", description=__doc__, allow_abbrev=False)
    parser.add_argument("corpus")
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    prepare(0)
    result = compare(given.corpus)
    given.target.parent.mkdir(parents=True, exist_ok=True)
    given.target.write_text(json.dumps(result, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    report(main)
