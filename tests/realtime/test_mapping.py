"""MIDI maps: the default one fits any instrument, a written one is checked to the key."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from realtime.mapping import MidiMapping, default_mapping, read_mapping
from realtime.namespace import Namespace
from synth.contract import ConfigError, Control

CONTROLS = (
    Control("position", 1, (0.0,), (2.0,), (0.5,), "s"),
    Control("gate", 1, (0.0,), (1.0,), (0.0,), "", "toggle"),
    Control("cutoff", 1, (20.0,), (20_000.0,), (1_000.0,), "Hz", "exponential"),
    Control("levels", 1, (1.0,), (8.0,), (8.0,), "", "integer"),
    Control("latent", 12, (-2.0,), (3.0,), (0.0,)),
)


@pytest.fixture
def namespace() -> Namespace:
    return Namespace({"codec": CONTROLS})


def read(tmp_path: Path, namespace: Namespace, text: str) -> MidiMapping:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    return read_mapping(path, namespace)


def test_default_gives_the_wheel_the_first_axis_and_no_controller_twice(
    namespace: Namespace,
) -> None:
    mapping = default_mapping(namespace)
    addresses = [t.address for t in mapping.cc.values()]
    assert len(set(addresses)) == len(addresses)
    assert mapping.cc[1].address == "/codec/latent/0"
    assert mapping.cc[1].values[0] == 0.0  # the wheel rests at 0, where the axis has its default
    assert mapping.cc[1].values[127] == 3.0
    assert mapping.cc[74].address == "/codec/latent/1"
    assert (mapping.cc[74].values[0], mapping.cc[74].values[127]) == (-2.0, 3.0)
    assert {"/codec/position", "/codec/cutoff", "/codec/levels", "/gain"} <= set(addresses)
    assert "/codec/gate" not in addresses  # notes move it
    assert sum(a.startswith("/codec/latent/") for a in addresses) == 8
    assert not {0, 6, 10, 11, 32, 38, 64} & set(mapping.cc)  # they mean something else


def test_default_volume_is_general_midi_s(namespace: Namespace) -> None:
    volume = default_mapping(namespace).cc[7]
    assert volume.address == "/gain"
    assert volume.values[127] == 0.0
    assert volume.values[64] == pytest.approx(-11.9, abs=0.05)  # 40 log10(64 / 127)
    assert volume.values[0] == -80.0
    assert all(np.diff(volume.values) >= 0)


def test_default_of_many_controls_and_of_none() -> None:
    many = Namespace({"p": [Control(f"c{i}") for i in range(200)]})
    mapping = default_mapping(many)
    assert all(0 <= number < 120 for number in mapping.cc)
    assert list(default_mapping(Namespace({})).cc) == [7]


def test_every_default_value_is_in_its_control_s_range(namespace: Namespace) -> None:
    for target in default_mapping(namespace).cc.values():
        for value in target.values:
            namespace.resolve(target.address, [value])
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
    assert sorted(mapping.cc) == [2, 20, 21, 22, 23, 24, 25]
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
        assert mapping.cc[number].values == pytest.approx(values), number


def test_whole_range_is_the_control_s_own_curve(tmp_path: Path, namespace: Namespace) -> None:
    mapping = read(tmp_path, namespace, "cc: {9: /codec/cutoff, 10: /codec/levels}")
    for number, control in ((9, CONTROLS[2]), (10, CONTROLS[3])):
        for value in (0, 1, 63, 64, 126, 127):
            expected = control.from_unit(value / 127)[0]
            assert mapping.cc[number].values[value] == pytest.approx(expected, rel=1e-5)


def test_empty_map_moves_nothing(tmp_path: Path, namespace: Namespace) -> None:
    assert read(tmp_path, namespace, "") == MidiMapping()


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
        ("cc: {120: /gain}", "cc 120 is no controller; 0 … 119"),
        ("cc: {mod: /gain}", "cc 'mod' is no controller"),
        ("cc: {true: /gain}", "cc True is no controller"),
        ("cc: [1, 2]", "cc needs lines like"),
        ("bend_range: 200", "bend_range is 200; 0 … 96"),
        ("bend_range: two", "bend_range is 'two'"),
        ("channel: 0", "channel is 0; 1 … 16"),
        ("channel: true", "channel is True"),
        ("chanel: 1", "unknown key 'chanel'; known are cc, bend_range, channel"),
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
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path: Path, namespace: Namespace) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.yaml"):
        read_mapping(tmp_path / "nowhere.yaml", namespace)
