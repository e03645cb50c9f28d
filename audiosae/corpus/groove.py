"""Drum patterns, composed from a number: the stand-in for the Groove MIDI data set.

Each piece is a bar of sixteenths in one style, repeated with ghost notes, dropped and added hits, a fill in every
fourth bar, and human timing. The patterns are ours.
"""

from __future__ import annotations

import numpy as np

KICK, SNARE, STICK, CLOSED, OPEN, RIDE, CRASH, TOM_LOW, TOM_MID, TOM_HIGH, CLAP, SHAKER = (36, 38, 37, 42, 46, 51, 49, 45, 47, 50, 39, 70)

STYLES: dict[str, dict[int, str]] = {
    "rock": {KICK: "x.......x.x.....", SNARE: "....x.......x...", CLOSED: "x.x.x.x.x.x.x.x."},
    "funk": {KICK: "x..x..x...x..x..", SNARE: "....x..o.o..x..o", CLOSED: "xxxxxxxxxxxxxxxx"},
    "swing": {RIDE: "x...x..xx...x..x", KICK: "o...o...o...o...", CLOSED: "....x.......x...", SNARE: "......o........o"},
    "bossa": {KICK: "x..xx..xx..xx..x", STICK: "x..x..x...x..x..", CLOSED: "x.x.x.x.x.x.x.x."},
    "hip-hop": {KICK: "x..x......xx....", SNARE: "....x.......x...", CLOSED: "x.xxx.x.x.xxx.x.", CLAP: "............x..."},
    "march": {SNARE: "x.oxx.oxx.oxxxxx", KICK: "x...x...x...x..."},
    "disco": {KICK: "x...x...x...x...", OPEN: "..x...x...x...x.", CLAP: "....x.......x...", SHAKER: "oooooooooooooooo"},
    "half-time": {KICK: "x.....x...x.....", SNARE: "........x.......", RIDE: "x.x.x.x.x.x.x.x."},
}
"""One bar a style: x is a hit, o a ghost note."""

FILL = (SNARE, SNARE, TOM_HIGH, TOM_HIGH, TOM_MID, TOM_MID, TOM_LOW, TOM_LOW)


def compose(rng: np.random.Generator, seconds: float) -> list[tuple[float, int, int]]:
    """Play one style for a while: hits as (time in seconds, drum, velocity), in order of time. `rng` decides all that varies."""
    style = STYLES[rng.choice(list(STYLES))]
    sixteenth = 15 / rng.uniform(75, 150)
    swing = rng.uniform(0, 0.12) * sixteenth
    hits: list[tuple[float, int, int]] = []
    for step in range(int(seconds / sixteenth)):
        bar, position = divmod(step, 16)
        start = step * sixteenth + (swing if step % 2 else 0)
        filling = bar % 4 == 3 and position >= 8
        if filling:
            hits.append((start, FILL[(position - 8) % 8], int(rng.integers(75, 118))))
        if position == 0 and bar % 4 == 0 and rng.random() < 0.6:
            hits.append((start, CRASH, int(rng.integers(80, 110))))
        for drum, pattern in style.items():
            mark = pattern[position]
            if filling and drum != KICK:
                continue
            if mark == "x" and rng.random() < 0.95:
                hits.append((start, drum, int(rng.integers(85, 122) - (12 if position % 4 else 0))))
            elif mark == "o" and rng.random() < 0.8:
                hits.append((start, drum, int(rng.integers(28, 55))))
            elif mark == "." and drum in (KICK, SNARE) and rng.random() < 0.04:
                hits.append((start, drum, int(rng.integers(35, 80))))
    human = rng.normal(0, 0.006, len(hits))
    played = ((max(0.0, time + shift), drum, velocity) for (time, drum, velocity), shift in zip(hits, human, strict=False))
    return sorted(hit for hit in played if hit[0] < seconds)
