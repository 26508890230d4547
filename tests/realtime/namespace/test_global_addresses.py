"""The table of global addresses: the documentation and all code that acts on them say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime
from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.address import parts_of
from realtime.namespace.event import NOW, Event
from realtime.namespace.glide import PREFIX
from realtime.namespace.global_addresses import (
    ANSWERS,
    CLEAR_SCHEDULED,
    COMMANDS,
    DRIVER_METERS,
    ENGINE_METERS,
    GLOBAL_EVENTS,
    GLOBAL_VALUES,
    MAP_CONTROLS,
    QUESTIONS,
    Word,
    named,
    signature_of,
)
from realtime.namespace.namespace import RESERVED, Namespace
from realtime.process.link import MOMENTS
from realtime.supervisor.recall import Recall
from synth.contract import ProtocolError

DOCS = Path(__file__).parents[3] / "docs"
# Rows of the documentation about the addresses of controls, which belong to plugins.
OF_PLUGINS = {
    "/<plugin>/<control>",
    "/<plugin>/<control>/<i>",
    "/<plugin>/<control>/<i>/pressure",
    "/<plugin>/<control>/<i>/timbre",
    "/<plugin>/<control>/<i>/sync",
}


def section(name: str, heading: str = "") -> str:
    """A file of the documentation, or what stands under one of its headings."""
    text = (DOCS / name).read_text("utf-8")
    return text.split(f"\n## {heading}\n")[1].split("\n## ")[0] if heading else text


def rows(text: str) -> dict[str, str]:
    """The addresses in the first column of all tables, each with the second column."""
    found = {}
    for first, second in re.findall(r"^\| ([^|]*) \| ([^|]*) \|", text, re.MULTILINE):
        for address in re.findall(r"`(/[^` ]+)", first):
            found[address] = second
    return found


def test_the_documentation_has_every_event_and_no_other() -> None:
    assert set(rows(section("osc.md", "What can be sent"))) == {*GLOBAL_EVENTS, *OF_PLUGINS}


def test_the_documentation_names_every_range() -> None:
    table = rows(section("osc.md", "What can be sent"))
    for address, event in GLOBAL_EVENTS.items():
        for spec in event.arguments:
            low, high = f"{spec.minimum[0]:.9g}", f"{spec.maximum[0]:.9g}"
            assert re.search(rf"(?<![\d-]){low} (…|or) {high}\b", table[address]), address
        assert event.arguments or table[address] == "none"


def test_the_documentation_has_every_question_and_no_other() -> None:
    text = section("osc.md", "What is answered")
    assert set(rows(text)) == set(QUESTIONS)
    for answer in ANSWERS:
        assert f"`{answer}" in section("osc.md"), answer
    meters = re.findall(r"`(/meter/[a-z_]+)`", text)
    assert meters == [*ENGINE_METERS.values(), *DRIVER_METERS.values()]


def test_the_documentation_has_every_command_and_no_other() -> None:
    text = section("control.md")
    written = set(re.findall(r"`(/[a-z_/<>]+)(?=[ `])", text))
    controls = {f"/{first}/<name>" for first in MAP_CONTROLS}
    assert {*COMMANDS, *controls, f"{PREFIX}/<address>"} <= written
    firsts = {parts_of(form)[0] for form in COMMANDS}
    assert {a for a in written if parts_of(a)[0] in firsts} - controls == set(COMMANDS)
    assert {a for a in rows(text) if parts_of(a)[0] not in MAP_CONTROLS} <= set(COMMANDS)


def test_an_address_stands_in_the_table_once() -> None:
    for one, other in (
        (GLOBAL_EVENTS, QUESTIONS),
        (GLOBAL_EVENTS, COMMANDS),
        (QUESTIONS, COMMANDS),
    ):
        assert not set(one) & set(other)
    assert all(row.description for row in (*GLOBAL_EVENTS.values(), *COMMANDS.values()))
    assert all(row.description for row in QUESTIONS.values())


def test_the_engine_acts_on_every_event_and_on_no_other() -> None:
    engine = Engine([], EngineSettings())
    assert set(engine._handlers) == set(GLOBAL_EVENTS)
    for address, event in GLOBAL_EVENTS.items():
        value = tuple(spec.default[0] for spec in event.arguments)
        engine.schedule(Event(NOW, address, value))
    engine.render(64)
    assert engine.stats()["unknown_events"] == 0
    engine.schedule(Event(NOW, "/note/of", (60.0,)))
    engine.render(64)
    assert engine.stats()["unknown_events"] == 1


@pytest.mark.parametrize("address", GLOBAL_EVENTS)
def test_a_new_engine_is_told_what_the_table_says(address: str) -> None:
    recall = Recall()
    recall.note(Event(NOW, "/note/on", (60.0, 100.0)))
    value = tuple(spec.maximum[0] for spec in GLOBAL_EVENTS[address].arguments)
    recall.note(Event(NOW, address, (60.0, *value[1:]) if GLOBAL_EVENTS[address].note else value))
    told = {event.target for event in recall.events()}
    assert (address in told) == GLOBAL_EVENTS[address].recalled
    assert told <= {a for a, event in GLOBAL_EVENTS.items() if event.recalled}


def test_what_moves_is_not_left_out_on_its_way_to_the_engine() -> None:
    assert set(GLOBAL_EVENTS) | {CLEAR_SCHEDULED} >= MOMENTS
    # Of a value that a fader moves, the last one counts; a note or a pedal always does.
    assert {"/note/on", "/note/off", "/sustain", "/panic", "/transport/start"} <= MOMENTS
    assert not {"/gain", "/pitch_bend", "/tempo", "/note/bend"} & MOMENTS


def test_values_have_one_number_and_can_be_found() -> None:
    namespace = Namespace({})
    for address, event in GLOBAL_EVENTS.items():
        assert (namespace.find(address) is not None) == event.value
        assert not event.value or len(event.arguments) == 1
    assert namespace.value_addresses == {a.encode() for a in set(GLOBAL_VALUES) - MOMENTS}


def test_no_plugin_can_have_the_first_word_of_an_event_or_a_question() -> None:
    for address in (*GLOBAL_EVENTS, *QUESTIONS, *ANSWERS, *ENGINE_METERS.values()):
        assert parts_of(address)[0] in RESERVED


def test_signatures_give_type_tags() -> None:
    assert signature_of("/snapshot/recall").types == "sf"
    assert signature_of("/learn").types == "sff"
    assert signature_of("/status").types == "I"
    assert signature_of("/dumpOSC").types == "i"
    assert signature_of(named("/pad/<name>/store", "plane")) is COMMANDS["/pad/<name>/store"]
    assert signature_of("/nobody/knows").arguments == (Word("word"),)


def test_modulations_of_a_global_value_are_none() -> None:
    with pytest.raises(ProtocolError, match="nothing has the address"):
        Namespace({}).resolve("/gain/sync", [4])


def literal_addresses() -> Iterator[tuple[str, str]]:
    """Every text in the code that is an address and begins as an event's, and where."""
    firsts = "|".join(sorted({parts_of(address)[0] for address in GLOBAL_EVENTS}))
    for path in sorted(Path(realtime.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            text = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and re.fullmatch(rf"/({firsts})(/[a-z_]*)*", text):
                yield text, f"{path}:{node.lineno}"


def test_the_code_names_no_event_that_the_table_has_not() -> None:
    found = list(literal_addresses())
    assert [where for address, where in found if address not in GLOBAL_EVENTS] == []
    assert {address for address, _ in found} == set(GLOBAL_EVENTS)
