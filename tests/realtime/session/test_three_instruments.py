"""A song for three instruments on three channels, each alone and together, rendered and through
JACK: the right notes at the right levels, and nothing of the others."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import mido
import numpy as np
import pytest
import soundfile

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW
from realtime.session.offline import render_files
from realtime.session.score import read_midi
from realtime.session.session import Session, SessionSettings
from tests.conftest import JackServer
from tests.realtime.jack_peers import Listener, wait_until
from tests.realtime.sine_instrument import LEVEL, write_sine

RATE = 48_000
# Key, volume (controller 7) and part gain in dB of the three; each holds its note for two seconds.
SONG = {"one": (48, 127, 0.0), "two": (64, 64, 0.0), "three": (79, 127, -12.0)}
CHANNELS = ("one=1", "two=2", "three=3")


@pytest.fixture
def instruments(tmp_path: Path) -> list[str]:
    paths = []
    for name in SONG:
        (tmp_path / name).mkdir()
        path = tmp_path / f"{name}.onnx"
        shutil.move(write_sine(tmp_path / name, name), path)
        paths.append(str(path))
    return paths


def song(folder: Path, *names: str) -> Path:
    """The MIDI file, with the channels of these instruments."""
    file = mido.MidiFile(ticks_per_beat=480)
    track = mido.MidiTrack()
    file.tracks.append(track)
    chosen = [(n, i) for i, n in enumerate(SONG) if n in names]
    for name, channel in chosen:
        key, volume, _ = SONG[name]
        track.append(mido.Message("control_change", channel=channel, control=7, value=volume))
        track.append(mido.Message("note_on", channel=channel, note=key, velocity=100))
    for number, (name, channel) in enumerate(chosen):
        time = 0 if number else 1920  # 2 s
        track.append(mido.Message("note_off", channel=channel, note=SONG[name][0], time=time))
    path = folder / f"{'-'.join(names)}.mid"
    file.save(path)
    return path


def levels(sound: np.ndarray) -> dict[str, float]:
    """Amplitude at the pitch of each instrument's note, from half a second that is steady."""
    window = np.hanning(len(sound))
    time = np.arange(len(sound)) / RATE
    found = {}
    for name, (key, _, _) in SONG.items():
        turns = np.exp(-2j * np.pi * 440 * 2 ** ((key - 69) / 12) * time)
        found[name] = float(2 * np.abs((sound * window * turns).sum()) / window.sum())
    return found


def expected(name: str) -> float:
    _, volume, gain_db = SONG[name]
    return float(LEVEL * (volume / 127) ** 2 * 10 ** (gain_db / 20))


def map_file(folder: Path) -> Path:
    """The gains of the three."""
    path = folder / "map.yaml"
    lines = [f"  /{name}.part/gain: {gain}" for name, (_, _, gain) in SONG.items()]
    path.write_text("\n".join(["set:", *lines, ""]))
    return path


def check(found: dict[str, float], playing: tuple[str, ...]) -> None:
    for name, level in found.items():
        wanted = expected(name) if name in playing else 0.0
        assert level == pytest.approx(wanted, abs=2e-4), (name, playing)


@pytest.mark.parametrize("playing", [("one",), ("two",), ("three",), tuple(SONG)], ids="-".join)
def test_rendered(tmp_path: Path, instruments: list[str], playing: tuple[str, ...]) -> None:
    out = tmp_path / "out.wav"
    said: list[str] = []
    render_files(
        instruments, out, midi=song(tmp_path, *playing), mapping=map_file(tmp_path),
        channels=CHANNELS, say=said.append,
    )  # fmt: skip
    assert said == []
    sound = soundfile.read(out)[0][:, 0]
    check(levels(sound[RATE : RATE + RATE // 2]), playing)
    assert np.abs(sound[round(2.2 * RATE) :]).max() < 1e-3


@pytest.mark.peers
def test_through_jack(
    new_jack_server: Callable[..., JackServer],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    instruments: list[str],
) -> None:
    server = new_jack_server(period=512).name
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server)
    settings = SessionSettings(
        tuple(instruments),
        driver=DriverSettings(kind="device", sample_rate=RATE),
        osc_port=None,
        channels=CHANNELS,
        mapping=str(map_file(tmp_path)),
        snapshots=str(tmp_path),
        recordings=str(tmp_path),
    )
    with Session(settings) as session, Listener(server) as listener:
        listener.connect()
        for playing in (("one",), ("two",), ("three",), tuple(SONG)):
            score = read_midi(song(tmp_path, *playing), RATE)
            events = [event for event in score if event.target.startswith("/channel/")]
            begins = [e for e in events if not e.target.endswith("/off")]
            session.take_all([e._replace(time=NOW) for e in begins], "test")
            assert wait_until(lambda p=playing: steady(listener, p), 20.0), playing  # type: ignore[misc]
            session.take_all([e._replace(time=NOW) for e in events if e not in begins], "test")
            assert wait_until(lambda: steady(listener, ()), 20.0)


def steady(listener: Listener, playing: tuple[str, ...]) -> bool:
    """Whether what was heard last is what these instruments play, without a gap in between."""
    blocks = listener.blocks[-40:]
    times = [time for time, _ in blocks]
    if len(blocks) < 40 or len({b - a for a, b in pairwise(times)}) != 1:
        return False
    try:
        check(levels(np.concatenate([audio for _, audio in blocks])), playing)
    except AssertionError:
        return False
    return True
