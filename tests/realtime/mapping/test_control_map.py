"""Maps of controls: the default one fits any instrument, a written one is checked to the line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.mapping.control_map import Binding, ControlMap, default_mapping
from realtime.mapping.file import read_mapping, write_mapping
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.namespace.sources import Source
from synth.contract import ConfigError, Control

CONTROLS = (
    Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
    Control("gate", 1, (0.0,), (1.0,), (0.0,), "", "toggle", role="gate"),
    Control("cutoff", 1, (20.0,), (20_000.0,), (1_000.0,), "Hz", "exponential"),
    Control("levels", 1, (1.0,), (8.0,), (8.0,), "", "integer"),
    Control("latent", 12, (-2.0,), (3.0,), (0.0,), role="latent"),
)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


def read(tmp_path: Path, namespace: Namespace, text: str) -> ControlMap:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    return read_mapping(path, namespace)


def says(mapping: ControlMap, number: int, value: int) -> float:
    """Where a controller brings its control."""
    (event,) = mapping.moved(Source("cc", number, 1), value / 127)
    return event.value[0]


def numbers(mapping: ControlMap) -> dict[int | str, str]:
    """Targets by the numbers of controllers."""
    return {b.source.number: b.target for b in mapping.bindings if b.source.kind == "cc"}


def test_default_gives_the_wheel_the_first_axis_and_no_controller_twice(
    namespace: Namespace,
) -> None:
    mapping = default_mapping(namespace)
    addresses = list(numbers(mapping).values())
    assert len(set(addresses)) == len(addresses) == len(mapping.bindings)
    assert numbers(mapping)[1] == "/codec/latent/0"
    assert says(mapping, 1, 0) == 0.0  # the wheel rests at 0, where the axis has its default
    assert says(mapping, 1, 127) == 3.0
    assert numbers(mapping)[74] == "/codec/latent/1"
    assert (says(mapping, 74, 0), says(mapping, 74, 127)) == (-2.0, 3.0)
    assert {"/codec/position", "/codec/cutoff", "/codec/levels"} <= set(addresses)
    assert "/codec/gate" not in addresses  # notes move it
    assert sum(a.startswith("/codec/latent/") for a in addresses) == 8
    assert not {0, 6, 7, 10, 11, 32, 38, 64} & set(numbers(mapping))  # they mean something else


def test_the_curve_volume_is_general_midi_s(namespace: Namespace) -> None:
    assert not {7, 11} & set(numbers(default_mapping(namespace)))  # they are their channels'
    mapping = ControlMap((Binding(Source("cc", 7), "/gain", -80.0, 0.0, "volume"),))
    values = [says(mapping, 7, value) for value in range(128)]
    assert values[127] == 0.0
    assert values[64] == pytest.approx(-11.9, abs=0.05)  # 40 log10(64 / 127)
    assert values[0] == -80.0
    assert all(np.diff(values) >= 0)


def test_default_of_many_controls_and_of_none() -> None:
    many = Namespace({"p": [Control(f"c{i}") for i in range(200)]})
    mapping = default_mapping(many)
    assert all(0 <= int(number) < 120 for number in numbers(mapping))
    assert list(numbers(default_mapping(Namespace({})))) == []


def test_every_default_value_is_in_its_control_s_range(namespace: Namespace) -> None:
    for binding in default_mapping(namespace).bindings:
        for value in range(128):
            namespace.resolve(binding.target, [binding.value(value / 127)])
    assert namespace.counters["clamped"] == 0


def test_written_map(tmp_path: Path, namespace: Namespace) -> None:
    mapping = read(
        tmp_path,
        namespace,
        """
        channel: 3
        bend_range: 12
        cc:
          2: /codec/position
          20: {target: /codec/latent/3, min: 1, max: -1}
          21: {target: /codec/cutoff}
          22: {target: /codec/cutoff, curve: linear, min: 100, max: 200}
          23: {target: /codec/levels}
          24: {target: /gain, min: -40, max: 0}
          25: {target: /codec/position, min: 0.02, max: 2, curve: exponential}
        """,
    )
    assert (mapping.channel, mapping.bend_range) == (3, 12)
    assert sorted(numbers(mapping)) == [2, 20, 21, 22, 23, 24, 25]
    positions = np.arange(128) / 127
    expected = {
        2: 2 * positions,
        20: 1 - 2 * positions,
        21: 20 * 1_000**positions,
        22: 100 + 100 * positions,
        23: np.round(1 + 7 * positions),
        24: -40 + 40 * positions,
        25: 0.02 * 100**positions,
    }
    for number, values in expected.items():
        said = [says(mapping, number, value) for value in range(128)]
        assert said == pytest.approx(values), number


def test_whole_range_is_the_control_s_own_curve(tmp_path: Path, namespace: Namespace) -> None:
    mapping = read(tmp_path, namespace, "cc: {9: /codec/cutoff, 10: /codec/levels}")
    for number, control in ((9, CONTROLS[2]), (10, CONTROLS[3])):
        for value in (0, 1, 63, 64, 126, 127):
            expected = control.from_unit(value / 127)[0]
            assert says(mapping, number, value) == pytest.approx(expected, rel=1e-5)


def test_empty_map_moves_nothing(tmp_path: Path, namespace: Namespace) -> None:
    assert read(tmp_path, namespace, "") == ControlMap()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("cc: {1: {target: /codec/positon}}", "cc 1: nothing has the address.*/codec/position"),
        ("cc: {1: {target: /codec/latent}}", "cc 1: /codec/latent has 12 elements.*latent/11"),
        ("cc: {1: {target: /codec/latent/12}}", "cc 1: nothing has"),
        ("cc: {1: {target: /note/on}}", "cc 1: nothing has"),
        ("cc: {1: {target: /codec/position, min: -1}}", r"cc 1: min is -1; 0 … 2 s is allowed"),
        ("cc: {1: {target: /codec/position, max: .nan}}", "cc 1: max is nan"),
        ("cc: {1: {target: /codec/position, max: yes}}", "cc 1: max is True"),
        ("cc: {1: {target: /codec/position, curve: exponential}}", "min and max above 0"),
        ("cc: {1: {target: /codec/position, curve: wavy}}", "curve is 'wavy'; known are linear"),
        ("cc: {1: {target: /codec/position, mix: 1}}", "cc 1: unknown key 'mix'; known are target"),
        ("cc: {1: {min: 0}}", "cc 1: needs an address"),
        ("cc: {1: 5}", "cc 1: needs an address"),
        ("cc: {120: /gain}", "cc 120: 120 is no controller; 0 … 119"),
        ("cc: {mod: /gain}", "cc 'mod': 'mod' is no controller"),
        ("cc: {true: /gain}", "cc True: True is no controller"),
        ("cc: [1, 2]", "cc needs lines like"),
        ("bend_range: 200", "bend_range is 200; 0 … 96"),
        ("bend_range: two", "bend_range is 'two'"),
        ("channel: 0", "channel is 0; 1 … 16"),
        ("channel: true", "channel is True"),
        ("chanel: 1", "unknown key 'chanel'; known are cc, bindings"),
        ("bindings: 5", "bindings needs items"),
        ("bindings:\n- {source: cc 1}", "line 2: binding 1: needs a source and a target"),
        (
            "bindings:\n- {source: cc 1, target: /gain}\n- {source: cc 128, target: /gain}",
            "line 3: binding 2: source 'cc 128': cc goes from 0 to 119",
        ),
        ("bindings:\n- {source: knob, target: /gain}", "source 'knob' is none of"),
        (
            "bindings:\n- source: cc 1\n  channel: 17\n  target: /gain",
            "line 3: binding 1: channel is 17; 1 … 16",
        ),
        ("bindings:\n- {source: macro tone, target: /gain, pickup: 1}", "pickup is 1; true"),
        ("bindings:\n- {source: cc 1, target: /gain, smoothing_ms: -1}", "smoothing_ms is -1"),
        ("bindings:\n- {source: osc /x, target: /gain, from: [1, 1]}", "two different numbers"),
        (
            "bindings:\n- {source: cc 1, target: /macro/tone}",
            "nothing has the address '/macro/tone'",
        ),
        ("macros: [tone]", "macros needs 'name: …' lines"),
        ("macros: {tone: 2}", "macro tone: tone is 2; where it stands, 0 … 1"),
        ("macros: {Tone!: 0}", "control name 'Tone!'"),
        ("pads: {plane: 5}", "pad plane: needs axes"),
        ("pads: {plane: {axes: [/codec/latnt]}}", "nothing has the address '/codec/latnt'"),
        ("pads: {plane: {axes: /gain, method: magic}}", "method is 'magic'; known are nearest"),
        ("pads: {plane: {axes: /gain, neighbours: 0}}", "neighbours is 0"),
        ("pads: {plane: {axes: /gain, points: [{x: 0}]}}", "a point has x, y and values"),
        (
            "pads: {plane: {axes: /gain, points: [{x: 2, y: 0, values: [0]}]}}",
            "x is 2, y is 0; 0 … 1",
        ),
        (
            "pads: {plane: {axes: /gain, points: [{x: 0, y: 0, values: []}]}}",
            "values needs 1 number",
        ),
        (
            "pads: {plane: {axes: /gain, points: [{x: 0, y: 0, values: [99]}]}}",
            "gain is 99; -80 … 12",
        ),
        ("cc: {1: [", "not YAML"),
        ("- 1", "name: value"),
    ],
)
def test_mistakes_are_named_with_file_and_key(
    tmp_path: Path, namespace: Namespace, text: str, problem: str
) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        read(tmp_path, namespace, text)
    assert str(caught.value).startswith(f"{tmp_path / 'map.yaml'}: ")
    assert "line " in str(caught.value) or "name: value" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path, namespace: Namespace) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        read_mapping(tmp_path / "nowhere.yaml", namespace)


FULL = """
channel: 2
bend_range: 7
macros:
  tone: 0.25
pads:
  plane:
    axes: [/codec/latent, /codec/cutoff]
    method: radial
    neighbours: 3
    points:
    - {x: 0.1, y: 0.2, values: [0, 1, 2, 3, 0, 1, 2, 3, -1, -2, 0, 1, 500]}
cc:
  1: {target: /codec/position, pickup: true, smoothing_ms: 40}
bindings:
- {source: cc14 1, target: /codec/position}
- {source: nrpn 1000, channel: 5, target: /codec/latent/0, min: 1, max: -1}
- {source: rpn 5, target: /codec/latent/1}
- {source: note 36, target: /codec/levels}
- {source: pressure, target: /codec/cutoff}
- {source: key_pressure 60, target: /codec/latent/2}
- {source: osc /1/fader1, from: [0, 127], target: /macro/tone}
- {source: macro tone, target: /codec/cutoff, min: 100, max: 1000}
- {source: macro tone, target: /pad/plane/0}
- {source: cc 7, target: /gain, curve: volume}
"""


def test_all_kinds_of_sources_and_what_was_written_is_read_back(
    tmp_path: Path, namespace: Namespace
) -> None:
    mapping = read(tmp_path, namespace, FULL)
    assert len(mapping.bindings) == 11
    (macro,) = mapping.moved(Source("osc", "/1/fader1"), 127.0)
    assert macro == Event(NOW, "/macro/tone", (1.0,))
    assert mapping.moved(Source("nrpn", 1000, 5), 0.0) == (Event(NOW, "/codec/latent/0", (1.0,)),)
    assert mapping.moved(Source("nrpn", 1000, 6), 0.0) == ()
    assert mapping.moved(Source("note", 36, 1), 1.0)[0].value == (8.0,)
    (smooth,) = mapping.moved(Source("cc", 1, 1), 0.5, 77)
    assert smooth == Event(77, "/glide/codec/position", (0.04, 1.0))
    assert {e.target for e in mapping.moved(Source("macro", "tone"), 0.5)} == {
        "/codec/cutoff", "/pad/plane/0",
    }  # fmt: skip
    again = tmp_path / "again.yaml"
    write_mapping(again, mapping, namespace)
    read_back = read_mapping(again, namespace)
    assert read_back.bindings == mapping.bindings
    assert (read_back.macros, read_back.channel, read_back.bend_range) == (mapping.macros, 2, 7)
    (before,), (after,) = mapping.pads, read_back.pads
    assert (after.axes, after.method, after.neighbours) == (before.axes, "radial", 3)
    assert after.points[0].values == pytest.approx(before.points[0].values, abs=1e-6)


@pytest.mark.parametrize("curve", ["linear", "exponential", "volume"])
def test_a_position_is_found_again_from_its_value(curve: str) -> None:
    low, high = (20.0, 2_000.0) if curve == "exponential" else (-60.0, 6.0)
    for ends in ((low, high), (high, low)) if curve != "volume" else ((low, high),):
        binding = Binding(Source("cc", 1), "/x", *ends, curve)
        shares = np.linspace(0.1, 1, 19)
        again = [binding.share(binding.value(share)) for share in shares]
        assert again == pytest.approx(shares)


def test_the_map_in_the_documentation_is_one(tmp_path: Path) -> None:
    text = (Path(__file__).parents[3] / "docs" / "control.md").read_text()
    begin = text.index("    channel: null")
    lines = text[begin:].split("\n\n", 1)[0].splitlines()
    rack = Namespace(
        {
            "codec": (
                Control("position"),
                Control("speed", 1, (0.1,), (4.0,), (1.0,)),
                Control("latent", 3, (-3.0,), (3.0,), (0.0,), role="latent"),
            )
        }
    )
    mapping = read(tmp_path, rack, "\n".join(line[4:] for line in lines))
    assert len(mapping.bindings) == 9
    assert [pad.name for pad in mapping.pads] == ["plane"]
