"""Scores: MIDI files and event logs as sorted lists of events.

Times are samples of the engine's clock from 0. An event log is a text file of JSON lines:

    {"time": 1.5, "address": "/note/on", "args": [60, 100]}
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from realtime.mapping.control_map import ControlMap
from realtime.midi.decoder import MidiDecoder
from realtime.namespace.buttons import is_release
from realtime.namespace.event import Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Mover
from synth.contract import DataError, ProtocolError

MAX_EVENTS = 1_000_000
MAX_MIDI_BYTES = 1_000_000  # some 300 000 messages, for which mido takes ten seconds or more
MAX_LOG_BYTES = 256_000_000
MAX_LINE = 131_072
MAX_SECONDS = 24 * 3600.0
DEFAULT_TEMPO = 500_000  # microseconds per quarter note
_SMPTE_29 = 30_000 / 1_001  # frames a second that a division of -29 stands for


def read_midi(
    path: str | Path, sample_rate: int, mapping: Mover | None = None, members: int = 0
) -> list[Event]:
    """The events of a Standard MIDI File of type 0 or 1, its tempo map honoured.

    Its music begins at time 0: the transport is started there, and told every tempo.

    Args:
        path: at most 1 MB, 24 hours and a million events.
        sample_rate: Hz of the engine's clock.
        mapping: what controllers move; None moves nothing by them but pedal and note ends.
        members: of a lower MPE zone that is there from the start, 0 … 15.

    Raises:
        DataError: missing, damaged, of type 2 or too large; names the file.
    """
    decoder = MidiDecoder(mapping or ControlMap(), members)
    events = [Event(0, "/transport/start")]
    for seconds, message in _timed_messages(path):
        time = round(seconds * sample_rate)
        if seconds > MAX_SECONDS or len(events) >= MAX_EVENTS:
            raise DataError(
                f"{path}: longer than {MAX_SECONDS / 3600:g} hours or {MAX_EVENTS} events;"
                " cut the file"
            )
        if isinstance(message, float):
            events.append(Event(time, "/tempo", (message,)))
        else:
            said = decoder.decode(message, seconds)
            events.extend(event._replace(time=time) for event in said)
    return events


def read_log(path: str | Path, sample_rate: int, namespace: Namespace) -> list[Event]:
    """The events of a log, sorted by time; lines of the same time keep their order.

    Args:
        path: JSON lines; empty lines are skipped; at most 256 MB and a million events.
        sample_rate: Hz of the engine's clock.
        namespace: judges addresses and values, as for OSC: clamps and counts.

    Raises:
        DataError: the file can't be read, or a line is wrong; names file and line.
    """
    events: list[Event] = []
    try:
        if os.path.getsize(path) > MAX_LOG_BYTES:
            raise DataError(f"{path}: larger than {MAX_LOG_BYTES} bytes; cut the log")
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(_lines(lines), start=1):
                if not line.strip():
                    continue
                if len(events) == MAX_EVENTS:
                    raise DataError(f"{path}:{number}: more than {MAX_EVENTS} events; cut the log")
                event = _log_event(f"{path}:{number}", line, sample_rate, namespace)
                if event is not None:
                    events.append(event)
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: can't be read as an event log ({error})") from None
    return sorted(events, key=lambda event: event.time)


def demo_score(sample_rate: int, key_range: tuple[int, int] | None = None) -> list[Event]:
    """A phrase of about 8 s: a rising line, a chord, a long note whose pitch is bent.

    Args:
        sample_rate: Hz of the engine's clock.
        key_range: lowest and highest key that may sound; keys outside move by octaves, or to the
            nearest key where the range is narrower than an octave.
    """
    low, high = key_range or (0, 127)
    notes = [(0.35 * i, 0.4, key, 70 + 4 * i) for i, key in enumerate((57, 60, 64, 67, 69, 72, 76))]
    notes += [(2.6 + 0.03 * i, 2.2, key, 84) for i, key in enumerate((53, 60, 64, 69))]
    notes += [(5.0, 2.6, 69, 100)]
    timed: list[tuple[float, str, tuple[float, ...]]] = []
    for start, length, key, velocity in notes:
        sounding = float(_into(key, low, high))
        timed.append((start, "/note/on", (sounding, float(velocity))))
        timed.append((start + length, "/note/off", (sounding,)))
    for step in range(91):  # from 5.4 s: a semitone up and back, with a growing vibrato
        at = step / 90
        bend = math.sin(math.pi * at) + 0.3 * at * math.sin(2 * math.pi * 5.5 * 1.8 * at)
        timed.append((5.4 + 1.8 * at, "/pitch_bend", (bend if step < 90 else 0.0,)))
    timed.append((8.0, "/all_notes_off", ()))
    events = [Event(round(at * sample_rate), target, value) for at, target, value in timed]
    # A note that ends where the same key begins has to end first.
    return sorted(events, key=lambda event: (event.time, event.target == "/note/on"))


def _into(key: int, low: int, high: int) -> int:
    while key < low and key + 12 <= high:
        key += 12
    while key > high and key - 12 >= low:
        key -= 12
    return max(low, min(high, key))


def _timed_messages(path: str | Path) -> Iterator[tuple[float, bytes | float]]:
    """Channel messages of all tracks, and tempos (quarters a minute), with their times in
    seconds."""
    import mido

    file = _load(path)
    ticks_per_beat = file.ticks_per_beat
    seconds, per_tick = 0.0, _seconds_per_tick(path, ticks_per_beat, DEFAULT_TEMPO)
    for message in mido.merge_tracks(file.tracks):
        seconds += message.time * per_tick
        if message.type == "set_tempo":
            per_tick = _seconds_per_tick(path, ticks_per_beat, message.tempo)
            yield seconds, 6e7 / max(message.tempo, 1)
        elif not message.is_meta and message.type != "sysex":
            yield seconds, bytes(message.bytes())


def _load(path: str | Path) -> Any:
    import mido

    try:
        if os.path.getsize(path) > MAX_MIDI_BYTES:
            raise DataError(f"{path}: larger than {MAX_MIDI_BYTES} bytes; cut the file")
        file = mido.MidiFile(str(path))
    except DataError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever the reader's parts raise means damage
        reason = getattr(error, "strerror", None) or str(error) or "it ends too early"
        raise DataError(
            f"{path}: can't be read as a MIDI file ({type(error).__name__}: {reason});"
            " export it again as a Standard MIDI File"
        ) from None
    if file.type not in (0, 1):
        raise DataError(f"{path}: MIDI file of type {file.type}; types 0 and 1 can be played")
    return file


def _seconds_per_tick(path: str | Path, division: int, tempo: int) -> float:
    """From the header's division: ticks per quarter, or negative: SMPTE frames and ticks."""
    if division > 0:
        return tempo / 1e6 / division
    frames, ticks = -(division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or not ticks:
        raise DataError(f"{path}: its header has the time division {division}; export it again")
    return 1 / ((_SMPTE_29 if frames == 29 else frames) * ticks)


def _lines(file: Any) -> Iterator[str]:
    """Lines of a text file; one that is too long comes in pieces that are no JSON."""
    while line := file.readline(MAX_LINE):
        yield line


def _log_event(where: str, line: str, sample_rate: int, namespace: Namespace) -> Event | None:
    """The event of a line; None for a button that is released."""
    form = 'a line looks like {"time": 1.5, "address": "/note/on", "args": [60, 100]}'
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON ({error}); {form}") from None
    if not isinstance(entry, dict) or not {"time", "address"} <= set(entry) <= {
        "time",
        "address",
        "args",
    }:
        raise DataError(f"{where}: needs time, address and args, and nothing else; {form}")
    time, address, args = entry["time"], entry["address"], entry.get("args", [])
    if isinstance(time, bool) or not isinstance(time, int | float) or not 0 <= time <= MAX_SECONDS:
        raise DataError(f"{where}: time is {time!r:.40}; 0 … {MAX_SECONDS:g} seconds is allowed")
    if not isinstance(address, str) or not isinstance(args, list):
        raise DataError(f"{where}: the address is text and args a list; {form}")
    if is_release(address, args):
        return None
    try:
        event = namespace.resolve(address, args)
    except ProtocolError as error:
        raise DataError(f"{where}: {address[:80]}: {error}") from None
    return event._replace(time=round(time * sample_rate))
