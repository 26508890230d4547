"""Scores rendered with the program FluidSynth: dry, mono, many clips in one run."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import mido
import numpy as np
from numpy.typing import NDArray

from synth.contract import DataError
from synth.contract.reading import read_audio_as

Audio = NDArray[np.float32]

RATE = 24_000  # Hz, of the clips unless another rate is asked for
RENDER_RATE = 48_000  # Hz, at which FluidSynth renders
GAP_MS = 200
ONSET_DB = -46.0  # under a note's own peak: below this an attack has not begun
RISE_MS = 1
DC_CORNER_HZ = 12.0  # some of the soundfont's samples carry a tenth of their level as an offset
ALL_SOUND_OFF = 120
SOUNDFONT = "FluidR3_GM.sf2"
PLACES = (
    "/usr/share/sounds/sf2",
    "/usr/share/soundfonts",
    "/usr/local/share/soundfonts",
    "/opt/homebrew/share/soundfonts",
)


class Note(NamedTuple):
    """One note of a slot: MIDI channel, key and velocity; times in ms from the slot's start."""

    channel: int
    key: int
    velocity: int
    start_ms: int
    length_ms: int


class Slot(NamedTuple):
    """One file to render.

    Attributes:
        name: of the file.
        programs: General MIDI programs of the channels 0, 1 …
        notes: of all channels.
        length_ms: of the file.
        moves: other messages (controllers, bends), each with its time in ms.
    """

    name: str
    programs: tuple[int, ...]
    notes: tuple[Note, ...]
    length_ms: int
    moves: tuple[tuple[int, mido.Message], ...] = ()


def find_fluidsynth() -> str:
    """Path of the `fluidsynth` program. Raises `DataError` with the command that installs it."""
    program = shutil.which("fluidsynth")
    if program is None:
        raise DataError(
            "the program fluidsynth is missing; Debian/Ubuntu: apt-get install fluidsynth,"
            " macOS: brew install fluid-synth"
        )
    return program


def find_soundfont(places: Sequence[str] = PLACES) -> Path:
    """The FluidR3 General MIDI soundfont. Raises `DataError` with the command that installs it."""
    for place in places:
        path = Path(place) / SOUNDFONT
        if path.is_file():
            return path
    raise DataError(
        f"{SOUNDFONT} is in none of {', '.join(places)}; Debian/Ubuntu: apt-get install"
        " fluid-soundfont-gm, elsewhere name its place with --soundfont"
    )


def fluidsynth_version() -> str:
    """The version that the program reports, e.g. "FluidSynth runtime version 2.3.1"."""
    command = [find_fluidsynth(), "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.partition("\n")[0]


def find_renderer(soundfont: Path | None = None) -> tuple[str, Path]:
    """The program FluidSynth and a soundfont for it.

    Args:
        soundfont: a `.sf2`; None looks for FluidR3 in the usual places.

    Raises:
        DataError: the program or the soundfont is missing, or the file is no soundfont.
    """
    program, font = find_fluidsynth(), soundfont or find_soundfont()
    check_soundfont(font)
    return program, font


def check_soundfont(font: Path) -> None:
    """Raise `DataError` unless the file begins as a soundfont does.

    FluidSynth answers a file that is none with its default soundfont, and with success.
    """
    try:
        with font.open("rb") as file:
            head = file.read(12)
    except OSError as error:
        raise DataError(f"{font}: can't be read ({error.strerror}); name a soundfont") from None
    if head[:4] != b"RIFF" or head[8:] != b"sfbk":
        raise DataError(f"{font}: is not a soundfont (.sf2); leave --soundfont out for FluidR3")


def render(
    slots: Sequence[Slot], program: str, soundfont: Path, rate: int = RATE
) -> dict[str, Audio]:
    """Render all slots in one run of FluidSynth.

    Args:
        slots: to be rendered, with silence between them.
        program: path of FluidSynth; soundfont: path of a `.sf2`.
        rate: Hz, of the clips.

    Returns:
        Name of each slot to mono `[frames]`.

    Raises:
        DataError: FluidSynth fails or renders less than was asked for.
    """
    with tempfile.TemporaryDirectory(prefix="synth-recipe-") as folder:
        score, sound = Path(folder) / "score.mid", Path(folder) / "sound.wav"
        score_of(slots).save(score)
        flags = ["-n", "-i", "-q", "-R", "0", "-C", "0", "-g", "0.5", "-r", str(RENDER_RATE)]
        flags += ["-T", "wav", "-O", "float", "-F", str(sound), str(soundfont), str(score)]
        done = subprocess.run(
            [program, *flags], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode or not sound.exists() or "Failed to load" in done.stderr:
            reason = " ".join(done.stderr.split())[-200:]
            raise DataError(f"fluidsynth can't render with {soundfont} ({reason})")
        mono = without_offset(read_audio_as(sound, rate)[0], rate)
    clips, start_ms = {}, GAP_MS
    for slot in slots:
        start, end = (ms * rate // 1000 for ms in (start_ms, start_ms + slot.length_ms))
        if end > len(mono):
            raise DataError(f"fluidsynth stopped at {len(mono) / rate:.1f} s, before {slot.name}")
        clips[slot.name] = mono[start:end]
        start_ms += slot.length_ms + GAP_MS
    return clips


def without_offset(audio: Audio, rate: int = RATE) -> Audio:
    """Audio without its constant offset, by a causal first-order high-pass at 12 Hz.

    The transfer function jf / (jf + 12 Hz) is applied to a spectrum that is padded by at least
    0.5 s, in which the filter's memory falls by 300 dB.

    Args:
        audio: `[samples]`; rate: Hz.
    """
    size = 1 << (len(audio) + rate // 2).bit_length()
    frequency = 1j * np.fft.rfftfreq(size, 1 / rate)
    spectrum = np.fft.rfft(audio, size) * (frequency / (frequency + DC_CORNER_HZ))
    return np.fft.irfft(spectrum, size)[: len(audio)].astype(np.float32)


def note_from_attack(audio: Audio, rate: int, length_ms: int, fall_ms: int) -> Audio:
    """A note from 1 ms before its attack, faded in over that ms, and out at its end.

    Args:
        audio: `[samples]`, not silent, and at least as long; rate: Hz.
        length_ms: of the note that is returned; fall_ms: of the fade at its end.
    """
    peak = float(np.abs(audio).max())
    rise, fall, length = (ms * rate // 1000 for ms in (RISE_MS, fall_ms, length_ms))
    onset = int(np.argmax(np.abs(audio) > peak * 10 ** (ONSET_DB / 20)))
    start = min(max(onset - rise, 0), len(audio) - length)
    note = audio[start : start + length].astype(np.float32)
    note[:rise] *= np.linspace(0, 1, rise, endpoint=False, dtype=np.float32)
    note[-fall:] *= np.linspace(1, 0, fall, dtype=np.float32)
    return note


def score_of(slots: Sequence[Slot]) -> mido.MidiFile:
    """The slots one after another as a MIDI file of one tick per ms; each slot ends in silence."""
    events: list[tuple[int, int, mido.Message]] = []
    start = GAP_MS
    for slot in slots:
        for channel, program in enumerate(slot.programs):
            change = mido.Message("program_change", channel=channel, program=program)
            events.append((start - GAP_MS // 2, 1, change))
            stop = mido.Message("control_change", channel=channel, control=ALL_SOUND_OFF)
            events.append((start + slot.length_ms, 0, stop))
        for time, message in slot.moves:
            events.append((start + time, 1, message))
        for note in slot.notes:
            on, off = start + note.start_ms, start + note.start_ms + note.length_ms
            head = {"channel": note.channel, "note": note.key}
            events.append((on, 2, mido.Message("note_on", velocity=note.velocity, **head)))
            events.append((off, 0, mido.Message("note_off", **head)))
        start += slot.length_ms + GAP_MS
    track = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=1_000_000)])
    now = 0
    for time, _, message in sorted(events, key=lambda event: event[:2]):
        track.append(message.copy(time=time - now))
        now = time
    track.append(mido.MetaMessage("end_of_track", time=start + 1_000 - now))
    return mido.MidiFile(type=0, tracks=[track], ticks_per_beat=1000)
