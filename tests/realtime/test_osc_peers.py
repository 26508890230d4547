"""Real programs play the OSC server: liblo's oscsend and a headless Pure Data."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import pytest

from realtime.event import NOW, Event
from realtime.namespace import Namespace
from realtime.osc_server import OscServer
from synth.contract import Control

pytestmark = pytest.mark.peers
PATIENCE_S = 15.0
CONTROLS = (Control("position"), Control("latent", 3, (-1.0,), (1.0,), (0.0,)))

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
    for message in (
        "/note/on if 60 100",
        "/codec/latent fff 0.5 -0.5 0.25",
        "/codec/latent/2 d 1.0",
        "/sustain T",
        "/panic",
        "/codec/position s loud",
        "/note/off h 60",
    ):
        command = [program("oscsend"), "localhost", str(server.port), *message.split()]
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
