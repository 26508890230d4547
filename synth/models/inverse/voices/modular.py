"""A modular voice: two oscillators and noise, six envelopes, two LFOs and a matrix between them.

The modules and the ranges of its 78 parameters are those of torchsynth's `Voice` (Turian et al.
2021, One Billion Audio Sounds from GPU-Enabled Modular Synthesis). It differs where a live voice
can't know what is still to come: an attack or decay that the release cuts off stays at its own
pace, and levels are bounded by the sum of the mixer's, not by the loudest sample of the whole
sound. The square's edges are as steep as the present frequency allows (`edges`), the saw is as loud
as the square, and an LFO's edge keeps its time between two control periods (`lfo`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices.elements import edges
from synth.models.inverse.voices.elements.lfo import SHAPES, lfo_shape
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

SOURCES = ("adsr_1", "adsr_2", "lfo_1", "lfo_2")
TARGETS = ("vco_1_pitch", "vco_1_amp", "vco_2_pitch", "vco_2_amp", "noise_amp")
ENVELOPES = ("adsr_1", "adsr_2", "lfo_1_amp", "lfo_2_amp", "lfo_1_rate", "lfo_2_rate")
NOISE_RMS = 3**-0.5  # of noise that is uniform within -1 … 1
LFOS, VCOS = ("lfo_1", "lfo_2"), ("vco_1", "vco_2")
HIGHEST = 0.45  # turns per sample: of a sample rate that the highest key doesn't fit into


def _lfo(name: str) -> list[Parameter]:
    return [
        Parameter(f"{name}_frequency", 0, 20, 0.25, unit="Hz", description="frequency"),
        Parameter(f"{name}_mod_depth", -10, 20, 0.5, True, "Hz", "what its rate envelope adds"),
        Parameter(f"{name}_initial_phase", -math.pi, math.pi, unit="rad", description="phase"),
        *(Parameter(f"{name}_{s}", 0, 1, description=f"share of the {s}") for s in SHAPES),
    ]


def _oscillator(name: str) -> list[Parameter]:
    return [
        Parameter(f"{name}_tuning", -24, 24, unit="semitones", description="offset from the key"),
        Parameter(f"{name}_mod_depth", -96, 96, 0.2, True, "semitones", "reach of its modulation"),
        Parameter(f"{name}_initial_phase", -math.pi, math.pi, unit="rad", description="phase"),
    ]


PARAMETERS: tuple[Parameter, ...] = (
    Parameter(KEY, 0, 127, unit="key", description="MIDI key"),
    Parameter(DURATION, 0.01, 4, 0.5, unit="s", description="time that the key is held"),
    *(p for name in ENVELOPES for p in envelope(name)),
    *(p for name in LFOS for p in _lfo(name)),
    *(
        Parameter(f"{source}_to_{target}", 0, 1, 0.5, description=f"{target} from {source}")
        for source in SOURCES
        for target in TARGETS
    ),
    *_oscillator("vco_1"),
    *_oscillator("vco_2"),
    Parameter("vco_2_shape", 0, 1, description="from square to saw"),
    Parameter("mixer_vco_1", 0, 1, description="level of the sine"),
    Parameter("mixer_vco_2", 0, 1, description="level of the square or saw"),
    Parameter("mixer_noise", 0, 1, 0.025, description="level of the noise"),
)


def _swap(first: str, second: str) -> dict[str, str]:
    """The parameters whose names hold one name, with those that hold the other; both ways."""
    pairs = {p.name: p.name.replace(first, second) for p in PARAMETERS if first in p.name}
    return pairs | {b: a for a, b in pairs.items()}


class ModularVoice(Voice):
    """The modular voice; see the module."""

    name = "modular"
    parameters_ = PARAMETERS
    swaps = (_swap("adsr_1", "adsr_2"), _swap("lfo_1", "lfo_2"))
    tunings = ("vco_1_tuning", "vco_2_tuning")

    def init_state(self, batch: int) -> State:
        return {
            "began": torch.zeros(batch, 1),  # 1 once there is a control period before this one
            "lfo_phase": torch.zeros(batch, 2, dtype=torch.float64),  # turns
            "phase": torch.zeros(batch, 2, dtype=torch.float64),  # turns
            # Of the LFOs, and what `_ends` makes, at the end of the last period.
            "lfo_rate": torch.zeros(batch, 2, dtype=torch.float64),
            "ends": torch.zeros(batch, 9, dtype=torch.float64),
        }

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        values, note = precise(values, note)
        fresh = state["began"] == 0
        envelopes = adsr(values, ENVELOPES, note)
        lfos, lfo_phase, lfo_rate = self._lfos(values, envelopes[:, 2:], state, fresh)
        ends = self._ends(values, note, torch.cat([envelopes[:, :2], lfos], 1))
        # What moved since the last period does so in a straight line, too.
        first = torch.where(fresh, ends[:, :, 0], state["ends"])
        ends = torch.cat([first[..., None], ends[:, :, 1:]], -1)
        turns = integral(ends[:, :2] * HOP, state["phase"])
        after = {
            "began": torch.ones_like(state["began"]),
            "lfo_phase": lfo_phase,
            "phase": turns[..., -1] % 1.0,
            "lfo_rate": lfo_rate,
            "ends": ends[:, :, -1],
        }
        return _audio(ends.to(noise.dtype), turns, noise), after

    def _lfos(
        self, values: Values, envelopes: Tensor, state: State, fresh: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Both LFOs at the ends, `[batch, 2, n + 1]`; their phases and rates at the last one."""
        frequency, depth, phase = (
            stacked(values, [f"{name}_{part}" for name in LFOS])
            for part in ("frequency", "mod_depth", "initial_phase")
        )
        rate = (frequency + depth * envelopes[:, 2:]) * (HOP / self.sample_rate)
        first = torch.where(fresh, rate[:, :, 0], state["lfo_rate"])
        rate = torch.cat([first[..., None], rate[:, :, 1:]], -1)
        turns = integral(rate, state["lfo_phase"])
        at = ((turns + phase / (2 * math.pi)) % 1.0).to(rate.dtype)
        weights = stacked(values, [f"{name}_{shape}" for name in LFOS for shape in SHAPES])
        made = lfo_shape(weights.reshape(-1, len(LFOS), len(SHAPES)), at, rate)
        return made * envelopes[:, :2], turns[..., -1] % 1.0, rate[..., -1]

    def _ends(self, values: Values, note: Note, sources: Tensor) -> Tensor:
        """Values at the ends of the periods, `[batch, 9, n + 1]`: frequencies in turns per
        sample, phase offsets in turns, levels of the three, and width and shape of the square."""
        matrix = stacked(values, [f"{s}_to_{t}" for t in TARGETS for s in SOURCES])
        matrix = matrix.reshape(-1, len(TARGETS), len(SOURCES), 1)
        modulation = (matrix * sources[:, None]).sum(2)
        bend = modulation[:, [TARGETS.index(f"{vco}_pitch") for vco in VCOS]]
        loud = [TARGETS.index(f"{name}_amp") for name in (*VCOS, "noise")]
        most = matrix.sum(2).clamp_min(1.0)

        tuning, depth, phase = (
            stacked(values, [f"{vco}_{part}" for vco in VCOS])
            for part in ("tuning", "mod_depth", "initial_phase")
        )
        midi = (note.pitch[:, None] + tuning + depth * bend).clamp(0, 127)
        frequency = hertz(midi).div(self.sample_rate).clamp_max(HIGHEST)
        offset = (phase / (2 * math.pi)).expand_as(frequency)

        mixer = stacked(values, [f"mixer_{name}" for name in (*VCOS, "noise")])
        level = mixer / mixer.sum(1, keepdim=True).clamp_min(1.0)
        level = level * (modulation / most)[:, loud]
        width = edges.width(frequency[:, 1:])
        shape = edges.fitting(values["vco_2_shape"][..., None], frequency[:, 1:])
        sine, square, hiss = torch.split(level, 1, 1)
        square = square / (edges.crest(width) * (1 + shape))
        return torch.cat([frequency, offset, sine, square, hiss * NOISE_RMS, width, shape], 1)


def _audio(ends: Tensor, turns: Tensor, noise: Tensor) -> Tensor:
    """Audio `[batch, n * HOP]` from what runs in lines and the phases, `[batch, 2, n + 1]`."""
    made = []
    noise = torch.unflatten(noise, -1, (-1, HOP))
    phase, line = Phases(ends[:, :2], turns, ends[:, 2:4]), Lines(ends[:, 4:])
    for part in pieces(ends):
        audio = line(2, part) * noise[:, part] + line(0, part) * torch.cos(phase(0, part))
        at = phase(1, part)
        square = edges.square(torch.sin(at) / line(3, part)) * line(1, part)
        made.append(audio + square * (1 + line(4, part) * torch.cos(at)))
    return torch.cat(made, 1).flatten(1)
