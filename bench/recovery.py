"""Measure the time until sound returns after the engine process or the JACK server was killed.

    python bench/recovery.py [--times 20] [--instrument FILE]

The engine's own meters tell when there is sound: blocks that the server took after the restart. The
script checks that controls and held notes are the same as before.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import tempfile
import time
from pathlib import Path

from jack_server import Server, headline, jack_server

from realtime.device.driver import DriverSettings
from realtime.namespace.event import NOW, Event
from realtime.session.session import Session, SessionSettings

TIMEOUT_S = 20.0


def sounding(session: Session) -> bool:
    """Whether the server takes frames and the held note is among them."""
    stats = session.status().stats
    engine = stats.get("engine", {})
    alive = stats.get("blocks", 0) > 20 and engine.get("active_voices", 0) >= 1
    return bool(alive and engine.get("peak", 0.0) > 1e-3)


def await_loss(session: Session, cause: str, count: int) -> None:
    """Wait until the supervisor has counted one more restart of this cause."""
    patience = time.monotonic() + TIMEOUT_S
    while session.status().restarts.get(cause, 0) <= count:
        if time.monotonic() > patience:
            raise TimeoutError(f"no {cause} was noticed")
        time.sleep(0.001)


def seconds_to_sound(session: Session) -> float:
    """Seconds from now until it sounds; infinite if it doesn't."""
    began = time.monotonic()
    while not sounding(session):
        if time.monotonic() - began > TIMEOUT_S:
            return float("inf")
        time.sleep(0.001)
    return time.monotonic() - began


def kill_engine(session: Session) -> tuple[float, float]:
    """Kill the engine process; seconds until detection, and from the kill to sound."""
    count = session.status().restarts.get("crash", 0)
    began = time.monotonic()
    pid = session.status().pid
    if pid is None:
        raise RuntimeError(f"no engine runs: {session.status().error}")
    os.kill(pid, signal.SIGKILL)
    await_loss(session, "crash", count)
    noticed = time.monotonic() - began
    return noticed, noticed + seconds_to_sound(session)


def kill_server(session: Session, server: Server) -> tuple[float, float]:
    """Kill and restart the server; seconds until detection, and from its return to sound."""
    count = session.status().restarts.get("device", 0)
    began = time.monotonic()
    server.process.kill()
    await_loss(session, "device", count)
    noticed = time.monotonic() - began
    server.process.wait()
    time.sleep(random.uniform(0.2, 1.5))
    server.start()
    return noticed, seconds_to_sound(session)


def main() -> None:
    """Print one line per kind of failure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--period", type=int, default=128)
    parser.add_argument("--instrument", action="append", default=[])
    arguments = parser.parse_args()
    print(headline())
    settings = SessionSettings(
        tuple(arguments.instrument), driver=DriverSettings(device="system"), osc_port=None
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        jack_server(arguments.period, Path(folder) / "jack.log") as server,
        Session(settings) as session,
    ):
        session.take(Event(NOW, "/gain", (-12.0,)))
        session.take(Event(NOW, "/note/on", (60.0, 100.0)))
        print(f"first sound {seconds_to_sound(session):.2f} s after the start of playing")
        for name in ("engine", "server"):
            noticed, sound = [], []
            for _ in range(arguments.times):
                dead = kill_engine(session) if name == "engine" else kill_server(session, server)
                noticed.append(dead[0])
                sound.append(dead[1])
                # After five crashes in a minute the supervisor would give up.
                time.sleep(16.0 if name == "engine" and arguments.times > 4 else 0.5)
            good = sum(s <= 2.0 for s in sound)
            print(
                f"{name} killed {len(sound)} times: sound within 2 s {good} of {len(sound)};"
                f" noticed after {1000 * min(noticed):.0f} … {1000 * max(noticed):.0f} ms,"
                f" sound after {min(sound):.2f} … {max(sound):.2f} s"
            )


if __name__ == "__main__":
    main()
