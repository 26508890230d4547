"""Checked configs: frozen dataclasses, filled from defaults, then a YAML file, then flags.

Field types may be int, float, bool, str and (nested) tuples of them; unknown keys are refused.
"""

from __future__ import annotations

import sys
import types
import typing
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

from synth.contract.errors import ConfigError

T = TypeVar("T")
MAX_YAML_BYTES = 1_000_000


class _Loader(yaml.SafeLoader):
    """YAML without aliases: a few lines of them can stand for more data than fits into memory."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="an alias (*name) is refused", problem_mark=mark)
        return super().compose_node(parent, index)


def config_from_dict(cls: type[T], data: Mapping[str, Any]) -> T:
    """Build a dataclass from plain data.

    The dataclass checks the ranges itself (`__post_init__`).

    Args:
        cls: the dataclass.
        data: values by the names of its fields; missing ones take their defaults.

    Raises:
        ConfigError: an unknown key or a value of the wrong type; the message names the key, the
            value and the known keys or the type.
    """
    if not is_dataclass(cls):
        raise TypeError(f"{cls!r} is not a dataclass")
    hints = typing.get_type_hints(cls)
    known = [f.name for f in fields(cls)]
    for key in data:
        if key not in known:
            raise ConfigError(f"unknown setting {key!r}; known are {', '.join(known)}")
    return typing.cast(T, cls(**{k: _convert(k, v, hints[k]) for k, v in data.items()}))


def config_to_dict(config: Any) -> dict[str, Any]:
    """A dataclass as plain data, with lists for tuples, ready for YAML or JSON."""
    return {k: _plain(v) for k, v in asdict(config).items()}


def read_yaml(path: str | Path) -> dict[str, Any]:
    """Read a mapping from a YAML file.

    Args:
        path: of the file, at most 1 MB.

    Raises:
        ConfigError: it can't be read or isn't a mapping; the message names file, line and problem.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            head = file.read(MAX_YAML_BYTES + 1)
        text = head.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: can't be read ({error})") from None
    if len(head) > MAX_YAML_BYTES:
        raise ConfigError(f"{path}: too long; at most {MAX_YAML_BYTES} bytes are read")
    try:
        data = yaml.load(text, _Loader)  # noqa: S506 - a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: not YAML ({' '.join(str(error).split())})") from None
    if data is None:
        return {}
    if not isinstance(data, dict) or not all(isinstance(k, str) for k in data):
        raise ConfigError(f"{path}: needs 'name: value' lines at the top level")
    return data


def require_within(name: str, value: float, low: float, high: float) -> None:
    """Raise `ConfigError` unless low <= value <= high; the message has `name`, value and range."""
    if not low <= value <= high:
        raise ConfigError(f"{name} is {value}; {low} … {high} is allowed")


def require_one_of(name: str, value: str, known: Sequence[str]) -> None:
    """Raise `ConfigError` unless `value` is one of `known`; the message has `name` and them all."""
    if value not in known:
        raise ConfigError(f"{name} is {value!r}; known are {', '.join(known)}")


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple | list) else value


def _convert(key: str, value: Any, hint: Any) -> Any:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        options = [a for a in typing.get_args(hint) if a is not type(None)]
        return None if value is None else _convert(key, value, options[0])
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{key} is {value!r:.100}; a list is needed")
        inner = typing.get_args(hint)[0]
        return tuple(_convert(key, v, inner) for v in value)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) <= sys.float_info.max:
            raise ConfigError(f"{key} is {value!r:.100}; a finite number is needed")
        return float(value)
    if isinstance(value, bool) != (hint is bool) or not isinstance(value, hint):
        raise ConfigError(f"{key} is {value!r:.100}; {hint.__name__} is needed")
    return value
