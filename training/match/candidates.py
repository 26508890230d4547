"""Patches by lot, at the key and of the length that the target has."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inverse.voices import DURATION, KEY, Voice
from training.match.target import Target


def drawn(voice: Voice, target: Target, count: int, generator: torch.Generator) -> Tensor:
    """Random knob positions `[count, parameters]`, with the target's key and length set.

    Of a voice whose oscillators have tunings, one of them gets the target's key, in turn.

    Args:
        voice: whose patches they are.
        target: to be matched.
        count: of patches.
        generator: of random numbers.
    """
    units = torch.rand(count, len(voice.names), generator=generator)
    return placed(voice, target, voice.settled(units))


def placed(voice: Voice, target: Target, units: Tensor) -> Tensor:
    """Patches with key and length set, so that an oscillator sounds at the target's key."""
    values = voice.values(units)
    length = torch.full_like(values[DURATION], target.seconds)
    values[DURATION] = _within(voice, DURATION, length)
    if not target.has_key:
        return voice.units(values)
    values[KEY] = torch.full_like(values[KEY], target.key)
    tunings = {name: values[name].clone() for name in voice.tunings}
    for i, chosen in enumerate(voice.tunings):
        rows = slice(i, None, len(voice.tunings))
        for name, tuning in tunings.items():
            values[name][rows] = _within(voice, name, tuning[rows] - tunings[chosen][rows])
    return voice.units(values)


def in_key(voice: Voice, target: Target, units: Tensor) -> Tensor:
    """The same sounds, written for the key that is heard, so that it plays them on a keyboard.

    An oscillator whose tuning would leave its range moves by octaves, and then sounds different.
    """
    if not target.has_key or voice.frozen_.keys() & {KEY, *voice.tunings}:
        return units
    key = torch.full((len(units), 1), target.key)
    moved, possible = voice.moved_to(units, key)
    written = voice.units(voice.written_for(voice.values(units), key))
    return torch.where(possible, moved, written)


def distinct(units: Tensor, distances: Tensor, count: int, apart: float = 0.02) -> Tensor:
    """Rows of the `count` nearest patches, of which no two have nearly the same positions.

    Args:
        units: knob positions, `[batch, parameters]`.
        distances: `[batch]`.
        count: at most so many.
        apart: least mean difference of two patches' positions.
    """
    chosen: list[int] = []
    for row in distances.argsort().tolist():
        if not torch.isfinite(distances[row]):
            continue
        if all(float((units[row] - units[other]).abs().mean()) >= apart for other in chosen):
            chosen.append(row)
        if len(chosen) == count:
            break
    return torch.tensor(chosen, dtype=torch.long)


def _within(voice: Voice, name: str, value: Tensor) -> Tensor:
    parameter = voice.parameters_[voice.names.index(name)]
    return value.clamp(parameter.minimum, parameter.maximum)
