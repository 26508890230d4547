"""Recording: what is on disk is valid at any moment, and its log makes the same samples again."""

from __future__ import annotations

import json
import os
import signal
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from builders import write_effect, write_sampler

from realtime.device.driver import DriverSettings
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.record.files import WavStream, open_stream
from realtime.record.journal import Journal, read_journal
from realtime.record.log import Lines, fingerprint, parse_line
from realtime.record.tap import Block, Tap
from realtime.record.writer import RecordWriter
from realtime.session.replay import replay_files
from realtime.supervisor.supervisor import Supervisor
from synth.contract import ConfigError, DataError, ModelFileError, SynthError
from tests.conftest import JackServer
from tests.realtime.jack_peers import Speaker, wait_until

PATIENCE_S = 15.0
RATE = 48_000


def noise(frames: int, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.uniform(-0.9, 0.9, (channels, frames)).astype(np.float32)


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_a_file_is_valid_after_every_write(tmp_path: Path, suffix: str) -> None:
    """What is there after a write, read while the file is still open, is the beginning of it."""
    path = tmp_path / f"take{suffix}"
    audio = noise(20_000)
    stream = open_stream(path, RATE, 2)
    late = 4096 * (suffix == ".flac")  # FLAC lets whole blocks go
    for start in range(0, 20_000, 3000):
        stream.write(audio[:, start : start + 3000])
        if stream.frames <= late:
            continue
        there, rate = soundfile.read(path, dtype="float32", always_2d=True)
        assert rate == RATE
        assert stream.frames - late <= len(there) <= stream.frames
        assert np.abs(there.T - audio[:, : len(there)]).max() <= (2**-23 if late else 0)
    stream.close()
    there, _ = soundfile.read(path, dtype="float32", always_2d=True)
    assert len(there) == 20_000
    assert soundfile.info(path).subtype == ("PCM_24" if late else "FLOAT")


def test_a_wav_beyond_4_gb_says_so_in_64_bits(tmp_path: Path) -> None:
    """RF64 (EBU Tech 3306): sizes in ds64, the 32-bit ones all ones; libsndfile believes it."""
    stream = WavStream(tmp_path / "long.wav", RATE, 2)
    frames = 3 << 29
    header = stream.header(frames)
    stream.close()
    assert header[:4] == b"RF64"
    assert header[12:16] == b"ds64"
    riff, data, count = struct.unpack_from("<QQQ", header, 20)
    assert (data, count) == (8 * frames, frames)
    assert riff == len(header) - 8 + data
    with (tmp_path / "long.wav").open("r+b") as file:
        file.write(header)
        file.truncate(len(header) + data)  # sparse
    assert soundfile.info(tmp_path / "long.wav").frames == frames


def test_files_that_can_not_be(tmp_path: Path) -> None:
    (tmp_path / "there.wav").write_bytes(b"precious")
    with pytest.raises(DataError, match="exists already"):
        open_stream(tmp_path / "there.wav", RATE, 2)
    assert (tmp_path / "there.wav").read_bytes() == b"precious"
    with pytest.raises(DataError, match="can't be made"):
        open_stream(tmp_path / "nowhere" / "a.wav", RATE, 2)
    with pytest.raises(ConfigError, match=r"\.wav or \.flac"):
        open_stream(tmp_path / "a.mp3", RATE, 2)
    with pytest.raises(ConfigError, match="8 channels, not 9"):
        open_stream(tmp_path / "a.flac", RATE, 9)


EVENTS = [
    Event(NOW, "/note/on", (60.0, 100.0)),
    Event(7_000, "/codec/latent", (0.1, -2.5e-7, 3.0)),
    Event(NOW, "/panic"),
]


def test_the_journal_gives_back_what_it_got() -> None:
    journal = Journal()
    for sample, event in enumerate(EVENTS * 5_000):
        journal.add(sample, event)
    mark = journal.until_now()
    journal.add(99_999, EVENTS[0])
    assert list(read_journal(mark)) == list(enumerate(EVENTS * 5_000))


def test_the_journal_is_bounded_and_says_so() -> None:
    journal = Journal(limit=1 << 17)
    for sample in range(100_000):
        journal.add(sample, EVENTS[0])
    assert not journal.whole
    assert not list(read_journal(journal.until_now()))


def test_lines_give_events_back_exactly() -> None:
    lines = Lines()
    for event in EVENTS:
        taken, again = parse_line(lines.event(4_864, event))
        assert (taken, again) == (4_864, event)
    late = parse_line(lines.event(8_000, EVENTS[1]))
    assert late == (8_000, EVENTS[1]._replace(time=NOW))  # it was too late to wait
    assert parse_line(Lines.lost(5, 10)) == (5, None)


class Ramp:
    """A renderer whose samples count."""

    sample_rate, channels, channels_in, latency = RATE, 1, 0, 0

    def __init__(self) -> None:
        self.at = 0
        self.got: list[Event] = []

    def schedule(self, event: Event) -> None:
        self.got.append(event)

    def render(self, frames: int, audio_in: Any = None) -> Any:
        self.at += frames
        return np.arange(self.at - frames, self.at, dtype=np.float32)[None] / (1 << 20)

    def stats(self) -> dict[str, float | int]:
        return {}

    def describe(self) -> dict[str, Any]:
        return {}


SETUP = {"engine": {}, "sample_rate": RATE, "channels": 1, "channels_in": 0}


def ended(states: list[tuple[str, str]]) -> Callable[[], bool]:
    return lambda: bool(states) and states[-1][0] in ("recorded", "failed")


def test_a_recording_begins_in_the_middle_with_all_events_before_it(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    states: list[tuple[str, str]] = []
    tap = Tap(Ramp())
    tap.schedule(EVENTS[0])
    tap.render(128)
    writer = RecordWriter(path, SETUP, lambda *said: states.append(said))
    tap.attach(writer)
    tap.schedule(EVENTS[1])
    for _ in range(10):
        tap.render(128)
    tap.schedule(EVENTS[2])
    tap.render(128)
    tap.attach(None)
    tap.schedule(EVENTS[0])
    tap.render(128)
    assert wait_until(ended(states), PATIENCE_S)
    assert states == [("recording", str(path)), ("recorded", str(path))]
    audio, _ = soundfile.read(path, dtype="float32")
    assert np.array_equal(audio * (1 << 20), np.arange(128, 12 * 128))
    head, *lines = (tmp_path / "take.jsonl").read_text().splitlines()
    said = json.loads(head)
    assert (said["started"], said["block"], said["whole"]) == (128, 128, True)
    assert [parse_line(line) for line in lines] == [
        (0, EVENTS[0]), (128, EVENTS[1]), (11 * 128, EVENTS[2])
    ]  # fmt: skip


def test_what_a_slow_disk_loses_is_silence_in_its_place(tmp_path: Path) -> None:
    """The queue is bounded; later blocks are where they belong, and the log names the gap."""
    path = tmp_path / "take.wav"
    states: list[tuple[str, str]] = []
    writer = RecordWriter(path, SETUP, lambda *said: states.append(said))
    ones = np.ones((1, RATE), np.float32)
    for second in range(60):  # it has not begun: nothing leaves the queue
        writer.put(Block(second * RATE, (EVENTS[0],), ones, None))
    lost = writer.lost_frames
    assert 30 * RATE <= lost < 45 * RATE
    assert writer.lost_events == lost // RATE
    writer.begin(0, RATE, Journal())
    assert wait_until(lambda: writer.frames == 60 * RATE - lost, PATIENCE_S)
    writer.put(Block(60 * RATE, (), ones, None))
    assert writer.close(PATIENCE_S)
    audio, _ = soundfile.read(path, dtype="float32")
    kept = 60 * RATE - lost
    assert len(audio) == 61 * RATE
    assert audio[:kept].all()
    assert not audio[kept : 60 * RATE].any()
    assert audio[60 * RATE :].all()
    assert json.loads((tmp_path / "take.jsonl").read_text().splitlines()[-1]) == {
        "sample": kept,
        "lost": lost,
    }


def test_a_place_that_can_not_be_written_is_said_once_and_nothing_waits(tmp_path: Path) -> None:
    states: list[tuple[str, str]] = []
    tap = Tap(Ramp())
    tap.attach(RecordWriter(tmp_path / "no" / "a.wav", SETUP, lambda *said: states.append(said)))
    tap.render(128)
    assert wait_until(ended(states), PATIENCE_S)
    assert states[0][0] == "failed"
    assert "a.jsonl: can't be made" in states[0][1]
    tap.render(128)


def play(supervisor: Supervisor, *steps: tuple[str, tuple[float, ...]]) -> None:
    """Events, each a few blocks after the last."""
    for target, value in steps:
        wanted = blocks(supervisor) + 3
        supervisor.send(Event(NOW, target, value))
        assert wait_until(lambda wanted=wanted: blocks(supervisor) > wanted, PATIENCE_S)


def blocks(supervisor: Supervisor) -> int:
    return int(supervisor.status().stats.get("blocks", 0))


PHRASE = (
    ("/note/on", (60.0, 100.0)),
    ("/small/position", (0.3,)),
    ("/note/on", (66.0, 64.0)),
    ("/sustain", (1.0,)),
    ("/note/off", (60.0,)),
    ("/gain", (-6.0,)),
    ("/pitch_bend", (1.25,)),
    ("/small/latent/2", (0.7,)),
    ("/sustain", (0.0,)),
)


def recorded_frames(supervisor: Supervisor) -> int:
    return int(supervisor.status().stats.get("recording", {}).get("frames", 0))


def replayed(take: Path, out: Path) -> tuple[np.ndarray, np.ndarray]:
    """What was recorded, and what its log makes."""
    replay_files(take, out)
    before, _ = soundfile.read(take, dtype="float32", always_2d=True)
    after, _ = soundfile.read(out, dtype="float32", always_2d=True)
    return before, after


@pytest.mark.parametrize("suffix", [".wav", ".flac"])
def test_killed_and_replayed_to_the_same_samples(tmp_path: Path, suffix: str) -> None:
    """kill -9 of the engine in the middle: the files are valid, and the log makes equal samples;
    the next engine goes on in a further file, which replays as well."""
    instrument = str(write_sampler(tmp_path))
    take = tmp_path / f"take{suffix}"
    engine = EngineSettings((instrument,), voices=4).to_dict()
    supervisor = Supervisor(engine, DriverSettings(kind="null", block=256))
    supervisor.record(take)
    with supervisor:
        play(supervisor, *PHRASE)
        assert supervisor.status().recording == str(take)
        assert wait_until(lambda: recorded_frames(supervisor) > RATE // 2, PATIENCE_S)
        os.kill(supervisor.status().pid or 0, signal.SIGKILL)
        further = tmp_path / f"take-2{suffix}"
        assert wait_until(lambda: supervisor.status().recording == str(further), PATIENCE_S)
        play(supervisor, *PHRASE[:3])
    for path in (take, further):
        before, after = replayed(path, tmp_path / f"again{suffix}")
        assert len(before) == len(after)
        assert np.abs(before).max() > 1e-3
        assert np.array_equal(before, after)


def test_begun_in_the_middle_and_replayed_to_the_same_samples(tmp_path: Path) -> None:
    """Notes that were struck before sound in the replay as they did; events of the future too."""
    instrument = str(write_sampler(tmp_path))
    take = tmp_path / "take.wav"
    engine = EngineSettings((instrument,), voices=4).to_dict()
    with Supervisor(engine, DriverSettings(kind="null", block=128)) as supervisor:
        play(supervisor, *PHRASE)
        now = int(supervisor.status().stats["blocks"]) * 128
        for step in range(40):
            supervisor.send(Event(now + 1_000 * step + 7, "/small/position", (step / 80,)))
        supervisor.record(take)
        assert wait_until(lambda: recorded_frames(supervisor) > RATE // 2, PATIENCE_S)
        supervisor.record(None)
        assert wait_until(lambda: supervisor.status().recording == "", PATIENCE_S)
        frames = soundfile.info(take).frames
        play(supervisor, ("/panic", ()))
        assert soundfile.info(take).frames == frames
    assert json.loads((tmp_path / "take.jsonl").read_text().splitlines()[0])["started"] > 0
    before, after = replayed(take, tmp_path / "again.wav")
    assert np.abs(before).max() > 1e-3
    assert np.array_equal(before, after)


def test_an_effect_is_replayed_with_what_came_in(tmp_path: Path) -> None:
    instrument = str(write_effect(tmp_path))
    take = tmp_path / "take.wav"
    supervisor = Supervisor(
        EngineSettings((instrument,)).to_dict(), DriverSettings(kind="null", block=256)
    )
    supervisor.record(take)
    with supervisor:
        assert wait_until(lambda: recorded_frames(supervisor) > RATE // 4, PATIENCE_S)
    heard = tmp_path / "take.input.wav"
    frames = soundfile.info(take).frames
    assert soundfile.info(heard).frames >= frames
    # The null driver hears silence: other sound in its place shows that the replay takes it from
    # the file.
    soundfile.write(heard, noise(frames, soundfile.info(heard).channels).T, RATE, subtype="FLOAT")
    _, after = replayed(take, tmp_path / "again.wav")
    assert np.abs(after).max() > 1e-3


def written_log(tmp_path: Path, **changes: Any) -> Path:
    """A log and a recording of one second of silence."""
    instrument = write_sampler(tmp_path)
    head: dict[str, Any] = {
        "synth_session": 1,
        "engine": {"instruments": [], "sample_rate": RATE, "channels": 2, "voices": 2},
        "block": 256,
        "instruments": [{"path": str(instrument), "sha256": fingerprint(instrument)}],
        "audio": "take.wav",
        "input": "",
        "started": 0,
        "whole": True,
    }
    soundfile.write(tmp_path / "take.wav", np.zeros((RATE, 2), np.float32), RATE, subtype="FLOAT")
    log = tmp_path / "take.jsonl"
    log.write_text(json.dumps({**head, **changes}) + "\n")
    return log


@pytest.mark.parametrize(
    ("changes", "line", "problem"),
    [
        ({"synth_session": 2}, "", "of format 1"),
        ({"block": 0}, "", "block 0"),
        ({"whole": False}, "", "--record"),
        ({"engine": {"colour": 1}}, "", "colour"),
        ({"engine": {"voices": 1000}}, "", "voices is 1000"),
        ({"instruments": [{}]}, "", "not the log"),
        ({"instruments": [{"path": "/no/such.onnx", "sha256": ""}]}, "", "INSTRUMENT --session"),
        ({}, "nonsense\n", r"take\.jsonl:2: "),
        ({}, '{"sample": 0, "address": "/panic", "args": [NaN]}\n', "not a finite number"),
        ({}, '{"sample": -1, "address": "/panic", "args": []}\n', "sample is -1"),
        ({}, '{"sample": 5, "lost": 10}\n', "from sample 5 on"),
    ],
)
def test_logs_that_can_not_be_replayed(
    tmp_path: Path, changes: dict[str, Any], line: str, problem: str
) -> None:
    log = written_log(tmp_path, **changes)
    with log.open("a") as file:
        file.write(line)
    with pytest.raises(SynthError, match=problem) as caught:
        replay_files(log, tmp_path / "out.wav")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out.wav").exists()


def test_another_instrument_is_refused_and_a_moved_one_found(tmp_path: Path) -> None:
    log = written_log(tmp_path)
    with log.open("a") as file:
        file.write('{"sample": 0, "address": "/note/on", "args": [60, 100]}\n{"sample": 44, "addr')
    moved = (tmp_path / "small.onnx").rename(tmp_path / "moved.onnx")
    replay_files(log, tmp_path / "out.wav", instrument=moved)
    assert np.abs(soundfile.read(tmp_path / "out.wav")[0]).max() > 1e-3
    with pytest.raises(ModelFileError, match="not the instrument that was recorded"):
        replay_files(log, tmp_path / "out.wav", instrument=write_effect(tmp_path))


def test_a_full_disk_ends_the_recording_with_what_was_written(tmp_path: Path) -> None:
    """The place ends in the middle of a block: the file is valid up to the one before, the reason
    is said, and the sound never hears of it."""
    resource = pytest.importorskip("resource")
    path = tmp_path / "take.wav"
    states: list[tuple[str, str]] = []
    tap = Tap(Ramp())
    tap.attach(RecordWriter(path, SETUP, lambda *said: states.append(said)))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        for _ in range(1_000):
            tap.render(128)
            if ended(states)():
                break
            time.sleep(0.001)
        assert wait_until(ended(states), PATIENCE_S)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert states[-1][0] == "failed"
    assert str(path) in states[-1][1]
    audio, _ = soundfile.read(path, dtype="float32")
    assert np.array_equal(audio * (1 << 20), np.arange(len(audio)))
    assert len(audio) < 50_000
    tap.render(128)


@pytest.mark.peers
def test_what_came_in_through_jack_is_replayed_to_the_same_samples(
    jack_server: JackServer, tmp_path: Path
) -> None:
    """An effect on a real server, with impulses at its input and gaps as the machine has them."""
    instrument = str(write_effect(tmp_path))
    take = tmp_path / "take.flac"
    supervisor = Supervisor(EngineSettings((instrument,)).to_dict(), DriverSettings(lookahead=8))
    supervisor.record(take)
    with supervisor, Speaker(jack_server.name, every=4800):
        play(supervisor, ("/effect/mix", (0.5,)))
        begun = recorded_frames(supervisor)
        assert wait_until(lambda: recorded_frames(supervisor) > begun + RATE, PATIENCE_S)
    heard, _ = soundfile.read(tmp_path / "take.input.wav")
    assert np.abs(heard).max() > 0.4
    before, after = replayed(take, tmp_path / "again.flac")
    assert np.abs(before).max() > 0.01
    assert np.array_equal(before, after)
