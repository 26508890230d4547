"""Notes of twelve instruments that people have compared: `python -m training.recipes.timbre OUT`.

FluidSynth renders every pitch of each instrument's range, at several dynamics, from the FluidR3
General MIDI soundfont: dry, mono at 22,050 Hz, held for 3.2 s. The instruments are the twelve of
`training/timbre/timbre_dissimilarity.csv`.

FluidR3 gives eight of them the same spectrum at every velocity. So each note passes a low-pass
that is the lower, the softer the note is played: softer is darker. Some of its keys are up to 28
cents out of tune. So each is rendered once to measure it and then again, bent by what it was off.

A file is named `<instrument>_<key>_<velocity>.wav`. The same arguments give the same bytes.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np

from synth.contract import ConfigError, DataError, require_one_of, require_within, write_audio
from training.recipes.command import recipe_parser, told
from training.recipes.provenance import require_new_folder, write_provenance
from training.recipes.soundfont import Audio, Note, Slot, find_renderer, note_from_attack, render
from training.recipes.tuning import cents_off

COMMAND = "python -m training.recipes.timbre"
RATE = 22_050
NOTE_MS = 3_200
SLOT_MS = 3_500  # with room for attacks that come late
BATCH = 64  # notes of one run of FluidSynth: some 90 MB of sound
FALL_MS = 30  # of the fade at the end
LEVEL_DB, CEILING_DB = -20.0, -1.0  # RMS of an instrument's typical loud note; peak of any note
SILENT_DB = -90.0
STEADY_MS = (300, 2_300)  # where pitch is measured
BEND_CENTS, BEND_STEPS = 200.0, 8_192  # a wheel's reach

# The usual velocities of dynamics, sixteen steps apart.
VELOCITIES = {"pp": 33, "p": 49, "mp": 64, "mf": 80, "f": 96, "ff": 112}
DYNAMICS = {
    1: ("mf",),
    2: ("p", "f"),
    3: ("pp", "mf", "ff"),
    4: ("pp", "p", "f", "ff"),
    5: ("pp", "p", "mf", "f", "ff"),
    6: tuple(VELOCITIES),
}


class Instrument(NamedTuple):
    """General MIDI program 0 … 127 and sounding range of an instrument, MIDI keys, both played."""

    program: int
    low: int
    high: int


# Ranges as orchestration manuals give them for good players, in sounding pitch.
INSTRUMENTS = {
    "Alto-Sax": Instrument(65, 49, 81),  # C#3 … A5
    "Bassoon": Instrument(70, 34, 75),  # Bb1 … Eb5
    "Clarinet-Bb": Instrument(71, 50, 94),  # D3 … Bb6
    "English-Horn": Instrument(69, 52, 81),  # E3 … A5
    "Flute": Instrument(73, 60, 96),  # C4 … C7
    "French-Horn": Instrument(60, 35, 77),  # B1 … F5
    "Oboe": Instrument(68, 58, 91),  # Bb3 … G6
    "Piano": Instrument(0, 21, 108),  # A0 … C8
    "Tenor-Trombone": Instrument(57, 40, 72),  # E2 … C5
    "Trumpet-C": Instrument(56, 54, 84),  # F#3 … C6
    "Violin": Instrument(40, 55, 93),  # G3 … A6: FluidR3's next key is silent
    "Violoncello": Instrument(42, 36, 84),  # C2 … C6
}


def render_notes(
    out: Path,
    *,
    instruments: Sequence[str] = tuple(INSTRUMENTS),
    dynamics: int = 3,
    step: int = 1,
    soundfont: Path | None = None,
) -> int:
    """Write the notes, `LICENSE.txt` and `provenance.json` into `out`; returns their number.

    Args:
        out: a folder that is missing or empty.
        instruments: keys of `INSTRUMENTS`, each once.
        dynamics: how many, 1 … 6; which they are is in `DYNAMICS`.
        step: semitones from a key to the next, 1 … 12.
        soundfont: a General MIDI `.sf2`; None looks for FluidR3 in the usual places.

    Raises:
        ConfigError: an instrument is unknown or named twice, or a number is out of its range.
        DataError: `out` holds files, FluidSynth or the soundfont is missing, or rendering fails.
    """
    _check(instruments, dynamics, step)
    require_new_folder(out)
    program, font = find_renderer(soundfont)
    out.mkdir(parents=True, exist_ok=True)
    files = 0
    for instrument in sorted(instruments):
        keys = range(INSTRUMENTS[instrument].low, INSTRUMENTS[instrument].high + 1, step)
        wanted = [(key, VELOCITIES[name]) for key in keys for name in DYNAMICS[dynamics]]
        clips = _tuned(instrument, wanted, program, font)
        notes = {
            name: note_from_attack(_as_soft(clip, name), RATE, NOTE_MS, FALL_MS)
            for name, clip in clips.items()
        }
        for name, audio in level(notes).items():
            write_audio(out / f"{name}.wav", audio[None], RATE, "PCM_24")
        files += len(notes)
    made = {"instruments": sorted(instruments), "dynamics": DYNAMICS[dynamics], "step": step}
    write_provenance(out, font, COMMAND, {**made, "files": files, "sample_rate": RATE})
    return files


def _check(instruments: Sequence[str], dynamics: int, step: int) -> None:
    for name in instruments:
        require_one_of("instruments", name, tuple(INSTRUMENTS))
    if not instruments or len(set(instruments)) < len(instruments):
        raise ConfigError(
            f"instruments is {','.join(instruments) or 'empty'}; name at least one, each once"
        )
    require_within("dynamics", dynamics, 1, len(DYNAMICS))
    require_within("step", step, 1, 12)


def note_slot(instrument: str, key: int, velocity: int, off_cents: float = 0.0) -> Slot:
    """A note held to the end of its slot.

    Args:
        instrument: key of `INSTRUMENTS`; key, velocity: MIDI.
        off_cents: by which the soundfont's key is sharp, which is taken back; -199 … 199.
    """
    bend = mido.Message("pitchwheel", pitch=round(-off_cents / BEND_CENTS * BEND_STEPS))
    note = Note(0, key, velocity, 0, SLOT_MS)
    program = INSTRUMENTS[instrument].program
    return Slot(f"{instrument}_{key}_{velocity}", (program,), (note,), SLOT_MS, ((0, bend),))


def _tuned(
    instrument: str, wanted: Sequence[tuple[int, int]], program: str, font: Path
) -> dict[str, Audio]:
    """The sounds of (key, velocity), each bent by what it was off without."""
    plain = _rendered([note_slot(instrument, *one) for one in wanted], program, font).values()
    start, end = (ms * RATE // 1000 for ms in STEADY_MS)
    off = [
        cents_off(clip[start:end], RATE, key) for (key, _), clip in zip(wanted, plain, strict=True)
    ]
    bent = [note_slot(instrument, *one, cents) for one, cents in zip(wanted, off, strict=True)]
    return _rendered(bent, program, font)


def _rendered(slots: Sequence[Slot], program: str, font: Path) -> dict[str, Audio]:
    """The slots' sounds, in their order."""
    clips: dict[str, Audio] = {}
    for start in range(0, len(slots), BATCH):
        clips |= render(slots[start : start + BATCH], program, font, RATE)
    for name, clip in clips.items():
        if np.abs(clip).max() < _amplitude(SILENT_DB):
            raise DataError(f"{name} is silent; does the soundfont hold all instruments?")
    return clips


def _as_soft(audio: Audio, name: str) -> Audio:
    key, velocity = name.rsplit("_", 2)[1:]
    return darkened(audio, int(key), int(velocity))


def darkened(audio: Audio, key: int, velocity: int) -> Audio:
    """A note as dark as it is soft, by a causal low-pass of one pole and of gain 1 at its pitch.

    The pole is that of a resistor and a capacitor with the corner 1 kHz for pp, 3 kHz for mf and
    6.3 kHz for ff.

    Args:
        audio: `[samples]`; key: MIDI; velocity: 1 … 127.
    """
    loudness = (velocity - VELOCITIES["pp"]) / (VELOCITIES["mf"] - VELOCITIES["pp"])
    pole = np.exp(-2 * np.pi * 1_000.0 * 3.0**loudness / RATE)
    size = 1 << (len(audio) + RATE // 10).bit_length()  # its memory falls by 270 dB in 5 ms
    turns = np.append(np.fft.rfftfreq(size), 440.0 * 2 ** ((key - 69) / 12) / RATE)
    response = 1 / (1 - pole * np.exp(-2j * np.pi * turns))
    spectrum = np.fft.rfft(audio, size) * (response[:-1] / np.abs(response[-1]))
    return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


def level(notes: dict[str, Audio]) -> dict[str, Audio]:
    """All notes of an instrument with one gain, so that soft stays soft.

    The gain brings the median of its loudest notes to -20 dBFS RMS, and the highest peak to
    -1 dBFS at most.

    Args:
        notes: name to `[samples]`, none silent; the names end in the velocity.
    """
    velocities = {name: int(name.rpartition("_")[2]) for name in notes}
    loud = [notes[n] for n, velocity in velocities.items() if velocity == max(velocities.values())]
    rms = float(np.median([np.sqrt(np.mean(np.square(a, dtype=np.float64))) for a in loud]))
    peak = max(float(np.abs(audio).max()) for audio in notes.values())
    gain = min(_amplitude(LEVEL_DB) / rms, _amplitude(CEILING_DB) / peak)
    return {name: (audio * gain).astype(np.float32) for name, audio in notes.items()}


def _amplitude(level_db: float) -> float:
    return float(10.0 ** (level_db / 20.0))


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = recipe_parser(COMMAND, (__doc__ or "").partition("\n")[0], seeded=False)
    parser.add_argument("--instruments", default=",".join(INSTRUMENTS), help="%(default)s")
    parser.add_argument("--dynamics", type=int, default=3, help="how many, 1 … 6")
    parser.add_argument("--step", type=int, default=1, help="semitones between keys, 1 … 12")
    given = parser.parse_args(arguments)

    def recipe() -> str:
        count = render_notes(
            given.out,
            instruments=[name for name in given.instruments.split(",") if name],
            dynamics=given.dynamics,
            step=given.step,
            soundfont=given.soundfont,
        )
        return f"{given.out}: {count} files\n"

    return told(recipe)


if __name__ == "__main__":
    sys.exit(main())
