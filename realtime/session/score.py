"""Scores: MIDI files and event logs as sorted lists of events.

Times are samples of the engine's clock from 0. An event log is a text file of JSON lines:

    {"time": 1.5, "address": "/note/on", "args": [60, 100]}
"""

from __future__ import annotations

import heapq
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from realtime.mapping.control_map import ControlMap
from realtime.midi.decoder import MidiDecoder
from realtime.namespace.buttons import is_release
from realtime.namespace.event import Event
from realtime.namespace.global_addresses import GLOBAL_EVENTS
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Mover
from realtime.protocol.midi_file import MidiFile, MidiFileError, parse_midi_file
from synth.contract import DataError, ProtocolError

MAX_EVENTS = 1_000_000
MAX_MIDI_BYTES = 10_000_000
MAX_LOG_BYTES = 256_000_000
MAX_LINE = 131_072
MAX_SECONDS = 24 * 3600.0
DEFAULT_TEMPO = 500_000  # microseconds per quarter note
_SMPTE_29 = 30_000 / 1_001  # frames per second, for a division of -29


def say_nothing(remark: str) -> None:
    """The default for `say`: ignores the remark."""


def read_midi(
    path: str | Path,
    sample_rate: int,
    mapping: Mover | None = None,
    members: int = 0,
    say: Callable[[str], None] = say_nothing,
) -> list[Event]:
    """The events of a Standard MIDI File of type 0 or 1, its tempo map honoured.

    The transport starts at time 0 and follows every change of tempo. Notes without a note-off end
    with the file.

    Args:
        path: at most 10 MB, 24 hours and a million events.
        sample_rate: Hz of the engine's clock.
        mapping: the controls that controllers move; with None, only pedals and note ends count.
        members: channels of a lower MPE zone that exists from the start, 0 … 15.
        say: called with one line for everything that could not be read and was skipped.

    Raises:
        DataError: the file is missing, no MIDI file, of type 2, too large, or silent.
    """
    file = _load(path)
    decoder = MidiDecoder(mapping or ControlMap(), members)
    events = [Event(0, "/transport/start")]
    for seconds, message in _timed_messages(file, path):
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
    _judge_sound(path, file, events)
    for remark in file.remarks:
        say(f"{path}: {remark}")
    hanging = _hanging(events)
    if hanging:
        say(f"{path}: {hanging} notes have no end in it; they end where the file does")
        events.append(Event(events[-1].time, "/all_notes_off"))
    return events


def read_log(path: str | Path, sample_rate: int, namespace: Namespace) -> list[Event]:
    """The events of a log, sorted by time; lines of the same time keep their order.

    Args:
        path: JSON lines; empty lines are skipped; at most 256 MB and a million events.
        sample_rate: Hz of the engine's clock.
        namespace: checks addresses and clamps values, as for OSC.

    Raises:
        DataError: the file can't be read, or a line is wrong; the message names both.
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


def _timed_messages(file: MidiFile, path: str | Path) -> Iterator[tuple[float, bytes | float]]:
    """Channel messages of all tracks, and tempos (quarters a minute), with their times in
    seconds."""
    seconds, tick = 0.0, 0
    per_tick = _seconds_per_tick(path, file.division, DEFAULT_TEMPO)
    for timed in heapq.merge(*file.tracks, key=lambda timed: timed.tick):
        seconds += (timed.tick - tick) * per_tick
        tick = timed.tick
        if isinstance(timed.message, bytes):
            yield seconds, timed.message
        else:
            per_tick = _seconds_per_tick(path, file.division, timed.message)
            yield seconds, 6e7 / max(timed.message, 1)


def _load(path: str | Path) -> MidiFile:
    try:
        if os.path.getsize(path) > MAX_MIDI_BYTES:
            raise DataError(f"{path}: larger than {MAX_MIDI_BYTES} bytes; cut the file")
        file = parse_midi_file(Path(path).read_bytes())
    except OSError as error:
        raise DataError(f"{path}: can't be read ({error.strerror or error})") from None
    except MidiFileError as error:
        raise DataError(
            f"{path}: can't be read as a MIDI file ({error}); export it again as a Standard MIDI"
            " File"
        ) from None
    if file.kind not in (0, 1):
        raise DataError(
            f"{path}: a MIDI file of type {file.kind}; types 0 and 1 can be played, export it again"
        )
    return file


def _meaning(event: Event) -> tuple[str, tuple[int, float]]:
    """The address without its channel; then the channel, and the key if the event concerns one."""
    known = GLOBAL_EVENTS.get(event.target)
    base, channel = (known.base, known.channel) if known is not None else ("", 0)
    return base, (channel, event.value[0] if event.value else 0.0)


def _hanging(events: Iterable[Event]) -> int:
    """The number of keys that are still down after all events."""
    down: Counter[tuple[int, float]] = Counter()
    for event in events:
        base, note = _meaning(event)
        if base == "/note/on":
            down[note] += 1
        elif base == "/note/off":
            down[note] -= down[note] > 0
        elif base in ("/all_notes_off", "/panic"):
            down = Counter({n: times for n, times in down.items() if note[0] not in (0, n[0])})
    return sum(times > 0 for times in down.values())


def _judge_sound(path: str | Path, file: MidiFile, events: Sequence[Event]) -> None:
    """Raise `DataError` where no note of the file has a length."""
    begun: dict[tuple[int, float], int] = {}
    for event in events:
        base, note = _meaning(event)
        if base == "/note/on":
            begun.setdefault(note, event.time)
        elif base == "/note/off" and event.time > begun.pop(note, event.time):
            return
    if begun:
        return
    reason = "no note in it has a length"
    if not any(file.tracks):
        reason = "there is nothing in its tracks" if file.tracks else "it has no tracks"
    elif any(timed.message == 0 for track in file.tracks for timed in track):
        reason = "its tempo of 0 leaves no time between its notes"
    elif not any(_meaning(event)[0] == "/note/on" for event in events):
        reason = "it has no notes"
    raise DataError(f"{path}: nothing would sound: {reason}; export it again")


def _seconds_per_tick(path: str | Path, division: int, tempo: int) -> float:
    """Length of a tick; a division is ticks per quarter note or, if negative, SMPTE."""
    if division > 0:
        return tempo / 1e6 / division
    frames, ticks = -(division >> 8), division & 0xFF
    if frames not in (24, 25, 29, 30) or not ticks:
        raise DataError(f"{path}: its header has the time division {division}; export it again")
    return 1 / ((_SMPTE_29 if frames == 29 else frames) * ticks)


def _lines(file: Any) -> Iterator[str]:
    """Lines of a text file; one that is too long is cut into pieces, which are not valid JSON."""
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
