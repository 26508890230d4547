"""MIDI ports on a real JACK server: another program's port plays, comes and goes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from queue import Empty, Queue
from typing import Any

import psutil
import pytest

from realtime.midi.input import MidiInput
from realtime.midi.ports import API_VARIABLE, available_apis, list_ports
from realtime.namespace.event import NOW, Event
from synth.contract import ConfigError, DeviceError
from tests.conftest import JackServer
from tests.realtime.jack_peers import Keyboard
from tests.realtime.midi_maps import Map

PATIENCE_S = 10.0
MAPPING = Map({("cc", 1): "/codec/position"})
needs_jack = pytest.mark.skipif(
    "jack" not in available_apis(), reason="python-rtmidi is built without JACK"
)


@pytest.fixture
def new_keyboard(
    new_jack_server: Callable[..., JackServer], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Keyboard]]:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", new_jack_server(period=1024).name)
    monkeypatch.setenv(API_VARIABLE, "jack")
    keyboards = []

    def make(client: str = "keyboard") -> Keyboard:
        keyboards.append(Keyboard(client))
        return keyboards[-1]

    yield make
    for keyboard in keyboards:
        keyboard.leave()


def hear(play: Callable[[str], None], events: Queue[Event], message: str) -> Event:
    """Play a message until an event comes of it; what comes twice is taken off the queue.

    JACK loses MIDI in a cycle that is late, and before a new connection has reached its graph.
    """
    patience = time.monotonic() + PATIENCE_S
    while True:
        play(message)
        with contextlib.suppress(Empty):
            event = events.get(timeout=0.25)
            with contextlib.suppress(Empty):
                while events.get(timeout=0.05) == event:
                    continue
            return event
        assert time.monotonic() < patience


def take(events: Queue[Event], count: int) -> list[Event]:
    return [events.get(timeout=PATIENCE_S) for _ in range(count)]


def wait_until(condition: Callable[[], Any]) -> None:
    patience = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < patience
        time.sleep(0.01)


@pytest.mark.peers
@needs_jack
def test_plays_what_the_port_sends(new_keyboard: Callable[..., Keyboard]) -> None:
    keyboard = new_keyboard()
    events: Queue[Event] = Queue()
    with MidiInput("KEYBOARD", events.put, MAPPING) as midi:
        assert (midi.name, midi.api, midi.virtual) == ("keyboard:keys", "jack", False)
        for message, event in (
            ("903c64", Event(NOW, "/channel/1/note/on", (60.0, 100.0))),
            ("b0017f", Event(NOW, "/codec/position", (1.0,))),
            ("e00000", Event(NOW, "/channel/1/pitch_bend", (-2.0,))),
            ("b0407f", Event(NOW, "/channel/1/sustain", (1.0,))),
            ("903c00", Event(NOW, "/channel/1/note/off", (60.0,))),
            ("c003", Event(NOW, "/channel/1/program", (3.0,))),
            ("b07b00", Event(NOW, "/channel/1/all_notes_off")),
        ):
            assert hear(keyboard.play, events, message) == event
        midi.mapping = Map(bend_range=12.0)
        assert hear(keyboard.play, events, "e07f7f") == Event(NOW, "/channel/1/pitch_bend", (12.0,))
        assert midi.counters["messages"] >= 8
        assert midi.counters["malformed"] == midi.counters["ignored"] == 0
    assert take(events, 3) == [  # whatever was held
        Event(NOW, "/channel/1/pitch_bend", (0.0,)),
        Event(NOW, "/channel/1/sustain", (0.0,)),
        Event(NOW, "/channel/1/all_notes_off"),
    ]
    midi.close()
    assert events.empty()


@pytest.mark.peers
@needs_jack
def test_without_a_name_the_first_port_is_taken(new_keyboard: Callable[..., Keyboard]) -> None:
    new_keyboard("midi-through")
    new_keyboard("piano")
    assert sorted(list_ports()) == ["midi-through:keys", "piano:keys"]
    with MidiInput(None, lambda event: None, MAPPING) as midi:
        assert midi.name == "piano:keys"


@pytest.mark.peers
@needs_jack
def test_without_ports_a_virtual_one_waits(new_keyboard: Callable[..., Keyboard]) -> None:
    events: Queue[Event] = Queue()
    with MidiInput(None, events.put, MAPPING) as midi:
        assert (midi.name, midi.virtual) == ("synth", True)
        with Keyboard("player", target="synth") as player:
            heard = hear(player.play, events, "903c64")
            assert heard == Event(NOW, "/channel/1/note/on", (60.0, 100.0))
            assert midi.check()


@pytest.mark.peers
@needs_jack
def test_unplugged_ends_notes_and_plugged_in_again_plays(
    new_keyboard: Callable[..., Keyboard],
) -> None:
    keyboard = new_keyboard()
    events: Queue[Event] = Queue()
    with MidiInput("keyb", events.put, MAPPING) as midi:
        for message in ("903c64", "b0407f", "e00000"):
            hear(keyboard.play, events, message)
        assert midi.check()
        keyboard.leave()
        wait_until(lambda: not midi.check())
        assert take(events, 3) == [
            Event(NOW, "/channel/1/pitch_bend", (0.0,)),
            Event(NOW, "/channel/1/sustain", (0.0,)),  # or the pedal would hold what is ended
            Event(NOW, "/channel/1/all_notes_off"),
        ]
        assert not midi.check()
        keyboard = new_keyboard()
        wait_until(midi.check)
        heard = hear(keyboard.play, events, "903e64")
        assert heard == Event(NOW, "/channel/1/note/on", (62.0, 100.0))


@pytest.mark.peers
@needs_jack
@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="a process can't be stopped here")
@pytest.mark.parametrize("fault", ["SIGSTOP", "SIGKILL"])
def test_a_library_that_hangs_or_crashes_is_replaced(
    new_keyboard: Callable[..., Keyboard], monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    """Neither holds up who asks for it, and notes don't hang."""
    monkeypatch.setattr("realtime.midi.port.SILENCE_S", 1.0)
    keyboard = new_keyboard()
    events: Queue[Event] = Queue()
    with MidiInput("keyboard", events.put, MAPPING) as midi:
        hear(keyboard.play, events, "903c64")
        (process,) = [
            child
            for child in psutil.Process().children()
            if child.status() != psutil.STATUS_ZOMBIE
            and "realtime.midi.port_process" in child.cmdline()
        ]
        process.send_signal(signal.Signals[fault])
        wait_until(lambda: not midi.check())
        assert take(events, 1) == [Event(NOW, "/channel/1/all_notes_off")]
        assert not process.is_running()
        wait_until(midi.check)
        assert hear(keyboard.play, events, "903e64") == Event(
            NOW, "/channel/1/note/on", (62.0, 100.0)
        )


@pytest.mark.peers
@needs_jack
def test_missing_port_is_named_with_those_there_are(new_keyboard: Callable[..., Keyboard]) -> None:
    new_keyboard()
    with pytest.raises(DeviceError, match=r"'organ' is not there.*keyboard:keys.*--midi or"):
        MidiInput("organ", lambda event: None, MAPPING)


@pytest.mark.peers
@needs_jack
def test_a_failing_sink_costs_events_not_the_port(new_keyboard: Callable[..., Keyboard]) -> None:
    keyboard = new_keyboard()
    events: Queue[Event] = Queue()

    def sink(event: Event) -> None:
        if event.target == "/channel/1/panic":
            raise RuntimeError("queue is full")
        events.put(event)

    with MidiInput("keyboard", sink, MAPPING) as midi:
        wait_until(lambda: keyboard.play("b07800") or midi.counters["dropped"])
        assert hear(keyboard.play, events, "803c40") == Event(NOW, "/channel/1/note/off", (60.0,))
        assert "queue is full" in midi.last_error


@pytest.mark.peers
@needs_jack
def test_without_a_midi_system_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "synth-nobody")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    with pytest.raises(DeviceError, match="start JACK"):
        list_ports("jack")


def test_unknown_api_is_named_with_the_known(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="'oss' is not in this build"):
        list_ports("oss")
    monkeypatch.setenv(API_VARIABLE, "oss")
    with pytest.raises(ConfigError, match="'oss'"):
        MidiInput(None, lambda event: None, MAPPING)


@pytest.mark.skipif(
    sys.platform != "linux" or os.path.exists("/dev/snd/seq"), reason="ALSA's sequencer is there"
)
def test_absent_alsa_is_not_asked() -> None:
    with pytest.raises(DeviceError, match="alsa: no /dev/snd/seq"):
        list_ports("alsa")
