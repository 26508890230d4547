"""What is asked of a playing session in words, over OSC: learn, map, pad, snapshot, record."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from builders import write_sampler
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from realtime.desk.desk import Places
from realtime.desk.folders import data_folder
from realtime.device.driver import DriverSettings
from realtime.namespace.sources import Source
from realtime.session.replay import replay_files
from realtime.session.session import Session, SessionSettings
from synth.contract import ConfigError, DataError
from tests.realtime.jack_peers import wait_until

PATIENCE_S = 15.0
NULL = DriverSettings(kind="null", block=1024)


class Talk:
    """A client of a playing session."""

    def __init__(self, session: Session) -> None:
        assert session.osc is not None
        self.session = session
        self._there = ("127.0.0.1", session.osc.port)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(PATIENCE_S)
        assert self.ask("/notify", 1)[0] == "/done"

    def say(self, address: str, *args: Any) -> None:
        builder = OscMessageBuilder(address)
        for arg in args:
            builder.add_arg(arg)
        self._socket.sendto(builder.build().dgram, self._there)

    def ask(self, address: str, *args: Any) -> tuple[str, list[Any]]:
        """The answer to a command."""
        self.say(address, *args)
        return self.hear("/done", "/fail", f"{address}.reply")

    def hear(self, *addresses: str) -> tuple[str, list[Any]]:
        """The next message to one of the addresses."""
        while True:
            message = OscMessage(self._socket.recv(65_536))
            if message.address in addresses:
                return message.address, list(message.params)

    def value(self, address: str) -> tuple[float, ...]:
        return self.session.values.get(address) or ()

    def becomes(self, address: str, *wanted: float) -> bool:
        return wait_until(lambda: self.value(address) == pytest.approx(wanted), PATIENCE_S)

    def engine_stats(self) -> dict[str, Any]:
        """What the engine counts, counted after this call."""
        for _ in range(3):  # a heartbeat brings what was counted at the one before
            seen = self.session.status().stats.get("blocks", 0)
            assert wait_until(
                lambda: self.session.status().stats.get("blocks", 0) > seen,  # noqa: B023
                PATIENCE_S,
            )
        return dict(self.session.status().stats["engine"])

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("APPDATA", str(tmp_path / "data"))
    return tmp_path


def settings(folder: Path, **more: Any) -> SessionSettings:
    more = {
        "snapshots": str(folder / "snapshots"),
        "recordings": str(folder / "recordings"),
        "oscquery": False,
        **more,
    }
    return SessionSettings((str(write_sampler(folder)),), driver=NULL, osc_port=0, **more)


@pytest.fixture
def talk(folder: Path) -> Iterator[Talk]:
    with Session(settings(folder)) as session:
        client = Talk(session)
        yield client
        client.close()


def test_learn_a_fader_and_a_knob_save_and_load(talk: Talk, folder: Path) -> None:
    assert talk.ask("/learn", "/small/position") == ("/done", ["/learn", "/small/position"])
    talk.say("/1/fader1", 0.5)
    assert talk.hear("/learned")[1] == ["/small/position", "osc /1/fader1"]
    high = talk.session.namespace().controls["/small/position"].maximum[0]
    assert talk.becomes("/small/position", high / 2)
    talk.say("/1/fader1", 1.0)
    assert talk.becomes("/small/position", high)
    assert talk.ask("/learn", "/small/position", "absolute")[0] == "/fail"
    for args in ((), (0.0, 1.0)):
        assert talk.ask("/learn", "/small/position", *args, "relative")[0] == "/done"
    assert talk.ask("/learn", "/small/latent/1", -1.0, 1.0)[0] == "/done"
    assert talk.session.desk is not None
    mapper = talk.session.desk.mapper
    assert mapper.moved(Source("cc", 20, 1), 0.5)[0].value == pytest.approx((0.0,))
    assert talk.ask("/mapping/save", "mine") == ("/done", ["/mapping/save", "mine"])
    assert talk.ask("/mapping/list") == ("/mapping/list.reply", ["mine"])
    saved = mapper.mapping
    assert talk.ask("/forget", "/small/position") == ("/done", ["/forget", "/small/position", 1])
    assert talk.ask("/1/fader1", 0.0)[0] == "/fail"  # nobody knows it any more
    assert talk.ask("/mapping/load", "mine")[0] == "/done"
    assert mapper.mapping == saved
    assert talk.ask("/mapping/save") == ("/done", ["/mapping/save", "small"])
    for address, *args in (
        ("/learn", "/small/positoin"),
        ("/learn", 5),
        ("/learn", "/small/position", 0.0, 99.0),
        ("/mapping/load", "other"),
        ("/mapping/load", "../../map"),
        ("/mapping/save", "../x"),
        ("/forget",),
    ):
        assert talk.ask(address, *args)[0] == "/fail", address


def test_a_pad_is_stored_and_blends(talk: Talk) -> None:
    axis = "/small/latent/0"
    talk.say(axis, -1.0)
    assert talk.becomes(axis, -1.0)
    assert talk.ask("/pad/plane/store", 0.0, 0.0) == ("/done", ["/pad/plane/store", 1])
    talk.say(axis, 1.0)
    assert talk.becomes(axis, 1.0)
    assert talk.ask("/pad/plane/store", 1.0, 0.0) == ("/done", ["/pad/plane/store", 2])
    talk.say("/pad/plane", 0.5, 0.0)
    assert talk.becomes(axis, 0.0)
    assert talk.becomes("/pad/plane", 0.5, 0.0)
    talk.say("/pad/plane/0", 0.0)
    assert talk.becomes(axis, -1.0)
    assert talk.ask("/pad/plane/store", 0.5)[0] == "/fail"
    talk.say("/pad/plane/clear", 0.0)  # a button that is released
    assert talk.ask("/pad/plane/store", 0.5, 0.5) == ("/done", ["/pad/plane/store", 3])
    assert talk.ask("/pad/plane/clear", 1.0) == ("/done", ["/pad/plane/clear", 0])
    assert talk.engine_stats()["unknown_events"] == 0  # pads stay with us


def test_snapshots_over_osc(talk: Talk, folder: Path) -> None:
    talk.say("/small/latent/0", 1.0)
    assert talk.becomes("/small/latent/0", 1.0)
    assert talk.ask("/snapshot/store", "one") == ("/done", ["/snapshot/store", "one"])
    talk.say("/small/latent/0", -1.0)
    assert talk.becomes("/small/latent/0", -1.0)
    assert talk.ask("/snapshot/store", "two")[0] == "/done"
    assert talk.ask("/snapshot/list") == ("/snapshot/list.reply", ["one", "two"])
    assert talk.ask("/snapshot/list", 1) == ("/snapshot/list.reply", ["two"])
    talk.say("/snapshot/list", 0.0)  # a button that is released is not answered
    assert talk.ask("/snapshot/list", 1.0) == ("/snapshot/list.reply", ["one", "two"])
    assert talk.ask("/snapshot/recall", "one")[0] == "/done"
    assert talk.becomes("/small/latent/0", 1.0)
    assert talk.ask("/snapshot/morph", "one", "two", 0.5)[0] == "/done"
    assert talk.becomes("/small/latent/0", 0.0)
    assert talk.ask("/snapshot/recall", "two", 0.2)[0] == "/done"
    assert talk.becomes("/small/latent/0", -1.0)
    assert (folder / "snapshots" / "small" / "one.json").is_file()
    (folder / "snapshots" / "small" / "one.json").write_text("{")
    address, (about, reason) = talk.ask("/snapshot/recall", "one")
    assert (address, about) == ("/fail", "/snapshot/recall")
    assert "'one' is damaged" in reason
    for args in (("../../x",), ("none",), (), (5,), ("two", -1.0), ("two", "soon")):
        assert talk.ask("/snapshot/recall", *args)[0] == "/fail", args
    assert talk.ask("/snapshot/store", "../x")[0] == "/fail"
    assert not list(folder.glob("*.json"))


def test_a_recording_over_osc_is_replayed(talk: Talk, folder: Path) -> None:
    talk.say("/note/on", 60, 100)
    assert talk.ask("/record/start", "take") == ("/done", ["/record/start", "take.wav"])
    take = folder / "recordings" / "take.wav"

    def frames() -> int:
        return int(talk.session.status().stats.get("recording", {}).get("frames", 0))

    assert wait_until(lambda: frames() > 12_000, PATIENCE_S)
    assert talk.ask("/record/stop") == ("/done", ["/record/stop"])
    assert wait_until(lambda: talk.session.status().recording == "", PATIENCE_S)
    replay_files(take, folder / "again.wav")
    before, after = soundfile.read(take)[0], soundfile.read(folder / "again.wav")[0]
    assert np.abs(before).max() > 1e-4
    assert np.array_equal(before, after)
    for name in ("take", "../take2", "a/b.wav"):
        assert talk.ask("/record/start", name)[0] == "/fail", name
    for release in (0, 0.0, False):
        talk.say("/record/start", release)
        talk.say("/record/stop", release)
    assert talk.ask("/record/start", 1.0)[0] == "/done"
    assert not list(folder.glob("*.jsonl"))


MAP = "macros: {tone: 0.5}\nbindings:\n- {source: macro tone, target: /small/latent/0}\n"


def test_a_map_is_read_again_when_it_changes(folder: Path) -> None:
    """Macros come and go with it; a broken one is named and the last good one stays."""
    path = folder / "map.yaml"
    path.write_text(MAP)
    with Session(settings(folder, mapping=str(path))) as session:
        talk = Talk(session)
        low = session.namespace().controls["/small/latent"].minimum[0]
        high = session.namespace().controls["/small/latent"].maximum[0]
        talk.say("/macro/tone", 1.0)
        assert talk.becomes("/small/latent/0", high)
        path.write_text(MAP + "- {source: cc 1, target: /small/nothing}\n")

        def problem() -> str:
            session.watch(0.01)
            return session.desk.problem if session.desk is not None else ""

        assert wait_until(problem, PATIENCE_S)
        assert "line 4: binding 2: nothing has the address" in problem()
        assert talk.hear("/fail")[1][0] == "/mapping"
        talk.say("/macro/tone", 0.0)
        assert talk.becomes("/small/latent/0", low)
        path.write_text(MAP.replace("tone", "colour"))
        assert wait_until(lambda: not problem(), PATIENCE_S)
        assert "/macro/colour" in session.namespace().controls
        assert "/macro/tone" not in session.namespace().controls
        talk.say("/macro/colour", 1.0)
        assert talk.becomes("/small/latent/0", high)
        assert talk.ask("/mapping/save")[0] == "/done"
        assert "colour" in path.read_text()
        talk.close()
    with Session(settings(folder, mapping=str(path))) as session:
        assert "/macro/colour" in session.namespace().controls


def test_places_of_recordings_are_judged_before_it_plays(folder: Path) -> None:
    (folder / "there.wav").write_bytes(b"precious")
    for name, error in (
        ("a.mp3", ConfigError),
        ("there.wav", DataError),
        ("nowhere/a.wav", DataError),
    ):
        with (
            pytest.raises(error),
            Session(settings(folder, record=str(folder / name))),
        ):
            pytest.fail("it plays")
    assert (folder / "there.wav").read_bytes() == b"precious"


def test_a_map_can_be_named_as_it_was_saved(folder: Path) -> None:
    (folder / "mine").write_text("")
    assert Places.usual(str(folder / "mine")).mapping == folder / "mine"  # a file goes first
    assert Places.usual("other").mapping == data_folder() / "mappings" / "other.yaml"
    assert Places.usual("other.yaml").mapping == Path("other.yaml")
    assert Places.usual().mapping is None
    assert Places.usual(recordings="here").recordings == Path("here")
