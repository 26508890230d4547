"""`Nebula`: curves of a voice's parameters, and so which sounds are likely at random positions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from synth.contract import ConfigError, SynthError, write_bytes
from synth.models.inverse.voices import document
from synth.models.inverse.voices.parameter import Parameter

VERSION = 1
CURVES = (0.01, 100.0)


@dataclass(frozen=True)
class Nebula:
    """Curves and symmetries by the parameter's name; what isn't named stays as the voice has it.

    Args:
        name: for people.
        curves: 0.01 … 100; below 1, small values have more of the knob's way.
        symmetric: whether the curve starts at the middle of the range.

    Raises:
        ConfigError: a curve is out of range.
    """

    name: str
    curves: Mapping[str, float] = field(default_factory=dict)
    symmetric: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        low, high = CURVES
        for name, curve in self.curves.items():
            if not low <= curve <= high:
                raise ConfigError(
                    f"nebula {self.name:.50}: curve of {name:.50} is {curve:g}; choose one from"
                    f" {low:g} to {high:g}"
                )

    def applied(self, parameters: tuple[Parameter, ...], voice: str) -> tuple[Parameter, ...]:
        """A voice's parameters with the nebula's curves.

        Args:
            parameters: of the voice.
            voice: its name, for messages.

        Raises:
            ConfigError: the nebula names a parameter that the voice doesn't have, or none at all.
        """
        known, named = {p.name for p in parameters}, {**self.curves, **self.symmetric}
        unknown = [name for name in named if name not in known]
        if unknown or not named:
            which = f"names {unknown[0]!r:.50}, which is none" if unknown else "names none"
            raise ConfigError(
                f"nebula {self.name:.50} {which} of the {len(known)} parameters of the voice"
                f" {voice}, such as {parameters[-1].name}; choose a nebula of this voice"
            )
        return tuple(
            replace(
                p,
                curve=self.curves.get(p.name, p.curve),
                symmetric=self.symmetric.get(p.name, p.symmetric),
            )
            for p in parameters
        )

    @classmethod
    def of(cls, parameters: tuple[Parameter, ...], name: str) -> Nebula:
        """The nebula that says what these parameters have."""
        return cls(
            name, {p.name: p.curve for p in parameters}, {p.name: p.symmetric for p in parameters}
        )

    def to_json(self) -> str:
        """The nebula as JSON that is easy to read and to edit."""
        entries: dict[str, dict[str, Any]] = {}
        for name in {**self.curves, **self.symmetric}:
            entries[name] = {}
            if name in self.curves:
                entries[name]["curve"] = self.curves[name]
            if name in self.symmetric:
                entries[name]["symmetric"] = self.symmetric[name]
        data = {"synth_nebula": VERSION, "name": self.name, "parameters": entries}
        return json.dumps(data, allow_nan=False, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Nebula:
        """Parse and check the text of a nebula.

        Raises:
            ConfigError: the text isn't a nebula; the message names the fault.
        """
        data = document.parse_document(text, "nebula", VERSION, ConfigError)
        document.only(data, {"name", "parameters"}, "the nebula", ConfigError)
        entries = data.get("parameters")
        if not isinstance(entries, dict):
            raise ConfigError('the nebula has no object "parameters"; write curves by name there')
        curves: dict[str, float] = {}
        symmetric: dict[str, bool] = {}
        for name, entry in entries.items():
            if not isinstance(entry, dict):
                raise ConfigError(
                    f'{name:.50} is {entry!r:.50}; write {{"curve": 0.5}} for example'
                )
            document.only(entry, {"curve", "symmetric"}, name, ConfigError)
            if "curve" in entry:
                curves[name] = document.as_number(entry["curve"], f"curve of {name}", ConfigError)
            if "symmetric" in entry:
                symmetric[name] = _as_bool(entry["symmetric"], name)
        return cls(document.as_text(data.get("name", ""), "name", ConfigError), curves, symmetric)

    @classmethod
    def read(cls, path: str | Path) -> Nebula:
        """Read and check a file.

        Raises:
            ConfigError: it can't be read or isn't a nebula; the message names file and fault.
        """
        text = document.read_text(path, "nebula", ConfigError)
        try:
            return cls.from_json(text)
        except SynthError as fault:
            raise ConfigError(f"{path}: {fault}") from None

    def write(self, path: str | Path) -> None:
        """Write a file; what was there stays whole if that fails.

        Raises:
            DataError: no room or no permission.
        """
        write_bytes(Path(path), self.to_json().encode())


def _as_bool(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise ConfigError(f"symmetric of {name:.50} is {value!r:.50}; write true or false")
    return value
