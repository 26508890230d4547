"""Controls of a live voice: those of every instrument, and the voice's own parameters."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from synth.contract import Control
from synth.models.instrument import bend_control, note_controls, number, sound_control
from synth.models.inverse.voices import DURATION, KEY, Parameter, Patch

QUIETEST_DB, LOUDEST_DB = -60.0, 12.0
PITCH_SEMITONES = 24.0
SMOOTH_MS = 20.0
PLAYED = (KEY, DURATION)  # what a keyboard says instead


def live_parameters(parameters: Sequence[Parameter]) -> tuple[Parameter, ...]:
    """The parameters of a voice that are controls: all but key and duration."""
    return tuple(p for p in parameters if p.name not in PLAYED)


def controls_of(parameters: Sequence[Parameter], patches: Sequence[Patch]) -> tuple[Control, ...]:
    """All controls.

    Args:
        parameters: of the voice that are controls.
        patches: the bank, at least one; the first says where the controls stand.
    """
    n = number
    last = max(len(patches) - 1, 1)
    return (
        *note_controls(),
        bend_control(),
        n("morph", 0, 1, 0, "0 is the sound of the controls, 1 the patch `morph_sound`; between"
          " them every knob is on its way", per_voice=True, smoothing_ms=SMOOTH_MS, role="morph"),
        n("morph_sound", 0, last, min(1, len(patches) - 1), "the patch that `morph` goes to",
          curve="integer"),
        *(_parameter_control(p, patches[0].values[p.name]) for p in parameters),
        n("pitch", -PITCH_SEMITONES, PITCH_SEMITONES, 0, "transposition of all notes",
          unit="semitones", smoothing_ms=SMOOTH_MS, role="transpose"),
        n("gain", QUIETEST_DB, LOUDEST_DB, 0, "level of the output", unit="dB", per_voice=True,
          smoothing_ms=SMOOTH_MS, role="loudness"),
        sound_control(last, "the patch that sets all controls of the voice for the next notes"),
    )  # fmt: skip


def in_range(parameter: Parameter, value: float) -> float:
    """A value brought to the nearest one of a parameter's range that float32 has."""
    low, high = np.float32(parameter.minimum), np.float32(parameter.maximum)
    return float(np.clip(np.float32(value), low, high))


def _parameter_control(parameter: Parameter, value: float) -> Control:
    """The control that a parameter becomes, with the parameter's curve."""
    bent = parameter.curve != 1
    curve = ("symmetric" if parameter.symmetric else "power") if bent else "linear"
    low, high = parameter.minimum, parameter.maximum
    return Control(
        parameter.name,
        1,
        (low,),
        (high,),
        (min(max(value, low), high),),
        parameter.unit,
        curve,
        parameter.description,
        smoothing_ms=SMOOTH_MS,
        exponent=1 / parameter.curve,
    )
