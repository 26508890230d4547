"""Patches: what is written can be read, and what can't be right is refused with help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from synth.contract import ConfigError, DataError
from synth.models.inverse.voices import VOICES, Nebula, Patch, make_voice, sounds


def drawn(name: str = "modular", number: int = 5) -> Patch:
    """The patch of a numbered sound."""
    voice = make_voice(name)
    return Patch.of(voice, sounds.knob_positions(voice.names, [number]), "drawn", "by chance")


@pytest.mark.parametrize("name", VOICES)
def test_a_patch_survives_its_file_with_names_in_any_order(name: str, tmp_path: Path) -> None:
    patch, voice = drawn(name), make_voice(name)
    patch.write(tmp_path / "patch.json")
    assert Patch.read(tmp_path / "patch.json") == patch
    data = json.loads(patch.to_json())
    data["values"] = dict(sorted(data["values"].items(), reverse=True))
    positions = sounds.knob_positions(voice.names, [5])
    back = Patch.from_json(json.dumps(data)).units(voice)
    error = dict(zip(voice.names, (back - positions).abs()[0].tolist(), strict=True))
    assert error.pop("mixer_noise", 0) < 0.13  # so low that it is 0
    assert max(error.values()) < 1e-5


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_ends_of_all_ranges_can_be_written(end: float) -> None:
    for name in VOICES:
        voice = make_voice(name)
        patch = Patch.of(voice, torch.full((1, len(voice.names)), end), "end")
        assert Patch.from_json(patch.to_json()) == patch


def edited(**changes: Any) -> str:
    data = json.loads(drawn().to_json())
    values = data["values"] | changes.pop("values", {})
    data |= {"values": {n: v for n, v in values.items() if v is not None}} | changes
    return json.dumps({n: v for n, v in data.items() if v is not None})


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", 'is a JSON object with "synth_patch": 1'),
        ('{"synth_patch": 1, "synth_patch": 1}', "appears twice"),
        (" " * (1 << 21), "at most 1048576"),
        (edited(synth_patch=2), "2 is newer than 1, the newest known here; update synth"),
        (edited(synth_patch=True), "a whole number from 1 to 1"),
        (edited(voice="organ"), "voice 'organ'; known are modular"),
        (edited(voice=None), 'has no "voice"'),
        (edited(name=""), "must have 1 to 80 characters"),
        (edited(name=3), "name is 3; write a text"),
        (edited(author="x"), "an entry 'author'; known are comment, name"),
        (edited(values={"adsr_1_atack": 0.1}), "no parameter 'adsr_1_atack'; is it adsr_1_attack?"),
        (edited(values={"vco_2_shape": None}), "lacks vco_2_shape; a patch of the voice modular"),
        (edited(values={"vco_2_shape": 1.5}), "vco_2_shape is 1.5; choose a value from 0 to 1"),
        (edited(values={"vco_1_tuning": -25}), "from -24 to 24 semitones"),
        (edited(values={"vco_2_shape": "1"}), "vco_2_shape is '1'; write a number"),
        (edited(values={"vco_2_shape": False}), "vco_2_shape is False; write a number"),
        (edited(values={"vco_2_shape": 10**400}), "too many digits"),
        (edited(values={"vco_2_shape": float("nan")}), "NaN is not a finite number"),
        (edited(values={"vco_2_shape": 1e999}), "Infinity is not a finite number"),
    ],
)
def test_a_damaged_patch_is_refused(text: str, fault: str) -> None:
    with pytest.raises(DataError, match=fault.replace("?", r"\?")):
        Patch.from_json(text)


def test_a_message_is_short_whatever_a_file_holds() -> None:
    long = "x" * 100_000
    values = dict(drawn().values)
    for odd in ({long: "a"}, {long: 1}, {"adsr_1_attack": long}, {long: 10**400}):
        with pytest.raises(DataError) as caught:
            Patch.from_json(edited(values={**values, **odd}))
        assert len(str(caught.value)) < 300
    for told in ({long: 3}, {long: {"curve": 0.0}}, {long: {long: 1}}, {long: {"curve": "a"}}):
        text = json.dumps({"synth_nebula": 1, "name": long, "parameters": told})
        with pytest.raises(ConfigError) as refused:
            Nebula.from_json(text).applied(VOICES["fm"].parameters_, "fm")
        assert len(str(refused.value)) < 300


def test_a_patch_of_another_voice_is_refused() -> None:
    with pytest.raises(DataError, match="is of the voice drum, not of modular; choose a patch of"):
        drawn("drum").units(make_voice("modular"))


def test_a_message_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"absent\.json: can't be read as a patch"):
        Patch.read(tmp_path / "absent.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"bytes\.json: can't be read as a patch"):
        Patch.read(tmp_path / "bytes.json")
    (tmp_path / "old.json").write_text("{}")
    with pytest.raises(DataError, match=r"old\.json: this is not a patch"):
        Patch.read(tmp_path / "old.json")
