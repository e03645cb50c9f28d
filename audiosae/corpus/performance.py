"""Playing a session: from a score, an instrument and a level to clips."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from tqdm.auto import tqdm

from audiosae.corpus import groove
from audiosae.corpus.clip import Clip, make_clip
from audiosae.corpus.embedded import Session
from audiosae.corpus.instruments import BY_NAME, ENSEMBLES, GUITARS, KITS, ORCHESTRA, PIANOS, VOICES, Instrument
from audiosae.corpus.render import Event, Track, render, to_loudness
from audiosae.corpus.scores import Note, voices
from audiosae.errors import CorpusError
from audiosae.files.determinism import THREADS

_PITCHES = (30, 95)
"""MIDI notes of the 66 pitch classes (the paper's section 3.2): monophonic clips stay inside."""

_TEMPO = {"chorales": (60, 104), "vocals": (56, 96), "guitar": (84, 132), "piano": (72, 132)}


def play(sessions: list[Session], clip_seconds: float) -> Iterator[Clip]:
    """Perform sessions on two processes, in order, with a progress bar."""
    with ProcessPoolExecutor(THREADS) as workers:
        played = workers.map(partial(perform, clip_seconds=clip_seconds), sessions, chunksize=4)
        for clips in tqdm(played, total=len(sessions), desc="playing", unit="piece"):
            yield from clips


def perform(session: Session, clip_seconds: float) -> list[Clip]:
    """Play a session; its clips are in a fixed order."""
    rng = np.random.default_rng(session.seed)
    if session.kind == "drums":
        kit = list(KITS)[session.order % len(KITS)]
        events = [Event(start, 0.2, drum, velocity) for start, drum, velocity in groove.compose(rng, clip_seconds)]
        track = Track(KITS[kit], events, drums=True)
        return [_clip(session, 0, f"drums, {kit}", "drums", [track], False, clip_seconds)]
    lines = voices(session.piece)
    if session.kind == "stems":
        return _stems(session, lines, rng, clip_seconds)
    if session.kind in ("sung", "solo"):
        line = _monophonic(lines[rng.integers(len(lines))])
        player = VOICES[session.order % len(VOICES)] if session.kind == "sung" else GUITARS[session.order // 2 % len(GUITARS)]
        return [_solo(session, 0, line, player, rng, clip_seconds)]
    if session.kind == "strummed":
        player, roll = GUITARS[session.order // 2 % 4], 0.018
    else:
        player, roll = PIANOS[session.order % len(PIANOS)], 0.0
    notes = sorted(note for line in lines for note in line)
    shift = _transposition(notes, player, rng, spread=4)
    events = _play(notes, shift, player, rng, _TEMPO[session.part], clip_seconds, roll)
    return [_clip(session, 0, player.name, player.family, [Track(player.program, events)], False, clip_seconds)]


def _stems(session: Session, lines: list[list[Note]], rng: np.random.Generator, seconds: float) -> list[Clip]:
    """Two single voices of a chorale, and the ensemble or a third voice that reaches the ends of the pitch classes."""
    players = [ORCHESTRA[(2 * session.order + number) % len(ORCHESTRA)] for number in range(2)]
    if session.order % 2:
        reaching = [player for player in ORCHESTRA if _reaches(player)]
        players.append(reaching[session.order // 2 % len(reaching)])
    clips = []
    for number, player in enumerate(players):
        # Low instruments take low voices: which voice is nearest to the middle of the range, give or take chance.
        middle = (player.low + player.high) / 2
        distance = [abs(np.mean([note.midi for note in line]) - middle) + rng.uniform(0, 10) for line in lines]
        clips.append(_solo(session, number, _monophonic(lines[int(np.argmin(distance))]), player, rng, seconds))
    if len(clips) == 3:
        return clips
    name = list(ENSEMBLES)[session.order % len(ENSEMBLES)]
    tracks = []
    tempo = float(rng.uniform(*_TEMPO["chorales"]))
    start = _excerpt_start(lines[0], tempo, seconds, rng)
    key = int(rng.integers(-3, 4))
    for number, (line, player_name) in enumerate(zip(lines[:4], ENSEMBLES[name], strict=False)):
        player = BY_NAME[player_name]
        inside = [note._replace(midi=_into_range(note.midi + key, player)) for note in line]
        events = _play(inside, 0, player, rng, (tempo, tempo), seconds, start=start)
        if events:  # a voice may rest through the excerpt
            tracks.append(Track(player.program, events, pan=(34, 54, 74, 94)[number]))
    family = BY_NAME[ENSEMBLES[name][0]].family if name != "mixed quartet" else "mixed"
    return [*clips, _clip(session, 2, name, family, tracks, False, seconds)]


def _solo(session: Session, number: int, line: list[Note], player: Instrument, rng: np.random.Generator, seconds: float) -> Clip:
    tempo = float(rng.uniform(*_TEMPO[session.part]))
    start = _excerpt_start(line, tempo, seconds, rng)
    heard = [note for note in line if start <= note.onset < start + seconds * tempo / 60]
    events = _play(heard, _transposition(heard, player, rng), player, rng, (tempo, tempo), seconds, start=start)
    return _clip(session, number, player.name, player.family, [Track(player.program, events)], True, seconds)


def _monophonic(line: list[Note]) -> list[Note]:
    """Keep the highest of simultaneous notes, and end each note where the next begins."""
    highest = {note.onset: note for note in line}  # sorted by pitch within an onset, so the last one wins
    notes = [highest[onset] for onset in sorted(highest)]
    ends = [note.onset for note in notes[1:]] + [np.inf]
    return [note._replace(duration=min(note.duration, end - note.onset)) for note, end in zip(notes, ends, strict=False)]


def _transposition(notes: list[Note], player: Instrument, rng: np.random.Generator, spread: int | None = None) -> int:
    """A shift in semitones that brings the melody into the instrument's range, by at most `spread`, or its middle to the range's."""
    low, high = _range(player)
    pitches = [note.midi for note in notes]
    fits = list(range(low - min(pitches), high - max(pitches) + 1))
    if spread is not None:
        fits = [shift for shift in fits if abs(shift) <= spread]
    # The ends of the pitch classes are heard only if those who can reach them do.
    elif _reaches(player):
        fits = fits[:3] if player.low <= _PITCHES[0] else fits[-3:]
    if fits:
        return int(rng.choice(fits))
    return round((low + high) / 2 - float(np.median(pitches)))


def _range(player: Instrument) -> tuple[int, int]:
    """What of an instrument's range the pitch classes cover."""
    return max(player.low, _PITCHES[0]), min(player.high, _PITCHES[1])


def _reaches(player: Instrument) -> bool:
    return player.low <= _PITCHES[0] or player.high >= _PITCHES[1]


def _into_range(midi: int, player: Instrument) -> int:
    """A note, moved by octaves."""
    low, high = _range(player)
    while midi < low:
        midi += 12
    while midi > high:
        midi -= 12
    return midi


def _excerpt_start(notes: list[Note], tempo: float, seconds: float, rng: np.random.Generator) -> float:
    """Where to begin, in quarter notes: an onset after which the excerpt is full of notes."""
    window = seconds * tempo / 60
    onsets = sorted({note.onset for note in notes})
    sounding = [
        sum(min(n.onset + n.duration, start + window) - n.onset for n in notes if start <= n.onset < start + window) for start in onsets
    ]
    fullest = max(sounding)
    good = [start for start, length in zip(onsets, sounding, strict=False) if length >= min(0.8 * window, 0.95 * fullest)]
    return float(rng.choice(good or onsets))


def _play(
    notes: list[Note], shift: int, player: Instrument, rng: np.random.Generator, tempo: tuple[float, float], seconds: float,
    roll: float = 0.0, start: float | None = None,
) -> list[Event]:  # fmt: skip
    """An excerpt in seconds, with a tempo from a range, a swell and an uneven touch; chords rolled by `roll` seconds a note."""
    beats = float(rng.uniform(*tempo))
    if start is None:
        start = _excerpt_start(notes, beats, seconds, rng)
    centre, depth = rng.uniform(62, 96), rng.uniform(0, 26)
    period, phase = rng.uniform(2, 6), rng.uniform(0, 2 * np.pi)
    events, last, rank = [], -1.0, 0
    for note in notes:
        time = (note.onset - start) * 60 / beats
        if not 0 <= time < seconds - 0.05 or note.duration <= 0:
            continue
        rank = rank + 1 if time == last else 0
        last = time
        velocity = centre + depth * np.sin(2 * np.pi * time / period + phase) + rng.normal(0, 4)
        length = min(note.duration * 60 / beats * 0.95, seconds - time)
        midi = _into_range(note.midi + shift, player)
        events.append(Event(time + roll * rank, length, midi, int(np.clip(velocity, 25, 120))))
    return events


def _clip(session: Session, number: int, instrument: str, family: str, tracks: list[Track], monophonic: bool, seconds: float) -> Clip:
    if not any(track.events for track in tracks):
        raise CorpusError(f"an excerpt of {session.piece} holds no notes; this is a fault of the corpus code.")
    wave = to_loudness(render(tracks, seconds), session.levels[number])
    played = [event for track in tracks if not track.drums for event in track.events]
    notes = sorted((event.start, min(event.start + event.duration, seconds), event.midi) for event in played)
    clip = f"{session.part}-{session.split}-{session.order:03d}-{number}"
    return make_clip(wave, notes, {**session._asdict(), "clip": clip, "instrument": instrument, "family": family, "monophonic": monophonic})
