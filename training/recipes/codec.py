"""Notes and phrases that the bundled instrument learns: `python -m training.recipes.codec OUT`.

FluidSynth renders single notes and seeded phrases of eight instruments from the FluidR3 General
MIDI soundfont, dry (no reverb, no chorus), mono at 24 kHz. The same seed gives the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from synth.contract import (
    ConfigError,
    DataError,
    require_within,
    write_audio,
)
from training.recipes.command import counted, recipe_parser, told
from training.recipes.provenance import require_new_folder, write_provenance
from training.recipes.soundfont import (
    RATE,
    Audio,
    Note,
    Slot,
    find_renderer,
    render,
)

COMMAND = "python -m training.recipes.codec"
HOLD_MS, NOTE_MS, SLOT_MS = 2_000, 2_500, 3_000
PHRASE_MS = 10_000
VELOCITY = 100  # of the single notes
STEP = 3  # semitones between them
ONSET_DB = -46.0  # under the note's own peak: below this an attack has not begun
LEVEL_DB, CEILING_DB = -20.0, -2.0  # RMS of a typical note; highest peak of any
STREAMS = {"phrases": 0, "held": 1}  # each draws from (seed, stream)
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_CHORDS = ((0, 4, 7), (0, 3, 7), (0, 4, 7, 11), (0, 3, 7, 10), (0, 5, 7), (0, 7, 12))
_KINDS = ("melody", "melody", "chords", "leaps", "leaps", "held")


@dataclass(frozen=True)
class Instrument:
    """One General MIDI program: `program` 0 … 127, playable MIDI keys `low` … `high`."""

    name: str
    program: int
    low: int
    high: int


# Chosen for distinct characters and for tuning: each of these keys is within 10 cents of its pitch,
# which FluidR3's choir (up to 37 cents flat) and church organ (up to 14 sharp) are not.
INSTRUMENTS = (
    Instrument("electric_piano", 4, 48, 84),
    Instrument("flute", 73, 60, 90),
    Instrument("nylon_guitar", 24, 45, 78),
    Instrument("organ", 16, 48, 84),
    Instrument("strings", 48, 48, 84),
    Instrument("trumpet", 56, 54, 81),
    Instrument("vibraphone", 11, 54, 87),
    Instrument("voices", 53, 48, 81),
)


def render_recipe(
    out: Path,
    *,
    seed: int = 0,
    minutes: float = 8.0,
    instruments: Sequence[Instrument] = INSTRUMENTS,
    soundfont: Path | None = None,
) -> dict[str, int]:
    """Write `notes/`, `phrases/`, `held/`, `LICENSE.txt` and `provenance.json` under `out`.

    Args:
        out: a folder that is missing or empty.
        seed: 0 … 2³²-1; phrases are drawn from `(seed, 0)`, held-out ones from `(seed, 1)`.
        minutes: of phrases, 0.4 … 600; a sixth of them is held out. The notes add about four.
        instruments: at least one.
        soundfont: a General MIDI `.sf2`; None looks for FluidR3 in the usual places.

    Returns:
        The number of files in each folder.

    Raises:
        ConfigError: seed or minutes out of range, or no instrument.
        DataError: `out` holds files, FluidSynth or the soundfont is missing, or rendering fails.
    """
    require_within("seed", seed, 0, 2**32 - 1)
    require_within("minutes", minutes, 0.4, 600.0)
    if not instruments:
        raise ConfigError("no instruments; the recipe needs at least one")
    require_new_folder(out)
    program, font = find_renderer(soundfont)
    slots = round(minutes * 60_000 / PHRASE_MS)
    held = max(slots // 6, 1)
    parts = {
        "notes": list(note_slots(instruments)),
        "phrases": list(phrase_slots(instruments, slots - held, (seed, STREAMS["phrases"]))),
        "held": list(phrase_slots(instruments, held, (seed, STREAMS["held"]))),
    }
    for folder, part in parts.items():
        (out / folder).mkdir(parents=True)
        clips = render(part, program, font)
        clips = (
            level_notes(clips)
            if folder == "notes"
            else level_phrases(clips, (seed, STREAMS[folder]))
        )
        for name, audio in clips.items():
            write_audio(out / folder / f"{name}.wav", audio[None], RATE, "PCM_16")
    counts = {folder: len(part) for folder, part in parts.items()}
    made = {"seed": seed, "minutes": minutes, "files": counts, "sample_rate": RATE}
    write_provenance(out, font, COMMAND, made)
    return counts


def note_name(key: int) -> str:
    """MIDI key as a note name.

    >>> note_name(60), note_name(54)
    ('C4', 'F#3')
    """
    return f"{_NAMES[key % 12]}{key // 12 - 1}"


def note_slots(instruments: Sequence[Instrument]) -> Iterator[Slot]:
    """Every third key of every instrument, held for 2 s."""
    for instrument in instruments:
        for key in range(instrument.low, instrument.high + 1, STEP):
            note = Note(0, key, VELOCITY, 0, HOLD_MS)
            name = f"{instrument.name}_{note_name(key)}"
            yield Slot(name, (instrument.program,), (note,), SLOT_MS)


def phrase_slots(
    instruments: Sequence[Instrument], count: int, seed: tuple[int, int]
) -> Iterator[Slot]:
    """Phrases of 10 s: the instruments in turn, every fifth phrase a duet.

    Args:
        instruments: at least one.
        count: number of phrases.
        seed: (seed, stream) of the draw.
    """
    random = np.random.default_rng(seed)
    decks = _Decks(random)
    for index in range(count):
        players = [instruments[index % len(instruments)]]
        if index % 5 == 4 and len(instruments) > 1:
            players.append(instruments[(index + 1 + index // 5) % len(instruments)])
        notes = [
            note
            for channel, player in enumerate(players)
            for note in _phrase(random, decks, player, channel)
        ]
        programs = tuple(player.program for player in players)
        yield Slot(f"{index:03d}", programs, tuple(notes), PHRASE_MS)


class _Decks:
    """Keys of each instrument in shuffled order: each comes up once before any comes up again."""

    def __init__(self, random: np.random.Generator) -> None:
        self._random = random
        self._left: dict[str, list[int]] = {}

    def draw(self, player: Instrument) -> int:
        left = self._left.setdefault(player.name, [])
        if not left:
            left.extend(self._random.permutation(range(player.low, player.high + 1)).tolist())
        return left.pop()


def _phrase(
    random: np.random.Generator, decks: _Decks, player: Instrument, channel: int
) -> Iterator[Note]:
    kind = _KINDS[random.integers(len(_KINDS))]
    beat = int(random.integers(120, 420))
    key, now = decks.draw(player), int(random.integers(0, 300))
    while now < PHRASE_MS - 400:
        step = beat * int(random.integers(1, 4))
        if kind == "held":
            step = int(random.integers(1_200, 2_600))
        elif kind == "chords":
            step = int(random.integers(500, 1_800))
        keys = [_fold(key, player)]
        if kind == "chords":
            chord = _CHORDS[random.integers(len(_CHORDS))]
            keys = sorted({_fold(key + interval, player) for interval in chord})
        length = max(int(step * random.uniform(0.5, 1.05)), 60)
        velocity = int(random.integers(40, 121))
        for k in keys:
            yield Note(channel, k, velocity, now, min(length, PHRASE_MS - now - 100))
        now += step + (beat if random.random() < 0.15 else 0)
        key = keys[0] + int(random.integers(-5, 6)) if kind == "melody" else decks.draw(player)


def _fold(key: int, player: Instrument) -> int:
    while key > player.high:
        key -= 12
    while key < player.low:
        key += 12
    return key


def level_notes(clips: dict[str, Audio]) -> dict[str, Audio]:
    """Trim each note to 2.5 s from its attack and give every instrument one gain.

    The gain brings the instrument's median note to -20 dBFS RMS, and its loudest peak to -2 dBFS
    at most.
    """
    trimmed = {name: trim(audio) for name, audio in clips.items()}
    levelled: dict[str, Audio] = {}
    for instrument in {name.rpartition("_")[0] for name in trimmed}:
        own = {n: a for n, a in trimmed.items() if n.rpartition("_")[0] == instrument}
        rms = np.median([np.sqrt(np.mean(a[:RATE].astype(np.float64) ** 2)) for a in own.values()])
        peak = max(float(np.abs(a).max()) for a in own.values())
        gain = min(_amplitude(LEVEL_DB) / float(rms), _amplitude(CEILING_DB) / peak)
        levelled |= {name: (a * gain).astype(np.float32) for name, a in own.items()}
    return levelled


def level_phrases(clips: dict[str, Audio], seed: tuple[int, int]) -> dict[str, Audio]:
    """Bring each phrase to a peak drawn from -14 … -2 dBFS, so that levels vary.

    Args:
        clips: name to `[samples]`; seed: (seed, stream) of the draw.

    Raises:
        DataError: a phrase is silent.
    """
    random = np.random.default_rng((*seed, 1))
    levelled = {}
    for name, audio in clips.items():
        peak = float(np.abs(audio).max())
        if peak == 0.0:
            raise DataError(f"phrase {name} is silent; does the soundfont hold all instruments?")
        gain = _amplitude(float(random.uniform(-14.0, CEILING_DB))) / peak
        levelled[name] = _fade(audio * np.float32(gain), 0, 20)
    return levelled


def trim(audio: Audio) -> Audio:
    """2.5 s from 1 ms before the attack, faded in over that 1 ms and out over the last 30 ms.

    Raises:
        DataError: the note is silent.
    """
    peak = float(np.abs(audio).max())
    if peak == 0.0:
        raise DataError("a note is silent; does the soundfont hold all instruments?")
    onset = int(np.argmax(np.abs(audio) > peak * _amplitude(ONSET_DB)))
    start = max(onset - RATE // 1000, 0)
    return _fade(audio[start : start + NOTE_MS * RATE // 1000], 1, 30)


def _fade(audio: Audio, in_ms: int, out_ms: int) -> Audio:
    faded = audio.astype(np.float32)
    if in_ms:
        faded[: in_ms * RATE // 1000] *= np.linspace(0, 1, in_ms * RATE // 1000, dtype=np.float32)
    faded[-out_ms * RATE // 1000 :] *= np.linspace(1, 0, out_ms * RATE // 1000, dtype=np.float32)
    return faded


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = recipe_parser(COMMAND, __doc__ or "")
    parser.add_argument("--minutes", type=float, default=8.0, help="of phrases; notes add four")
    given = parser.parse_args(arguments)

    def recipe() -> str:
        counts = render_recipe(
            given.out, seed=given.seed, minutes=given.minutes, soundfont=given.soundfont
        )
        return counted(given.out, counts)

    return told(recipe)


if __name__ == "__main__":
    sys.exit(main())
