"""Notes for coordinate networks to learn: `python -m training.recipes.inr OUT --selection diverse`.

FluidSynth renders notes of one second from the FluidR3 General MIDI soundfont, dry, mono at 16 kHz:

- `diverse`: mallets, guitars and keyboards, keys 24 … 84, five velocities, like the selection of
  NSynth of the same name in Zuiderveld et al. 2021 (arXiv 2111.08462);
- `keyboard`: keyboards, keys 60 … 64, like theirs;
- `melodic`: four instruments over three octaves;
- `bundled`: two of them, a note in every half octave: the material of `synth play morph`.

A file is named `<instrument>_<key>_<velocity>.wav`. The same seed gives the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np

from synth.contract import (
    ConfigError,
    DataError,
    require_one_of,
    require_within,
    write_audio,
)
from training.recipes.command import recipe_parser, told
from training.recipes.provenance import require_new_folder, write_provenance
from training.recipes.soundfont import Audio, Note, Slot, find_renderer, note_from_attack, render

COMMAND = "python -m training.recipes.inr"
RATE = 16_000
NOTE_MS = 1_000
SLOT_MS = 1_300  # with room for attacks that come late
BATCH = 128  # notes of one run of FluidSynth: some 65 MB of sound
FALL_MS = 5
CEILING_DB = -1.0

MALLETS = {
    "celesta": 8, "glockenspiel": 9, "music_box": 10, "vibraphone": 11,
    "marimba": 12, "xylophone": 13, "tubular_bells": 14, "dulcimer": 15,
}  # fmt: skip
GUITARS = {
    "nylon_guitar": 24, "steel_guitar": 25, "jazz_guitar": 26, "clean_guitar": 27,
    "muted_guitar": 28, "overdriven_guitar": 29, "distortion_guitar": 30, "guitar_harmonics": 31,
}  # fmt: skip
KEYBOARDS = {
    "grand_piano": 0, "bright_piano": 1, "electric_grand": 2, "honky_tonk": 3,
    "electric_piano": 4, "fm_piano": 5, "harpsichord": 6, "clavinet": 7,
}  # fmt: skip


class Selection(NamedTuple):
    """The notes that a set is drawn from.

    Attributes:
        families: of instruments, each from name to General MIDI program; drawn from in turn.
        keys, velocities: MIDI; every combination occurs at most once.
        energy: sum of the squared samples of a note, as the mean of the set.
        alike: whether every note has that energy, instead of only the mean.
        notes: number that is drawn by default.
    """

    families: tuple[Mapping[str, int], ...]
    keys: range
    velocities: tuple[int, ...]
    energy: float
    alike: bool
    notes: int


# The energies of the first two are those of the paper's sets (its row of silence), so that errors
# can be compared with its own as far as different sounds allow.
SELECTIONS = {
    "diverse": Selection(
        (MALLETS, GUITARS, KEYBOARDS), range(24, 85), (25, 50, 75, 100, 127), 46.19, False, 1024
    ),
    "keyboard": Selection(
        (KEYBOARDS,), range(60, 65), tuple(range(27, 128, 4)), 78.74, False, 1024
    ),
    "melodic": Selection(
        ({"vibraphone": 11}, {"nylon_guitar": 24}, {"electric_piano": 4}, {"organ": 16}),
        range(48, 85, 3), (100,), 80.0, True, 52,
    ),
    "bundled": Selection(
        ({"nylon_guitar": 24}, {"organ": 16}), range(48, 85, 6), (100,), 80.0, True, 14
    ),
}  # fmt: skip


class Choice(NamedTuple):
    """A note to render: name of the instrument, its General MIDI program, key and velocity."""

    instrument: str
    program: int
    key: int
    velocity: int

    @property
    def name(self) -> str:
        """Name of the file, without suffix."""
        return f"{self.instrument}_{self.key}_{self.velocity}"


def render_notes(
    out: Path,
    selection: str = "diverse",
    *,
    count: int | None = None,
    seed: int = 0,
    soundfont: Path | None = None,
) -> int:
    """Write the notes, `LICENSE.txt` and `provenance.json` into `out`; returns their number.

    Args:
        out: a folder that is missing or empty.
        selection: key of `SELECTIONS`.
        count: number of notes, at most those that the selection has; None: its default.
        seed: 0 … 2³²-1, of the draw.
        soundfont: a General MIDI `.sf2`; None looks for FluidR3 in the usual places.

    Raises:
        ConfigError: selection, count or seed unknown or out of range.
        DataError: `out` holds files, FluidSynth or the soundfont is missing, or rendering fails.
    """
    choices = choose(selection, count, seed)
    require_new_folder(out)
    program, font = find_renderer(soundfont)
    notes: dict[str, Audio] = {}
    for start in range(0, len(choices), BATCH):
        slots = [_slot(choice) for choice in choices[start : start + BATCH]]
        clips = render(slots, program, font, RATE)
        notes |= {name: from_attack(audio, name) for name, audio in clips.items()}
    out.mkdir(parents=True, exist_ok=True)
    wanted = SELECTIONS[selection]
    for name, audio in level(notes, wanted.energy, alike=wanted.alike).items():
        write_audio(out / f"{name}.wav", audio[None], RATE, "PCM_16")
    made = {"selection": selection, "seed": seed, "files": len(notes), "sample_rate": RATE}
    write_provenance(out, font, COMMAND, made)
    return len(notes)


def choose(selection: str, count: int | None = None, seed: int = 0) -> list[Choice]:
    """Different notes of a selection, drawn from its families in turn, sorted by name of file.

    Args:
        selection: key of `SELECTIONS`.
        count: number of notes; None: the selection's default.
        seed: 0 … 2³²-1, of the draw.

    Raises:
        ConfigError: selection, count or seed unknown or out of range.
    """
    require_one_of("selection", selection, tuple(SELECTIONS))
    require_within("seed", seed, 0, 2**32 - 1)
    wanted = SELECTIONS[selection]
    random = np.random.default_rng(seed)
    decks = [
        [
            Choice(name, program, key, velocity)
            for (name, program), key, velocity in product(
                family.items(), wanted.keys, wanted.velocities
            )
        ]
        for family in wanted.families
    ]
    count = wanted.notes if count is None else count
    # Families take turns, so the smallest deck is the first to run out.
    most = min(len(deck) for deck in decks) * len(decks)
    if not 1 <= count <= most:
        raise ConfigError(f"count is {count}; {selection} has 1 … {most} notes")
    shuffled = [[deck[i] for i in random.permutation(len(deck))] for deck in decks]
    drawn = [shuffled[n % len(decks)][n // len(decks)] for n in range(count)]
    return sorted(drawn, key=lambda choice: choice.name)


def _slot(choice: Choice) -> Slot:
    note = Note(0, choice.key, choice.velocity, 0, SLOT_MS)
    return Slot(choice.name, (choice.program,), (note,), SLOT_MS)


def from_attack(audio: Audio, name: str) -> Audio:
    """One second from 1 ms before the attack, faded in over that 1 ms and out over the last 5 ms.

    Args:
        audio: `[samples]` at 16 kHz, at least a second; name: for the error.

    Raises:
        DataError: the note is silent.
    """
    if not np.abs(audio).max() > 0:
        raise DataError(f"{name} is silent; does the soundfont hold all instruments?")
    return note_from_attack(audio, RATE, NOTE_MS, FALL_MS)


def level(notes: Mapping[str, Audio], energy: float, *, alike: bool) -> dict[str, Audio]:
    """Scale notes to a mean energy, by one factor for all or, if `alike`, each to that energy.

    Args:
        notes: name to `[samples]`, none silent.
        energy: sum of squared samples.
        alike: whether each note gets that energy.

    Returns:
        Name to `[samples]`. No peak exceeds -1 dBFS; if one would, all notes are made that much
        softer.
    """
    energies = {name: float(np.square(a, dtype=np.float64).sum()) for name, a in notes.items()}
    mean = sum(energies.values()) / len(energies)
    gains = {name: np.sqrt(energy / (own if alike else mean)) for name, own in energies.items()}
    peak = max(float(np.abs(audio).max()) * gains[name] for name, audio in notes.items())
    limit = min(1.0, 10 ** (CEILING_DB / 20) / peak)
    return {name: audio * np.float32(gains[name] * limit) for name, audio in notes.items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = recipe_parser(COMMAND, (__doc__ or "").partition("\n")[0])
    parser.add_argument("--selection", default="diverse", help=", ".join(SELECTIONS))
    parser.add_argument("--count", type=int, help="notes; without it 1024 or all")
    given = parser.parse_args(arguments)

    def recipe() -> str:
        count = render_notes(
            given.out,
            given.selection,
            count=given.count,
            seed=given.seed,
            soundfont=given.soundfont,
        )
        return f"{given.out}: {count} files\n"

    return told(recipe)


if __name__ == "__main__":
    sys.exit(main())
