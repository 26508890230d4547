"""One life of the engine process, spoken to over its pipes as the supervisor does."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from realtime.namespace.event import NOW, Event
from realtime.process.link import encode, encode_events, read_message
from tests.realtime.whisper_instrument import LEVEL, write_whisper

TIMEOUT_S = 10.0

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts engine processes; `start(renderer, **driver)` sends the setup as well."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    monkeypatch.setenv("JACK_DEFAULT_SERVER", "no-such-server")
    with contextlib.ExitStack() as stack:

        def make(renderer: str = "", **driver: Any) -> subprocess.Popen[bytes]:
            pipe = subprocess.PIPE
            process = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", "realtime.supervisor.engine_process"],
                    stdin=pipe,
                    stdout=pipe,
                    stderr=pipe,
                )
            )
            stack.callback(process.kill)
            if renderer:
                name = f"fault_renderers:{renderer}"
                tell(process, encode("setup", engine={}, driver=driver, renderer=name))
            return process

        yield make


def tell(process: subprocess.Popen[bytes], line: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(line)
    process.stdin.flush()


def hear(process: subprocess.Popen[bytes], *kinds: str) -> dict[str, Any]:
    """The next message of one of these kinds."""
    assert process.stdout is not None
    while (message := read_message(process.stdout)) is not None:  # type: ignore[arg-type]
        if message["kind"] in kinds:
            return message
    pytest.fail(f"it ended with {process.wait(TIMEOUT_S)} without saying {kinds}")


def peaks(process: subprocess.Popen[bytes], beats: int = 100) -> Iterator[float]:
    """The engine's peak at each of the next beats."""
    for _ in range(beats):
        yield hear(process, "beat")["stats"]["engine"].get("peak", 0.0)


def test_a_life_from_setup_to_stop(start: Start) -> None:
    """Ready with the rack's description, playing with what was agreed, beats, stopped."""
    process = start("sine", kind="null")
    assert hear(process, "ready")["engine"] == {"plugins": ["sine"], "sample_rate": 48_000}
    tell(process, encode_events("play", [Event(NOW, "/sine/level", (0.25,))]))
    assert hear(process, "playing")["driver"]["sample_rate"] == 48_000
    beats = [hear(process, "beat")["stats"] for _ in range(4)]
    assert beats[-1]["engine"]["level"] == 0.25  # told before the first block
    assert beats[-1]["blocks"] > beats[0]["blocks"]
    tell(process, encode("stop"))
    assert hear(process, "stopped")["clean"]
    assert process.wait(TIMEOUT_S) == 0


def test_subnormal_numbers_are_flushed_where_it_renders(start: Start, tmp_path: Path) -> None:
    """What dies away slows no step down: a note made of such a number is silence, in the render
    thread as offline. (That the instrument plays at all is heard first.)"""
    path, process = write_whisper(tmp_path), start()
    tell(process, encode("setup", engine={"instruments": [str(path)]}, driver={"kind": "null"}))
    hear(process, "ready")
    loud = [Event(NOW, "/note/on", (60.0, 127.0)), Event(NOW, "/whisper/aloud", (1.0,))]
    tell(process, encode_events("play", loud))
    assert any(peak > LEVEL / 2 for peak in peaks(process))
    tell(process, encode_events("events", [Event(NOW, "/whisper/aloud", (0.0,))]))
    assert any(peak < LEVEL * 1e-3 for peak in peaks(process))
    assert hear(process, "beat")["stats"]["engine"]["active_voices"] == 1


@pytest.mark.parametrize(
    ("renderer", "driver", "name", "code", "text"),
    [
        ("broken", {"kind": "null"}, "ModelFileError", 3, "truncated; export it again"),
        ("buggy", {"kind": "null"}, "SynthError", 1, "ZeroDivisionError: a mistake of ours"),
        ("sine", {"kind": "tape"}, "ConfigError", 2, "choose device or null"),
        ("sine", {"colour": "red"}, "ConfigError", 2, "colour"),
        ("sine", {"device": "nord"}, "DeviceError", 3, "nord"),
    ],
)
def test_what_can_not_start_says_why(
    start: Start, renderer: str, driver: dict[str, str], name: str, code: int, text: str
) -> None:
    """One message with class, reason and exit code, which is the process's own as well."""
    process = start(renderer, **driver)
    error = hear(process, "error")
    assert (error["name"], error["exit_code"]) == (name, code)
    assert text in error["message"]
    assert process.wait(TIMEOUT_S) == code


@pytest.mark.parametrize("when", ["at once", "ready", "playing"])
def test_it_dies_with_its_parent(start: Start, when: str) -> None:
    """A closed stdin is the end, at whatever stage."""
    process = start() if when == "at once" else start("sine", kind="null")
    if when != "at once":
        hear(process, "ready")
    if when == "playing":
        tell(process, encode_events("play", []))
        hear(process, "playing")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(TIMEOUT_S) == 0


def test_an_absent_device_is_waited_for(start: Start) -> None:
    """Where the settings say so it looks again and again, and can be told to stop meanwhile."""
    process = start("sine", device="system [JACK Audio Connection Kit]", wait=1e6)
    for _ in range(3):
        assert "not there" in hear(process, "waiting")["message"]
    tell(process, encode("stop"))
    assert process.wait(TIMEOUT_S) == 0


def test_chatter_on_stdout_is_no_message(start: Start) -> None:
    """C libraries print where they like; it lands on stderr and disturbs nothing."""
    process = start("chatty", kind="null")
    hear(process, "ready")
    tell(process, encode_events("play", []))
    hear(process, "playing")
    tell(process, encode("stop"))
    assert process.stdout is not None
    rest = [json.loads(line)["kind"] for line in process.stdout]
    assert rest[-1] == "stopped"
    assert process.stderr is not None
    assert b"chatter" in process.stderr.read()


@pytest.mark.parametrize("line", [b"\xff\xfe\n", b"[1,2]\n", b"{}\n", b"nonsense\n"])
def test_nonsense_ends_it(start: Start, line: bytes) -> None:
    """A parent that talks nonsense is no parent."""
    process = start()
    tell(process, line)
    assert process.wait(TIMEOUT_S) != 0


@pytest.mark.parametrize("fault", ["/hang", "/raise"])
def test_it_reports_its_own_end(start: Start, fault: str) -> None:
    """A renderer that hangs or raises is noticed from the inside, said, and the process leaves."""
    process = start("sine", kind="null")
    hear(process, "ready")
    tell(process, encode_events("play", []))
    hear(process, "playing")
    tell(process, encode_events("events", [Event(NOW, fault)]))
    assert hear(process, "lost")["cause"] == ("hang" if fault == "/hang" else "crash")
    assert process.wait(TIMEOUT_S) == 75


def test_playing_needs_no_torch(start: Start) -> None:
    """Nothing of the engine's process imports torch unless a model asks for it."""
    rooms = "realtime.supervisor.engine_process, realtime.supervisor.supervisor"
    code = f"import sys, {rooms}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == b"False"
