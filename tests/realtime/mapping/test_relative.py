"""Endless encoders: their three encodings, how they move controls, how they are learnt."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml

from realtime.mapping.control_map import Binding, ControlMap, MappingError, bind
from realtime.mapping.file import mapping_from, plain_data, read_mapping
from realtime.mapping.mapper import Mapper
from realtime.mapping.relative import ENCODINGS, RECOGNISE, Recognition, steps_of
from realtime.midi.decoder import MidiDecoder
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from realtime.namespace.values import Values
from synth.contract import ConfigError, Control

CONTROLS = (
    Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
    Control("cutoff", 1, (20.0,), (20_000.0,), (1_000.0,), "Hz", "exponential"),
    Control("levels", 1, (1.0,), (8.0,), (4.0,), "", "integer"),
    Control("latent", 3, (-2.0,), (2.0,), (0.0,), role="latent"),
)
RACK = Namespace({"codec": CONTROLS})
ENCODER = Source("cc", 20)


class Rig:
    """A mapper behind a MIDI decoder, and the values that its events set."""

    def __init__(self, *bindings: Binding) -> None:
        self.values = Values()
        self.values.set_namespace(RACK)
        self.learnt: list[Binding] = []
        self.mapper = Mapper(ControlMap(bindings), RACK, self.values, self.learnt.append)
        self.decoder = MidiDecoder(self.mapper)

    def turn(self, *values: int, number: int = 20) -> None:
        for value in values:
            for event in self.decoder.decode(bytes((0xB0, number, value))):
                self.values.observe(event)

    def value(self, address: str) -> float:
        (number,) = self.values.get(address) or (np.nan,)
        return float(number)


def relative(target: str, encoding: str = "twos_complement", **more: object) -> Binding:
    return bind(ENCODER, target, RACK, relative=encoding, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("encoding", "ups", "downs", "still"),
    [
        ("twos_complement", {1: 1, 63: 63}, {127: -1, 64: -64, 126: -2}, 0),
        ("binary_offset", {65: 1, 127: 63}, {63: -1, 0: -64, 62: -2}, 64),
        ("sign_magnitude", {1: 1, 63: 63}, {65: -1, 127: -63, 66: -2}, 0),
    ],
)
def test_the_three_encodings(
    encoding: str, ups: dict[int, int], downs: dict[int, int], still: int
) -> None:
    assert {value: steps_of(encoding, value) for value in ups | downs} == ups | downs
    assert steps_of(encoding, still) == 0
    assert steps_of("sign_magnitude", 64) == 0


@pytest.mark.parametrize(
    ("encoding", "up", "down"), list(zip(ENCODINGS, (1, 65, 1), (127, 63, 65), strict=True))
)
def test_an_encoder_moves_from_where_the_control_stands(encoding: str, up: int, down: int) -> None:
    rig = Rig(relative("/codec/position", encoding))
    rig.turn(up, up, up)
    assert rig.value("/codec/position") == pytest.approx(0.5 + 3 * 2 / 127)
    rig.turn(down)
    assert rig.value("/codec/position") == pytest.approx(0.5 + 2 * 2 / 127)
    rig.values.observe(Event(NOW, "/codec/position", (1.5,)))  # somebody else moves it
    rig.turn(up)
    assert rig.value("/codec/position") == pytest.approx(1.5 + 2 / 127)


def test_it_stops_at_the_ends_and_comes_back_at_once() -> None:
    rig = Rig(relative("/codec/position"))
    rig.turn(*[40] * 10)
    assert rig.value("/codec/position") == 2.0
    rig.turn(127)
    assert rig.value("/codec/position") == pytest.approx(2 - 2 / 127)
    rig.turn(*[70] * 10)
    assert rig.value("/codec/position") == 0.0


def test_curves_ranges_and_elements() -> None:
    rig = Rig(relative("/codec/cutoff"))
    rig.turn(127, 127)
    assert rig.value("/codec/cutoff") == pytest.approx(1_000 * 1_000 ** (-2 / 127))
    rig = Rig(relative("/codec/latent/1", low=1.0, high=-1.0))  # reversed
    rig.turn(2)
    assert rig.value("/codec/latent/1") == pytest.approx(-2 * 2 / 127)
    assert rig.values.get("/codec/latent") == (0.0, pytest.approx(-4 / 127), 0.0)


def test_whole_numbers_go_by_ones() -> None:
    rig = Rig(relative("/codec/levels"))
    rig.turn(1, 1)
    assert rig.value("/codec/levels") == 6
    rig.turn(*[127] * 9)
    assert rig.value("/codec/levels") == 1
    rig = Rig(relative("/codec/levels", low=8.0, high=1.0))
    rig.turn(1)
    assert rig.value("/codec/levels") == 3


def test_without_values_it_starts_at_the_default() -> None:
    """As when a MIDI file is rendered."""
    mapper = Mapper(ControlMap((relative("/codec/position"),)), RACK)
    (first,) = mapper.moved(ENCODER, 1 / 127)
    (second,) = mapper.moved(ENCODER, 1 / 127)
    assert first.value == pytest.approx((0.5 + 2 / 127,))
    assert second.value == pytest.approx((0.5 + 4 / 127,))
    assert ControlMap((relative("/codec/position"),)).moved(ENCODER, 1.0) == ()


def test_a_map_says_it_and_keeps_it(tmp_path: Path) -> None:
    data = {
        "cc": {20: {"target": "/codec/position", "relative": "binary_offset"}},
        "bindings": [{"source": "cc 21", "target": "/codec/cutoff", "relative": "sign_magnitude"}],
    }
    mapping = mapping_from(data, RACK)
    assert [b.relative for b in mapping.bindings] == ["binary_offset", "sign_magnitude"]
    path = tmp_path / "map.yaml"
    path.write_text(yaml.safe_dump(plain_data(mapping, RACK)))
    assert read_mapping(path, RACK) == mapping


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"source": "cc 1", "relative": "absolute"}, "twos_complement, binary_offset"),
        ({"source": "cc 1", "relative": True}, "known are"),
        ({"source": "cc14 1", "relative": "binary_offset"}, "only 'cc' sources"),
        ({"source": "osc /x", "relative": "binary_offset"}, "only 'cc' sources"),
        ({"source": "cc 1", "relative": "binary_offset", "pickup": True}, "never jumps"),
    ],
)
def test_mistakes_in_a_map(entry: dict[str, object], reason: str) -> None:
    with pytest.raises(MappingError, match=reason):
        mapping_from({"bindings": [{"target": "/codec/position", **entry}]}, RACK)


@pytest.mark.parametrize(
    ("encoding", "up", "down"),
    [
        ("twos_complement", (1, 2, 5), (127, 126)),
        ("binary_offset", (65, 66, 70), (63, 60)),
        ("sign_magnitude", (1, 3), (65, 66, 70)),
    ],
)
@pytest.mark.parametrize("first", ["up", "down"])
def test_an_encoder_is_recognised_when_it_was_turned_both_ways(
    encoding: str, up: tuple[int, ...], down: tuple[int, ...], first: str
) -> None:
    """Nothing moves before; the message that makes it clear moves the control already."""
    one, other = (up, down) if first == "up" else (down, up)
    rig = Rig(bind(Source("cc", 7), "/codec/position", RACK))
    rig.mapper.learn("/codec/position", relative=RECOGNISE)
    rig.turn(*one)
    assert (rig.value("/codec/position"), rig.learnt) == (0.5, [])
    rig.turn(other[0])
    (learnt,) = rig.learnt
    assert (learnt.source, learnt.relative) == (Source("cc", 20, 1), encoding)
    assert rig.mapper.mapping.bindings == (learnt,)
    assert rig.value("/codec/position") == pytest.approx(
        0.5 + steps_of(encoding, other[0]) * 2 / 127
    )
    rig.turn(*other)
    assert len(rig.learnt) == 1


def test_two_encoders_are_not_mixed_up_and_an_encoding_can_be_named() -> None:
    rig = Rig()
    rig.mapper.learn("/codec/position", relative=RECOGNISE)
    rig.turn(1, number=20)
    rig.turn(65, number=21)  # not the other way of the first one
    assert rig.learnt == []
    rig.mapper.learn("/codec/position", relative="binary_offset")
    rig.turn(65)
    assert rig.learnt[0].relative == "binary_offset"
    assert rig.value("/codec/position") == pytest.approx(0.5 + 2 / 127)


def test_an_ordinary_knob_is_learnt_as_ever() -> None:
    rig = Rig()
    rig.mapper.learn("/codec/position")
    rig.turn(1, 127)
    assert [b.relative for b in rig.learnt] == [""]
    assert rig.value("/codec/position") == 2.0
    assert Recognition().take(64) == Recognition().take(0) == ""


def test_a_mistake_is_found_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("cc:\n  1:\n    {target: /codec/position, relative: x}\n")
    with pytest.raises(ConfigError, match=r"line 3: .*relative"):
        read_mapping(path, RACK)
