"""The examples play a real OSC server, and the files among them are accepted."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import numpy as np
import pytest
import soundfile
from builders import instrument_bytes, small_sampler

from realtime.bundled import bundled_instrument
from realtime.event import NOW, Event
from realtime.loader import read_instrument
from realtime.mapping_file import read_mapping
from realtime.namespace import Namespace
from realtime.offline import render_files
from realtime.onnx_plugin import osc_name
from realtime.osc_server import OscServer
from realtime.score import read_log, read_midi
from realtime.sources import Source

EXAMPLES = Path(__file__).parents[1] / "examples"
NAME = "default"  # the instrument that the examples speak to
PATIENCE_S = 20.0


def sampler_namespace() -> Namespace:
    """The addresses of a sampler with the name that the examples use."""
    return Namespace({NAME: small_sampler().controls})


@pytest.fixture
def played() -> Iterator[tuple[OscServer, Queue[Event]]]:
    events: Queue[Event] = Queue()
    with OscServer(sampler_namespace(), events.put, port=0) as server:
        yield server, events


def take_until(events: Queue[Event], last: Event) -> list[Event]:
    """Events up to `last`, waited for."""
    taken = [events.get(timeout=PATIENCE_S)]
    while taken[-1] != last:
        taken.append(events.get(timeout=PATIENCE_S))
    return taken


def keys(events: list[Event], address: str) -> list[float]:
    """The keys of all notes that begin or end, in order."""
    return [e.value[0] for e in events if e.target == address]


def test_the_bundled_instrument_has_the_name_and_controls_of_the_examples() -> None:
    _, manifest = read_instrument(bundled_instrument())
    assert osc_name(manifest) == NAME
    read_mapping(EXAMPLES / "map.yaml", Namespace({NAME: manifest.controls}))


def test_python_example(played: tuple[OscServer, Queue[Event]]) -> None:
    server, events = played
    script = [sys.executable, str(EXAMPLES / "python" / "play.py"), "--port", str(server.port)]
    subprocess.run(script, check=True, timeout=PATIENCE_S)
    taken = take_until(events, Event(NOW, "/all_notes_off"))
    assert keys(taken, "/note/on") == [60, 64, 67, 60, 64, 67]
    assert keys(taken, "/note/off") == [60, 64, 67]
    moved = [e.value[0] for e in taken if e.target == f"/{NAME}/position"]
    assert len(moved) == 31
    assert moved[:30] == sorted(moved[:30])
    assert server.counters["rejected"] == server.counters["clamped"] == 0


@pytest.mark.peers
def test_pure_data_example(played: tuple[OscServer, Queue[Event]], tmp_path: Path) -> None:
    """Pd loads the patch, is told the port, and has its button pressed."""
    server, events = played
    pd = shutil.which("pd")
    if pd is None:
        pytest.skip("pd is not installed (Debian: apt install puredata-core)")
    command = [pd, "-nogui", "-nosound", "-nomidi", "-stderr", "-noprefs"]
    command += ["-open", str(EXAMPLES / "puredata" / "play.pd")]
    command += ["-send", f"synth-port {server.port}", "-send", "synth-play bang"]
    log = tmp_path / "pd.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=stream)
    try:
        taken = take_until(events, Event(NOW, "/note/off", (67.0,)))
    finally:
        process.terminate()
        process.wait(PATIENCE_S)
    assert keys(taken, "/note/on") == [60, 64, 67]
    assert keys(taken, "/note/off") == [60, 64, 67]
    moved = [e.value[0] for e in taken if e.target == f"/{NAME}/position"]
    assert len(moved) > 10
    assert moved == sorted(moved)
    assert server.counters["rejected"] == server.counters["clamped"] == 0
    assert log.read_text() == ""  # Pd says there what it could not make or connect


def test_every_address_in_the_examples_exists() -> None:
    """Also in those that no program here can run: SuperCollider, Max, TouchDesigner."""
    namespace = sampler_namespace()
    known = {*namespace.controls, "/note/on", "/note/off", "/all_notes_off", "/panic", "/program"}
    known |= {"/status", "/status.reply", "/fail"}
    files = [p for p in EXAMPLES.rglob("*") if p.is_file() and p.suffix != ".mid"]
    texts = {p: p.read_text("utf-8") for p in files}
    found = 0
    for path, text in texts.items():
        for quote in ("'", '"', "`", " "):
            for part in text.split(quote):
                word = part.split()[0] if part.split() else ""
                first = word.split("/")[1] if word.startswith("/") and "/" in word[1:] else ""
                if first in (NAME, "note"):
                    address = word.rstrip("]`'\",.:;")
                    found += 1
                    assert address in known or namespace.find(address), f"{path}: {address}"
    assert found > 20


def test_event_log_renders(tmp_path: Path) -> None:
    """The phrase sounds, and ends: nothing in it is unknown, clamped or left hanging."""
    instrument = tmp_path / "default.onnx"
    instrument.write_bytes(instrument_bytes(small_sampler(), NAME))
    out = tmp_path / "phrase.wav"
    done = render_files(
        instrument, out, osc=EXAMPLES / "phrase.jsonl", sample_rate=24_000, voices=4, tail_s=1.5
    )
    sound, rate = soundfile.read(out)
    assert done.seconds == pytest.approx(4.5)
    assert np.abs(sound[: 3 * rate]).max() > 0.001
    assert np.abs(sound[-rate // 4 :]).max() < 1e-4


def test_map_moves_what_it_says() -> None:
    mapping = read_mapping(EXAMPLES / "map.yaml", sampler_namespace())
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
    assert sum(e.target == "/note/on" for e in song) > 50
    assert {e.target for e in moves} == {f"/{NAME}/latent/0"}
    assert abs(song[-1].time - moves[-1].time) < 48_000
    assert namespace.counters["clamped"] == namespace.counters["refused"] == 0
