"""docs/inverse.md: its tables of parameters are those of the voices, its bank is the bank."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from export.inverse.bank import bank_of
from realtime.mapping.file import read_mapping
from realtime.namespace.namespace import Namespace
from synth.models.inverse.live.controls import controls_of, live_parameters
from synth.models.inverse.voices import VOICES, Nebula, Parameter

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "inverse.md").read_text("utf-8")
HEAD = "| parameter | range | curve | meaning |\n|---|---|---|---|\n"
NUMBER = re.compile(r"(?<=[a-z]_)\d|(?<=octave )\d")


def table(parameters: tuple[Parameter, ...]) -> str:
    """Markdown, one row for all parameters that differ by numbers in their names alone."""
    rows: dict[tuple[str, ...], dict[str, list[str]]] = {}
    for p in parameters:
        limits = f"{p.minimum:.5g} … {p.maximum:.5g} {p.unit}".strip()
        curve = f"{'± ' if p.symmetric else ''}{p.curve:g}"
        row = rows.setdefault((limits, curve, NUMBER.sub("N", p.description)), {})
        row.setdefault(NUMBER.sub("N", p.name), []).append(p.name)
    text = HEAD
    for cells, found in rows.items():
        names = [pattern if len(all_) > 1 else all_[0] for pattern, all_ in found.items()]
        text += f"| {', '.join(f'`{name}`' for name in names)} | {' | '.join(cells)} |\n"
    return text


@pytest.mark.parametrize("voice", sorted(VOICES))
def test_the_tables_are_those_of_the_voices(voice: str) -> None:
    made = table(VOICES[voice].parameters_)
    assert made in PAGE, f"docs/inverse.md has another table of {voice}; it should be:\n{made}"


def test_the_number_of_parameters_is_true() -> None:
    (count,) = re.findall(r"^### Modular: (\d+) parameters", PAGE, re.MULTILINE)
    assert int(count) == len(VOICES["modular"].parameters_) == 78


def test_the_bank_is_named_whole() -> None:
    (bank,) = re.findall(r"^## The bank$(.+?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    for voice in VOICES:
        files = sorted((ROOT / "export" / "inverse" / "patches" / voice).glob("*.json"))
        names = [json.loads(path.read_text("utf-8"))["name"] for path in files]
        (row,) = re.findall(rf"^\| `{voice}` \| (.+) \|$", bank, re.MULTILINE)
        assert re.split(r", |\. ", re.sub(r"(^|\. )[A-Z][a-z]+: ", r"\1", row)) == names
        assert f"{len(names)} " in PAGE


def test_the_nebula_of_the_page_is_one() -> None:
    (text,) = re.findall(r"```json\n(\{\s+\"synth_nebula\".+?)```", PAGE, re.DOTALL)
    voice = VOICES["modular"]()
    made = {p.name: p for p in voice.with_nebula(Nebula.from_json(text)).parameters_}
    assert made["adsr_1_attack"].curve == 2.0
    assert made["keyboard_midi_f0"].symmetric


def test_the_addresses_of_page_and_examples_are_those_of_the_instrument() -> None:
    parameters = live_parameters(VOICES["modular"].parameters_)
    controls = controls_of(parameters, bank_of("modular"))
    namespace = Namespace({"modular": controls})
    found = re.findall(r"(?<=[ e])/modular/\w+", PAGE)
    assert len(found) >= 4
    assert all(namespace.find(address) for address in found)
    read_mapping(ROOT / "examples" / "inverse" / "map.yaml", namespace)
