"""The log beside a recording: the events that were played, with the samples of their effect.

JSON lines. The first one describes the engine (instruments with their fingerprints, settings, the
sample at which the audio begins); each further one is an event, in the order in which the engine
got them:

    {"sample": 4864, "address": "/note/on", "args": [60.0, 100.0]}
    {"sample": 9600, "taken": 5120, "address": "/codec/speed", "args": [2.0]}

`sample` counts from the engine's first one; `taken` is the sample at which the engine got an event
that takes effect later. `{"sample": n, "lost": m}`: m frames from n on could not be written.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from realtime.namespace.event import NOW, Event
from synth.contract import DataError

FORMAT = 1
SUFFIX = ".jsonl"
_HASH_PIECE = 1 << 20


def log_path(audio: Path) -> Path:
    """The path of a recording's log."""
    return audio.with_suffix(SUFFIX)


def further_take(audio: Path) -> Path:
    """The path at which a recording goes on when the engine was replaced: its name with "-2", or
    with the next number that is free."""
    number = 2
    while (name := audio.with_name(f"{audio.stem}-{number}{audio.suffix}")).exists():
        number += 1
    return name


def input_path(audio: Path) -> Path:
    """The path of the recorded input; always WAV, because a replay feeds it to effects again."""
    return audio.with_name(f"{audio.stem}.input.wav")


def fingerprint(path: str | Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        DataError: it can't be read.
    """
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while piece := file.read(_HASH_PIECE):
                digest.update(piece)
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error})") from None
    return digest.hexdigest()


def head_line(
    setup: Mapping[str, Any], audio: Path, input_name: str, started: int, whole: bool
) -> str:
    """The first line of a log.

    Args:
        setup: `engine` (its settings) and `block` (frames).
        audio: path of the recording.
        input_name: name of the file with the recorded input, "" for none.
        started: sample of the recording's first frame.
        whole: whether the log has all events before that sample.
    """
    instruments = [
        {"path": os.path.abspath(path), "sha256": fingerprint(path)}
        for path in setup["engine"].get("instruments", ())
    ]
    head = {
        "synth_session": FORMAT,
        **setup,
        "instruments": instruments,
        "audio": audio.name,
        "input": input_name,
        "started": started,
        "whole": whole,
    }
    return json.dumps(head, allow_nan=False) + "\n"


class Lines:
    """Turns events into lines of the log; quotes each address only once."""

    def __init__(self) -> None:
        self._quoted: dict[str, str] = {}

    def event(self, taken: int, event: Event) -> str:
        """The line of an event that was handed over to the engine before the sample `taken`."""
        address = self._quoted.get(event.target)
        if address is None:
            address = self._quoted[event.target] = json.dumps(event.target)
        values = ", ".join(map(repr, event.value))
        early = event.time > taken
        when = f'{event.time}, "taken": {taken}' if early else f"{taken}"
        return f'{{"sample": {when}, "address": {address}, "args": [{values}]}}\n'

    @staticmethod
    def lost(sample: int, frames: int) -> str:
        """The line of lost frames, which are silent in the file and whose events are missing.

        Args:
            sample: of the first one.
            frames: how many.
        """
        return f'{{"sample": {sample}, "lost": {frames}}}\n'


def parse_line(line: str) -> tuple[int, Event] | tuple[int, None]:
    """Parse a line into the sample of the hand-over and the event, None for lost frames.

    Raises:
        ValueError: the line is neither of the two.
    """
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("not an object")
    sample = _count(entry.get("sample"))
    if "lost" in entry:
        return sample, None
    taken = _count(entry.get("taken", sample))
    address, args = entry.get("address"), entry.get("args")
    if not isinstance(address, str) or not isinstance(args, list):
        raise ValueError("needs an address and a list of numbers")
    time = sample if "taken" in entry else NOW
    return taken, Event(time, address, tuple(_number(v) for v in args))


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r:.40} is not a finite number")
    return float(value)


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 1 << 62:
        raise ValueError(f"sample is {value!r:.40}, not a count")
    return value
