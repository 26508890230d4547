"""Notes that are looked at in a space: read, told apart by name, encoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from synth.contract import ConfigError, DataError
from training.data.library import build_library
from training.explore.space import Space, Track, key_name
from training.explore.stage import LONGEST_SECONDS, SHORTEST_SECONDS, Stage, require_seconds
from training.timbre.aliases import canonical
from training.timbre.frames.note import find_note
from training.timbre.notes import NoteLabel, labels_of

Say = Callable[[str], None]
MOST_NAMED = 3  # notes that a message names
PITCHED = ("pitch", "octave", "key")  # what a model can be told that needs a note's key
MIDDLE_KEY = 60.0  # of a note whose key isn't known, where no model asks for it


@dataclass(frozen=True)
class Note:
    """A note in a space, from its onset to its end.

    Attributes:
        track: its way through the space.
        stage: for sounds as long as it is.
        audio: `[length]`; magnitude: of it, `[bands, frames]`.
    """

    track: Track
    stage: Stage
    audio: Tensor
    magnitude: Tensor

    def frames(self, first: int, stop: int) -> slice:
        """The frames from `first` to before `stop`, as far as the note has them; at least one."""
        count = self.magnitude.shape[1]
        begin = min(first, count - 1)
        return slice(begin, max(min(stop, count), begin + 1))

    def describe(self, space: Space) -> dict[str, Any]:
        """What the note is, JSON-ready."""
        track, config = self.track, space.config
        dynamics = int(track.dynamics)
        return {
            "name": track.name,
            "instrument": track.instrument,
            "key": track.key,
            "key_name": key_name(track.key),
            "dynamics": config.dynamics[dynamics] if dynamics < len(config.dynamics) else None,
            "frames": self.stage.frames,
            "seconds": self.stage.seconds,
        }


def read_notes(
    space: Space,
    places: Sequence[Path],
    *,
    seconds: float = 0.0,
    highest_octave: int | None = None,
    cache: Path | None = None,
    say: Say = lambda text: None,
) -> list[Note]:
    """The notes of files and folders, encoded whole, sorted by instrument and key.

    Args:
        places: audio files or folders; their names, or a CSV in the folder, tell instrument, key
            and dynamics.
        seconds: at most so much of each note, 0.05 … 60; 0: all of it, up to a minute.
        highest_octave: leaves out notes of higher octaves (C4 begins octave 4); None: none.
        cache: folder of decoded audio; None: the user's.
        say: prints what is left out.

    Raises:
        ConfigError: `seconds` is out of its range.
        DataError: there are no notes, or a note's key isn't known where the model is told it.
    """
    if seconds:
        require_seconds(seconds)
    notes = [n for place in places for n in _notes_of(space, place, seconds, cache, say)]
    if not notes:
        raise DataError(
            f"{', '.join(map(str, places))}: every note is shorter than {SHORTEST_SECONDS:g} s;"
            " give longer ones"
        )
    kept = [n for n in notes if highest_octave is None or n.track.key < 12 * (highest_octave + 2)]
    if not kept:
        raise DataError(
            f"{', '.join(map(str, places))}: all {len(notes)} notes are above octave"
            f" {highest_octave}; give a higher --filter"
        )
    if len(kept) < len(notes):
        say(f"left out: {len(notes) - len(kept)} notes above octave {highest_octave}")
    return sorted(kept, key=lambda n: (n.track.instrument, n.track.key, n.track.name))


def say_short(notes: Sequence[Note], frames: tuple[int, int], say: Say) -> None:
    """Say of which notes there are no frames in a range, so that their last one stands for them."""
    short = [n.track.name for n in notes if n.magnitude.shape[1] <= frames[0]]
    if short:
        more = f" and {len(short) - MOST_NAMED} more" if len(short) > MOST_NAMED else ""
        say(
            f"{', '.join(short[:MOST_NAMED])}{more}: over before frame {frames[0]}; the last frame"
            " stands for the note"
        )


def known_instrument(name: str, known: Sequence[str]) -> str:
    """The instrument that is meant, as its notes spell it: `cello` may mean `Violoncello`.

    Args:
        name: as it stands, or in any of the spellings that `canonical` takes for the same.
        known: instruments of the notes.

    Raises:
        ConfigError: no note is of it, or it could be one of several.
    """
    names = sorted(set(known))
    found = [name] if name in names else [n for n in names if canonical(n) == canonical(name)]
    if len(found) != 1:
        raise ConfigError(
            f"instrument {name!r}: there are {', '.join(found or names)}; name one of these"
        )
    return found[0]


def _notes_of(
    space: Space, place: Path, seconds: float, cache: Path | None, say: Say
) -> list[Note]:
    config = space.config
    library = build_library(place, config.sample_rate, config.audio_channels, cache=cache)
    for file, reason in library.rejected:
        say(f"left out: {reason if file in reason else f'{file}: {reason}'}")
    if library.skipped:
        say(f"left out: {library.skipped}")
    labels = labels_of(library.clips, str(place), config.sample_rate)
    told = set(PITCHED) & set(config.conditioning)
    notes = []
    for clip, label in zip(library.clips, labels, strict=True):
        if told and not label.key >= 0:
            raise DataError(
                f"{clip.source}: its pitch isn't known, and the model is told it; put the key into"
                " the file's name, as in violin_A4, or into the CSV"
            )
        onset, end = find_note(clip, config.sample_rate)
        if end - onset < SHORTEST_SECONDS * config.sample_rate:
            say(f"left out: {clip.source}: shorter than {SHORTEST_SECONDS:g} s")
            continue
        last = onset + round((seconds or LONGEST_SECONDS) * config.sample_rate)
        audio = torch.from_numpy(clip.open()[0, onset : min(end, last)].copy())
        notes.append(_encoded(space, audio, clip.source.stem, label))
    return notes


def _encoded(space: Space, audio: Tensor, name: str, label: NoteLabel) -> Note:
    stage = Stage.of_length(space.config, len(audio))
    magnitude = stage.analysed(audio)
    known = label.dynamics in space.config.dynamics
    dynamics = space.dynamics_number(label.dynamics if known else "")
    key = float(label.key) if label.key >= 0 else MIDDLE_KEY
    latents = space.encode(magnitude, key, dynamics)
    track = Track(name, label.instrument, key, dynamics, latents, stage.times)
    return Note(track, stage, audio, magnitude)
