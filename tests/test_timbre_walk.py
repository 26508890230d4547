"""The walk through a timbre space: from sound to sound on the map that the instrument tells."""

from __future__ import annotations

import importlib.util
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from builders import PLACES, write_mapped

from realtime.device.driver import DriverSettings
from realtime.namespace.namespace import Namespace
from realtime.session.score import read_log
from realtime.session.session import Session, SessionSettings
from synth.contract import Control
from tests.realtime.jack_peers import wait_until

SCRIPT = Path(__file__).parents[1] / "examples" / "timbre" / "walk.py"
PATIENCE_S = 20.0
MIDDLES = {"bell": PLACES[0], "reed": PLACES[2], "Fl?te": PLACES[-1]}  # as OSC tells the names


@pytest.fixture
def script() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("walk", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    settings = SessionSettings(
        (str(write_mapped(tmp_path)),),
        driver=DriverSettings(kind="null", block=1024),
        osc_port=0,
        oscquery=False,
    )
    with Session(settings) as playing:
        yield playing


def run(script: ModuleType, session: Session, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    assert session.osc is not None
    port = str(session.osc.port)
    monkeypatch.setattr(sys, "argv", ["walk.py", "--port", port, "--name", "mapped", *more])
    script.main()


def test_the_way_is_short_and_leads_through_all(script: ModuleType) -> None:
    """Nothing that is left lies nearer than the next one."""
    places = [(f"sound {i}", (math.sin(7 * i), math.cos(3 * i), 0.1 * i)) for i in range(12)]
    way = script.short_way(places)
    assert sorted(way) == sorted(places)
    assert way[0] == places[0]
    for number, (_, position) in enumerate(way[:-1]):
        far = [math.dist(position, other) for _, other in way[number + 1 :]]
        assert far[0] == min(far)


def test_it_walks_on_the_map_of_the_instrument(
    script: ModuleType, session: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The log that it writes is known to a timbre space, and stands at each of its sounds."""
    log = tmp_path / "walk.jsonl"
    run(script, session, monkeypatch, "--log", str(log))
    faders = [Control(name, minimum=(-1.0,)) for name in ("place", *script.TARGETS)]
    latent = Control("latent", 8, (-9.0,), (9.0,), role="latent")
    namespace = Namespace({"mapped": (*faders, latent)})
    events = read_log(log, 48_000, namespace)
    assert namespace.counters == {"clamped": 0, "refused": 0}
    goals: dict[float, dict[int, float]] = {}
    for line in map(json.loads, log.read_text("utf-8").splitlines()):
        if "/latent/" in line["address"]:
            goals.setdefault(line["time"], {})[int(line["address"][-1])] = line["args"][-1]
    walked = [tuple(goals[time][axis] for axis in range(3)) for time in sorted(goals)]
    assert sorted(walked) == sorted(place.position for place in MIDDLES.values())
    notes = [event.target for event in events if event.target.startswith("/note/")]
    assert notes == ["/note/on"] * 3 + ["/note/off"] * 3


def test_it_plays(
    script: ModuleType,
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("GLIDE_S", "STAY_S", "TARGET_S"):
        monkeypatch.setattr(script, name, 0.05)
    run(script, session, monkeypatch)
    told = [line.partition(" s  ")[2] for line in capsys.readouterr().out.splitlines()]
    assert set(told[1:4]) == set(MIDDLES)
    end = MIDDLES[told[3]].position
    limit = next(c for a, c in session.namespace().controls.items() if a == "/mapped/latent")

    def there() -> bool:
        at = session.values.get("/mapped/latent") or ()
        wanted = [min(max(x, limit.minimum[0]), limit.maximum[0]) for x in end]
        return at[:3] == pytest.approx(tuple(wanted), abs=1e-5)

    assert wait_until(there, PATIENCE_S), (session.values.get("/mapped/latent"), told)


def test_without_a_map_it_says_so(
    script: ModuleType, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert session.osc is not None
    monkeypatch.setattr(sys, "argv", ["walk.py", "--port", str(session.osc.port)])
    with pytest.raises(SystemExit, match="nothing has the address /timbre_space/map"):
        script.main()
