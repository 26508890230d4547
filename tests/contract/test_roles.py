"""Roles say who moves a control; only files of format 1 are read by their names."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from synth.contract import Control, Manifest, ModelFileError
from synth.contract.roles import KEPT_BY_NOTES, NOTE, ROLES, mover, role_of_name


def manifest(*controls: Control, version: int = 2) -> Manifest:
    return Manifest("bells", "test", "generator", 48_000, 32, 0, 1, controls=controls,
                    format_version=version)  # fmt: skip


def old(*names: str) -> str:
    """The JSON of format 1, in which controls have no role."""
    made = json.loads(manifest(*(Control(name) for name in names)).to_json())
    for control in made["controls"]:
        del control["role"]
    return json.dumps(made | {"format_version": 1})


def test_a_role_survives_its_file_whatever_the_name() -> None:
    made = manifest(Control("valve", role="gate"), Control("gate"))
    found = Manifest.from_json(made.to_json())
    assert found == made
    assert found.with_role("gate") == made.controls[0]
    assert found.with_role("key") is None


def test_format_1_is_read_by_its_names_and_written_as_it_was() -> None:
    text = old("gate", "pitch", "morph", "latent")
    found = Manifest.from_json(text)
    assert [c.role for c in found.controls] == ["gate", "transpose", "", "latent"]
    assert json.loads(found.to_json()) == json.loads(text)


def test_what_came_with_format_3_is_no_role_before() -> None:
    """A control that happens to be called so is a fader; the role itself is refused."""
    assert Manifest.from_json(old("place")).controls[0].role == ""
    text = manifest(Control("place", role="place"), version=3).to_json()
    assert Manifest.from_json(text).with_role("place") is not None
    data = json.loads(text) | {"format_version": 2}
    del data["map"]
    with pytest.raises(ModelFileError, match="format 2 has no role"):
        Manifest.from_json(json.dumps(data))


def test_format_2_is_not_read_by_its_names() -> None:
    data = json.loads(old("gate", "pitch"))
    found = Manifest.from_json(json.dumps(data | {"format_version": 2}))
    assert [c.role for c in found.controls] == ["", ""]


@pytest.mark.parametrize(
    ("role", "version", "problem"),
    [("gait", 2, "role 'gait' is none of"), (7, 2, "role 7"), ("gate", 1, "has no field 'role'")],
)
def test_a_bad_role_is_refused(role: Any, version: int, problem: str) -> None:
    data = json.loads(manifest(Control("valve")).to_json())
    data["controls"][0]["role"] = role
    with pytest.raises(ModelFileError, match=problem):
        Manifest.from_json(json.dumps(data | {"format_version": version}))


def test_two_controls_dont_share_a_role() -> None:
    valve = Control("valve", role="gate")
    with pytest.raises(ModelFileError, match="share a role"):
        manifest(valve, replace(valve, name="other"))
    manifest(Control("one"), Control("two"))  # faders are many


def test_every_old_name_has_a_known_role() -> None:
    for name in (*ROLES, "pitch", "anything"):
        assert role_of_name(name) in ROLES
    assert {role for role in ROLES if mover(role) == NOTE} < KEPT_BY_NOTES
