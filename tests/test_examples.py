"""The examples play: really run by their programs, against a session that plays."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import pytest
import soundfile
from builders import instrument_bytes, small_sampler

from realtime.clients.write import write_clients
from realtime.device.driver import DriverSettings
from realtime.mapping.file import read_mapping
from realtime.namespace.global_addresses import GLOBAL_EVENTS
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from realtime.namespace.values import Change
from realtime.plugins.bundled import bundled_instrument
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.osc_name import osc_name
from realtime.session.offline import render_files
from realtime.session.score import read_log, read_midi
from realtime.session.session import Session, SessionSettings
from tests.realtime.jack_peers import wait_until

EXAMPLES = Path(__file__).parents[1] / "examples"
NAME = "default"  # the instrument that the examples speak to
PATIENCE_S = 20.0


def bundled_namespace() -> Namespace:
    """The addresses of the instrument that the examples speak to."""
    return Namespace({NAME: read_instrument(bundled_instrument())[1].controls})


class Played:
    """The bundled instrument without a device, and every event that reaches it; a context
    manager."""

    def __init__(self, session: Session) -> None:
        assert session.osc is not None
        self.session, self.osc = session, session.osc
        self._listener = session.values.listen(lambda address: not address.startswith("/meter/"))
        self._seen: list[Change] = []
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.is_set():
            self._seen += self._listener.take(0.1)

    def until(self, last: str, count: int = 1) -> list[Change]:
        """What changed, up to the `count`th event of the address `last`, waited for."""
        assert wait_until(lambda: sum(c.address == last for c in self._seen) >= count, PATIENCE_S)
        return list(self._seen)

    def nothing_wrong(self) -> bool:
        """Whether all that was sent is known and in its range."""
        return not any(self.osc.counters[name] for name in ("rejected", "clamped", "refused"))


@pytest.fixture
def played() -> Iterator[Played]:
    settings = SessionSettings(driver=DriverSettings(kind="null", block=1024), osc_port=0)
    with Session(settings) as session, Played(session) as playing:
        yield playing


def keys(changes: list[Change], address: str) -> list[float]:
    """The keys of all notes that begin or end, in order."""
    return [c.value[0] for c in changes if c.address == address]


def positions(changes: list[Change]) -> list[float]:
    """Where the moving control was seen."""
    return [c.value[0] for c in changes if c.address == f"/{NAME}/position"]


def program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install {package})")
    return found


def test_the_bundled_instrument_has_the_name_and_controls_of_the_examples() -> None:
    _, manifest = read_instrument(bundled_instrument())
    assert osc_name(manifest) == NAME
    read_mapping(EXAMPLES / "map.yaml", Namespace({NAME: manifest.controls}))


def test_the_generated_ones_are_what_synth_clients_makes(tmp_path: Path) -> None:
    """`synth clients --out examples`, and they say the same again."""
    for path in write_clients(None, tmp_path):
        kept = EXAMPLES / path.relative_to(tmp_path)
        assert path.read_text("utf-8") == kept.read_text("utf-8"), f"{kept} is out of date"


def test_python_example(played: Played) -> None:
    script = [sys.executable, str(EXAMPLES / "python" / "play.py"), "--port"]
    script += [str(played.osc.port)]
    subprocess.run(script, check=True, timeout=PATIENCE_S)
    changes = played.until("/all_notes_off")
    assert keys(changes, "/note/on") == [60, 64, 67, 60, 64, 67]
    assert keys(changes, "/note/off") == [60, 64, 67]
    moved = positions(changes)
    assert len(moved) > 10
    assert moved[:-1] == sorted(moved[:-1])
    assert played.nothing_wrong()
    subprocess.run([*script, "--set", f"/{NAME}/speed", "0.5"], check=True, timeout=PATIENCE_S)
    played.until(f"/{NAME}/speed")
    assert played.session.values.get(f"/{NAME}/speed") == (0.5,)


@pytest.mark.peers
def test_pure_data_example(played: Played, tmp_path: Path) -> None:
    """Pd loads the patch, is told the port, has its button pressed, and prints what is answered."""
    command = [program("pd", "puredata-core"), "-nogui", "-nosound", "-nomidi", "-stderr"]
    command += ["-noprefs", "-open", str(EXAMPLES / "puredata" / "play.pd")]
    command += ["-send", f"synth-port {played.osc.port}", "-send", "synth-play bang"]
    command += ["-send", "synth-status bang"]
    log = tmp_path / "pd.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        changes = played.until("/note/off", 3)
        assert wait_until(lambda: "synth-status" in log.read_text(), PATIENCE_S)
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    assert keys(changes, "/note/on") == [60, 64, 67]
    assert keys(changes, "/note/off") == [60, 64, 67]
    moved = positions(changes)
    assert len(moved) > 10
    assert moved == sorted(moved)
    assert played.nothing_wrong()
    # Pd says there what it could not make or connect; the status is all that is meant to be there.
    assert [line.split(":")[0] for line in log.read_text().splitlines()] == ["synth-status"]


SUPERCOLLIDER = """
~synthPort = {port};
OSCdef(\\heard, {{ "heard".postln; 0.exit }}, '/status.reply');
"{script}".load;
"""


@pytest.mark.peers
def test_supercollider_example(played: Played, tmp_path: Path) -> None:
    """sclang evaluates the script, whose last message asks for the status, and hears the answer."""
    caller = tmp_path / "call.scd"
    script = EXAMPLES / "supercollider" / "play.scd"
    caller.write_text(SUPERCOLLIDER.format(port=played.osc.port, script=script))
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    environment = {
        **os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home), "DISPLAY": "",
        "QT_QPA_PLATFORM": "offscreen", "QTWEBENGINE_DISABLE_SANDBOX": "1",
        "QTWEBENGINE_CHROMIUM_FLAGS": "--no-sandbox",
    }  # fmt: skip
    command = [program("sclang", "supercollider-language"), str(caller)]
    log = tmp_path / "sclang.log"
    with log.open("wb") as stream:
        done = subprocess.run(
            command, env=environment, stdout=stream, stderr=stream, timeout=60, check=False
        )
    text = log.read_text(errors="replace")
    assert "heard" in text, text[-2000:]
    assert "ERROR" not in text, text[-2000:]
    assert done.returncode == 0
    changes = played.until("/all_notes_off")
    assert keys(changes, "/note/on") == [60, 64, 67, 60, 64, 67]
    assert keys(changes, "/note/off") == [60, 64, 67]
    assert len(positions(changes)) > 10
    assert played.nothing_wrong()


def test_max_patch_is_whole() -> None:
    """Every cord leads from an outlet that its box has to an inlet that its box has."""
    patcher = json.loads((EXAMPLES / "max" / "play.maxpat").read_text("utf-8"))["patcher"]
    boxes = {box["box"]["id"]: box["box"] for box in patcher["boxes"]}
    assert len(boxes) == len(patcher["boxes"])
    reached = set()
    for line in patcher["lines"]:
        (source, outlet), (target, inlet) = (
            line["patchline"][end] for end in ("source", "destination")
        )
        assert outlet < boxes[source]["numoutlets"]
        assert inlet < boxes[target]["numinlets"]
        reached |= {source, target}
    left = [box for name, box in boxes.items() if name not in reached]
    assert {box["maxclass"] for box in left} == {"comment"}


def test_touchdesigner_script_knows_every_control() -> None:
    """Its tables are literal, its parameters have names that TouchDesigner takes, none twice."""
    tree = ast.parse((EXAMPLES / "touchdesigner" / "build.py").read_text("utf-8"))
    tables = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    rows = [*tables["CONTROLS"], *tables["BUTTONS"]]
    names = [row[0] for row in rows]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Z][a-z0-9]*", name) for name in names)
    namespace = bundled_namespace()
    for _, address, low, high, default, *_ in tables["CONTROLS"]:
        for value in (low, high, default):
            namespace.resolve(address, [float(np.float32(value))])  # as it is sent
    for _, address in tables["BUTTONS"]:
        namespace.resolve(address, [])
    assert namespace.counters["clamped"] == 0
    compile(tables["CALLBACKS"], "callbacks", "exec")


def test_every_address_in_the_examples_exists() -> None:
    """Also in those that no program here can run: Max, TouchDesigner."""
    namespace = bundled_namespace()
    files = [p for p in EXAMPLES.rglob("*") if p.is_file() and p.suffix != ".mid"]
    found = 0
    for path in files:
        for address in re.findall(rf"/(?:{NAME}|note)(?:/[a-z0-9_]+)+", path.read_text("utf-8")):
            found += 1
            assert address in GLOBAL_EVENTS or namespace.find(address), f"{path}: {address}"
    assert found > 100


def test_event_log_renders(tmp_path: Path) -> None:
    """The phrase sounds, and ends: nothing in it is unknown, clamped or left hanging."""
    instrument = tmp_path / "default.onnx"
    instrument.write_bytes(instrument_bytes(small_sampler(), NAME))
    out = tmp_path / "phrase.wav"
    done = render_files(
        [instrument], out, osc=EXAMPLES / "phrase.jsonl", sample_rate=24_000, voices=4, tail_s=1.5
    )
    sound, rate = soundfile.read(out)
    assert done.seconds == pytest.approx(4.5)
    assert np.abs(sound[: 3 * rate]).max() > 0.001
    assert np.abs(sound[-rate // 4 :]).max() < 1e-4


def test_map_moves_what_it_says() -> None:
    mapping = read_mapping(EXAMPLES / "map.yaml", bundled_namespace())
    assert mapping.bend_range == 12

    def says(number: int, value: int) -> tuple[str, float]:
        (event,) = mapping.moved(Source("cc", number, 1), value / 127)
        return event.target, event.value[0]

    assert says(1, 64)[0] == f"/{NAME}/latent/0"
    assert (says(7, 0)[1], says(7, 127)[1]) == (-40, 0)
    assert (says(21, 0)[1], says(21, 127)[1]) == (-1, 2)
    assert {says(23, value)[1] for value in range(128)} == {0.0, 1.0, 2.0}


def test_the_song_and_its_moving_fader_are_played() -> None:
    """Both are read, last about as long as each other, and no value is out of the fader's range."""
    namespace = Namespace({NAME: read_instrument(bundled_instrument())[1].controls})
    song = read_midi(EXAMPLES / "song.mid", 48_000)
    moves = read_log(EXAMPLES / "moves.jsonl", 48_000, namespace)
    assert sum(e.target == "/channel/1/note/on" for e in song) > 50
    assert {e.target for e in moves} == {f"/{NAME}/latent/0"}
    assert abs(song[-1].time - moves[-1].time) < 48_000
    assert namespace.counters["clamped"] == namespace.counters["refused"] == 0
