"""The sounds of an archive that a name stands for.

    SPEECHCOMMANDS                                    the ten digits, 1024 recordings
    SPEECHCOMMANDS?words=yes,no&count=200
    NSYNTH.diverse_baseline                           mallet, guitar and keyboard notes
    NSYNTH.keyboard_baseline                          keyboard notes of keys 60 … 64
    NSYNTH?family=guitar,mallet&pitch=24-84&velocity=100

The two baselines are named after the sets of Zuiderveld et al. 2021 (arXiv 2111.08462) and drawn by
the same criteria: family, pitch and number. Their lists of notes are published under no licence
that allows us to pass them on, so these are other notes of the same kind.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import zip_longest
from pathlib import PurePosixPath
from typing import IO, Any, ClassVar
from urllib.parse import parse_qsl

from synth.contract import ConfigError, DataError, require_one_of, require_within
from training.data.datasets.catalogue import NSYNTH_TRAIN, SPEECH_COMMANDS, Archive

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
FAMILIES = (
    "bass", "brass", "flute", "guitar", "keyboard", "mallet", "organ", "reed", "string",
    "synth_lead", "vocal",
)  # fmt: skip
SOURCES = ("acoustic", "electronic", "synthetic")
COUNT = 1024
KNOWN = "SPEECHCOMMANDS, NSYNTH.diverse_baseline, NSYNTH.keyboard_baseline, NSYNTH?family=…"


def _require_draw(count: int, seed: int) -> None:
    require_within("count", count, 1, 300_000)
    require_within("seed", seed, 0, 2**31 - 1)


@dataclass(frozen=True)
class Span:
    """Whole numbers from `low` to `high`."""

    low: int
    high: int

    def __contains__(self, value: int) -> bool:
        return self.low <= value <= self.high

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


@dataclass(frozen=True)
class SpeechCommands:
    """Recordings of words, the same number of each.

    Args:
        words: spoken in the recordings; count: recordings in all, 1 … 300000; seed: of the draw,
            0 … 2³¹-1.
    """

    words: tuple[str, ...] = DIGITS
    count: int = COUNT
    seed: int = 0

    archive: ClassVar[Archive] = SPEECH_COMMANDS
    index: ClassVar[str] = ""  # none is needed: members are named after their word

    def __post_init__(self) -> None:
        _require_draw(self.count, self.seed)
        if not self.words or not all(word.isalnum() and word.islower() for word in self.words):
            raise ConfigError(f"words is {','.join(self.words)!r}; words like zero,one are needed")

    def choose(self, members: Iterable[str], index: IO[bytes] | None = None) -> dict[str, str]:
        """Members to extract, each with the name of its file, by the names of all members.

        Raises:
            DataError: the archive has no recording of a word.
        """
        groups: dict[str, list[str]] = {word: [] for word in self.words}
        for member in members:
            path = PurePosixPath(member)
            if path.parent.name in groups and path.suffix == ".wav":
                groups[path.parent.name].append(member)
        for word, found in groups.items():
            if not found:
                raise DataError(f"no recordings of {word!r} in {self.archive.file}")
        drawn = draw(groups, self.count, self.seed)
        return {m: f"{PurePosixPath(m).parent.name}_{PurePosixPath(m).name}" for m in drawn}


@dataclass(frozen=True)
class NSynth:
    """Notes of NSynth's training set, in equal numbers of each family as long as they last.

    Args:
        family, source: of instruments, () for any.
        pitch: MIDI keys 0 … 127; velocity: MIDI 0 … 127, within any of the spans.
        count: notes in all, 1 … 300000; seed: of the draw, 0 … 2³¹-1.
    """

    family: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    pitch: Span = field(default=Span(0, 127))
    velocity: tuple[Span, ...] = (Span(0, 127),)
    count: int = COUNT
    seed: int = 0

    archive: ClassVar[Archive] = NSYNTH_TRAIN
    index: ClassVar[str] = "nsynth-train/examples.json"

    def __post_init__(self) -> None:
        _require_draw(self.count, self.seed)
        for name in self.family:
            require_one_of("family", name, FAMILIES)
        for name in self.source:
            require_one_of("source", name, SOURCES)
        for name, span in [("pitch", self.pitch), *(("velocity", v) for v in self.velocity)]:
            require_within(name, span.low, 0, span.high)
            require_within(name, span.high, span.low, 127)

    def choose(self, members: Iterable[str], index: IO[bytes] | None = None) -> dict[str, str]:
        """Members to extract, each with the name of its file, by the archive's `examples.json`.

        Raises:
            DataError: the index can't be read, or no note matches.
        """
        groups: dict[str, list[str]] = {}
        for name, note in _notes(index).items():
            if self._wants(note):
                groups.setdefault(note[0], []).append(name)
        if not groups:
            raise DataError(f"no note of {self.archive.file} matches; widen the selection")
        return {
            f"nsynth-train/audio/{name}.wav": f"{name}.wav"
            for name in draw(groups, self.count, self.seed)
        }

    def _wants(self, note: tuple[str, str, int, int]) -> bool:
        family, source, pitch, velocity = note
        return (
            (not self.family or family in self.family)
            and (not self.source or source in self.source)
            and pitch in self.pitch
            and any(velocity in span for span in self.velocity)
        )


Selection = SpeechCommands | NSynth

_NAMED: dict[str, Selection] = {
    "SPEECHCOMMANDS": SpeechCommands(),
    "NSYNTH": NSynth(),
    "NSYNTH.diverse_baseline": NSynth(family=("guitar", "keyboard", "mallet"), pitch=Span(24, 84)),
    "NSYNTH.keyboard_baseline": NSynth(family=("keyboard",), pitch=Span(60, 64)),
}


def is_dataset(name: str) -> bool:
    """Whether a name is meant as that of a set of sounds, existing or not, rather than of a file.

    >>> is_dataset("NSYNTH.my_baseline"), is_dataset("NSYNTHS"), is_dataset("./NSYNTH?")
    (True, False, False)
    """
    return any(
        name == n or name.startswith((f"{n}?", f"{n}.")) for n in ("SPEECHCOMMANDS", "NSYNTH")
    )


def parse_selection(name: str) -> Selection:
    """The selection that a name as in the module's list stands for.

    Raises:
        ConfigError: unknown name or criterion, or a value out of range.
    """
    known, _, query = name.partition("?")
    if known not in _NAMED:
        raise ConfigError(f"data set {name!r} is unknown; known are {KNOWN}")
    start = _NAMED[known]
    given = dict(parse_qsl(query, keep_blank_values=True))
    names = [f.name for f in fields(start)]
    for criterion in given:
        require_one_of(f"criterion of {known}", criterion, names)
    values = {f.name: getattr(start, f.name) for f in fields(start)}
    values |= {criterion: _value(criterion, text) for criterion, text in given.items()}
    return type(start)(**values)


def folder_name(name: str) -> str:
    """Name of the folder of a set, without characters that are special to a shell or file system.

    >>> folder_name("NSYNTH?pitch=24-84&family=mallet")
    'NSYNTH+family=mallet+pitch=24-84'
    """
    known, _, query = name.partition("?")
    return "+".join([known, *sorted(f"{k}={v}" for k, v in parse_qsl(query))])


def draw(groups: Mapping[str, Iterable[str]], count: int, seed: int) -> list[str]:
    """`count` names, taken from the groups in turn until these are used up.

    Within a group names are ordered by a digest of seed and name, so the order depends neither on
    that of the arguments nor on which other names there are.

    Args:
        groups: names by group; count: names wanted, fewer if there are fewer; seed: of the digest.
    """

    def digest(name: str) -> bytes:
        return hashlib.sha256(f"{seed}/{name}".encode()).digest()

    ranked = [sorted(names, key=digest) for _, names in sorted(groups.items())]
    turns = (name for turn in zip_longest(*ranked) for name in turn if name is not None)
    return [name for name, _ in zip(turns, range(count), strict=False)]


def _notes(index: IO[bytes] | None) -> dict[str, tuple[str, str, int, int]]:
    """Name to (family, source, pitch, velocity), for 289205 notes in little memory."""

    def slim(entry: dict[str, Any]) -> Any:
        if "instrument_family_str" not in entry:
            return entry
        return (
            str(entry["instrument_family_str"]), str(entry["instrument_source_str"]),
            int(entry["pitch"]), int(entry["velocity"]),
        )  # fmt: skip

    try:
        notes = json.load(index, object_hook=slim) if index else None
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DataError(
            f"{NSynth.index} can't be read ({error}); fetch the archive again"
        ) from None
    if not isinstance(notes, dict) or not all(isinstance(note, tuple) for note in notes.values()):
        raise DataError(f"{NSynth.index} holds no notes; fetch the archive again")
    for name in notes:
        if PurePosixPath(name).name != name or name.startswith("."):
            raise DataError(f"{NSynth.index} names a note {name!r:.80}, which is no file name")
    return notes


def _value(criterion: str, text: str) -> Any:
    if criterion in ("count", "seed"):
        return _number(criterion, text)
    if criterion == "pitch":
        return _span(criterion, text)
    parts = tuple(part for part in text.split(",") if part)
    if not parts:
        raise ConfigError(f"{criterion} is empty; give it a value, or leave it out")
    return tuple(_span(criterion, part) for part in parts) if criterion == "velocity" else parts


def _span(criterion: str, text: str) -> Span:
    low, _, high = text.partition("-")
    return Span(_number(criterion, low), _number(criterion, high or low))


def _number(criterion: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ConfigError(f"{criterion} is {text!r:.40}; whole numbers like 60 or 24-84 are needed")
    return int(text)
