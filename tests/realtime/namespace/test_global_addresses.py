"""The table of global addresses: the documentation and all code that acts on them say the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
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
    CHANNELS,
    CLEAR_SCHEDULED,
    COMMANDS,
    DRIVER_METERS,
    ENGINE_METERS,
    GLOBAL_EVENTS,
    GLOBAL_VALUES,
    MAP_CONTROLS,
    QUESTIONS,
    Word,
    channel_address,
    named,
    signature_of,
)
from realtime.namespace.namespace import RESERVED, Namespace
from realtime.namespace.parts import EFFECT_CONTROLS, PART_CONTROLS
from realtime.process.link import MOMENTS
from realtime.supervisor.recall import Recall
from synth.contract import ProtocolError

DOCS = Path(__file__).parents[3] / "docs"
# Rows that are said of no channel, or of all.
BASE_EVENTS = {address: event for address, event in GLOBAL_EVENTS.items() if not event.channel}
BY_CHANNEL = {address for address, event in BASE_EVENTS.items() if event.by_channel}
# The one row of the documentation that stands for those of all channels.
OF_CHANNELS = "/channel/<1…16>/…"
# Rows of the documentation about the addresses of controls, which belong to plugins.
OF_PLUGINS = {
    "/<plugin>.part/<control>",
    "/<plugin>/<control>",
    "/<plugin>/<control>/<i>",
    "/<plugin>/<control>/<i>/pressure",
    "/<plugin>/<control>/<i>/timbre",
    "/<plugin>/<control>/<i>/sync",
}


def section(name: str, heading: str = "") -> str:
    """A file of the documentation, or what stands under one of its headings, which may be one of
    a lower level."""
    text = (DOCS / name).read_text("utf-8")
    if not heading:
        return text
    mark = re.search(rf"^(##+) {heading}$", text, re.MULTILINE)
    assert mark is not None, heading
    below = re.split(rf"^#{{2,{len(mark[1])}}} ", text[mark.end() :], flags=re.MULTILINE)
    return below[0]


def rows(text: str) -> dict[str, str]:
    """The addresses in the first column of all tables, each with the second column."""
    found = {}
    for first, second in re.findall(r"^\| ([^|]*) \| ([^|]*) \|", text, re.MULTILINE):
        for address in re.findall(r"`(/[^` ]+)", first):
            found[address] = second
    return found


def test_the_documentation_has_every_event_and_no_other() -> None:
    table = rows(section("osc.md", "What can be sent"))
    assert set(table) == {*BASE_EVENTS, *OF_PLUGINS, OF_CHANNELS}


def test_the_documentation_says_what_can_be_said_of_a_channel() -> None:
    """One paragraph lists exactly these."""
    paragraphs = section("osc.md", "Channels").split("\n\n")
    (listed,) = [text for text in paragraphs if text.startswith("With a channel")]
    assert set(re.findall(r"`(/[^` ]+)`", listed)) == BY_CHANNEL
    assert f"{CHANNELS[0]}…{CHANNELS[-1]}" in OF_CHANNELS


def test_the_documentation_has_every_control_of_a_part() -> None:
    """Each with its elements, range and default; and those that an effect has too."""
    text = section("osc.md", "Parts")
    table = dict(re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|", text, re.MULTILINE))
    assert list(table) == [control.name for control in PART_CONTROLS]
    for control in PART_CONTROLS:
        low, high = f"{control.minimum[0]:g}", f"{control.maximum[0]:g}"
        said = table[control.name]
        assert re.search(rf"(?<![\d-]){low} (…|or) {high}\b", said), control.name
        if control.size > 1:
            assert said.startswith(f"{control.size} numbers"), control.name
        elif control.curve != "toggle":
            assert f"({control.default[0]:g})" in said, control.name
        assert control.unit in said, control.name
    (of_effects,) = re.findall(r"^An effect has (.*)\.$", text, re.MULTILINE)
    assert re.findall(r"`([a-z_]+)`", of_effects) == [c.name for c in EFFECT_CONTROLS]


def test_the_documentation_names_every_range() -> None:
    table = rows(section("osc.md", "What can be sent"))
    for address, event in BASE_EVENTS.items():
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


def test_a_row_of_a_channel_is_its_base_with_the_channel() -> None:
    """All that can be said by channel, on each channel, and nothing else; it differs in what makes
    it one of that channel, and is no value that a fader or a map moves."""
    rows_of_channels = {a: e for a, e in GLOBAL_EVENTS.items() if e.channel}
    assert len(rows_of_channels) == len(BY_CHANNEL) * 16
    for channel in range(1, 17):
        for address in BY_CHANNEL:
            base, row = BASE_EVENTS[address], rows_of_channels[f"/channel/{channel}{address}"]
            assert row == replace(
                base, description=row.description, value=False, base=address, channel=channel
            )
            assert row.description == f"{base.description}, on channel {channel}"
    assert all(event.base == address for address, event in BASE_EVENTS.items())
    assert channel_address(16, "/note/on") == "/channel/16/note/on"
    assert channel_address(0, "/note/on") == "/note/on"


def test_what_belongs_to_the_whole_engine_has_no_channel() -> None:
    assert {a for a in BASE_EVENTS if a.startswith("/transport/")} | {"/gain", "/tempo"} == (
        set(BASE_EVENTS) - BY_CHANNEL
    )


@pytest.mark.parametrize("base", BASE_EVENTS)
def test_a_new_engine_is_told_what_the_table_says(base: str) -> None:
    """Without a channel and on one; a note of another channel has nothing to do with it."""
    for channel in (0, 7) if base in BY_CHANNEL else (0,):
        address = channel_address(channel, base)
        event = GLOBAL_EVENTS[address]
        recall = Recall()
        recall.observe(Event(NOW, channel_address(channel, "/note/on"), (60.0, 100.0)))
        recall.observe(Event(NOW, "/channel/8/note/on", (60.0, 90.0)))
        value = tuple(spec.maximum[0] for spec in event.arguments)
        recall.observe(Event(NOW, address, (60.0, *value[1:]) if event.note else value))
        told = [event.target for event in recall.events()]
        assert (address in told) == event.recalled
        assert set(told) <= {a for a, other in GLOBAL_EVENTS.items() if other.recalled}
        ends_all = address in ("/panic", "/all_notes_off")
        assert told.count("/channel/8/note/on") == (not ends_all)


def test_what_moves_is_not_left_out_on_its_way_to_the_engine() -> None:
    assert set(GLOBAL_EVENTS) | {CLEAR_SCHEDULED} >= MOMENTS
    # Of a value that a fader moves, the last one counts; a note or a pedal always does.
    assert {"/note/on", "/note/off", "/sustain", "/panic", "/transport/start"} <= MOMENTS
    assert not {"/gain", "/pitch_bend", "/tempo", "/note/bend"} & MOMENTS
    for channel in CHANNELS:
        for address in BY_CHANNEL:
            assert (channel_address(channel, address) in MOMENTS) == (address in MOMENTS)


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
    assert signature_of("/learn").types == "sffs"
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
    found = [(a, where) for a, where in literal_addresses() if not a.startswith("/channel")]
    assert [where for address, where in found if address not in BASE_EVENTS] == []
    assert {address for address, _ in found} == set(BASE_EVENTS)


def test_only_the_table_builds_the_addresses_of_channels() -> None:
    (where,) = {
        where.rpartition(":")[0] for address, where in literal_addresses() if "/channel" in address
    }
    assert Path(where).name == "global_addresses.py"
