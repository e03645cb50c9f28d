"""How far measured pitch agrees with the scores, and, as the stage `compare_trackers`, pitch trackers with CREPE full.

    python -m audiosae.frames.pitch_trackers data/corpus results/pitch_trackers.json

CREPE full takes several times as long as the music lasts, so the stage is frozen, and its result kept.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from audiosae import audio, corpus
from audiosae.audio import labels, pitch
from audiosae.files import results
from audiosae.files.determinism import prepare
from audiosae.frames.bins import FRAME_RATE

EVERY = 6
"""Every sixth monophonic clip, in the order of the manifest."""


def true_notes(notes: pd.DataFrame, times: np.ndarray) -> np.ndarray:
    """The score's MIDI note of one clip at each time in s, NaN between notes and within 50 ms of an onset or 20 ms of an end."""
    truth = np.full(len(times), np.nan)
    for note in notes.itertuples():
        truth[(times > note.start + 0.05) & (times < note.end - 0.02)] = note.midi
    return truth


def share_within(a: np.ndarray, b: np.ndarray) -> float:
    """Share of pairs of MIDI notes no further apart than 50 cents; NaN for none."""
    return float((np.abs(a - b) <= 0.5).mean()) if len(a) else float("nan")


def against_score(table: pd.DataFrame, frame_rate: float, notes: pd.DataFrame) -> pd.DataFrame:
    """Compare the pitch of voiced frames of monophonic clips, in a table as in `Frames`, with `corpus.load_notes`.

    Returns
    -------
    One row a clip in which a voiced frame lies inside a note: clip; frames, how many do; right, the share of them within 50 cents.
    """
    rows = []
    for clip, frames in table[table["monophonic"]].groupby("clip", observed=True, sort=False):
        voiced = (frames["pitch"] >= 0).to_numpy()
        truth = true_notes(notes[notes["clip"] == clip], labels.frame_times(len(frames), frame_rate)[voiced])
        inside = np.isfinite(truth)
        found = pitch.to_midi(frames["f0"].to_numpy()[voiced][inside])
        rows.append({"clip": clip, "frames": int(inside.sum()), "right": share_within(found, truth[inside])})
    compared = pd.DataFrame(rows, columns=["clip", "frames", "right"])
    return compared[compared["frames"] > 0]


def stage(folder: Path, target: Path, /) -> None:
    """Run every tracker on a sixth of the monophonic clips of a corpus, and write JSON.

    For each tracker: `with_full`, share of frames voiced for both whose pitch is within 50 cents of CREPE full's; `voicing_with_full`,
    share of frames where both say voiced or both unvoiced; `with_score`, share of its voiced frames inside a note that are within 50
    cents of the score; `found`, share of frames inside a note that it calls voiced; `frames`.
    """
    prepare(0)
    manifest, notes = corpus.load(folder), corpus.load_notes(folder)
    found: dict[str, list[np.ndarray]] = {tracker: [] for tracker in pitch.TRACKERS}
    truth, audible = [], []
    for row in tqdm(list(manifest[manifest["monophonic"]].iloc[::EVERY].itertuples()), desc="tracking", unit="clip"):
        mono = audio.to_mono(audio.read(row.file)[0])
        times = labels.frame_times(int(len(mono) / audio.SAMPLE_RATE * FRAME_RATE), FRAME_RATE)
        audible.append(np.sqrt((labels.windows(mono, times) ** 2).mean(axis=1)) > labels.SILENCE)
        truth.append(true_notes(notes[notes["clip"] == row.clip], times))
        for tracker in found:
            f0, confidence = pitch.track(mono, times, tracker)
            found[tracker].append(np.stack([pitch.to_midi(f0), confidence]))
    score, loud = np.concatenate(truth), np.concatenate(audible)
    inside = np.isfinite(score) & loud
    both = {tracker: np.concatenate(parts, axis=1) for tracker, parts in found.items()}
    full_note, full_confidence = both["crepe-full"]
    full_voiced = (full_confidence >= labels.CONFIDENCE) & loud
    figures = {}
    for tracker, (note, confidence) in both.items():
        voiced = (confidence >= labels.CONFIDENCE) & loud
        figures[tracker] = {
            "with_full": share_within(note[voiced & full_voiced], full_note[voiced & full_voiced]),
            "voicing_with_full": float((voiced == full_voiced).mean()),
            "with_score": share_within(note[voiced & inside], score[voiced & inside]),
            "found": float(voiced[inside].mean()),
            "frames": len(score),
        }
    results.write(target, figures)


if __name__ == "__main__":
    from audiosae import command

    command.run(stage)
