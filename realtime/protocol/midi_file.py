"""Standard MIDI Files (RP-001): bytes to messages in ticks. No I/O.

Lenient where other readers give up: everything that can be played is returned, with a remark about
each thing that was skipped or put right. Legal but rare things (a RIFF wrapper, unknown chunks,
running status across meta events, escapes) need no remark.

    MThd, its length, type, tracks, division; then per track MTrk, its length, and
    delta time, event, delta time, event …, end of track
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_TEMPO, _END, _SMPTE_OFFSET, _TIME_SIGNATURE, _KEY_SIGNATURE = 0x51, 0x2F, 0x54, 0x58, 0x59
# Lengths that these meta events must have; others may have any.
_META_LENGTH = {_TEMPO: 3, _SMPTE_OFFSET: 5, _TIME_SIGNATURE: 4, _KEY_SIGNATURE: 2}
_META_NAME = {
    _TEMPO: "tempo",
    _SMPTE_OFFSET: "SMPTE offset",
    _TIME_SIGNATURE: "time signature",
    _KEY_SIGNATURE: "key signature",
}
_MAX_DENOMINATOR = 10  # an exponent of 2; nobody writes shorter notes
_MAX_SHARPS = 7
_CHANNEL_LENGTH = {0x8: 2, 0x9: 2, 0xA: 2, 0xB: 2, 0xC: 1, 0xD: 1, 0xE: 2}
_SYSTEM_LENGTH = {0xF1: 1, 0xF2: 2, 0xF3: 1}
_HEADER, _TRACK = b"MThd", b"MTrk"
_HEADER_LENGTH = 6


class MidiFileError(ValueError):
    """The bytes aren't a MIDI file that can be played; the text says why, in one line."""


class Timed(NamedTuple):
    """A message of a track and its time.

    Args:
        tick: since the start of the track.
        message: bytes of a channel message (status byte first), or the tempo in µs a quarter note.
    """

    tick: int
    message: bytes | int


class MidiFile(NamedTuple):
    """The contents of a file.

    Attributes:
        kind: type of the file, 0, 1 or 2.
        division: the header's: ticks a quarter note, or SMPTE if negative.
        tracks: messages of each track, by tick.
        remarks: one sentence about each thing that was skipped or put right.
    """

    kind: int
    division: int
    tracks: tuple[tuple[Timed, ...], ...]
    remarks: tuple[str, ...]


def parse_midi_file(data: bytes) -> MidiFile:
    """Read the messages of a Standard MIDI File.

    Args:
        data: the whole file.

    Raises:
        MidiFileError: there is no header, so that neither type nor division is known.
    """
    start = data.find(_HEADER)
    wrapped = data[:4] == b"RIFF" and data[8:12] == b"RMID"
    if start < 0 or (start > 0 and not wrapped) or len(data) < start + 14:
        raise MidiFileError("it doesn't begin with the header of a MIDI file")
    length = int.from_bytes(data[start + 4 : start + 8], "big")
    kind, count = (int.from_bytes(data[start + i : start + i + 2], "big") for i in (8, 10))
    division = int.from_bytes(data[start + 12 : start + 14], "big", signed=True)
    at, remarks = _after_header(data, start, length)
    tracks: list[tuple[Timed, ...]] = []
    while at < len(data):
        if data[at : at + 4] == _TRACK and at + 8 <= len(data):
            messages, told, at = _track(data, at, len(tracks) + 1)
            tracks.append(messages)
            remarks += told
        elif _is_chunk(data, at):  # legal, and nothing that sounds
            at += 8 + int.from_bytes(data[at + 4 : at + 8], "big")
        else:
            junk, at = at, _next_track(data, at + 1)
            remarks.append(f"{at - junk} bytes from byte {junk} on belong to no track; skipped")
    if len(tracks) != count:
        remarks.append(f"the header says {count} tracks; there are {len(tracks)}")
    return MidiFile(kind, division, tuple(tracks), tuple(remarks))


def _after_header(data: bytes, start: int, length: int) -> tuple[int, list[str]]:
    """The byte at which the first chunk after the header begins, and remarks about the header."""
    if length == _HEADER_LENGTH:
        return start + 8 + length, []
    remarks = [f"the header says it has {length} bytes in place of {_HEADER_LENGTH}"]
    at = start + 8 + length
    return (at if _is_chunk(data, at) else _next_track(data, start + 8)), remarks


def _track(data: bytes, at: int, number: int) -> tuple[tuple[Timed, ...], list[str], int]:
    """The messages of the track at byte `at`, remarks about it, and the byte at which it ends. Its
    length is wrong unless the end of the file or another chunk follows."""
    begin = at + 8
    said = begin + int.from_bytes(data[at + 4 : begin], "big")
    fits = said <= len(data) and (said + 8 > len(data) or _is_chunk(data, said))
    end = said if fits else _next_track(data, begin)
    reader = _TrackReader(data, begin, end, number)
    messages = tuple(reader.messages())
    if reader.at == said or data[reader.at : reader.at + 4] == _TRACK:
        end = reader.at
    remarks = reader.remarks()
    if end != said:
        lengths = f"its length says {said - begin} bytes; it has {end - begin}"
        remarks.insert(0, f"track {number}: {lengths}")
    return messages, remarks, end


def _next_track(data: bytes, at: int) -> int:
    found = data.find(_TRACK, at)
    return len(data) if found < 0 else found


def _is_chunk(data: bytes, at: int) -> bool:
    """Whether a chunk begins here: a name of four letters, and as many bytes as its length says."""
    name, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "big")
    whole = at + 8 + length <= len(data) and name.isalnum()
    return at + 8 <= len(data) and (name == _TRACK or whole)


class _TrackReader:
    """Cuts the bytes of one track into messages.

    Args:
        data: the whole file.
        at, end: first byte of the track's events, and the one after the last.
        number: of the track, from 1.
    """

    def __init__(self, data: bytes, at: int, end: int, number: int) -> None:
        self._data, self._at, self._end, self._number = data, at, end, number
        self._skipped, self._first = 0, 0
        self._odd: list[str] = []
        self._ended = False
        self._tick = 0
        self._status = 0  # 0: no running status yet
        self._open = -1  # byte of a system exclusive message that has no end so far

    @property
    def at(self) -> int:
        """The next byte to be read."""
        return self._at

    def messages(self) -> Iterator[Timed]:
        """The channel messages and tempos, up to the end of the track."""
        while self._at < self._end and not self._ended:
            self._tick += self._number_of_7_bits()
            message = self._event() if self._at < self._end else None
            if message is not None:
                yield Timed(self._tick, message)

    def remarks(self) -> list[str]:
        """Remarks about the track, complete once `messages` has come to its end."""
        said = [f"track {self._number}: {text}" for text in self._odd]
        if self._skipped:
            said.append(
                f"track {self._number}: {self._skipped} bytes from byte {self._first} on can't be"
                " read and were skipped"
            )
        if self._open >= 0:
            said.append(
                f"track {self._number}: the system exclusive message at byte {self._open} has no"
                " end"
            )
        if not self._ended:
            said.append(f"track {self._number}: it has no end of track")
        return said

    def _number_of_7_bits(self) -> int:
        """A variable-length quantity, at most four bytes as the format allows."""
        value = 0
        for _ in range(4):
            byte = self._next()
            value = value << 7 | byte & 0x7F
            if byte < 0x80:
                break
        return value

    def _next(self) -> int:
        if self._at >= self._end:
            return 0
        self._at += 1
        return self._data[self._at - 1]

    def _event(self) -> bytes | int | None:
        begin = self._at
        status = self._data[begin]
        if status < 0x80 and not self._status:
            while self._at < self._end and self._data[self._at] < 0x80:
                self._at += 1
            self._skip(begin)
            return self._event() if self._at < self._end else None
        if status == 0xFF:
            return self._meta()
        if status in (0xF0, 0xF7):
            self._exclusive(status)
            return None
        if status > 0xF0:  # a system message, legal on a wire but not in a file
            self._at = begin + 1 + _SYSTEM_LENGTH.get(status, 0)
            self._skip(begin)
            return None
        return self._channel(begin, status)

    def _exclusive(self, status: int) -> None:
        """Skip a system exclusive message (F0), its continuation or an escape (F7)."""
        begin = self._at
        self._at += 1
        length = self._number_of_7_bits()
        self._at += length
        if self._at > self._end:
            self._skip(begin)
        elif status == 0xF0 and self._data[self._at - 1] != 0xF7:
            self._open = begin  # its end may come in a continuation
        elif status == 0xF7:
            self._open = -1

    def _channel(self, begin: int, status: int) -> bytes | None:
        if status >= 0x80:
            self._status = status
            self._at += 1
        first = self._at
        self._at = first + _CHANNEL_LENGTH[self._status >> 4]
        data = self._data[first : self._at]
        if self._at > self._end or any(byte > 0x7F for byte in data):
            self._skip(begin)
            return None
        return bytes((self._status, *data))

    def _meta(self) -> int | None:
        begin = self._at
        self._at += 1
        kind = self._next()
        length = self._number_of_7_bits()
        data = self._data[self._at : min(self._at + length, self._end)]
        self._at += length
        self._ended = kind == _END
        problem = _impossible(kind, data)
        if problem:
            self._odd.append(f"{problem} at byte {begin}, ignored")
        elif kind == _TEMPO:
            return int.from_bytes(data, "big")
        return None

    def _skip(self, begin: int) -> None:
        self._at = min(self._at, self._end)
        self._first = self._first or begin
        self._skipped += self._at - begin


def _impossible(kind: int, data: bytes) -> str:
    """Describe the fault in the content of a meta event; "" if there is none."""
    name = _META_NAME.get(kind, "")
    if name and len(data) != _META_LENGTH[kind]:
        return f"a {name} of {len(data)} bytes in place of {_META_LENGTH[kind]}"
    if kind == _TIME_SIGNATURE and data[1] > _MAX_DENOMINATOR:
        return f"a {name} with the denominator 2^{data[1]}"
    if kind == _KEY_SIGNATURE:
        sharps = int.from_bytes(data[:1], "big", signed=True)
        if abs(sharps) > _MAX_SHARPS or data[1] > 1:
            return f"a {name} of {sharps} sharps, mode {data[1]}"
    return ""
