"""`Patch`: the values of all parameters of a voice, with a name, as a file."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from synth.contract import DataError, SynthError, write_bytes
from synth.models.inverse.voices import document
from synth.models.inverse.voices.parameter import Parameter
from synth.models.inverse.voices.table import VOICES
from synth.models.inverse.voices.voice import Voice

VERSION = 1


@dataclass(frozen=True)
class Patch:
    """A sound of a voice.

    Args:
        voice: name in the table of voices.
        name: for people, 1 to 80 characters.
        values: of every parameter of the voice, by name, in the parameter's unit.
        comment: for people.

    Raises:
        DataError: the voice or a parameter is unknown, a parameter is missing, or its value is out
            of range.
    """

    voice: str
    name: str
    values: Mapping[str, float]
    comment: str = ""

    def __post_init__(self) -> None:
        if self.voice not in VOICES:
            raise DataError(
                f"the patch is of a voice {self.voice!r:.50}; known are {', '.join(VOICES)}"
            )
        if not 1 <= len(self.name.strip()) <= 80:
            raise DataError(f"the patch's name {self.name!r:.90} must have 1 to 80 characters")
        parameters = {p.name: p for p in VOICES[self.voice].parameters_}
        for name in self.values:
            if name not in parameters:
                close = difflib.get_close_matches(name, parameters, 1)
                hint = f"; is it {close[0]}?" if close else "; leave it out"
                raise DataError(f"the voice {self.voice} has no parameter {name!r:.50}{hint}")
        missing = [name for name in parameters if name not in self.values]
        if missing:
            more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
            raise DataError(
                f"the patch {self.name} lacks {', '.join(missing[:3])}{more}; a patch of the voice"
                f" {self.voice} has all {len(parameters)} parameters"
            )
        checked = {name: _checked(p, self.values[name]) for name, p in parameters.items()}
        object.__setattr__(self, "values", checked)

    @classmethod
    def of(cls, voice: Voice, units: Tensor, name: str, comment: str = "") -> Patch:
        """The patch at knob positions of a voice.

        Args:
            voice: whose curves the positions mean.
            units: knob positions, `[1, parameters]`.
            name: of the patch.
            comment: for people.
        """
        found = voice.values(units.detach().double().cpu())
        values = {}
        for parameter in voice.parameters_:
            # Seven digits hold a float32; rounded, an end of the range mustn't fall out of it.
            rounded = float(f"{found[parameter.name].item():.7g}")
            values[parameter.name] = min(max(rounded, parameter.minimum), parameter.maximum)
        return cls(voice.name, name, values, comment)

    def units(self, voice: Voice) -> Tensor:
        """Knob positions `[1, parameters]`, float32, on a voice of the same name.

        Raises:
            DataError: the patch is of another voice.
        """
        if voice.name != self.voice:
            raise DataError(
                f"the patch {self.name} is of the voice {self.voice}, not of {voice.name}; choose"
                f" a patch of {voice.name}, or the voice {self.voice}"
            )
        values = {name: torch.tensor([[v]], dtype=torch.float64) for name, v in self.values.items()}
        return voice.units(values).float()

    def to_json(self) -> str:
        """The patch as JSON that is easy to read and to edit."""
        data = {"synth_patch": VERSION, "voice": self.voice, "name": self.name}
        if self.comment:
            data["comment"] = self.comment
        data["values"] = dict(self.values)
        return json.dumps(data, allow_nan=False, ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Patch:
        """Parse and check the text of a patch.

        Raises:
            DataError: the text isn't a patch; the message names the fault.
        """
        data = document.parse_document(text, "patch", VERSION, DataError)
        document.only(data, {"voice", "name", "values", "comment"}, "the patch", DataError)
        for entry in ("voice", "name", "values"):
            if entry not in data:
                raise DataError(f'the patch has no "{entry}"; write voice, name and values')
        if not isinstance(data["values"], dict):
            raise DataError("the patch's values are not an object of values by name")
        texts = {e: document.as_text(data.get(e, ""), e, DataError) for e in _TEXTS}
        values = {n: document.as_number(v, n, DataError) for n, v in data["values"].items()}
        return cls(texts["voice"], texts["name"], values, texts["comment"])

    @classmethod
    def read(cls, path: str | Path) -> Patch:
        """Read and check a file.

        Raises:
            DataError: it can't be read or isn't a patch; the message names file and fault.
        """
        text = document.read_text(path, "patch", DataError)
        try:
            return cls.from_json(text)
        except SynthError as fault:
            raise DataError(f"{path}: {fault}") from None

    def write(self, path: str | Path) -> None:
        """Write a file; what was there stays whole if that fails.

        Raises:
            DataError: no room or no permission.
        """
        write_bytes(Path(path), self.to_json().encode())


_TEXTS = ("voice", "name", "comment")


def _checked(parameter: Parameter, value: float) -> float:
    low, high = parameter.minimum, parameter.maximum
    # A float32 just outside the end that it stands for is that end.
    slack = 1e-6 * max(abs(low), abs(high))
    if not (math.isfinite(value) and low - slack <= value <= high + slack):
        unit = f" {parameter.unit}" if parameter.unit else ""
        raise DataError(
            f"{parameter.name} is {value:g}; choose a value from {low:g} to {high:g}{unit}"
        )
    return min(max(float(value), low), high)
