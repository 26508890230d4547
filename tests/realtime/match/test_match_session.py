"""The commands of live matching over OSC, without a device: files, refusals, and no orphans."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from realtime.device.driver import DriverSettings
from realtime.process.link import encode, read_message
from realtime.session.session import Session, SessionSettings
from realtime.session.view import render_view
from synth.contract import ConfigError, ModelFileError, write_audio
from tests.realtime.jack_peers import wait_until
from tests.realtime.osc_peer import UdpPeer
from tests.realtime.partials_instrument import KEY, RATE, partials, write_matcher, write_partials
from tests.realtime.sine_instrument import write_sine

PATIENCE_S = 60.0
ADDRESS = "/partials/third"

Played = tuple[Session, UdpPeer]


@contextlib.contextmanager
def playing(
    instrument: Path, matcher: str, *, input: bool = False
) -> Iterator[tuple[Session, UdpPeer]]:
    """A session without a device, and a client that is told of changes; `input` is silence."""
    settings = SessionSettings(
        (str(instrument),),
        driver=DriverSettings(kind="null", block=512, input="any" if input else ""),
        osc_port=0,
        matcher=matcher,
    )
    before = matching_pids()
    with Session(settings) as session:
        assert session.osc is not None
        with UdpPeer(session.osc.port) as peer:
            assert peer.ask("/notify", 1)[0] == "/done"
            yield session, peer
    assert matching_pids() == before


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Session, UdpPeer]]:
    """The partials with their matching model; no input is open."""
    folder = tmp_path_factory.mktemp("shared")
    with playing(write_partials(folder), str(write_matcher(folder))) as made:
        yield made


@pytest.fixture
def partials_played(shared: tuple[Session, UdpPeer]) -> tuple[Session, UdpPeer]:
    """The shared session, in which nothing is left of what was matched before."""
    _, client = shared
    answer = "/done"
    while answer == "/done":
        client.send("/match/undo", 0)
        answer, _ = until(client, "/done", "/fail")
    return shared


def matching_process(session: Session) -> psutil.Process:
    """The process of a session's matcher."""
    assert session.matcher is not None
    assert session.matcher._process is not None
    return psutil.Process(session.matcher._process.pid)


def matching_pids() -> set[int]:
    """The processes of all matchers."""
    found = set()
    for process in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if "realtime.match.matcher_process" in " ".join(process.cmdline()):
                found.add(process.pid)
    return found


def until(client: UdpPeer, *addresses: str) -> tuple[str, list[Any]]:
    client.socket.settimeout(PATIENCE_S)
    while True:
        message = client.receive()
        if message[0] in addresses:
            return message


def refused(client: UdpPeer, *message: Any) -> str:
    """The reason why a message is refused."""
    client.send(*message)
    address, args = until(client, "/fail", "/done")
    assert (address, args[0]) == ("/fail", message[0])
    return str(args[1])


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "target.wav"
    write_audio(path, 0.3 * partials(0.5)[None], RATE)
    return path


def third(session: Session) -> float:
    (number,) = session.values.get(ADDRESS) or (-1.0,)
    return number


def test_a_file_is_matched_and_undone(partials_played: Played, target: Path) -> None:
    """Progress rises, the result names what was found, and the way back is as long as wanted."""
    session, client = partials_played
    client.send("/match/file", str(target), 0.0)
    assert until(client, "/done", "/fail") == ("/done", ["/match/file", str(target), 0.0])
    shares = []
    while (message := until(client, "/match/progress", "/match/found"))[0] == "/match/progress":
        shares.append(message[1][0])
    assert shares == sorted(shares)
    assert len(shares) >= 3
    name, distance, key, seconds, notes = message[1]
    assert (name, key, notes) == ("partials", KEY, "")
    assert 0 <= distance < 3
    assert seconds == pytest.approx(1.0, abs=0.03)
    assert third(session) == pytest.approx(0.5, abs=0.12)
    assert session.matcher is not None
    assert session.matcher.words.startswith("found")
    render_view(session)
    client.send("/match/undo", 0)
    assert until(client, "/done", "/fail") == ("/done", ["/match/undo", 0.0])
    assert third(session) == 0.0
    assert "nothing was matched" in refused(client, "/match/undo")


def test_what_can_not_be_matched_is_said(
    partials_played: Played, tmp_path: Path, target: Path
) -> None:
    session, client = partials_played
    assert "--input" in refused(client, "/match")
    assert "no such file" in refused(client, "/match/file", str(tmp_path / "none.wav"))
    assert "needs the path" in refused(client, "/match/file")
    assert "glide is -1" in refused(client, "/match/file", str(target), -1.0)
    assert "no more" in refused(client, "/match/file", str(target), 1.0, 2.0)
    assert "nothing is being matched" in refused(client, "/match/cancel")
    text = tmp_path / "text.wav"
    text.write_text("hello")
    for sound, words in (
        (None, "can't be read as audio"),
        (np.zeros((1, RATE), np.float32), "dBFS"),
        (partials(0.5, 0.03)[None], "at least 50 ms"),
    ):
        path = text
        if sound is not None:
            path = tmp_path / "odd.wav"
            write_audio(path, sound, RATE)
        client.send("/match/file", str(path))
        assert until(client, "/done", "/fail")[0] == "/done"
        address, (about, reason) = until(client, "/fail", "/match/found")
        assert (address, about) == ("/fail", "/match/file")
        assert words in reason
    client.send("/match/file", str(target))  # and it still works
    assert until(client, "/match/found", "/fail")[0] == "/match/found"
    assert third(session) > 0


def test_an_input_that_carries_nothing_is_named(tmp_path: Path) -> None:
    files = write_partials(tmp_path), str(write_matcher(tmp_path))
    with playing(*files, input=True) as (_, client):
        assert "seconds is 11" in refused(client, "/match", 11)
        client.send("/match", 0.2)
        assert until(client, "/done", "/fail")[0] == "/done"
        assert "dBFS" in until(client, "/fail", "/match/found")[1][1]


def test_an_instrument_without_patches_is_named(tmp_path: Path, target: Path) -> None:
    with playing(write_sine(tmp_path), "") as (_, client):
        for message in (("/match",), ("/match/file", str(target))):
            assert "sine can't be matched" in refused(client, *message)


def test_a_missing_model_is_named_at_the_start(tmp_path: Path) -> None:
    """Where it was named; it is found out before anything is played."""
    instrument = str(write_partials(tmp_path))
    other = write_matcher(
        tmp_path, "other", names=("x", "keyboard_midi_f0", "y", "z"), duration="z"
    )
    cases = [
        (instrument, str(tmp_path / "missing.onnx"), ModelFileError, "can't be read"),
        (instrument, instrument, ModelFileError, "no matching model"),
        (instrument, str(other), ConfigError, "another voice"),
        (str(write_sine(tmp_path)), str(other), ConfigError, "can't be matched"),
    ]
    before = matching_pids()
    for file, matcher, error, words in cases:
        settings = SessionSettings(
            (file,), driver=DriverSettings(kind="null"), osc_port=0, matcher=matcher
        )
        with pytest.raises(error, match=words), Session(settings):
            pytest.fail("it plays")
        assert matching_pids() == before


def test_a_missing_bundled_model_is_named_at_the_match(tmp_path: Path, target: Path) -> None:
    with playing(write_partials(tmp_path), "") as (_, client):
        for _ in range(2):
            client.send("/match/file", str(target))
            address, (_, reason) = until(client, "/fail", "/match/found")
            assert address == "/fail"
            assert "give one by --matcher" in reason


def test_a_newer_match_cancels_the_one_before(partials_played: Played, target: Path) -> None:
    session, client = partials_played
    process = matching_process(session)
    process.suspend()
    client.send("/match/file", str(target))
    assert until(client, "/done", "/fail")[0] == "/done"
    client.send("/match/file", str(target), 0.25)
    assert until(client, "/match/cancelled") == ("/match/cancelled", ["a newer one was asked for"])
    process.resume()
    assert until(client, "/match/found", "/fail")[0] == "/match/found"
    client.send("/match/undo", 0)
    assert until(client, "/done")[1][0] == "/match/undo"
    assert "nothing was matched" in refused(client, "/match/undo")  # only one was found


def test_a_cancelled_match_changes_nothing(partials_played: Played, target: Path) -> None:
    session, client = partials_played
    process = matching_process(session)
    process.suspend()
    client.send("/match/file", str(target))
    client.send("/match/cancel")
    assert until(client, "/match/cancelled") == ("/match/cancelled", ["cancelled"])
    process.resume()
    client.send("/match/file", str(target))
    assert until(client, "/match/found", "/fail")[0] == "/match/found"
    client.send("/match/undo", 0)
    until(client, "/done")
    assert "nothing was matched" in refused(client, "/match/undo")


def test_commands_and_their_arguments_are_in_oscquery(shared: Played) -> None:
    session, _ = shared
    assert session.oscquery is not None
    with urllib.request.urlopen(f"{session.oscquery.url}match") as answer:  # noqa: S310 - loopback
        node = json.load(answer)
    assert node["TYPE"] == "ff"
    assert {name: n["TYPE"] for name, n in node["CONTENTS"].items()} == {
        "file": "sf", "cancel": "I", "undo": "f"
    }  # fmt: skip
    assert "glides" in node["DESCRIPTION"]


def test_the_end_of_the_session_ends_the_process_at_work(tmp_path: Path, target: Path) -> None:
    with playing(write_partials(tmp_path), str(write_matcher(tmp_path))) as (session, client):
        process = matching_process(session)
        process.suspend()
        client.send("/match/file", str(target))
        until(client, "/done")
    assert wait_until(lambda: not psutil.pid_exists(process.pid), PATIENCE_S)


def test_the_process_ends_with_its_parent(tmp_path: Path) -> None:
    """However that ends, and also while it loads or waits."""
    pipe = subprocess.PIPE
    program = [sys.executable, "-m", "realtime.match.matcher_process"]
    with subprocess.Popen(program, stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        setup = encode(
            "setup", instrument=str(write_partials(tmp_path)), matcher=str(write_matcher(tmp_path))
        )
        process.stdin.write(setup)
        process.stdin.flush()
        assert read_message(process.stdout) == {"kind": "ready", "voice": "partials"}  # type: ignore[arg-type]
        process.stdin.close()
        assert process.wait(PATIENCE_S) == 0


def test_it_idles_at_no_cost(partials_played: Played) -> None:
    """Between two matches it does nothing at all, and it leaves the cores to all others."""
    session, _ = partials_played
    process = matching_process(session)
    assert process.nice() == 5
    group = Path(f"/proc/{process.pid}/autogroup")
    if group.exists():
        assert group.read_text().split()[-1] == "5"
    before = process.cpu_times()
    threading.Event().wait(1.0)
    after = process.cpu_times()
    assert after.user + after.system - before.user - before.system < 0.05
