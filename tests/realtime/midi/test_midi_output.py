"""MIDI out and MPE on a real JACK server: what a desk with motor faders gets, and when."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mido
import pytest

from realtime.midi import jack as midi_jack
from realtime.midi.faders import Faders
from realtime.midi.input import MidiInput
from realtime.midi.output import MidiOutput
from realtime.midi.ports import API_VARIABLE, available_apis, list_ports
from realtime.namespace.event import NOW, Event
from realtime.namespace.sources import Source
from realtime.session.score import read_midi
from tests.conftest import JackServer
from tests.realtime.jack_peers import Desk, Keyboard, Pianist, wait_until
from tests.realtime.midi_maps import Linear, Map
from tests.realtime.mpe_song import mpe_song

pytestmark = [
    pytest.mark.peers,
    pytest.mark.skipif("jack" not in available_apis(), reason="python-rtmidi lacks JACK"),
]
PATIENCE_S = 10.0


@pytest.fixture
def jack(new_jack_server: Callable[..., JackServer], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", new_jack_server(period=1024).name)
    monkeypatch.setenv(API_VARIABLE, "jack")


@dataclass
class Board:
    """A fader on controller 7 that moves `/a/level`, 0 … 10."""

    values: dict[str, tuple[float, ...]] = field(default_factory=lambda: {"/a/level": (0.0,)})

    def __post_init__(self) -> None:
        self.faders = Faders(lambda: [Linear(Source("cc", 7), "/a/level")])

    def take(self, event: Event) -> None:
        self.values[event.target] = tuple(10 * v for v in event.value)


@contextlib.contextmanager
def plugged_in(board: Board) -> Iterator[tuple[Desk, MidiOutput]]:
    with Desk() as desk, MidiOutput("desk", board.faders, board.values.get) as output:
        assert (output.name, output.api) == ("desk:faders", "jack")
        yield desk, output


def came(desk: Desk, message: str) -> Callable[[], Any]:
    return lambda: message in desk.came()


def test_faders_are_told_where_controls_are(jack: None) -> None:
    board = Board()
    with plugged_in(board) as (desk, output):
        assert wait_until(lambda: output.sent)
        for level, message in ((10.0, "b0077f"), (5.0, "b00740"), (0.0, "b00700")):
            # JACK loses what is sent before a connection has reached its graph.
            def moved(level: float = level, message: str = message) -> bool:
                board.faders.forget()
                board.values["/a/level"] = (level,)
                return wait_until(came(desk, message), 0.5)

            assert wait_until(moved, PATIENCE_S)
        assert output.check()


def test_a_fader_that_is_moved_gets_nothing_back(jack: None) -> None:
    """A desk with both directions: its own movement is heard and never returned."""
    board = Board()
    source = Map({("cc", 7): "/a/level"})
    with plugged_in(board) as (desk, _), Keyboard("hand") as hand:
        heard = board.faders.heard
        with MidiInput(
            "hand", board.take, source, heard=lambda message: heard(message, time.monotonic())
        ):
            for value in range(1, 128):
                hand.play(bytes((0xB0, 7, value)).hex())

            def arrived() -> bool:
                hand.play("b0077f")
                return board.values["/a/level"] == (10.0,)

            assert wait_until(arrived, PATIENCE_S)
            board.faders.due(board.values.get, time.monotonic())
        assert [m for m in desk.came() if m != "b00700"] == []


def test_a_desk_that_returns_is_told_everything(jack: None) -> None:
    board = Board()
    with plugged_in(board) as (desk, output):
        assert wait_until(lambda: output.sent)
        desk.leave()
        assert wait_until(lambda: not output.check(), PATIENCE_S)
        sent = output.sent
        with Desk():
            assert wait_until(lambda: output.check() and output.sent > sent, PATIENCE_S)


def test_outputs_are_listed_apart_from_inputs(jack: None) -> None:
    with Desk(), Keyboard():
        assert list_ports(direction="output") == ["desk:faders"]
        assert list_ports() == ["keyboard:keys"]


def test_an_mpe_stream_through_jack_means_what_its_file_means(jack: None, tmp_path: Path) -> None:
    """Every event with its value and id, and times between those of sending and of arrival."""
    song = tmp_path / "song.mid"
    mpe_song(song)
    expected = [
        (e.target, e.value) for e in read_midi(song, 48_000) if not e.target.startswith("/transp")
    ]
    messages = [m.bytes() for m in mido.MidiFile(song) if not m.is_meta]
    events: list[Event] = []
    times: list[float] = []

    def when(at: float) -> int:
        times.append(at)
        return len(times)

    with Keyboard() as keyboard, MidiInput("keyboard", events.append, Map(), when=when):

        def whole() -> bool:
            """Whether all came through: JACK loses MIDI in a cycle that is late."""
            events.clear()
            for message in messages:
                keyboard.play(bytes(message).hex())
            return wait_until(
                lambda: [(e.target, e.value) for e in events] == expected, timeout=2.0
            )

        begun = time.monotonic()
        assert wait_until(whole, 4 * PATIENCE_S)
        assert begun <= min(times) <= max(times) <= time.monotonic()
        assert times == sorted(times)
        assert [e.time for e in events] == sorted(e.time for e in events)


@pytest.mark.skipif(not midi_jack.available(), reason="JACK-Client is not installed")
def test_messages_of_one_cycle_keep_their_distances(jack: None) -> None:
    """A period is 1024 frames; messages lie 100, 250, … frames apart, to the frame."""
    distances = [100, 250, 37, 1_500, 3, 700, 64, 911]
    times: list[float] = []

    def when(at: float) -> int:
        times.append(at)
        return NOW

    with (
        Pianist() as pianist,
        MidiInput("pianist", lambda event: None, Map(), when=when),
    ):

        def kept() -> bool:
            """JACK loses MIDI in a cycle that is late, and before a connection is there."""
            times.clear()
            pianist.play(distances, "903c64")
            wait_until(lambda: len(times) >= len(distances), 1.0)
            frames = [(b - a) * pianist.sample_rate for a, b in itertools.pairwise(times)]
            return frames == pytest.approx(distances[1:], abs=2.0)

        assert wait_until(kept, 2 * PATIENCE_S)
