"""`Voice`: a synthesizer's voice as a pure step, with parameters that have names.

A voice is computed in control periods of `HOP` samples. Everything that moves slowly (envelopes,
frequencies, levels) is known at the ends of the periods and runs in straight lines between them, so
that a sample costs only its oscillators.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Self

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.voices.matrix import Matrix
from synth.models.inverse.voices.nebula import Nebula
from synth.models.inverse.voices.parameter import Parameter
from synth.nn import State

HOP = 64
KEY, DURATION = "keyboard_midi_f0", "keyboard_duration"
Values = Mapping[str, Tensor]


class Note(NamedTuple):
    """A note during `n` control periods, at their `n + 1` ends.

    Attributes:
        pitch: MIDI key, `[batch, n + 1]` or `[batch, 1]`.
        held: seconds that the key has been down, up to its release, `[batch, n + 1]`.
        released: seconds since its release, 0 before, `[batch, n + 1]`.
    """

    pitch: Tensor
    held: Tensor
    released: Tensor


class Voice(nn.Module):
    """Base of the voices.

    Attributes:
        name: in the table of voices.
        parameters_: all parameters, in the order of columns of `units`; two of them, `KEY` and
            `DURATION`, say which note is played and for how long.
        sample_rate: Hz.
        seconds: length of an offline sound.
        swaps: what can change places without a change of the sound: of each part of the voice, the
            parameters and those that take their values, both ways.
        tunings: parameters in semitones that are added to the key, wherever the key matters.
        frozen_: parameters that keep a value, in their unit, whatever their knob's position.
    """

    name: str
    parameters_: tuple[Parameter, ...]
    swaps: tuple[Mapping[str, str], ...] = ()
    tunings: tuple[str, ...] = ()
    frozen_: Mapping[str, float] = {}
    seconds: float = 4.0

    def __init__(self, sample_rate: int = 44_100) -> None:
        super().__init__()
        self.sample_rate = sample_rate

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters, in the order of the columns of `units`."""
        return tuple(p.name for p in self.parameters_)

    @property
    def samples(self) -> int:
        """Samples of an offline sound."""
        return round(self.seconds * self.sample_rate)

    def init_state(self, batch: int) -> State:
        """State of `batch` notes before their first control period; numbers in double precision
        stay within ± 2^20."""
        raise NotImplementedError

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Make `n` control periods.

        Args:
            values: of every parameter but `KEY` and `DURATION`, by name, `[batch, 1]`, in the
                parameter's unit; those of `Matrix` are taken together.
            note: what is played.
            noise: standard normal, `[batch, n * HOP]`.
            state: as `init_state` or the previous step returned it.

        Returns:
            audio `[batch, n * HOP]` within -1 … 1, and the next state.
        """
        raise NotImplementedError

    @property
    def symmetries(self) -> tuple[Mapping[str, str], ...]:
        """Swaps `{name: name}`, both ways, that leave the sound of all knob positions as it is.

        A swap isn't one if a nebula gave its parameters different curves, or if one is frozen.
        """
        shapes = {p.name: (p.minimum, p.maximum, p.curve, p.symmetric) for p in self.parameters_}
        return tuple(
            swap
            for swap in self.swaps
            if all(shapes[a] == shapes[b] for a, b in swap.items())
            and not self.frozen_.keys() & swap.keys()
        )

    def moved_to(self, units: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
        """The same sounds, written for other keys: what the key gains, the tunings lose.

        Args:
            units: knob positions, `[batch, parameters]`.
            key: MIDI keys to write them for, may be fractional, `[batch, 1]`.

        Returns:
            knob positions, and whether the sound could be moved, bool `[batch, 1]`: it can't if
            the key or a tuning would leave its range, or is frozen. Then its row is as it was.
        """
        values = self.values(units)
        by_name = {p.name: p for p in self.parameters_}
        change = key - values[KEY]
        possible = torch.full_like(change, not self.frozen_.keys() & {KEY, *self.tunings}) > 0
        for name in (KEY, *self.tunings):
            values[name] = values[name] + (change if name == KEY else -change)
            low, high = by_name[name].minimum, by_name[name].maximum
            possible = possible & (values[name] >= low) & (values[name] <= high)
        columns = list(torch.split(units, 1, -1))
        for name in (KEY, *self.tunings):
            columns[self.names.index(name)] = by_name[name].unit_of(values[name])
        return torch.where(possible, torch.cat(columns, -1), units), possible

    def written_for(self, values: Values, key: Tensor) -> dict[str, Tensor]:
        """Values of nearly the same sounds, written for other keys, whether or not `moved_to` can.

        A tuning that would leave its range moves by octaves, and then sounds different.

        Args:
            values: of all parameters by name, `[batch, 1]`; key: MIDI keys, `[batch or 1, 1]`.
        """
        by_name = {p.name: p for p in self.parameters_}
        change = key - values[KEY]
        written = {**values, KEY: values[KEY] + change}
        for name in self.tunings:
            low, high = by_name[name].minimum, by_name[name].maximum
            tuning = values[name] - change
            up = torch.ceil((low - tuning) / 12).clamp_min(0)
            down = torch.ceil((tuning - high) / 12).clamp_min(0)
            written[name] = tuning + 12 * (up - down)
        return written

    def with_nebula(self, nebula: Nebula) -> Self:
        """The voice with the curves of a nebula.

        Raises:
            ConfigError: the nebula names a parameter that the voice doesn't have, or none at all.
        """
        made = copy.copy(self)
        made.parameters_ = nebula.applied(type(self).parameters_, self.name)
        return made

    def frozen(self, values: Mapping[str, float]) -> Self:
        """The voice with parameters that keep a value, beside those that already do.

        Args:
            values: by name, in the parameter's unit.

        Raises:
            ConfigError: a name is unknown, or a value out of range.
        """
        ranges = {p.name: (p.minimum, p.maximum) for p in self.parameters_}
        for name, value in values.items():
            if name not in ranges:
                raise ConfigError(
                    f"the voice {self.name} has no parameter {name!r:.50} to freeze; its parameters"
                    f" are {', '.join(self.names)}"
                )
            low, high = ranges[name]
            if not (math.isfinite(value) and low <= value <= high):
                raise ConfigError(
                    f"{name} can't be frozen at {value:g}; choose a value from {low:g} to {high:g}"
                )
        made = copy.copy(self)
        made.frozen_ = {**self.frozen_, **values}
        return made

    def settled(self, units: Tensor) -> Tensor:
        """Knob positions with those of frozen parameters in place, `[batch, parameters]`."""
        if not self.frozen_:
            return units
        columns = list(torch.split(units, 1, -1))
        for i, parameter in enumerate(self.parameters_):
            if parameter.name in self.frozen_:
                value = torch.full_like(columns[i], self.frozen_[parameter.name])
                columns[i] = parameter.unit_of(value)
        return torch.cat(columns, -1)

    def values(self, units: Tensor) -> dict[str, Tensor]:
        """Values `[batch, 1]` by name at knob positions `[batch, parameters]`, each 0 … 1."""
        if units.shape[-1] != len(self.parameters_):
            raise ConfigError(
                f"{units.shape[-1]} parameters; the voice {self.name} has {len(self.parameters_)}"
            )
        # Contiguous, so that a value is computed by the same instructions in every batch.
        columns = units.t().contiguous()[..., None]
        values = {p.name: p.value(u) for p, u in zip(self.parameters_, columns, strict=True)}
        for name, value in self.frozen_.items():
            values[name] = torch.full_like(values[name], value)
        return values

    def units(self, values: Values) -> Tensor:
        """Knob positions `[batch, parameters]` of values `[batch, 1]` by name."""
        return torch.cat([p.unit_of(values[p.name]) for p in self.parameters_], -1)

    def render(self, units: Tensor, noise: Tensor, seconds: float | None = None) -> Tensor:
        """Whole sounds, `[batch, samples]`; differentiable in `units`.

        Args:
            units: knob positions, `[batch, parameters]`.
            noise: standard normal, `[batch or 1, samples]` or longer.
            seconds: length of the sounds; None: `self.seconds`.
        """
        samples = self.samples if seconds is None else round(seconds * self.sample_rate)
        values = self.values(units)
        pitch, duration = values.pop(KEY), values.pop(DURATION)
        count = -(-samples // HOP)
        missing = max(0, count * HOP - noise.shape[-1])
        noise = nn.functional.pad(noise.to(units.dtype), (0, missing))
        state = {name: x.to(units.device) for name, x in self.init_state(len(units)).items()}
        time = torch.arange(count + 1, device=units.device, dtype=torch.float64)[None]
        time = time * (HOP / self.sample_rate)
        note = Note(pitch, torch.minimum(time, duration), (time - duration).clamp_min(0))
        audio, _ = self.step(values, note, noise[:, : count * HOP], state)
        return audio[:, :samples]


def stacked(values: Values, names: Sequence[str]) -> Tensor:
    """Values of several parameters, `[batch, names, 1]`."""
    if isinstance(values, Matrix):
        return values.stacked(names)
    return torch.stack([values[name] for name in names], 1)


def precise(values: Values, note: Note) -> tuple[Values, Note]:
    """Values and note in double precision, for what happens once in a control period.

    A pitch that is bent by octaves, or a phase after some seconds, tells how a sum was rounded: in
    float32 a voice that is played live would part from its offline sound.
    """
    note = Note(*(x.double() for x in note))
    if isinstance(values, Matrix):
        return values.double(), note
    return {name: value.double() for name, value in values.items()}, note
