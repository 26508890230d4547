"""Envelopes: attack, decay, sustain and release, with ramps that are bent."""

from __future__ import annotations

from torch import Tensor

from synth.models.inverse.voices.parameter import Parameter, power
from synth.models.inverse.voices.voice import Note, Values, stacked

SHORTEST = 1e-4  # seconds of a ramp
FLOOR = 1e-6  # below it, a ramp is 0


def envelope(name: str, attack: float = 0.5) -> list[Parameter]:
    """The parameters of an envelope.

    Args:
        name: their beginning.
        attack: curve of the attack.
    """
    return [
        Parameter(f"{name}_attack", 0, 2, attack, unit="s", description="rise from 0 to 1"),
        Parameter(f"{name}_decay", 0, 2, 0.5, unit="s", description="fall from 1 to the sustain"),
        Parameter(f"{name}_sustain", 0, 1, description="level while the key is held"),
        Parameter(f"{name}_release", 0, 5, 0.5, unit="s", description="fall after the release"),
        Parameter(f"{name}_alpha", 0.1, 6, description="bend of the ramps, 1 is straight"),
    ]


def adsr(values: Values, names: tuple[str, ...], note: Note) -> Tensor:
    """Envelopes at the ends of control periods, `[batch, names, n + 1]`, 0 … 1.

    Args:
        values: of the voice; of each name it has `<name>_attack`, `_decay`, `_release` in seconds,
            `_sustain`, 0 … 1, and `_alpha`, the exponent of the ramps.
        names: of the envelopes.
        note: what is played.
    """
    attack, decay, sustain, release, alpha = (
        stacked(values, [f"{name}_{part}" for name in names])
        for part in ("attack", "decay", "sustain", "release", "alpha")
    )
    held, released = note.held[:, None], note.released[:, None]
    rise = ramp(held, attack)
    fall = power(1 - ramp(held - attack, decay), alpha, FLOOR)
    out = 1 - ramp(released, release)
    return power(rise * out, alpha, FLOOR) * (sustain + (1 - sustain) * fall)


def hit(time: Tensor, attack: Tensor, decay: Tensor, alpha: Tensor, rises: bool = True) -> Tensor:
    """An envelope that dies away by itself, 0 … 1.

    Args:
        time: seconds since the key went down.
        attack: of a straight rise, in seconds.
        decay: of the fall after it, in seconds.
        alpha: exponent of the fall.
        rises: otherwise, it is 1 from the beginning.
    """
    fall = power(1 - ramp(time - attack, decay), alpha, FLOOR)
    return ramp(time, attack) * fall if rises else fall


def ramp(time: Tensor, length: Tensor) -> Tensor:
    """From 0 at time 0 straight to 1 at `length`, both in seconds."""
    return (time / length.clamp_min(SHORTEST)).clamp(0, 1)
