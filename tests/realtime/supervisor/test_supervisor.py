"""Whatever happens to the engine process, there is sound again, and the same sound."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.supervisor.status import Phase, Status
from realtime.supervisor.supervisor import Patience, Supervisor
from synth.contract import ConfigError, ModelFileError, SynthError
from tests.conftest import JackServer
from tests.realtime.jack_peers import Listener, wait_until

NULL = DriverSettings(kind="null")
BORN = [Phase.STARTING, Phase.PLAYING]
REBORN = [Phase.LOST, Phase.RESTARTING, Phase.RESTORED, Phase.PLAYING]
GONE = [Phase.STOPPING, Phase.STOPPED]

Make = Callable[..., Supervisor]


@pytest.fixture(autouse=True)
def no_process_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets engine processes find the renderers; afterwards none may be left, dead or alive."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    yield
    left = [
        p
        for p in psutil.Process().children()
        if "realtime.supervisor.engine_process" in " ".join(cmdline(p))
    ]
    assert left == []


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.NoSuchProcess:
        return []


def supervise(
    renderer: str = "sine", driver: DriverSettings = NULL, **patience: float
) -> Supervisor:
    return Supervisor({}, driver, Patience(**patience), renderer=f"fault_renderers:{renderer}")  # type: ignore[arg-type]


def phases(status: Status) -> list[Phase]:
    return [happening.phase for happening in status.happenings]


def hears(player: Supervisor, level: float, held: int) -> bool:
    engine = player.status().stats.get("engine", {})
    return engine.get("level") == level and engine.get("held") == held


def test_a_quiet_life() -> None:
    """Starting, playing, stopping, stopped: exactly that; a stop takes less than a second."""
    player = supervise()
    assert player.status().phase is Phase.IDLE
    with player:
        assert player.status().phase is Phase.PLAYING
        assert player.status().engine["plugins"] == ["sine"]
        began = time.monotonic()
    assert time.monotonic() - began < 1.0
    assert phases(player.status()) == BORN + GONE
    player.stop()
    player.send(Event(NOW, "/sine/level", (0.1,)))  # too late, but no mistake
    assert player.status().error is None


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("/crash", "crash"),
        ("/raise", "crash"),
        ("/hang", "hang"),
        ("/freeze", "hang"),
        ("", "crash"),
    ],
)
def test_a_lost_engine_comes_back_as_it_was(fault: str, cause: str) -> None:
    """Segmentation fault, exception, endless block, endless block that keeps the interpreter, and
    kill -9: the events in their exact order, and level and held notes as before."""
    with supervise() as player:
        for event in (("/sine/level", 0.2), ("/note/on", 60.0), ("/note/on", 64.0)):
            player.send(Event(NOW, event[0], (event[1], 100.0)[: 1 + event[0].startswith("/n")]))
        player.send(Event(NOW, "/note/off", (60.0,)))
        assert wait_until(lambda: hears(player, 0.2, 1))
        if fault:
            player.send(Event(NOW, fault))
        else:
            os.kill(player.status().pid, signal.SIGKILL)
        assert player.wait_for(Phase.LOST, Phase.RESTARTING, Phase.RESTORED, timeout=5)
        player.send(Event(NOW, "/sine/level", (0.3,)))  # while nobody listens
        player.send(Event(NOW, "/note/off", (64.0,)))
        player.send(Event(NOW, "/note/on", (67.0, 90.0)))
        assert player.wait_for(Phase.PLAYING, timeout=5)
        assert wait_until(lambda: hears(player, 0.3, 1))
        status = player.status()
        assert status.restarts == {cause: 1}
        assert 0 < status.down_s < 2
    assert phases(player.status()) == BORN + REBORN + GONE


def test_a_first_start_that_fails_raises_what_failed() -> None:
    """The error has the class and the words it had in the engine process; nothing is retried."""
    with pytest.raises(ModelFileError, match="truncated"), supervise("broken"):
        pass
    with pytest.raises(SynthError, match="ZeroDivisionError"), supervise("buggy"):
        pass
    with pytest.raises(ConfigError, match="lookahead"):
        supervise(driver=DriverSettings(kind="null", lookahead=99))
    player = supervise("dies_at_once")
    with pytest.raises(SynthError, match="didn't start"):
        player.start()
    assert phases(player.status()) == [Phase.STARTING, Phase.LOST, Phase.FAILED]


def test_an_engine_that_keeps_crashing_is_given_up() -> None:
    """Five crashes within a minute: the reason is told, with exit code 3."""
    with supervise(back_off=0.01) as player:
        for crash in range(5):
            assert player.wait_for(Phase.PLAYING, timeout=5)
            os.kill(player.status().pid, signal.SIGKILL)
            assert wait_until(lambda n=crash: sum(player.status().restarts.values()) == n + 1)
        assert player.wait_for(Phase.FAILED, timeout=5)
        error = player.status().error
        assert error is not None
        assert error.exit_code == 3
        assert "5 times" in str(error)
    assert phases(player.status()) == BORN + 4 * REBORN + [Phase.LOST, Phase.FAILED]


def test_old_crashes_are_forgiven() -> None:
    """Crashes that lie further apart than the window never add up."""
    with supervise(crashes=2, window=0.05) as player:
        for crash in range(3):
            assert player.wait_for(Phase.PLAYING, timeout=5)
            began = time.monotonic()
            assert wait_until(lambda t=began: time.monotonic() - t > 0.06)
            os.kill(player.status().pid, signal.SIGKILL)
            assert wait_until(lambda n=crash: sum(player.status().restarts.values()) == n + 1)
        assert player.wait_for(Phase.PLAYING, timeout=5)


def test_a_busy_parent_does_not_shoot_its_engine() -> None:
    """A control process that holds its interpreter for over a second has heard no beat, but that is
    its own fault."""
    with supervise(silence=0.4) as player:
        pid = player.status().pid
        began = time.monotonic()
        pattern, length = re.compile("(a*)*b"), 18
        while time.monotonic() - began < 1.5:  # each round doubles until one takes long enough
            pattern.match("a" * length)
            length += 1
        seen = player.status().stats.get("blocks", 0)
        assert wait_until(lambda: player.status().stats.get("blocks", 0) > seen)
        assert player.status().pid == pid
        assert player.status().restarts == {}


def test_ctrl_c_is_not_for_the_engine() -> None:
    """It shares no process group with its parent, and ignores the signal as well."""
    with supervise() as player:
        pid = player.status().pid
        if hasattr(os, "getpgid"):
            assert os.getpgid(pid) != os.getpgid(0)
        os.kill(pid, signal.SIGINT)
        seen = player.status().stats.get("blocks", 0)
        assert wait_until(lambda: player.status().stats.get("blocks", 0) > seen + 20)
        assert player.status().pid == pid


def test_numbers_that_are_none_are_refused() -> None:
    """NaN and infinity are counted and go no further; the engine plays on."""
    with supervise() as player:
        player.send(Event(NOW, "/sine/level", (float("nan"),)))
        player.send(Event(NOW, "/sine/level", (float("inf"),)))
        player.send(Event(NOW, "/sine/level", (0.4,)))
        assert wait_until(lambda: hears(player, 0.4, 0))
        assert player.status().link["refused"] == 2


def test_twenty_thousand_events_a_second_lose_no_frame_to_them() -> None:
    """A second of flood: the last value arrives, and no frame is lost to a late render."""
    with supervise() as player:
        for number in range(20_000):
            player.send(Event(NOW, "/sine/level", (number / 20_000,)))
        player.send(Event(NOW, "/sine/level", (0.125,)))
        assert wait_until(lambda: hears(player, 0.125, 0), 10)
        assert player.status().stats["underruns_render"] == 0


PARENT = """
import sys
from realtime.device.driver import DriverSettings
from realtime.supervisor.supervisor import Supervisor
with Supervisor({}, DriverSettings(kind="null"), renderer="fault_renderers:sine") as player:
    print(player.status().pid, flush=True)
    sys.stdin.read()
"""


def test_no_orphan_outlives_a_killed_parent() -> None:
    """kill -9 of the control process: the engine process notices and ends as well."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        assert wait_until(lambda: not child.is_running() or child.status() == "zombie")


@pytest.mark.peers
def test_sound_returns_on_jack_after_every_kill(jack_server: JackServer) -> None:
    """The engine killed twice, then the server: heard again at the level it was told, within 2 s of
    the server's return, and the phases tell the story in order."""
    with supervise(driver=DriverSettings(lookahead=4)) as player:
        player.send(Event(NOW, "/sine/level", (0.25,)))
        for number in range(2):
            os.kill(player.status().pid, signal.SIGKILL)
            assert wait_until(lambda n=number: player.status().restarts == {"crash": n + 1})
            assert player.wait_for(Phase.PLAYING, timeout=5)
            assert heard(jack_server) == pytest.approx(0.25, abs=0.01)
        jack_server.kill()
        assert player.wait_for(Phase.WAITING, timeout=5)
        jack_server.start()
        back = time.monotonic()
        assert player.wait_for(Phase.PLAYING, timeout=5)
        assert time.monotonic() - back < 2.0
        assert heard(jack_server) == pytest.approx(0.25, abs=0.01)
        assert player.status().restarts == {"crash": 2, "device": 1}
    lost_device = [Phase.LOST, Phase.RESTARTING, Phase.WAITING, Phase.RESTORED, Phase.PLAYING]
    assert phases(player.status()) == BORN + 2 * REBORN + lost_device + GONE


def heard(server: JackServer) -> float:
    """The level of what comes out of the server, once it is steady.

    A server that was killed and started anew at times stands still when a client joins, and runs on
    when it leaves; then another one listens.
    """
    for _ in range(5):
        with Listener(server.name) as listener:

            def loud(listener: Listener = listener) -> bool:
                listener.connect()  # to the port that is there now
                return float(np.abs(listener.audio()[-256:]).max(initial=0.0)) > 0.2

            if wait_until(loud, 2.0):
                return float(np.abs(listener.audio()).max())
    pytest.fail("nothing is heard")
