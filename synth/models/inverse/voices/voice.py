"""`Voice`: a synthesizer's voice as a pure step, with parameters that have names.

A voice is computed in control periods of `HOP` samples. Everything that moves slowly (envelopes,
frequencies, levels) is known at the ends of the periods and runs in straight lines between them, so
that a sample costs only its oscillators.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.voices.parameter import Parameter
from synth.nn import State

HOP = 64
KEY, DURATION = "keyboard_midi_f0", "keyboard_duration"
BLOCK = 32  # control periods rendered at a time: what belongs to them fits into the cache
Values = Mapping[str, Tensor]


class Note(NamedTuple):
    """What is played in `n` control periods, at their `n + 1` ends.

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
    """

    name: str
    parameters_: tuple[Parameter, ...]
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
        """State of `batch` notes before their first control period."""
        raise NotImplementedError

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        """Make `n` control periods.

        Args:
            values: of every parameter but `KEY` and `DURATION`, by name, `[batch, 1]`, in the
                parameter's unit.
            note: what is played.
            noise: standard normal, `[batch, n * HOP]`.
            state: as `init_state` or the previous step returned it.

        Returns:
            audio `[batch, n * HOP]` within -1 … 1, and the next state.
        """
        raise NotImplementedError

    def values(self, units: Tensor) -> dict[str, Tensor]:
        """Values `[batch, 1]` by name at knob positions `[batch, parameters]`, each 0 … 1."""
        if units.shape[-1] != len(self.parameters_):
            raise ConfigError(
                f"{units.shape[-1]} parameters; the voice {self.name} has {len(self.parameters_)}"
            )
        columns = units.split(1, -1)
        return {p.name: p.value(u) for p, u in zip(self.parameters_, columns, strict=True)}

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
        noise = nn.functional.pad(noise, (0, max(0, count * HOP - noise.shape[-1])))
        state = self.init_state(len(units))
        ends = torch.arange(count + 1, device=units.device) * (HOP / self.sample_rate)
        made = []
        size = count if torch.is_grad_enabled() and units.requires_grad else BLOCK
        for first in range(0, count, size):
            last = min(first + size, count)
            time = ends[None, first : last + 1]
            note = Note(pitch, torch.minimum(time, duration), (time - duration).clamp_min(0))
            audio, state = self.step(values, note, noise[:, first * HOP : last * HOP], state)
            made.append(audio)
        return torch.cat(made, -1)[:, :samples]
