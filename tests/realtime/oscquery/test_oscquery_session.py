"""OSCQuery beside a playing session: it shows what plays, and its failures are its own."""

from __future__ import annotations

import json
import socket
import threading
import urllib.request
from pathlib import Path

from builders import write_mapped, write_sampler

from realtime.device.driver import DriverSettings
from realtime.namespace.address import parts_of
from realtime.namespace.event import NOW, Event
from realtime.namespace.global_addresses import COMMANDS, MAP_FORM, QUESTIONS, named
from realtime.osc.builtins import BUILTINS
from realtime.session.session import Session, SessionSettings
from tests.realtime.jack_peers import wait_until

PATIENCE_S = 15.0
NULL = DriverSettings(kind="null", block=1024)


def engine(session: Session, name: str) -> float:
    return float(session.status().stats.get("engine", {}).get(name, 0))


def test_oscquery_is_served_beside_osc_and_can_fail_alone(tmp_path: Path) -> None:
    """It shows the rack and what plays; an occupied port is replaced; a loop that is killed costs
    nothing of the sound."""
    instrument = str(write_sampler(tmp_path))
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = SessionSettings((instrument,), driver=NULL, osc_port=0, oscquery_port=port)
        with Session(settings) as session:
            oscquery = session.oscquery
            assert oscquery is not None
            assert oscquery.port != port
            (notice,) = session.notices
            assert str(port) in notice
            session.take(Event(NOW, "/small/position", (0.25,)))

            def value() -> object:
                url = f"{oscquery.url}small/position?VALUE"
                with urllib.request.urlopen(url) as answer:  # noqa: S310 - http alone
                    return json.load(answer)

            assert value() == {"VALUE": [0.25]}
            session.take(Event(NOW, "/note/on", (60.0, 100.0)))
            assert wait_until(lambda: engine(session, "active_voices") == 1, PATIENCE_S)
            pid = session.status().pid
            loop = oscquery._app._loop
            assert loop is not None
            loop.call_soon_threadsafe(loop.stop)
            assert wait_until(lambda: oscquery.status["failures"] == 1, PATIENCE_S)
            assert wait_until(lambda: oscquery.status["running"] == 1, PATIENCE_S)
            assert session.status().phase == "playing"
            assert (session.status().pid, engine(session, "active_voices")) == (pid, 1)


def test_oscquery_only_beside_osc(tmp_path: Path) -> None:
    instrument = str(write_sampler(tmp_path))
    for settings in (
        SessionSettings((instrument,), driver=NULL, osc_port=None),
        SessionSettings((instrument,), driver=NULL, osc_port=0, oscquery=False),
    ):
        with Session(settings) as session:
            assert session.oscquery is None
            assert "oscquery" not in {t.name for t in threading.enumerate()}


def test_every_command_of_a_session_says_what_it_takes(tmp_path: Path) -> None:
    """None is missing in the table, and none is there that doesn't exist."""
    settings = SessionSettings((str(write_mapped(tmp_path)),), driver=NULL, osc_port=0)
    with Session(settings) as session:
        commands = set(session.commands.addresses)
        pads = {parts_of(address)[1] for address in commands if parts_of(address)[0] == "pad"}
        assert pads
        assert set(BUILTINS) == set(QUESTIONS)
        names = {MAP_FORM: {"mapped"}}
        assert commands == {
            named(form, name) for form in COMMANDS for name in names.get(form, pads)
        }
        assert session.oscquery is not None
        url = f"{session.oscquery.url}snapshot/morph"
        with urllib.request.urlopen(url) as answer:  # noqa: S310 - http alone
            assert json.load(answer)["TYPE"] == "ssf"
