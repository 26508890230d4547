"""The device driver on a real JACK server, heard by another JACK client."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.supervisor.supervisor import Supervisor
from tests.conftest import JackServer
from tests.realtime.fault_renderers import FREQUENCY_HZ
from tests.realtime.jack_peers import Listener, Speaker, silences, sine_fit, wait_until

pytestmark = pytest.mark.peers

RATE, PERIOD = 48_000, 128
STRETCH = 32 * PERIOD
SLOPE = 0.5 * 2 * np.pi * FREQUENCY_HZ / RATE  # the steepest step of the sine at level 0.5


@pytest.fixture
def renderers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets engine processes find the renderers of the tests."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))


@pytest.fixture
def playing(jack_server: JackServer, renderers: None) -> Iterator[Supervisor]:
    """A sine on the JACK server."""
    with Supervisor({}, DriverSettings(lookahead=3), renderer="fault_renderers:sine") as player:
        yield player


def spoiled(server: JackServer) -> int:
    """Frames that the server itself may have cut out because a client came too late."""
    return PERIOD * server.log.read_text().count("was not finished")


def lost(player: Supervisor) -> int:
    return int(player.status().stats.get("lost_frames_ring", 0))


def test_the_sine_arrives_whole(playing: Supervisor, jack_server: JackServer) -> None:
    """Level 0.5 and 500 Hz to 1e-5 in every stretch of 85 ms, but for those in which the server or
    this listener was late, and no silence that isn't reported."""
    with Listener(jack_server.name) as listener:
        listener.connect()
        assert wait_until(lambda: len(listener.blocks) > 500)
        blocks = list(listener.blocks)
    audio = np.trim_zeros(np.concatenate([block for _, block in blocks]), "f")
    holes = sum(length for _, length in silences(audio))
    assert holes <= lost(playing) + spoiled(jack_server)
    stretches = audio[4 * PERIOD :][: 12 * STRETCH].reshape(-1, STRETCH)
    fits = [sine_fit(stretch, FREQUENCY_HZ, RATE) for stretch in stretches]
    whole = [abs(level - 0.5) < 1e-5 and deviation < 1e-5 for level, deviation in fits]
    late = (lost(playing) + listener.missed() + spoiled(jack_server)) // PERIOD
    assert sum(whole) >= len(whole) - late
    assert sum(whole) >= len(whole) // 3


@pytest.mark.parametrize("stall_ms", [20, 60, 200])
def test_a_stall_is_reported_as_heard(
    playing: Supervisor, jack_server: JackServer, stall_ms: int
) -> None:
    """Reported loss = silence that another client heard = stall less what the ring held.

    A server that is starved itself meanwhile asks for less; the clock tells how much.
    """
    with Listener(jack_server.name) as listener:
        listener.connect()
        assert wait_until(lambda: len(listener.blocks) > 60)
        before, heard = playing.status().stats, len(listener.blocks)
        playing.send(Event(NOW, "/stall", (stall_ms / 1000,)))
        assert wait_until(lambda: lost(playing) > before["lost_frames_ring"])
        seen = playing.status().stats["blocks"]
        assert wait_until(lambda: playing.status().stats["blocks"] > seen + 400)
        blocks = listener.blocks[heard:]
        missed = listener.missed() + spoiled(jack_server)
    after = playing.status()
    reported = after.stats["lost_frames_ring"] - before["lost_frames_ring"]
    silence = sum(length for _, length in silences(np.concatenate([b for _, b in blocks])))
    assert abs(silence - reported) <= PERIOD + missed
    starved = after.stats["lost_frames_device"] - before["lost_frames_device"]
    expected = stall_ms * RATE // 1000 - after.driver["ring"]
    assert expected - PERIOD - starved <= reported <= expected + 3 * PERIOD
    assert after.stats["underruns_render"] >= 1


def test_a_stalled_server_is_a_loss_too(playing: Supervisor, jack_server: JackServer) -> None:
    """Cycles that never came are told from the clock: as many as the stall lasted, and no more than
    another client of the same server misses."""
    assert jack_server.process is not None
    with Listener(jack_server.name) as listener:
        assert wait_until(lambda: len(listener.blocks) > 0)
        began, first = time.perf_counter(), len(listener.blocks)
        assert wait_until(lambda: len(listener.blocks) > 500, 10)  # a settled baseline
        before = playing.status().stats["lost_frames_device"]
        stopped = time.perf_counter()
        jack_server.process.send_signal(signal.SIGSTOP)
        time.sleep(0.12)
        jack_server.process.send_signal(signal.SIGCONT)
        expected = (time.perf_counter() - stopped) * RATE

        def reported() -> int:
            return int(playing.status().stats["lost_frames_device"]) - before

        assert wait_until(lambda: reported() >= expected - 2 * PERIOD)
        found = reported()
        cycles = len(listener.blocks) - first
        missing = (time.perf_counter() - began) * RATE - PERIOD * cycles
    assert found <= missing + 2 * PERIOD
    assert playing.status().stats["longest_gap_ms"] >= 100


def test_start_and_stop_do_not_click(jack_server: JackServer, renderers: None) -> None:
    """No step is steeper than the sine itself, from the first sample to the last."""
    with Listener(jack_server.name) as listener:
        player = Supervisor({}, DriverSettings(lookahead=4), renderer="fault_renderers:sine")
        with player:
            listener.connect()
            assert wait_until(lambda: np.abs(listener.audio()[-500:]).max() > 0.4)
            started = time.perf_counter()
            gaps = lost(player)
        assert time.perf_counter() - started < 1.0
        audio = listener.audio()
    assert np.abs(audio[-64:]).max() == 0.0  # silence at the end
    if not gaps and not listener.missed():
        played = audio[np.flatnonzero(audio)[0] + PERIOD :]  # connected in the middle
        assert np.abs(np.diff(played)).max() < 1.2 * SLOPE


def test_the_way_through_takes_the_declared_time(jack_server: JackServer, renderers: None) -> None:
    """Impulses through an effect come out `ring` frames later, also after a stall: the backlog of
    input is thrown away, not played late."""
    settings = DriverSettings(lookahead=3)
    engine = {"channels_in": 1}
    with (
        Supervisor(engine, settings, renderer="fault_renderers:sine") as player,
        Listener(jack_server.name) as listener,
        Speaker(jack_server.name, every=4800) as speaker,
    ):
        listener.connect()
        ring = player.status().driver["ring"]

        def settled(after: int) -> bool:
            # On a busy machine JACK's clients hear each other a cycle later now and then, never
            # sooner; a backlog of input would delay every impulse.
            found = delays(speaker, listener)[after:]
            return len(found) >= 5 and min(found[-8:]) == ring

        assert wait_until(lambda: settled(0), 10), delays(speaker, listener)
        player.send(Event(NOW, "/stall", (0.1,)))
        assert wait_until(lambda: lost(player) > 0)
        before = len(delays(speaker, listener))
        assert wait_until(lambda: settled(before), 10), delays(speaker, listener)
        assert player.status().stats["discarded_input"] > 0


def delays(speaker: Speaker, listener: Listener) -> list[int]:
    """For every impulse that was heard, how many frames later."""
    heard = [
        time + int(at)
        for time, block in list(listener.blocks)
        for at in np.flatnonzero(np.abs(block) > 0.4)
    ]
    found = []
    for said in list(speaker.impulses):
        later = [time - said for time in heard if 0 <= time - said < 4000]
        found += later[:1]
    return found
