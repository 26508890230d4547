"""Snapshots: what was stored comes back, at once, in a glide or blended; damage is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from realtime.desk.folders import checked_name, data_folder
from realtime.desk.snapshots import Snapshots
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.values import Values
from synth.contract import Control, DataError, ProtocolError

RACK = Namespace(
    {
        "codec": (
            Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
            Control("cutoff", 1, (20.0,), (20_000.0,), (1_000.0,), "Hz", "exponential"),
            Control("levels", 1, (1.0,), (8.0,), (8.0,), "", "integer"),
            Control("latent", 3, (-2.0,), (2.0,), (0.0,), role="latent"),
            Control("gate", 1, (0.0,), (1.0,), (0.0,), "", "toggle", role="gate"),
        )
    }
)


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    """With two of them, "soft" and "loud"."""
    made = Snapshots(tmp_path / "codec", RACK)
    values = Values()
    values.set_namespace(RACK)
    made.store("soft", values.all())
    for address, value in (
        ("/codec/position", (1.5,)),
        ("/codec/cutoff", (4_000.0,)),
        ("/codec/levels", (2.0,)),
        ("/codec/latent", (1.0, -1.0, 2.0)),
        ("/codec/gate", (1.0,)),
        ("/gain", (-20.0,)),
    ):
        values.observe(Event(NOW, address, value))
    made.store("loud", values.all())
    return made


def test_controls_come_back(snapshots: Snapshots) -> None:
    assert snapshots.names() == ["loud", "soft"]
    assert snapshots.recall("loud") == [
        Event(NOW, "/codec/position", (1.5,)),
        Event(NOW, "/codec/cutoff", (4_000.0,)),
        Event(NOW, "/codec/levels", (2.0,)),
        Event(NOW, "/codec/latent", (1.0, -1.0, 2.0)),
    ]  # neither what notes move, nor the level of everything


def test_a_glide_is_one_event_for_each_control(snapshots: Snapshots) -> None:
    events = snapshots.recall("loud", 3.0)
    assert Event(NOW, "/glide/codec/latent", (3.0, 1.0, -1.0, 2.0)) in events
    assert len(events) == 4


def test_between_two(snapshots: Snapshots) -> None:
    """Linear, in ratios, and switched, by the control's curve."""
    middle = {e.target: e.value for e in snapshots.morph("soft", "loud", 0.5)}
    assert middle["/codec/position"] == pytest.approx((1.0,))
    assert middle["/codec/cutoff"] == pytest.approx((2_000.0,), rel=1e-4)
    assert middle["/codec/latent"] == pytest.approx((0.5, -0.5, 1.0))
    assert middle["/codec/levels"] == (2.0,)
    assert snapshots.morph("soft", "loud", 1.0) == snapshots.recall("loud")
    assert snapshots.morph("soft", "loud", 0.0) == snapshots.recall("soft")


def test_an_instrument_that_changed_gets_what_it_still_has(
    snapshots: Snapshots, tmp_path: Path
) -> None:
    smaller = Namespace(
        {"codec": (Control("latent", 2, role="latent"), Control("position", 1, (0.0,), (1.0,)))}
    )
    again = Snapshots(tmp_path / "codec", smaller)
    assert again.recall("loud") == [Event(NOW, "/codec/position", (1.0,))]  # clamped


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{}",
        b"\xff\xfe\x00",
        b"[" * 100_000,
        b'{"synth_snapshot": 2, "values": {}, "checksum": ""}',
        b'{"synth_snapshot": 1, "values": {"/codec/position": [1e999]}, "checksum": ""}',
        b'{"synth_snapshot": 1, "values": [], "checksum": "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d'
        b'8e11ba873c2f11161202b945"}',
    ],
)
def test_a_damaged_one_is_refused_by_its_name(snapshots: Snapshots, damage: bytes) -> None:
    (snapshots.folder / "loud.json").write_bytes(damage)
    with pytest.raises(DataError, match="snapshot 'loud' is damaged"):
        snapshots.recall("loud")


def test_a_flipped_digit_is_found(snapshots: Snapshots) -> None:
    path = snapshots.folder / "loud.json"
    assert snapshots.recall("loud")
    data = json.loads(path.read_text())
    data["values"]["/codec/position"] = [1.25]
    path.write_text(json.dumps(data))
    with pytest.raises(DataError, match="checksum"):
        snapshots.recall("loud")


def test_one_that_is_not_there(snapshots: Snapshots) -> None:
    with pytest.raises(DataError, match="no snapshot 'lout'; stored are loud, soft"):
        snapshots.recall("lout")


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "../x", "a/b", "a\\b", "/etc/passwd", ".hidden", "a..b", "x" * 65, "a\0b",
     "nul", "COM1.x", "a\n", "ä", 5, None, "trailing ", "trailing."],
)  # fmt: skip
def test_names_can_not_leave_the_folder(snapshots: Snapshots, name: object) -> None:
    with pytest.raises(ProtocolError, match="can't be used"):
        checked_name(name)


@pytest.mark.parametrize("name", ["a", "My sound-2_b", "take 1.2", "x" * 64])
def test_usual_names_are_fine(name: str) -> None:
    assert checked_name(name) == name


def test_the_data_folder_is_the_user_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "synth"
    monkeypatch.setenv("XDG_DATA_HOME", "relative")  # the standard says: ignore
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder() == tmp_path / ".local" / "share" / "synth"
    monkeypatch.setattr("sys.platform", "darwin")
    assert data_folder() == tmp_path / "Library" / "Application Support" / "synth"
