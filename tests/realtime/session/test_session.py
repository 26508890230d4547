"""A playing session: what feeds the engine, what it tells, and that nothing outlives it."""

from __future__ import annotations

import io
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from builders import write_effect, write_sampler
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder
from rich.console import Console

from realtime.device.driver import DriverSettings
from realtime.midi.session import MidiSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import NoOutputError, Session, SessionSettings, demo_instead
from realtime.session.view import render_view
from synth.contract import ConfigError, DeviceError, ModelFileError, read_audio
from tests.conftest import JackServer
from tests.realtime.jack_peers import Keyboard, wait_until

PATIENCE_S = 15.0
NULL = DriverSettings(kind="null", block=1024)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """The small sampler without a device."""
    settings = SessionSettings((str(write_sampler(tmp_path)),), driver=NULL, osc_port=0)
    with Session(settings) as playing:
        yield playing


def engine(session: Session, name: str) -> float:
    return float(session.status().stats.get("engine", {}).get(name, 0))


def engines_left() -> list[psutil.Process]:
    children = psutil.Process().children()
    return [
        p
        for p in children
        if any("realtime.supervisor.engine_process" in part for part in p.cmdline())
    ]


def ask(client: socket.socket, session: Session, address: str, *args: float) -> None:
    builder = OscMessageBuilder(address)
    for arg in args:
        builder.add_arg(arg)
    assert session.osc is not None
    client.sendto(builder.build().dgram, ("127.0.0.1", session.osc.port))


@pytest.fixture
def client() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.settimeout(PATIENCE_S)
        yield made


def test_notes_and_controls_reach_the_engine(session: Session, client: socket.socket) -> None:
    assert "/small/position" in session.namespace().controls
    ask(client, session, "/note/on", 60, 100)
    assert wait_until(lambda: engine(session, "active_voices") == 1, PATIENCE_S)
    assert wait_until(lambda: engine(session, "peak") > 1e-4, PATIENCE_S)
    session.take(Event(NOW, "/panic"))
    assert wait_until(lambda: engine(session, "active_voices") == 0, PATIENCE_S)
    assert session.taken == 2
    assert [e.target for e in session.events] == ["/note/on", "/panic"]
    numbers = session.osc_status()
    assert numbers["playing"] == 1
    assert 0 < numbers["latency_ms"] < 100
    assert numbers["received"] == 1


def test_subscribers_hear_of_a_lost_engine(session: Session, client: socket.socket) -> None:
    """Killed, it is replaced, its held note sounds again, and who asked for it is told."""
    ask(client, session, "/notify", 1)
    assert OscMessage(client.recv(65_536)).address == "/done"
    ask(client, session, "/note/on", 60, 100)
    assert wait_until(lambda: engine(session, "active_voices") == 1, PATIENCE_S)
    session.watch(0)
    first = session.status().pid
    os.kill(first, signal.SIGKILL)
    phases: list[str] = []

    def playing_again() -> bool:
        session.watch(0)
        return session.status().phase == "playing" and session.status().pid != first

    assert wait_until(playing_again, PATIENCE_S)
    assert wait_until(lambda: engine(session, "active_voices") == 1, PATIENCE_S)
    session.watch(0)
    while len(phases) < 3 or phases[-1] != "playing":
        message = OscMessage(client.recv(65_536))
        assert message.address == "/phase"
        phases += message.params
    assert phases[0] == "playing"
    assert {"lost", "restarting", "starting", "restored"} & set(phases)
    assert session.osc_status()["restarts"] == 1


def test_a_failed_start_leaves_nothing(tmp_path: Path) -> None:
    """No engine process, and the port is free again."""
    instrument = str(write_sampler(tmp_path))
    bad = tmp_path / "bad.onnx"
    bad.write_bytes(b"hello")
    mapping = tmp_path / "map.yaml"
    mapping.write_text("colour: 1")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    cases: list[tuple[SessionSettings, type[Exception]]] = [
        (SessionSettings((str(bad),), driver=NULL, osc_port=port), ModelFileError),
        (SessionSettings((instrument,), driver=NULL, osc_port=port, voices=99), ConfigError),
        (
            SessionSettings((instrument,), driver=NULL, osc_port=port, mapping=str(mapping)),
            ConfigError,
        ),
    ]
    for settings, error in cases:
        with pytest.raises(error), Session(settings):
            pytest.fail("it plays")
        assert not engines_left()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(("127.0.0.1", port))


def test_the_end_leaves_nothing(tmp_path: Path) -> None:
    settings = SessionSettings((str(write_sampler(tmp_path)),), driver=NULL, osc_port=0)
    with Session(settings) as session:
        assert len(engines_left()) == 1
        assert session.osc is not None
        port = session.osc.port
    assert not engines_left()
    assert session.status().phase == "stopped"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(("127.0.0.1", port))


def test_only_a_machine_without_output_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong device or an occupied port is an error of its own, whatever the machine has."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"nobody-{os.getpid()}")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    instrument = str(write_sampler(tmp_path))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        for settings in (
            SessionSettings((instrument,), osc_port=port),
            SessionSettings(
                (instrument,), driver=DriverSettings(device="no such thing"), osc_port=None
            ),
        ):
            with pytest.raises(DeviceError) as caught, Session(settings):
                pytest.fail("it plays")
            assert not isinstance(caught.value, NoOutputError)


def test_the_demo_is_of_the_whole_rack(tmp_path: Path) -> None:
    """An effect after the instrument is heard."""
    reason = NoOutputError("no output here")
    instrument, effect = str(write_sampler(tmp_path)), str(write_effect(tmp_path))
    heard = []
    for number, rack in enumerate(((instrument,), (instrument, effect))):
        out = tmp_path / f"demo{number}.wav"
        assert "no output here" in demo_instead(SessionSettings(rack), reason, out)
        heard.append(read_audio(out)[0])
    dry, wet = heard
    assert np.abs(dry).max() > 0.01
    assert np.abs(wet).max() > 0.01
    assert not np.array_equal(dry, wet)


def test_the_demo_takes_the_channels_of_its_session(tmp_path: Path) -> None:
    settings = SessionSettings((str(write_sampler(tmp_path)),), channels=("nobody=3",))
    with pytest.raises(ConfigError, match="no instrument 'nobody' takes notes"):
        demo_instead(settings, NoOutputError("no output here"), tmp_path / "demo.wav")


def plays(keyboard: Keyboard, session: Session) -> bool:
    """Whether notes from there are heard. Several, because JACK loses MIDI in a late cycle."""

    def struck() -> bool:
        session.watch(0)
        keyboard.play("903c6e")
        return wait_until(lambda: engine(session, "active_voices") > 0, 0.1)

    return wait_until(struck, PATIENCE_S)


def midi_there(session: Session) -> bool:
    session.watch(0)
    assert session.midi is not None
    return session.midi.input is not None and session.midi.input.check()


@pytest.mark.peers
def test_midi_plays_again_when_jack_is_back(
    new_jack_server: Callable[..., JackServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that dies takes all ports along; a keyboard that comes to the next one, later than
    the engine, plays."""
    server = new_jack_server(period=512)
    monkeypatch.setenv("JACK_DEFAULT_SERVER", server.name)
    monkeypatch.setenv("SYNTH_MIDI_API", "jack")
    settings = SessionSettings(
        (str(write_sampler(tmp_path)),), osc_port=None, midi=MidiSettings("keyboard")
    )
    with Keyboard() as before, Session(settings) as session:
        assert plays(before, session)
        server.kill()

        def phase() -> str:
            session.watch(0)
            return str(session.status().phase)

        assert wait_until(lambda: phase() != "playing", PATIENCE_S)
        session.take(Event(NOW, "/panic"))
        server.start()
        assert wait_until(lambda: phase() == "playing", PATIENCE_S)
        assert wait_until(lambda: engine(session, "active_voices") == 0, PATIENCE_S)
        assert wait_until(lambda: phase() == "playing" and not midi_there(session), PATIENCE_S)
        with Keyboard() as after:
            assert plays(after, session)


def test_what_is_refused_stands_on_the_screen(session: Session, client: socket.socket) -> None:
    ask(client, session, "/small/positon", 0.5)
    assert session.osc is not None
    assert wait_until(lambda: session.osc.refusals.latest(), PATIENCE_S)  # type: ignore[union-attr]
    screen = Console(width=200, record=True, file=io.StringIO())
    screen.print(render_view(session))
    assert "refused /small/positon from 127.0.0.1" in screen.export_text()
    session.overload._words, session.overload._until = "overload: so and so", float("inf")
    screen.print(render_view(session))
    assert "overload: so and so" in screen.export_text()
