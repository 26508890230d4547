"""Phrases that the bundled SampleRNN learns: `python -m training.recipes.samplernn OUT`.

FluidSynth renders one player of FluidR3's bassoon, dry, mono at 16 kHz, in seeded legato phrases
over C3 … C5 that swell, breathe, slide and tremble, so that pitch and loudness cover the whole
range that the instrument is to answer to. The same seed gives the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import mido
import numpy as np
import torch

from synth.contract import (
    DataError,
    find_audio,
    require_within,
    write_audio,
)
from synth.contract.reading import read_audio_as
from synth.models.samplernn.quantizer import SampleQuantizer
from training.recipes.command import counted, recipe_parser, told
from training.recipes.entropy import entropy_bits
from training.recipes.provenance import require_new_folder, write_provenance
from training.recipes.soundfont import (
    Audio,
    Note,
    Slot,
    find_renderer,
    render,
)

COMMAND = "python -m training.recipes.samplernn"
RATE = 16_000
# The wind of FluidR3 with the fewest bits per sample among those with unmistakable formants; its
# keys are within 5 cents, it speaks at once and falls silent in a tenth of a second.
PROGRAM = 70
LOW, HIGH = 48, 72
PHRASE_MS = 20_000
START_MS, END_MS = 200, 400  # silence before the first note; room for the end of the last one
PEAK_DB = -1.0  # of the whole set
BEND_SEMITONES = 2.0  # General MIDI's range of the pitch wheel
EXPRESSION = 11
STREAMS = {"phrases": 0, "held": 1}  # each draws from (seed, stream)

Moves = list[tuple[int, mido.Message]]


def render_material(
    out: Path, *, seed: int = 0, minutes: float = 6.0, soundfont: Path | None = None
) -> dict[str, int]:
    """Write `phrases/`, `held/`, `LICENSE.txt` and `provenance.json` under `out`.

    Args:
        out: a folder that is missing or empty.
        seed: 0 … 2³²-1; phrases are drawn from `(seed, 0)`, held-out ones from `(seed, 1)`.
        minutes: of phrases to learn from, 0.3 … 600; a tenth of that is held out in addition.
        soundfont: a General MIDI `.sf2`; None looks for FluidR3 in the usual places.

    Returns:
        The number of files in each folder.

    Raises:
        ConfigError: seed or minutes out of range.
        DataError: `out` holds files, FluidSynth or the soundfont is missing, or rendering fails.
    """
    require_within("seed", seed, 0, 2**32 - 1)
    require_within("minutes", minutes, 0.3, 600.0)
    require_new_folder(out)
    program, font = find_renderer(soundfont)
    counts = {"phrases": max(round(minutes * 60_000 / PHRASE_MS), 1)}
    counts["held"] = max(round(counts["phrases"] / 10), 1)
    clips: dict[str, Audio] = {}
    for folder, count in counts.items():
        slots = phrase_slots(count, (seed, STREAMS[folder]), folder)
        clips |= render(list(slots), program, font, RATE)
    gain = _gain(clips)
    for folder in counts:
        (out / folder).mkdir(parents=True)
    for name, audio in clips.items():
        write_audio(out / f"{name}.wav", audio[None] * gain, RATE, "PCM_16")
    made = {"seed": seed, "minutes": minutes, "files": counts, "sample_rate": RATE}
    write_provenance(out, font, COMMAND, made)
    return counts


def _gain(clips: dict[str, Audio]) -> np.float32:
    """One factor for all, so that loudness keeps its meaning."""
    peak = max(float(np.abs(audio).max()) for audio in clips.values())
    if peak == 0.0:
        raise DataError("all phrases are silent; does the soundfont hold a bassoon?")
    return np.float32(10.0 ** (PEAK_DB / 20.0) / peak)


def phrase_slots(count: int, seed: tuple[int, int], folder: str) -> Iterator[Slot]:
    """Phrases of 20 s, named `folder/000` and so on.

    Args:
        count: number of phrases; seed: (seed, stream) of the draw; folder: part of their names.
    """
    random = np.random.default_rng(seed)
    for index in range(count):
        yield _phrase(f"{folder}/{index:03d}", random)


def _phrase(name: str, random: np.random.Generator) -> Slot:
    """One voice that moves by steps and leaps, with three to eight notes to a breath.

    Two MIDI channels take turns, so that a bend doesn't touch the end of the note before.
    """
    notes: list[Note] = []
    moves: Moves = _swell(random)
    key, now, breath = int(random.integers(LOW, HIGH + 1)), START_MS, 0
    while now < PHRASE_MS - 2 * END_MS:
        if breath == 0:
            breath = int(random.integers(3, 9))
            now += int(random.integers(100, 500)) if notes else 0
        length = min(_length(random), PHRASE_MS - END_MS - now)
        channel = len(notes) % 2
        notes.append(Note(channel, key, int(random.integers(64, 121)), now, length - 20))
        path = _bend(random, key, length)
        moves += [(now + at, _wheel(channel, semitones)) for at, semitones in path]
        key = _next_key(random, key)
        now, breath = now + length, breath - 1
    return Slot(name, (PROGRAM, PROGRAM), tuple(notes), PHRASE_MS, tuple(moves))


def _length(random: np.random.Generator) -> int:
    """Short, medium or long, in ms."""
    low, high = ((180, 400), (400, 900), (1_200, 2_600))[random.choice(3, p=(0.4, 0.4, 0.2))]
    return int(random.integers(low, high))


def _next_key(random: np.random.Generator, key: int) -> int:
    if random.random() < 0.15:
        return int(random.integers(LOW, HIGH + 1))
    after = key + int(random.integers(-5, 6))
    return 2 * LOW - after if after < LOW else 2 * HIGH - after if after > HIGH else after


def _bend(random: np.random.Generator, key: int, length: int) -> list[tuple[int, float]]:
    """(ms from the note's start, semitones): straight, a slide, or a vibrato that fades in."""
    kind = random.random()
    if length >= 500 and kind < 0.35:
        up = -1 if key >= HIGH - 1 else 1 if key <= LOW + 1 else int(random.choice((-1, 1)))
        semitones = up * int(random.integers(1, 3))
        start, glide = int(length * random.uniform(0.3, 0.6)), 5 * int(random.integers(12, 36))
        steps = range(0, glide + 1, 5)
        slide = [(start + at, semitones * _risen(at, glide)) for at in steps]
        return [(0, 0.0), *slide]
    if length >= 900 and kind < 0.75:
        rate_hz, depth = random.uniform(4.5, 6.0), random.uniform(0.1, 0.3)
        times = np.arange(300, length, 10)
        fade = np.minimum((times - 300) / 400, 1.0)
        wave = depth * fade * np.sin(2 * np.pi * rate_hz * (times - 300) / 1000)
        return [(0, 0.0), *zip(times.tolist(), wave.tolist(), strict=True)]
    return [(0, 0.0)]


def _wheel(channel: int, semitones: float) -> mido.Message:
    return mido.Message(
        "pitchwheel", channel=channel, pitch=round(semitones / BEND_SEMITONES * 8191)
    )


def _swell(random: np.random.Generator) -> Moves:
    """Expression of both channels: half cosines between levels that change every 0.6 … 2 s."""
    moves: Moves = []
    at, level = 0, random.uniform(56, 127)
    while at < PHRASE_MS:
        length, target = int(random.integers(600, 2_000)), random.uniform(56, 127)
        for time in range(0, min(length, PHRASE_MS - at), 20):
            value = round(level + (target - level) * _risen(time, length))
            head = {"control": EXPRESSION, "value": value}
            moves += [
                (at + time, mido.Message("control_change", channel=c, **head)) for c in (0, 1)
            ]
        at, level = at + length, target
    return moves


def _risen(time: int, length: int) -> float:
    """A half cosine that rises from 0 to 1 within `length`, at `time`."""
    return float(1 - np.cos(np.pi * time / length)) / 2


def material_entropies(folder: Path) -> dict[int, float]:
    """Bits per sample of all audio of a folder in 256 mu-law levels, by order: 0 and 1.

    The audio is brought to full scale by one factor first, as training does.

    Raises:
        DataError: no audio there, or a file that can't be read.
    """
    audio = np.concatenate([read_audio_as(path, RATE)[0] for path in find_audio(folder)])
    quantizer = SampleQuantizer(256, "mu-law")
    codes = quantizer.encode(torch.from_numpy(audio / max(float(np.abs(audio).max()), 1e-9)))
    return {order: entropy_bits(codes.numpy(), 256, order) for order in (0, 1)}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = recipe_parser(COMMAND, __doc__ or "")
    parser.add_argument("--minutes", type=float, default=6.0, help="to learn from; 0.3 … 600")
    given = parser.parse_args(arguments)

    def recipe() -> str:
        counts = render_material(
            given.out, seed=given.seed, minutes=given.minutes, soundfont=given.soundfont
        )
        entropies = "".join(
            f"order-{order} entropy of 256 mu-law levels: {bits:.2f} bits per sample\n"
            for order, bits in material_entropies(given.out / "phrases").items()
        )
        return counted(given.out, counts) + entropies

    return told(recipe)


if __name__ == "__main__":
    sys.exit(main())
