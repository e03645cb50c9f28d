"""How fast each pitch tracker is, on the first monophonic clips of the corpus, in one run.

    .venv/bin/python benchmarks/pitch_trackers.py [clips]

Prints seconds of sound tracked in one second. What the trackers find is compared by the stage `compare_trackers`.
"""

from __future__ import annotations

import sys
import time

from audiosae import audio, corpus
from audiosae.audio import labels, pitch
from audiosae.files.determinism import prepare


def main() -> None:
    """Load every model once, then time each on the same clips."""
    prepare(0)
    manifest = corpus.load("data/corpus")
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    clips = [audio.to_mono(audio.read(path)[0]) for path in manifest[manifest["monophonic"]]["file"][:count]]
    seconds = sum(len(clip) for clip in clips) / audio.SAMPLE_RATE
    for tracker in pitch.TRACKERS:
        pitch.track(clips[0][: audio.SAMPLE_RATE], labels.frame_times(75, 75.0), tracker)  # loads the model
        start = time.perf_counter()
        for clip in clips:
            pitch.track(clip, labels.frame_times(int(len(clip) / audio.SAMPLE_RATE * 75), 75.0), tracker)
        print(f"{tracker:12} {seconds / (time.perf_counter() - start):7.1f} times real time on {seconds:.0f} s")


if __name__ == "__main__":
    main()
