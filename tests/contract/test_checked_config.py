"""Settings from plain data: what is known is converted, everything else is refused by name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import (
    ConfigError,
    config_from_dict,
    config_to_dict,
    read_yaml,
    require_one_of,
    require_within,
)


@dataclass(frozen=True)
class Settings:
    steps: int = 10
    rate: float = 0.5
    name: str = "x"
    fast: bool = False
    strides: tuple[int, ...] = (2, 4)
    nested: tuple[tuple[float, ...], ...] = ((1.0,), (2.0, 3.0))
    seed: int | None = None


numbers = st.floats(allow_nan=False, allow_infinity=False)
settings = st.builds(
    Settings,
    steps=st.integers(),
    rate=numbers,
    name=st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "Z"))),
    fast=st.booleans(),
    strides=st.lists(st.integers()).map(tuple),
    nested=st.lists(st.lists(numbers).map(tuple)).map(tuple),
    seed=st.none() | st.integers(),
)


@given(settings)
def test_survives_plain_data_and_yaml(config: Settings) -> None:
    plain = config_to_dict(config)
    assert config_from_dict(Settings, plain) == config
    assert config_from_dict(Settings, yaml.safe_load(yaml.safe_dump(plain))) == config


def test_whole_numbers_serve_as_floats() -> None:
    config = config_from_dict(Settings, {"rate": 2, "nested": [[1], [2]]})
    assert isinstance(config.rate, float)
    assert config.nested == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("data", "named"),
    [
        ({"stpes": 3}, "steps"),  # what is known is listed
        ({"steps": 3.0}, "steps"),
        ({"steps": "3"}, "steps"),
        ({"steps": True}, "steps"),
        ({"steps": None}, "steps"),
        ({"rate": "fast"}, "rate"),
        ({"rate": math.nan}, "finite"),
        ({"rate": math.inf}, "finite"),
        ({"rate": 10**400}, "finite"),
        ({"rate": False}, "rate"),
        ({"name": 3}, "name"),
        ({"fast": 1}, "fast"),
        ({"fast": "yes"}, "fast"),
        ({"strides": 3}, "strides"),
        ({"strides": "24"}, "strides"),
        ({"strides": [2, "4"]}, "strides"),
        ({"nested": [1.0]}, "nested"),
        ({"seed": "x"}, "seed"),
        ({3: 4}, "3"),
    ],
)
def test_refuses_by_name(data: dict[Any, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config_from_dict(Settings, data)
    assert named in str(caught.value)
    assert caught.value.exit_code == 2


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(config_to_dict(Settings()))), plain_values))
def test_foreign_data_is_taken_or_refused(data: dict[str, Any]) -> None:
    try:
        config = config_from_dict(Settings, data)
    except ConfigError:
        return
    assert config_from_dict(Settings, config_to_dict(config)) == config


def test_only_dataclasses_are_filled() -> None:
    with pytest.raises(TypeError, match="not a dataclass"):
        config_from_dict(int, {})


def test_yaml_files(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("steps: 3\nstrides: [2, 2]\n")
    assert read_yaml(path) == {"steps": 3, "strides": [2, 2]}
    path.write_text("# nothing\n")
    assert read_yaml(path) == {}
    for text, problem in (
        ("steps: [1", "not YAML"),
        ("- 1\n- 2\n", "name: value"),
        ("3: 4\n", "name: value"),
        ("just text", "name: value"),
        ("a: !!python/object/apply:os.system ['true']\n", "not YAML"),
        ("[" * 5000, "not YAML"),
        ("a: 2026-13-45\n", "not YAML"),
        ("a: " + "x" * 1_000_001, "at most"),
        ("\x00", "not YAML"),
    ):
        path.write_text(text)
        with pytest.raises(ConfigError, match=problem) as caught:
            read_yaml(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="can't be read"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="can't be read"):
        read_yaml(tmp_path / "gone.yaml")


def test_aliases_that_multiply_are_refused(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]
    path = tmp_path / "bomb.yaml"
    path.write_text("\n".join(lines))
    with pytest.raises(ConfigError, match="alias"):
        read_yaml(path)


def test_ranges_and_choices_name_what_is_allowed() -> None:
    require_within("steps", 3, 1, 5)
    require_one_of("mode", "a", ("a", "b"))
    with pytest.raises(ConfigError, match="steps is 9; 1 … 5 is allowed"):
        require_within("steps", 9, 1, 5)
    with pytest.raises(ConfigError, match="steps is nan"):
        require_within("steps", math.nan, 1, 5)
    with pytest.raises(ConfigError, match="mode is 'c'; known are a, b"):
        require_one_of("mode", "c", ("a", "b"))
