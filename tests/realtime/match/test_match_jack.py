"""Live matching on a real JACK server: another client plays a tone into the input, and the
instrument glides to the patch that sounds like it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from realtime.device.driver import DriverSettings
from realtime.session.session import Session, SessionSettings
from synth.contract import audio_info
from tests.conftest import JackServer
from tests.realtime.jack_peers import Loop, wait_until
from tests.realtime.osc_peer import UdpPeer
from tests.realtime.partials_instrument import KEY, RATE, partials, write_matcher, write_partials

pytestmark = pytest.mark.peers

PATIENCE_S = 60.0
ADDRESS = "/partials/third"


@pytest.fixture
def session(jack_server: JackServer, tmp_path: Path) -> Iterator[Session]:
    settings = SessionSettings(
        (str(write_partials(tmp_path)),),
        driver=DriverSettings(input="system", lookahead=8),
        osc_port=0,
        oscquery=False,
        matcher=str(write_matcher(tmp_path)),
        recordings=str(tmp_path / "recordings"),
    )
    with Session(settings) as playing:
        yield playing


@pytest.fixture
def client(session: Session) -> Iterator[UdpPeer]:
    assert session.osc is not None
    with UdpPeer(session.osc.port) as peer:
        peer.ask("/notify", 1)
        yield peer


def until(client: UdpPeer, *addresses: str) -> tuple[str, list[Any]]:
    """The next message with one of these addresses."""
    client.socket.settimeout(PATIENCE_S)
    while True:
        message = client.receive()
        if message[0] in addresses:
            return message


def pass_time(session: Session, seconds: float = 1.3) -> None:
    """Wait while the engine hears so much."""
    begun = played(session)
    assert wait_until(lambda: played(session) > begun + seconds * RATE, PATIENCE_S)


def played(session: Session) -> int:
    return session.clock.sample_at(time.monotonic())


def value(session: Session) -> float:
    (number,) = session.values.get(ADDRESS) or (-1.0,)
    return number


def test_the_instrument_glides_to_what_comes_in(
    session: Session, client: UdpPeer, jack_server: JackServer
) -> None:
    """Twice, to two sounds; undone, it stands as before."""
    for third in (0.5, 0.15):
        with Loop(jack_server.name, partials(third, 1.0)):
            pass_time(session)
            assert client.ask("/match", 1.0, 0.2) == ("/done", ["/match", 1.0, pytest.approx(0.2)])
            _, found = until(client, "/match/found", "/fail")
        name, distance, key, seconds, notes = found
        assert (name, key, notes) == ("partials", pytest.approx(KEY), "")
        assert 0 <= distance < 3
        assert 0.9 < seconds <= 1.0
        assert value(session) == pytest.approx(third, abs=0.12)
    client.send("/match/undo", 0)
    assert until(client, "/done", "/fail") == ("/done", ["/match/undo", 0.0])
    assert value(session) == pytest.approx(0.5, abs=0.12)
    client.send("/match/undo")
    until(client, "/done")
    assert value(session) == 0.0
    client.send("/match/undo")
    assert "nothing was matched" in until(client, "/done", "/fail")[1][1]


def test_the_glide_is_in_the_log_and_the_input_is_not(
    session: Session, client: UdpPeer, jack_server: JackServer, tmp_path: Path
) -> None:
    client.send("/record/start", "take")
    with Loop(jack_server.name, partials(0.5, 1.0)):
        pass_time(session)
        client.send("/match", 1.0, 0.0)
        until(client, "/match/found")
    client.send("/match/undo", 0.2)
    pass_time(session, 0.3)
    client.send("/record/stop")
    assert wait_until(lambda: session.status().recording == "" and audio_ready(tmp_path))
    log = (tmp_path / "recordings" / "take.jsonl").read_text().splitlines()
    events = [json.loads(line) for line in log[1:]]
    moved = [e["address"] for e in events if e.get("address", "").endswith("third")]
    assert moved == [ADDRESS, f"/glide{ADDRESS}"]
    assert not list((tmp_path / "recordings").glob("*.input.wav"))


def audio_ready(folder: Path) -> bool:
    path = folder / "recordings" / "take.wav"
    return path.exists() and audio_info(path).frames > 0


def matching_processes() -> list[psutil.Process]:
    return [
        process
        for process in psutil.Process().children()
        if "realtime.match.matcher_process" in " ".join(process.cmdline())
    ]


def test_silence_is_named(session: Session, client: UdpPeer) -> None:
    pass_time(session)
    client.send("/match", 0.2)
    address, (about, reason) = until(client, "/fail")
    assert (address, about) == ("/fail", "/match")
    assert "dBFS" in reason


def test_a_process_that_dies_is_named_and_started_again(
    session: Session, client: UdpPeer, jack_server: JackServer
) -> None:
    with Loop(jack_server.name, partials(0.5, 1.0)):
        pass_time(session)
        (process,) = matching_processes()
        assert process.nice() == 5
        os.kill(process.pid, signal.SIGSTOP)
        client.send("/match", 1)
        assert until(client, "/done", "/fail")[0] == "/done"
        os.kill(process.pid, signal.SIGKILL)
        _, (about, reason) = until(client, "/fail")
        assert about == "/match"
        assert "code -9" in reason
        client.send("/match", 1)
        assert until(client, "/match/found", "/fail")[0] == "/match/found"
        assert len(matching_processes()) == 1
    session.__exit__(None, None, None)
    assert wait_until(lambda: not matching_processes())
