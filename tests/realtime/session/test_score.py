"""Scores: MIDI files as mido writes and times them, event logs, and what damages them."""

from __future__ import annotations

import io
import json
import random
import struct
from collections.abc import Iterable
from pathlib import Path

import mido
import pytest
from hypothesis import given
from hypothesis import strategies as st

from realtime.mapping.control_map import Binding, ControlMap
from realtime.namespace.event import Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from realtime.session import score
from realtime.session.score import demo_score, read_log, read_midi
from synth.contract import Control, DataError

RATE = 48_000
CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"))


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


def note(kind: str, key: int, ticks: int, velocity: int = 100) -> mido.Message:
    return mido.Message(kind, note=key, velocity=velocity, time=ticks)


def song() -> mido.MidiFile:
    """Two tracks, a tempo change in the first while a note of the second sounds."""
    file = mido.MidiFile(type=1, ticks_per_beat=480)
    conductor, piano = mido.MidiTrack(), mido.MidiTrack()
    conductor.append(mido.MetaMessage("set_tempo", tempo=500_000, time=0))
    conductor.append(mido.MetaMessage("set_tempo", tempo=1_000_000, time=480))
    piano.append(mido.Message("program_change", program=5, time=0))
    piano.append(note("note_on", 60, 0))
    piano.append(note("note_off", 60, 960))
    piano.append(mido.Message("sysex", data=[1, 2, 3], time=0))
    piano.append(mido.Message("control_change", control=1, value=127, time=240))
    piano.append(note("note_on", 62, 0))
    piano.append(note("note_on", 62, 240, velocity=0))
    file.tracks += [conductor, piano]
    return file


def test_tempo_map_is_honoured(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    song().save(path)
    mapping = ControlMap((Binding(Source("cc", 1), "/codec/position"),))
    # One quarter at 120 a minute, then quarters at 60: 0.5 s, then 1 s each.
    assert read_midi(path, RATE, mapping) == [
        Event(0, "/transport/start"),
        Event(0, "/tempo", (120.0,)),
        Event(0, "/channel/1/program", (5.0,)),
        Event(0, "/channel/1/note/on", (60.0, 100.0)),
        Event(24_000, "/tempo", (60.0,)),
        Event(72_000, "/channel/1/note/off", (60.0,)),
        Event(96_000, "/codec/position", (1.0,)),
        Event(96_000, "/channel/1/note/on", (62.0, 100.0)),
        Event(120_000, "/channel/1/note/off", (62.0,)),
    ]
    assert len(read_midi(path, RATE)) == 8  # without a mapping controllers move nothing


def test_times_are_those_of_mido(tmp_path: Path) -> None:
    """mido plays the same file: its own clock is the peer."""
    random_ = random.Random(4)
    file = mido.MidiFile(type=1, ticks_per_beat=96)
    for _ in range(3):
        track = mido.MidiTrack()
        for _ in range(200):
            track.append(note("note_on", random_.randrange(128), random_.randrange(100)))
            if random_.random() < 0.1:
                tempo = random_.randrange(200_000, 2_000_000)
                track.append(mido.MetaMessage("set_tempo", tempo=tempo, time=random_.randrange(50)))
        file.tracks.append(track)
    path = tmp_path / "random.mid"
    file.save(path)
    clock, expected = 0.0, []
    for message in mido.MidiFile(path):
        clock += message.time
        if message.type == "note_on":
            expected.append((clock * RATE, float(message.note)))
    events = [e for e in read_midi(path, RATE) if "/note/" in e.target]
    assert [e.value[0] for e in events] == [key for _, key in expected]
    assert [e.time for e in events] == pytest.approx([t for t, _ in expected], abs=0.51)


def test_smpte_time(tmp_path: Path) -> None:
    path = tmp_path / "smpte.mid"
    path.write_bytes(_midi_bytes(division=struct.pack(">bB", -25, 40)))  # a tick is 1 ms
    assert [e.time for e in read_midi(path, 1_000)] == [0, 0, 96]


def _midi_bytes(division: bytes = b"\0\x60", kind: int = 0) -> bytes:
    events = bytes.fromhex("00 903c64 60 803c40 00 ff2f00")
    header = b"MThd" + struct.pack(">IHH", 6, kind, 1) + division
    return header + b"MTrk" + struct.pack(">I", len(events)) + events


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "can't be read as a MIDI file"),
        (b"RIFF....WAVE", "can't be read as a MIDI file"),
        (b"MThd\0\0\0\6", "can't be read as a MIDI file"),
        (_midi_bytes()[:24], "nothing would sound: there is nothing in its tracks"),
        (_midi_bytes(kind=2), "of type 2; types 0 and 1"),
        (_midi_bytes(division=b"\0\0"), "time division 0"),
        (_midi_bytes(division=b"\x80\0"), "time division"),
        (_midi_bytes().replace(b"\x3c\x64", b"\x3c\xe4"), "nothing would sound: it has no notes"),
        (bytes(score.MAX_MIDI_BYTES + 1), "larger than 10000000 bytes"),
    ],
    ids=lambda v: repr(v[:12]) if isinstance(v, bytes) else "",
)
def test_damaged_midi_is_named(tmp_path: Path, content: bytes, problem: str) -> None:
    path = tmp_path / "broken.mid"
    path.write_bytes(content)
    with pytest.raises(DataError, match=problem) as caught:
        read_midi(path, RATE)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_wounded_midi_files_are_read_or_refused(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    song().save(file=buffer)
    random_ = random.Random(5)
    path = tmp_path / "wounded.mid"
    read = 0
    for _ in range(500):
        data = bytearray(buffer.getvalue())
        for _ in range(random_.randint(1, 3)):
            data[random_.randrange(len(data))] = random_.randrange(256)
        path.write_bytes(data[: random_.randint(10, len(data))])
        try:
            events = read_midi(path, RATE)
        except DataError:
            continue
        read += 1
        assert [e.time for e in events] == sorted(e.time for e in events)
    assert 0 < read < 500


def test_missing_midi_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.mid: .*No such file"):
        read_midi(tmp_path / "nowhere.mid", RATE)


EVENTS = st.lists(
    st.one_of(
        st.tuples(
            st.just("/note/on"),
            st.tuples(st.integers(0, 127).map(float), st.integers(1, 127).map(float)),
        ),
        st.tuples(st.just("/note/off"), st.tuples(st.integers(0, 127).map(float))),
        st.tuples(st.just("/codec/position"), st.tuples(st.floats(0, 1))),
        st.tuples(st.just("/codec/latent/2"), st.tuples(st.floats(-1, 1))),
        st.tuples(st.just("/codec/latent"), st.tuples(*[st.floats(-1, 1)] * 3)),
        st.tuples(st.just("/panic"), st.just(())),
    ),
    max_size=30,
)


def write_log(path: Path, events: Iterable[Event], rate: int) -> None:
    entries = [{"time": e.time / rate, "address": e.target, "args": list(e.value)} for e in events]
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


@given(EVENTS, st.lists(st.integers(0, 10_000_000), min_size=30, max_size=30))
def test_log_is_read_to_the_sample(
    tmp_path_factory: pytest.TempPathFactory,
    moves: list[tuple[str, tuple[float, ...]]],
    times: list[int],
) -> None:
    events = [Event(t, a, v) for t, (a, v) in zip(sorted(times), moves, strict=False)]
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    for rate in (48_000, 44_100):
        write_log(path, events, rate)
        assert read_log(path, rate, Namespace({"codec": CONTROLS})) == events


def test_log_is_sorted_and_checked_as_osc_is(tmp_path: Path, namespace: Namespace) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(
        '{"time": 2, "address": "/note/off", "args": [60]}\n'
        "\n"
        '{"time": 0.5, "address": "/note/on", "args": [60]}\n'
        '{"time": 0.5, "address": "/codec/position", "args": [7]}\n'
        '{"time": 0, "address": "/panic"}'
    )
    assert read_log(path, RATE, namespace) == [
        Event(0, "/panic"),
        Event(24_000, "/note/on", (60.0, 100.0)),
        Event(24_000, "/codec/position", (1.0,)),
        Event(96_000, "/note/off", (60.0,)),
    ]
    assert namespace.counters["clamped"] == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("hello", "not JSON"),
        ("[" * 20_000, "not JSON"),
        ("[1, 2]", "needs time, address and args"),
        ('{"time": 1}', "needs time, address and args"),
        ('{"time": 1, "address": "/panic", "color": 1}', "and nothing else"),
        ('{"time": -1, "address": "/panic"}', "time is -1; 0 … 86400 seconds"),
        ('{"time": NaN, "address": "/panic"}', "time is nan"),
        ('{"time": "1", "address": "/panic"}', "time is '1'"),
        ('{"time": true, "address": "/panic"}', "time is True"),
        ('{"time": 1, "address": 5}', "the address is text"),
        ('{"time": 1, "address": "/panic", "args": 5}', "args a list"),
        ('{"time": 1, "address": "/codec/positon", "args": [1]}', "did you mean /codec/position"),
        ('{"time": 1, "address": "/codec/position", "args": [NaN]}', "finite"),
        ('{"time": 1, "address": "/codec/position", "args": [[1]]}', "of type list"),
        ('{"time": 1, "address": "/codec/position", "args": [1e999]}', "finite"),
        (json.dumps({"time": 1, "address": "/" + "x" * 300_000}), "not JSON"),
    ],
    ids=lambda text: text[:40],
)
def test_damaged_log_is_named_with_its_line(
    tmp_path: Path, namespace: Namespace, line: str, problem: str
) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"time": 0, "address": "/panic"}\n' + line + "\n")
    with pytest.raises(DataError, match=problem) as caught:
        read_log(path, RATE, namespace)
    assert str(caught.value).startswith(f"{path}:2: ")
    assert len(str(caught.value)) < len(str(path)) + 400


def test_log_that_is_no_text_or_not_there(tmp_path: Path, namespace: Namespace) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b"\xff\xfe\0")
    with pytest.raises(DataError, match="can't be read as an event log"):
        read_log(path, RATE, namespace)
    with pytest.raises(DataError, match="nowhere"):
        read_log(tmp_path / "nowhere", RATE, namespace)


def test_too_many_events_are_refused(
    tmp_path: Path, namespace: Namespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score, "MAX_EVENTS", 4)
    path = tmp_path / "log.jsonl"
    write_log(path, [Event(0, "/panic")] * 4, RATE)
    assert len(read_log(path, RATE, namespace)) == 4
    write_log(path, [Event(0, "/panic")] * 5, RATE)
    with pytest.raises(DataError, match="5: more than 4 events"):
        read_log(path, RATE, namespace)
    song().save(tmp_path / "song.mid")
    with pytest.raises(DataError, match="4 events"):
        read_midi(tmp_path / "song.mid", RATE)


@pytest.mark.parametrize("keys", [None, (48, 72), (60, 65), (90, 108), (0, 0)])
def test_demo_is_a_line_a_chord_and_a_bend(keys: tuple[int, int] | None) -> None:
    events = demo_score(RATE, keys)
    low, high = keys or (0, 127)
    assert [e.time for e in events] == sorted(e.time for e in events)
    assert 7.5 * RATE <= events[-1].time <= 8.5 * RATE
    sounding: dict[float, int] = {}
    most = 0
    for event in events:
        if event.target == "/note/on":
            assert low <= event.value[0] <= high
            sounding[event.value[0]] = sounding.get(event.value[0], 0) + 1
        elif event.target == "/note/off":
            sounding[event.value[0]] -= 1
        most = max(most, sum(sounding.values()))
    assert not any(sounding.values())
    assert most >= 4
    bends = [e.value[0] for e in events if e.target == "/pitch_bend"]
    assert len(set(bends)) > 50
    assert bends[0] == bends[-1] == 0.0
    namespace = Namespace({})
    for event in events:
        assert namespace.resolve(event.target, event.value)._replace(time=event.time) == event
    assert namespace.counters == {"clamped": 0, "refused": 0}
