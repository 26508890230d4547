"""A voice of six sine operators that modulate each other's phases.

Any operator can modulate every one of a lower number, as much as one likes, so that all the usual
arrangements, and what lies between them, are points of one space; the sixth modulates itself, too.
How far an operator may be modulated falls with its frequency, so that sidebands end before half the
sample rate (`sidebands`).

The sixth operator solves `y = sin(phase + feedback * y)` at once instead of listening to its own
last sample: that is Kepler's equation, whose spectrum is known (Bessel 1824) and which needs no
memory.
"""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor

from synth.models.inverse.voices.elements import sidebands
from synth.models.inverse.voices.envelope import adsr, envelope
from synth.models.inverse.voices.lines import Lines, Phases, hertz, integral, pieces
from synth.models.inverse.voices.parameter import Parameter
from synth.models.inverse.voices.voice import (
    DURATION,
    HOP,
    KEY,
    Note,
    Values,
    Voice,
    precise,
    stacked,
)
from synth.nn import State

OPERATORS = tuple(f"op_{i}" for i in range(1, 7))
COUNT = len(OPERATORS)
# Pairs of places of a modulated operator and a modulator.
ROUTES = tuple(combinations(range(COUNT), 2))
CENTRE = 60.0  # key at which key scaling changes nothing
HIGHEST, FADE = 0.45, 0.03  # turns per sample


def _operator(name: str) -> list[Parameter]:
    return [
        Parameter(f"{name}_coarse", 0, 16, 0.5, description="ratio to the key, in steps; 0 is 1/2"),
        Parameter(f"{name}_fine", -100, 100, 0.2, True, "cents", "what is added to the ratio"),
        Parameter(f"{name}_level", 0, 1, 0.5, description="level in the output"),
        *envelope(name, attack=0.2),
        Parameter(f"{name}_key_scaling", -12, 12, 0.5, True, "dB", "per octave above key 60"),
    ]


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(KEY, 0, 127, 0.7, True, unit="key", description="MIDI key"),
    Parameter(DURATION, 0.01, 4, 0.5, unit="s", description="time that the key is held"),
    Parameter("tuning", -24, 24, 0.3, True, "semitones", "offset of all operators from the key"),
    *(p for name in OPERATORS for p in _operator(name)),
    *(
        Parameter(f"op_{b + 1}_to_op_{a + 1}", 0, 10, 0.1, unit="rad", description="modulation")
        for a, b in ROUTES
    ),
    Parameter("op_6_feedback", 0, 0.9, 0.5, unit="rad", description="modulation by itself"),
)


class FMVoice(Voice):
    """The FM voice; see the module."""

    name = "fm"
    parameters_ = PARAMETERS
    tunings = ("tuning",)

    def init_state(self, batch: int) -> State:
        return {
            "began": torch.zeros(batch, 1),  # 1 once there is a control period before this one
            "phase": torch.zeros(batch, COUNT, dtype=torch.float64),  # turns
            # Of what `_ends` makes.
            "ends": torch.zeros(batch, 2 * COUNT + len(ROUTES) + 1, dtype=torch.float64),
        }

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        ends = self._ends(*precise(values, note))
        first = torch.where(state["began"] == 0, ends[:, :, 0], state["ends"])
        ends = torch.cat([first[..., None], ends[:, :, 1:]], -1)
        turns = integral(ends[:, :COUNT] * HOP, state["phase"])
        after = {
            "began": torch.ones_like(state["began"]),
            "phase": turns[..., -1] % 1.0,
            "ends": ends[:, :, -1],
        }
        return _audio(ends.to(noise.dtype), turns), after

    def _ends(self, values: Values, note: Note) -> Tensor:
        """Values at the ends of the control periods: frequencies in turns per sample, levels in the
        output, modulations in radians, and the feedback; `[batch, 28, n + 1]`."""
        key = (note.pitch + values["tuning"])[:, None]
        key = key.expand(-1, -1, note.held.shape[-1])
        coarse, fine, level, scaling = (
            stacked(values, [f"{name}_{part}" for name in OPERATORS])
            for part in ("coarse", "fine", "level", "key_scaling")
        )
        frequency = hertz(key + fine / 100) * ratio(coarse) / self.sample_rate
        # An operator that the sample rate can't carry falls silent on the way there.
        carried = ((HIGHEST - frequency) / FADE).clamp(0, 1)
        frequency = frequency.clamp_max(HIGHEST)
        loud = torch.exp(scaling * (key - CENTRE) * (0.11512925 / 12))
        amplitude = adsr(values, OPERATORS, note) * loud.clamp_max(1.0) * carried
        output = amplitude * level / level.sum(1, keepdim=True).clamp_min(1.0)

        feedback = values["op_6_feedback"][..., None].expand(-1, -1, frequency.shape[-1])
        feedback = sidebands.fitting_feedback(feedback, frequency[:, -1:])
        band = {COUNT - 1: sidebands.feedback_band(feedback[:, 0], frequency[:, -1])}
        found: dict[tuple[int, int], Tensor] = {}
        for place in reversed(range(COUNT - 1)):
            above = [b for a, b in ROUTES if a == place]
            index = stacked(values, [f"op_{b + 1}_to_op_{place + 1}" for b in above])
            index = index * amplitude[:, above]
            bands = torch.stack([band[b] for b in above], 1)
            index, band[place] = sidebands.fitting(index, bands, frequency[:, place])
            found |= {(place, b): x for b, x in zip(above, index.unbind(1), strict=True)}
        routes = torch.stack([found[route] for route in ROUTES], 1)
        return torch.cat([frequency, output, routes, feedback], 1)


def ratio(coarse: Tensor) -> Tensor:
    """The ratio of an operator to the key: a staircase with whole steps, and 1/2 at 0.

    Four fifths of the way are level; between them it's straight, so that a slope leads from one
    step to the next.
    """
    step = coarse.floor()
    rise = ((coarse - step - 0.5) / 0.2 + 0.5).clamp(0, 1)
    whole = step + rise
    return whole + 0.5 * (1 - whole).clamp_min(0)


def _audio(ends: Tensor, turns: Tensor) -> Tensor:
    """Audio `[batch, n * HOP]` from what runs in lines and the phases, `[batch, 6, n + 1]`."""
    made = []
    phase, line = Phases(ends[:, :COUNT], turns), Lines(ends[:, COUNT:])
    for part in pieces(ends):
        top = COUNT - 1
        sine = torch.sin(_fed_back(phase(top, part), line(COUNT + len(ROUTES), part)))
        audio = line(top, part) * sine
        sines = {top: sine}
        for place in reversed(range(top)):
            at = phase(place, part)
            for above, other in sines.items():
                at = at + line(COUNT + ROUTES.index((place, above)), part) * other
            sines[place] = torch.sin(at)
            audio = audio + line(place, part) * sines[place]
        made.append(audio)
    return torch.cat(made, 1).flatten(1)


def _fed_back(angle: Tensor, feedback: Tensor) -> Tensor:
    """The angle `x` with `x = angle + feedback * sin(x)`, for a feedback of 0 … 0.9.

    Two steps of Halley's method leave less than a float32 can tell.
    """
    sin, cos = torch.sin(angle), torch.cos(angle)
    x = angle + feedback * sin / torch.sqrt(1.001 - feedback * (2 * cos - feedback))
    for _ in range(2):
        sin, cos = feedback * torch.sin(x), feedback * torch.cos(x)
        off, slope = x - sin - angle, 1 - cos
        x = x - off / (slope - off * sin / (2 * slope))
    return x
