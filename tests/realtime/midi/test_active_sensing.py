"""Active sensing: a keyboard that promised to be heard and falls silent holds no notes."""

from __future__ import annotations

from collections.abc import Callable
from queue import Queue

import pytest

from realtime.midi.active_sensing import SILENCE_S, ActiveSensing
from realtime.midi.input import MidiInput
from realtime.midi.ports import API_VARIABLE, available_apis
from realtime.namespace.event import NOW, Event
from tests.conftest import JackServer
from tests.realtime.jack_peers import Keyboard, wait_until
from tests.realtime.midi_maps import Map

PATIENCE_S = 10.0
NOTE = [0x90, 60, 100]


def looks(sensing: ActiveSensing, start: float, end: float, step: float = 0.05) -> list[float]:
    """When it told of silence, of all looks between two moments."""
    count = round((end - start) / step)
    moments = [start + i * step for i in range(count + 1)]
    return [moment for moment in moments if sensing.silent(moment)]


def test_a_broken_promise_is_told_once() -> None:
    sensing = ActiveSensing()
    assert not sensing.heard([0xFE], 0.0)
    assert sensing.heard(NOTE, 0.25)
    (told,) = looks(sensing, 0.0, 3.0)
    assert 0.25 + SILENCE_S < told < 0.25 + SILENCE_S + 0.1
    sensing.heard([0xFE], 4.0)
    assert len(looks(sensing, 4.0, 5.0)) == 1


def test_who_promised_nothing_may_be_silent() -> None:
    sensing = ActiveSensing()
    assert sensing.heard(NOTE, 0.0)
    assert looks(sensing, 0.0, 10.0) == []


def test_a_kept_promise_ends_nothing() -> None:
    """One sense every 300 ms, as MIDI allows."""
    sensing = ActiveSensing()
    for i in range(20):
        sensing.heard([0xFE], 0.3 * i)
        assert looks(sensing, 0.3 * i, 0.3 * i + 0.25) == []


def test_a_machine_that_stands_still_blames_nobody() -> None:
    """A look that comes a second late finds nothing new because nothing was read meanwhile."""
    sensing = ActiveSensing()
    sensing.heard([0xFE], 0.0)
    assert looks(sensing, 0.0, 0.2) == []
    assert not sensing.silent(1.2)
    sensing.heard([0xFE], 1.21)
    assert looks(sensing, 1.25, 1.5) == []


@pytest.mark.peers
@pytest.mark.skipif("jack" not in available_apis(), reason="python-rtmidi is built without JACK")
def test_a_keyboard_that_falls_silent_holds_no_notes(
    new_jack_server: Callable[..., JackServer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", new_jack_server(period=1024).name)
    monkeypatch.setenv(API_VARIABLE, "jack")
    events: Queue[Event] = Queue()
    with Keyboard() as keyboard, MidiInput("keyboard", events.put, Map()) as midi:

        def promised() -> bool:
            """JACK loses MIDI before a connection has reached its graph."""
            for message in ("fe", "903c64", "fe"):
                keyboard.play(message)
            return wait_until(lambda: not events.empty(), 0.5)

        assert wait_until(promised, PATIENCE_S)
        assert events.get() == Event(NOW, "/channel/1/note/on", (60.0, 100.0))
        ended = Event(NOW, "/channel/1/all_notes_off")
        assert wait_until(lambda: not events.empty() and events.get() == ended, PATIENCE_S)
        assert midi.check()
