"""`synth play` on a real JACK server, played by real programs and heard by another JACK client."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
import soundfile
from builders import write_effect, write_sampler
from cli_rig import PATIENCE_S, Player, run

from synth.cli.play import _Stop
from tests.conftest import JackServer
from tests.realtime.jack_peers import Keyboard, Listener, Samples, Speaker, wait_until

pytestmark = pytest.mark.peers
RATE = 48_000
HOP = 64  # of the small sampler, in frames of the server
FADE = round(0.01 * RATE)

# loadbang -> connect, send a note, quit.
PATCH = """#N canvas 0 0 600 400 12;
#X obj 20 20 loadbang;
#X obj 20 50 t b b b;
#X msg 300 80 connect 127.0.0.1 {port};
#X msg 20 80 60 110;
#X obj 20 120 oscformat note on;
#X obj 20 200 list prepend send;
#X obj 20 230 list trim;
#X obj 20 260 netsend -u -b;
#X obj 400 80 delay 100;
#X msg 400 110 \\; pd quit;
#X connect 0 0 1 0;
#X connect 1 2 2 0;
#X connect 1 1 3 0;
#X connect 1 0 8 0;
#X connect 2 0 7 0;
#X connect 3 0 4 0;
#X connect 4 0 5 0;
#X connect 5 0 6 0;
#X connect 6 0 7 0;
#X connect 8 0 9 0;
"""


@pytest.fixture
def play(
    jack_server: JackServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Player, Listener]]]:
    """`play(*ARGUMENTS)`: the small sampler on a JACK server, and what is heard there."""
    monkeypatch.setenv("SYNTH_MIDI_API", "jack")
    instrument = write_sampler(tmp_path)
    with contextlib.ExitStack() as stack:

        def begin(*arguments: object) -> tuple[Player, Listener]:
            player = stack.enter_context(Player(tmp_path, instrument, *arguments))
            listener = stack.enter_context(Listener(jack_server.name))
            listener.connect(PATIENCE_S)
            assert wait_until(lambda: len(listener.audio()) > RATE // 4, PATIENCE_S), player.output
            return player, listener

        yield begin


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (Debian: apt install liblo-tools puredata-core)")
    return found


def peak(audio: Samples) -> float:
    return float(np.abs(audio).max(initial=0.0))


def becomes_loud(listener: Listener, cause: Callable[[], object]) -> bool:
    """Whether the cause, said again every quarter of a second, leads to a sound.

    Again, because a JACK server loses MIDI in a cycle that comes too late.
    """
    assert peak(listener.audio()) == 0.0, "it sounds before anybody plays"
    patience = time.monotonic() + PATIENCE_S
    while time.monotonic() < patience:
        cause()
        if wait_until(lambda: peak(listener.audio()) > 1e-3, 0.25):
            return True
    return False


def steady(listener: Listener) -> Samples:
    """Half a second of what is heard from now on, or rather a little later."""
    at = len(listener.audio()) + RATE // 5
    assert wait_until(lambda: len(listener.audio()) > at + RATE // 2, PATIENCE_S)
    return listener.audio()[at : at + RATE // 2]


def overtones(audio: Samples) -> np.ndarray:
    """Magnitudes at the multiples of the hop's rate, the only ones a frozen sound has."""
    turns = audio[: len(audio) // HOP * HOP].reshape(-1, HOP)
    return np.sqrt((np.abs(np.fft.rfft(turns, axis=1)) ** 2).mean(0))[1:]


def test_oscsend_plays(play: Callable[..., tuple[Player, Listener]]) -> None:
    player, listener = play()
    note = [program("oscsend"), "localhost", str(player.port), "/note/on", "if", "60", "110"]
    assert becomes_loud(listener, lambda: subprocess.run(note, check=True))
    assert wait_until(lambda: player.status().get("active_voices") == 1, PATIENCE_S)


def test_pure_data_plays(play: Callable[..., tuple[Player, Listener]], tmp_path: Path) -> None:
    player, listener = play()
    patch = tmp_path / "play.pd"
    patch.write_text(PATCH.format(port=player.port))
    command = [program("pd"), "-nogui", "-nosound", "-nomidi", "-open", str(patch)]

    def send() -> None:
        subprocess.run(command, check=True, timeout=PATIENCE_S, capture_output=True)

    assert becomes_loud(listener, send)


def test_a_midi_keyboard_plays(
    play: Callable[..., tuple[Player, Listener]], jack_server: JackServer
) -> None:
    with Keyboard() as keyboard:
        player, listener = play("--midi", "keyboard")
        assert becomes_loud(listener, lambda: keyboard.play("903c6e"))
        assert wait_until(lambda: player.status().get("active_voices") == 1, PATIENCE_S)
        keyboard.play("b07b00")
        assert wait_until(lambda: player.status().get("active_voices") == 0, PATIENCE_S)


def test_controls_move_the_sound(play: Callable[..., tuple[Player, Listener]]) -> None:
    """A frozen sound repeats with each hop. The gain scales it by as many dB as said; a latent axis
    changes its colour; and both come back."""
    player, listener = play("--lookahead", "16")
    player.send("/small/speed", 0.0)
    assert becomes_loud(listener, lambda: player.send("/note/on", 60, 127))
    before = overtones(steady(listener))
    player.send("/gain", -20.0)  # from 0
    quiet = overtones(steady(listener))
    assert np.allclose(20 * np.log10(quiet.max() / before.max()), -20, atol=0.5)
    player.send("/gain", 0.0)
    player.send("/small/latent/0", 1.0)
    moved = overtones(steady(listener))
    change = np.linalg.norm(moved - before) / np.linalg.norm(before)
    player.send("/small/latent/0", 0.0)
    again = overtones(steady(listener))
    rest = np.linalg.norm(again - before) / np.linalg.norm(before)
    assert change > 5 * rest
    assert change > 0.05


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_end_it_soon_and_without_a_click(
    play: Callable[..., tuple[Player, Listener]], number: signal.Signals
) -> None:
    player, listener = play("--lookahead", "16")
    player.send("/small/speed", 0.0)
    assert becomes_loud(listener, lambda: player.send("/note/on", 60, 127))
    level = peak(steady(listener))
    asked = time.monotonic()
    assert player.stop(number) == 128 + number
    assert time.monotonic() - asked < 2.0
    assert "Traceback" not in player.output
    sounded = np.trim_zeros(listener.audio(), "b")
    assert peak(sounded[-FADE // 10 :]) < 0.2 * level
    assert peak(sounded[-FADE // 2 :]) < 0.7 * level


def test_a_signal_ends_a_start_too(jack_server: JackServer, tmp_path: Path) -> None:
    """Even before it plays, a signal leaves no process behind and the signal's code."""
    with Player(tmp_path, write_sampler(tmp_path)) as player:
        # The port is taken before the engine starts, so an answer means that it is starting.
        assert wait_until(lambda: bool(player.status()), PATIENCE_S)
        engines = psutil.Process(player.process.pid).children()
        assert player.stop(signal.SIGTERM) == 143
        assert "Traceback" not in player.output
        assert not psutil.wait_procs(engines, PATIENCE_S)[1]


def test_bad_messages_are_counted_and_it_plays_on(tmp_path: Path) -> None:
    """Unknown, malformed, clamped and refused; each is answered or counted, none is heard."""
    instrument = write_sampler(tmp_path)
    with Player(tmp_path, instrument, "--driver", "null", "--block", "1024") as player:
        assert wait_until(lambda: player.status().get("playing") == 1, PATIENCE_S), player.output
        for packet in (b"", b"/x", b"#bundle\0", b"\xff" * 100, b"/note/on\0\0\0\0,ii\0\0\0\0\1"):
            player.send_bytes(packet)
        player.send("/small/positoin", 0.5)
        reasons = []
        while (message := player.answer()) is not None:
            reasons += [message.params[1]] if message.address == "/fail" else []
        assert any("/small/position" in reason for reason in reasons)
        player.send("/small/position", 7.0)
        player.send("/small/position", float("nan"))
        player.send("/small/latent", 0.1, 0.2)
        player.send("/note/on", 60, 100)
        assert wait_until(lambda: player.status().get("active_voices") == 1, PATIENCE_S)
        status = player.status()
        assert status["clamped"] == 1
        assert status["refused"] == 1
        assert status["rejected"] >= 6
        assert status["restarts"] == 0
        assert player.stop(signal.SIGINT) == 130


def test_an_occupied_port_is_named(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        done = run(tmp_path, "play", write_sampler(tmp_path), "--osc-port", port)
    assert done.code == 3
    assert len(done.err.splitlines()) == 1
    assert f"port {port}" in done.err
    assert "--osc-port" in done.err
    assert not list(tmp_path.glob("*.wav"))


def test_without_a_device_the_demo_is_rendered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JACK_DEFAULT_SERVER", f"nobody-{os.getpid()}")
    monkeypatch.setenv("JACK_NO_START_SERVER", "1")
    found = json.loads(run(tmp_path, "devices", "--json").out)
    if any(device["outputs"] for device in found["audio"]):
        pytest.skip("this machine has a sound device")
    done = run(
        tmp_path, "play", write_sampler(tmp_path), "--demo-out", "demo.wav", "--rate", 24_000
    )
    assert done.code == 0, done.err
    assert "no sound device here" in done.out
    assert "demo.wav" in done.out
    assert "Traceback" not in done.err
    sound, rate = soundfile.read(tmp_path / "demo.wav")
    assert rate == 24_000
    assert 7.5 < len(sound) / rate < 12
    assert 0.01 < peak(sound) <= 10 ** (-1 / 20)


def test_the_demo_plays_by_itself(play: Callable[..., tuple[Player, Listener]]) -> None:
    """With --demo there is sound although nobody sends a note."""
    _, listener = play("--demo")
    assert wait_until(lambda: peak(listener.audio()) > 1e-3, PATIENCE_S)


def test_an_effect_changes_what_comes_in(jack_server: JackServer, tmp_path: Path) -> None:
    """Impulses into the input come out of the dry path, and of the codec when mix is moved."""
    effect = write_effect(tmp_path)
    with Player(tmp_path, effect) as player, Listener(jack_server.name) as listener:
        listener.connect(PATIENCE_S)
        assert wait_until(lambda: player.status().get("playing") == 1, PATIENCE_S), player.output
        player.send("/effect/mix", 0.0)
        with Speaker(jack_server.name, every=4800):
            assert wait_until(lambda: peak(listener.audio()[-RATE:]) > 0.2, PATIENCE_S)
            dry = peak(listener.audio()[-RATE:])
            player.send("/effect/mix", 1.0)
            assert wait_until(
                lambda: abs(peak(listener.audio()[-RATE // 2 :]) - dry) > 0.02, PATIENCE_S
            ), "the codec says what the dry path says"


def test_a_signal_raises_nothing_into_a_session_that_plays() -> None:
    """It is noted, wherever the main thread is; the second one leaves at once."""
    stop = _Stop()
    with pytest.raises(SystemExit):
        stop.take(signal.SIGINT, None)
    stop.patient = True
    stop.take(signal.SIGTERM, None)
    assert stop.wished()
    assert stop.code == 143
    with pytest.raises(SystemExit):
        stop.take(signal.SIGINT, None)
