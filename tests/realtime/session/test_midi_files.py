"""MIDI files as they come: what can be played plays, and what was skipped is said.

Every file in `midi_files/` holds one note (key 60, velocity 100, 0 to 0.5 s) unless its name says
otherwise.
"""

from __future__ import annotations

import io
import random
import re
import struct
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.namespace.event import Event
from realtime.protocol.midi_file import MidiFileError, parse_midi_file
from realtime.session.score import read_midi
from synth.contract import DataError

RATE = 48_000
FOLDER = Path(__file__).parent / "midi_files"
NOTE = [
    Event(0, "/channel/1/note/on", (60.0, 100.0)),
    Event(24_000, "/channel/1/note/off", (60.0,)),
]
# A file that plays, and what is said of it: nothing where it is legal.
PLAYED = {
    **dict.fromkeys(
        (
            *("plain", "foreign_chunk", "f7_escape", "rmid", "chan_prefix", "latin1_text"),
            *("utf8_text", "running_after_meta", "smpte25", "smpte_offset", "huge_delta_eot"),
            "sysex_ff",
        ),
        "",
    ),
    "keysig_8": "key signature of 8 sharps",
    "keysig_empty": "key signature of 0 bytes",
    "timesig_den_big": r"denominator 2\^255",
    "tempo_short": "tempo of 2 bytes",
    "sysex_unterminated": "system exclusive message at byte 30 has no end",
    "status_f4": "1 bytes from byte 30 on can't be read",
    "cc_ff": "3 bytes from byte 30 on can't be read",
    "realtime_in_file": "2 bytes from byte 30 on can't be read",
    "songpos": "3 bytes from byte 30 on can't be read",
    "run_nostatus": "3 bytes from byte 30 on can't be read",
    "fewer_tracks": "says 8 tracks; there are 2",
    "trk_len_long": "track 1: its length says 9999 bytes; it has 19",
    "trk_len_short": "track 1: its length says 4 bytes; it has 19",
    "hdr_len_8": "header says it has 8 bytes",
    "junk_after": "7 bytes from byte 41 on belong to no track",
    "no_eot": "track 1: it has no end of track",
    "empty_track": "track 1: it has no end of track",
}
REFUSED = {
    "zero_tempo": "nothing would sound: its tempo of 0",
    "type1_zero_tracks": "nothing would sound: it has no tracks",
    "type2": "type 2",
    "div_zero": "time division 0",
    "huge_delta": "longer than 24 hours",
}


def test_all_files_are_judged() -> None:
    assert {f.stem for f in FOLDER.glob("*.mid")} == PLAYED.keys() | REFUSED.keys()


@pytest.mark.parametrize(("name", "remark"), PLAYED.items(), ids=PLAYED)
def test_what_can_be_played_plays(name: str, remark: str) -> None:
    said: list[str] = []
    path = FOLDER / f"{name}.mid"
    events = read_midi(path, RATE, say=said.append)
    assert [e for e in events if "/note/" in e.target] == NOTE
    if not remark:
        assert said == []
        return
    (line,) = said
    assert line.startswith(f"{path}: ")
    assert "\n" not in line
    assert re.search(remark, line), line


@pytest.mark.parametrize(("name", "reason"), REFUSED.items(), ids=REFUSED)
def test_what_cant_be_played_is_refused_in_one_line(name: str, reason: str) -> None:
    with pytest.raises(DataError, match=reason) as caught:
        read_midi(FOLDER / f"{name}.mid", RATE)
    assert str(caught.value).startswith(str(FOLDER / name))
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 3


@given(st.integers(0, 10_000))
def test_legal_files_are_read_as_mido_reads_them(seed: int) -> None:
    """Another reader is the peer: the same messages at the same ticks, and nothing is said."""
    chance = random.Random(seed)
    file = mido.MidiFile(type=1, ticks_per_beat=chance.randrange(1, 1000))
    for _ in range(chance.randrange(1, 4)):
        track = mido.MidiTrack()
        for _ in range(chance.randrange(20)):
            track.append(_any_message(chance))
        file.tracks.append(track)
    buffer = io.BytesIO()
    file.save(file=buffer)
    found = parse_midi_file(buffer.getvalue())
    assert found.remarks == ()
    for track, timed in zip(file.tracks, found.tracks, strict=True):
        tick, expected = 0, []
        for message in track:
            tick += message.time
            if message.type == "set_tempo":
                expected.append((tick, message.tempo))
            elif not message.is_meta and message.type != "sysex":
                expected.append((tick, bytes(message.bytes())))
        assert [tuple(t) for t in timed] == expected


def _any_message(chance: random.Random) -> mido.Message | mido.MetaMessage:
    time = chance.choice((0, 1, 127, 128, 20_000))
    channel = chance.randrange(16)
    return chance.choice(
        (
            mido.Message("note_on", channel=channel, note=60, velocity=9, time=time),
            mido.Message("control_change", channel=channel, control=7, value=127, time=time),
            mido.Message("program_change", channel=channel, program=3, time=time),
            mido.Message("pitchwheel", channel=channel, pitch=-8192, time=time),
            mido.Message("sysex", data=(1, 2, 3), time=time),
            mido.MetaMessage("set_tempo", tempo=chance.randrange(1, 1 << 24), time=time),
            mido.MetaMessage("text", text="word", time=time),
            mido.MetaMessage("key_signature", key="F#", time=time),
        )
    )


@given(st.binary(max_size=80), st.integers(0, 60))
def test_any_bytes_are_read_or_refused(junk: bytes, at: int) -> None:
    """No other error, messages whole, and never more of them than bytes."""
    data = bytearray((FOLDER / "plain.mid").read_bytes())
    data[at : at + len(junk)] = junk
    try:
        found = parse_midi_file(bytes(data))
    except MidiFileError:
        return
    for track in found.tracks:
        assert [t.tick for t in track] == sorted(t.tick for t in track)
        for timed in track:
            if isinstance(timed.message, bytes):
                assert 0x80 <= timed.message[0] < 0xF0
                assert all(byte < 0x80 for byte in timed.message[1:])
    assert sum(map(len, found.tracks)) <= len(data)


def test_a_track_that_swallows_the_next_ends_where_it_ends() -> None:
    """The length of the first track covers the second one, to the end of the file."""
    tempo = bytes.fromhex("00ff510307a12000ff2f00")
    notes = bytes.fromhex("00903c6460803c0000ff2f00")
    second = b"MTrk" + struct.pack(">I", len(notes)) + notes
    header = b"MThd" + struct.pack(">IHHH", 6, 1, 2, 96)
    data = header + b"MTrk" + struct.pack(">I", len(tempo) + len(second)) + tempo + second
    found = parse_midi_file(data)
    assert [len(track) for track in found.tracks] == [1, 2]
    assert "its length says" in found.remarks[0]


def test_notes_without_an_end_end_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "cut.mid"
    path.write_bytes((FOLDER / "plain.mid").read_bytes()[:-8])
    said: list[str] = []
    events = read_midi(path, RATE, say=said.append)
    assert events[-1].target == "/all_notes_off"
    assert any("1 notes have no end" in line for line in said)


def test_a_key_that_begins_twice_and_ends_once_has_no_end(tmp_path: Path) -> None:
    """Two note-ons of a key on a channel need two note-offs; on two channels, one each."""
    path = tmp_path / "twice.mid"
    for ends, hanging in (((0,), 1), ((0, 0), 0), ((0, 1), 1)):
        track = mido.MidiTrack(
            [
                mido.Message("note_on", note=60, velocity=100, time=0),
                mido.Message("note_on", note=60, velocity=100, time=96),
                *(mido.Message("note_off", channel=c, note=60, time=96) for c in ends),
            ]
        )
        mido.MidiFile(type=0, ticks_per_beat=96, tracks=[track]).save(path)
        said: list[str] = []
        events = read_midi(path, RATE, say=said.append)
        assert (events[-1].target == "/all_notes_off") == bool(hanging)
        assert len(said) == hanging
