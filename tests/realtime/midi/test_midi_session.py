"""MIDI through JACK into a session that plays, and its controls back out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from realtime.device.driver import DriverSettings
from realtime.midi.ports import API_VARIABLE, available_apis
from realtime.midi.session import MidiSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings
from synth.contract import ConfigError
from tests.conftest import JackServer
from tests.realtime.jack_peers import Desk, Keyboard, wait_until
from tests.realtime.sine_instrument import write_sine

PATIENCE_S = 10.0
needs_jack = pytest.mark.skipif(
    "jack" not in available_apis(), reason="python-rtmidi is built without JACK"
)


VOLUME = "bindings:\n- {source: cc 7, target: /gain, curve: volume, max: 0}\n"


def settings(folder: Path, midi: MidiSettings, mapping: str = "") -> SessionSettings:
    (folder / "map.yaml").write_text(mapping)
    return SessionSettings(
        (str(write_sine(folder)),),
        driver=DriverSettings(kind="null", sample_rate=48_000, block=512),
        osc_port=None,
        midi=midi,
        mapping=str(folder / "map.yaml") if mapping else None,
        snapshots=str(folder / "snapshots"),
        recordings=str(folder / "recordings"),
    )


@pytest.mark.peers
@needs_jack
def test_a_desk_plays_and_is_shown_what_moves(
    new_jack_server: Callable[..., JackServer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """MPE notes sound side by side at samples of the engine's clock; the volume comes back."""
    monkeypatch.setenv("JACK_DEFAULT_SERVER", new_jack_server(period=1024).name)
    monkeypatch.setenv(API_VARIABLE, "jack")
    with (
        Keyboard() as keyboard,
        Desk() as desk,
        Session(settings(tmp_path, MidiSettings("keyboard", "desk", mpe=True), VOLUME)) as session,
    ):

        def voices() -> int:
            return int(session.status().stats.get("engine", {}).get("active_voices", 0))

        def both() -> bool:
            """JACK loses MIDI before a connection has reached its graph."""
            keyboard.play("913c64")
            keyboard.play("923c64")
            return wait_until(lambda: voices() == 2, 0.5)

        assert wait_until(both, PATIENCE_S)
        last = session.events[-1]
        assert last.target == "/channel/1/note/on"  # that of the zone's manager
        assert last.value[2] in (2.0, 3.0)
        assert last.time != NOW  # the clock of the engine is known by then

        def told() -> bool:
            session.take(Event(NOW, "/gain", (-80.0,)))
            session.take(Event(NOW, "/gain", (0.0,)))
            return wait_until(lambda: "b0077f" in desk.came(), 0.5)

        assert wait_until(told, PATIENCE_S)
        session.watch(0.0)
        keyboard.leave()
        assert wait_until(lambda: session.watch(0.05) or voices() == 0, PATIENCE_S)


@pytest.mark.parametrize("delay_ms", [-1.0, 1001.0, float("nan")])
def test_a_delay_out_of_its_range_is_refused(delay_ms: float) -> None:
    with pytest.raises(ConfigError, match="--midi-delay"):
        MidiSettings(delay_ms=delay_ms)
