"""Real programs play the OSC server: liblo's oscsend and a headless Pure Data."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty, Queue

import pytest

from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from realtime.osc.server import OscServer
from synth import __version__
from synth.contract import Control
from tests.realtime.osc_peer import PATIENCE_S as ANSWER_S
from tests.realtime.osc_peer import UdpPeer, bundle, message

pytestmark = pytest.mark.peers
PATIENCE_S = 15.0
CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,), role="latent"))

# loadbang -> connect; each message is made by oscformat and sent as bytes over UDP; then quit.
PATCH = """#N canvas 0 0 600 400 12;
#X obj 20 20 loadbang;
#X obj 20 50 t b b b b b;
#X msg 300 80 connect 127.0.0.1 {port};
#X msg 20 80 60 100;
#X msg 90 80 0.5 -0.5 0.25;
#X msg 200 80 60;
#X obj 20 120 oscformat note on;
#X obj 90 150 oscformat codec latent;
#X obj 200 120 oscformat note off;
#X obj 20 200 list prepend send;
#X obj 20 230 list trim;
#X obj 20 260 netsend -u -b;
#X obj 400 80 delay 100;
#X msg 400 110 \\; pd quit;
#X connect 0 0 1 0;
#X connect 1 4 2 0;
#X connect 1 3 3 0;
#X connect 1 2 4 0;
#X connect 1 1 5 0;
#X connect 1 0 12 0;
#X connect 2 0 11 0;
#X connect 3 0 6 0;
#X connect 4 0 7 0;
#X connect 5 0 8 0;
#X connect 6 0 9 0;
#X connect 7 0 9 0;
#X connect 8 0 9 0;
#X connect 9 0 10 0;
#X connect 10 0 11 0;
#X connect 12 0 13 0;
"""


@pytest.fixture
def played() -> Iterator[tuple[OscServer, Queue[Event]]]:
    events: Queue[Event] = Queue()
    with OscServer(Namespace({"codec": CONTROLS}), events.put, port=0) as server:
        yield server, events


def take(events: Queue[Event], count: int) -> list[Event]:
    """The next events, waited for."""
    return [events.get(timeout=PATIENCE_S) for _ in range(count)]


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install liblo-tools puredata-core)")
    return found


def test_oscsend(played: tuple[OscServer, Queue[Event]]) -> None:
    server, events = played
    for text in (
        "/note/on if 60 100",
        "/codec/latent fff 0.5 -0.5 0.25",
        "/codec/latent/2 d 1.0",
        "/sustain T",
        "/panic",
        "/codec/position s loud",
        "/note/off h 60",
    ):
        command = [program("oscsend"), "localhost", str(server.port), *text.split()]
        subprocess.run(command, check=True, timeout=PATIENCE_S)
    assert take(events, 6) == [
        Event(NOW, "/note/on", (60.0, 100.0)),
        Event(NOW, "/codec/latent", (0.5, -0.5, 0.25)),
        Event(NOW, "/codec/latent/2", (1.0,)),
        Event(NOW, "/sustain", (1.0,)),
        Event(NOW, "/panic"),
        Event(NOW, "/note/off", (60.0,)),
    ]
    assert server.counters["rejected"] == 1


def test_pure_data(played: tuple[OscServer, Queue[Event]], tmp_path: Path) -> None:
    server, events = played
    patch = tmp_path / "play.pd"
    patch.write_text(PATCH.format(port=server.port))
    command = [program("pd"), "-nogui", "-nosound", "-nomidi", "-open", str(patch)]
    subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)
    assert take(events, 3) == [
        Event(NOW, "/note/on", (60.0, 100.0)),
        Event(NOW, "/codec/latent", (0.5, -0.5, 0.25)),
        Event(NOW, "/note/off", (60.0,)),
    ]
    assert server.counters["rejected"] == 0


def test_oscsend_over_tcp_and_with_patterns(played: tuple[OscServer, Queue[Event]]) -> None:
    """liblo puts the size of a packet before it, as OSC 1.0 says."""
    server, events = played
    for url, text in (
        (f"osc.tcp://localhost:{server.tcp_port}/", "/note/on if 60 100"),
        (f"osc.udp://localhost:{server.port}/", "/codec/l*t/[02] f 0.5"),
        (f"osc.tcp://localhost:{server.tcp_port}/", "//position c A"),
        (f"osc.tcp://localhost:{server.tcp_port}/", "/note/off i 60"),
    ):
        command = [program("oscsend"), url, *text.split()]
        subprocess.run(command, check=True, timeout=PATIENCE_S)
    got = take(events, 4)
    assert {(e.target, e.value) for e in got} == {
        ("/note/on", (60.0, 100.0)), ("/codec/latent/0", (0.5,)), ("/codec/latent/2", (0.5,)),
        ("/note/off", (60.0,)),
    }  # fmt: skip
    with UdpPeer(server.port) as peer:
        peer.settle()
    assert server.counters["rejected"] == 1  # a character is no position


def test_oscdump_hears_answers_and_streams() -> None:
    """Answers to a client that sends from one port and listens on another, as Max's udpsend and
    udpreceive do."""
    values = Values()
    values.set_namespace(Namespace({"codec": CONTROLS}))
    with UdpPeer(0) as free:
        port = free.port
    command = [program("oscdump"), "-L", str(port)]
    with (
        OscServer(
            Namespace({"codec": CONTROLS}), print, port=0, values=values, reply_port=port
        ) as server,
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as dump,
        UdpPeer(server.port) as peer,
    ):
        heard: Queue[str] = Queue()
        assert dump.stdout is not None
        reader = threading.Thread(target=lambda: [heard.put(x) for x in dump.stdout or ()])
        reader.start()
        try:
            # It says nothing when it is ready: ask until it answers.
            for _ in range(round(ANSWER_S / 0.1)):
                peer.send("/version")
                if listens(heard):
                    break
            peer.send("/subscribe", "/codec/latent", 50.0)
            lines = [heard.get(timeout=PATIENCE_S)]
            while "/codec/latent fff" not in lines[-1]:
                lines.append(heard.get(timeout=PATIENCE_S))
        finally:
            dump.terminate()
            reader.join(PATIENCE_S)
    assert "0.000000 0.000000 0.000000" in lines[-1]
    assert any("/done" in line or "/version.reply ss" in line for line in lines)


def listens(heard: Queue[str]) -> bool:
    try:
        return "/version.reply" in heard.get(timeout=0.1)
    except Empty:
        return False


# The bytes of a bundle; then questions, whose answers are printed.
QUESTIONS = """#N canvas 0 0 600 400 12;
#X obj 20 20 loadbang;
#X obj 20 50 t b b b b;
#X msg 300 80 connect 127.0.0.1 {port};
#X msg 20 80 send {bundle};
#X obj 90 80 oscformat version;
#X obj 200 120 oscformat sync;
#X msg 200 80 7;
#X obj 90 200 list prepend send;
#X obj 90 230 list trim;
#X obj 90 260 netsend -u -b;
#X obj 90 290 oscparse;
#X obj 90 320 print answer;
#X obj 90 350 route synced;
#X msg 90 380 \\; pd quit;
#X connect 0 0 1 0;
#X connect 1 3 2 0;
#X connect 1 2 3 0;
#X connect 1 1 4 0;
#X connect 1 0 6 0;
#X connect 2 0 9 0;
#X connect 3 0 9 0;
#X connect 4 0 7 0;
#X connect 5 0 7 0;
#X connect 6 0 5 0;
#X connect 7 0 8 0;
#X connect 8 0 9 0;
#X obj 190 290 list trim;
#X connect 9 1 10 0;
#X connect 10 0 14 0;
#X connect 14 0 11 0;
#X connect 14 0 12 0;
#X connect 12 0 13 0;
"""


def test_pure_data_sends_a_bundle_and_gets_answers(tmp_path: Path) -> None:
    groups: Queue[Sequence[Event]] = Queue()
    whole = bundle(
        message("/note/on", 60, 100),
        bundle(message("/codec/position", 0.5), message("/codec/latent/[02]", 0.25)),
    )
    with OscServer(
        Namespace({"codec": CONTROLS}), print, port=0, group=lambda events, _: groups.put(events)
    ) as server:
        patch = tmp_path / "ask.pd"
        patch.write_text(
            QUESTIONS.format(port=server.port, bundle=" ".join(str(byte) for byte in whole))
        )
        command = [program("pd"), "-nogui", "-nosound", "-nomidi", "-open", str(patch)]
        done = subprocess.run(
            command, check=True, timeout=PATIENCE_S, capture_output=True, text=True
        )
        assert [e.target for e in groups.get(timeout=PATIENCE_S)] == [
            "/note/on", "/codec/position", "/codec/latent/0", "/codec/latent/2",
        ]  # fmt: skip
        assert server.counters["rejected"] == 0
    answers = [line for line in done.stderr.splitlines() if line.startswith("answer")]
    assert answers == [f"answer: version.reply synth {__version__}", "answer: synced 7"]
