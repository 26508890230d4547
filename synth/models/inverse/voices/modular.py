"""A modular voice: two oscillators and noise, six envelopes, two LFOs and a matrix between them.

The modules and the ranges of its 78 parameters are those of torchsynth's `Voice` (Turian et al.
2021, One Billion Audio Sounds from GPU-Enabled Modular Synthesis). It differs where a live voice
can't know what is still to come: an attack or decay that the release cuts off stays at its own
pace; levels are bounded by the sum of the mixer's, not by the loudest sample of the whole sound;
and the square's edge follows the present frequency, not the highest one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices.parameter import Parameter
from synth.models.inverse.voices.voice import DURATION, HOP, KEY, Note, Values, Voice
from synth.nn import State

SOURCES = ("adsr_1", "adsr_2", "lfo_1", "lfo_2")
TARGETS = ("vco_1_pitch", "vco_1_amp", "vco_2_pitch", "vco_2_amp", "noise_amp")
SHAPES = ("sine", "triangle", "saw", "reverse_saw", "square")
ENVELOPES = ("adsr_1", "adsr_2", "lfo_1_amp", "lfo_2_amp", "lfo_1_rate", "lfo_2_rate")
NOISE_RMS = 3**-0.5  # of noise that is uniform within -1 … 1
# Level of the strongest alias of the square beside its fundamental, and harmonics by which the
# lowest alias may be nearer than the ratio of the rates says: the saw's are shifted by one.
ALIAS, MARGIN = 3e-4, 1.0


def _envelope(name: str) -> list[Parameter]:
    return [
        Parameter(f"{name}_attack", 0, 2, 0.5, unit="s", description="rise from 0 to 1"),
        Parameter(f"{name}_decay", 0, 2, 0.5, unit="s", description="fall from 1 to the sustain"),
        Parameter(f"{name}_sustain", 0, 1, description="level while the key is held"),
        Parameter(f"{name}_release", 0, 5, 0.5, unit="s", description="fall after the release"),
        Parameter(f"{name}_alpha", 0.1, 6, description="bend of the ramps, 1 is straight"),
    ]


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
    *(p for name in ENVELOPES for p in _envelope(name)),
    *(p for name in ("lfo_1", "lfo_2") for p in _lfo(name)),
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


class ModularVoice(Voice):
    """The modular voice; see the module."""

    name = "modular"
    parameters_ = PARAMETERS

    def init_state(self, batch: int) -> State:
        return {
            "began": torch.zeros(batch, 1),  # 1 once there is a control period before this one
            "lfo_phase": torch.zeros(batch, 2, dtype=torch.float64),  # turns
            "phase": torch.zeros(batch, 2, dtype=torch.float64),  # turns
            "lfo_rate": torch.zeros(batch, 2),  # of LFOs at the end of the last period
            "ends": torch.zeros(batch, 9),  # of what `_ends` makes, in that order
        }

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        fresh = state["began"] == 0
        envelopes = {name: _adsr(values, name, note) for name in ENVELOPES}
        lfos, lfo_phase, lfo_rate = self._lfos(values, envelopes, state, fresh)
        sources = dict(zip(SOURCES, (envelopes["adsr_1"], envelopes["adsr_2"], *lfos), strict=True))
        found = self._ends(values, note, sources)
        # What moved since the last period does so in a straight line, too.
        first = torch.where(fresh[..., None], found[:, :, :1], state["ends"][..., None])
        ends = torch.cat([first, found[:, :, 1:]], -1)
        audio, phase = self._oscillate(ends, noise, state["phase"])
        after = {
            "began": torch.ones_like(state["began"]),
            "lfo_phase": lfo_phase,
            "phase": phase,
            "lfo_rate": lfo_rate,
            "ends": ends[:, :, -1],
        }
        return audio, after

    def _lfos(
        self, values: Values, envelopes: dict[str, Tensor], state: State, fresh: Tensor
    ) -> tuple[list[Tensor], Tensor, Tensor]:
        """Both LFOs at the ends, `[batch, n + 1]` each; their phases and rates at the last one."""
        made, phases, rates = [], [], []
        for i, name in enumerate(("lfo_1", "lfo_2")):
            depth, own = values[f"{name}_mod_depth"], envelopes[f"{name}_rate"]
            rate = (values[f"{name}_frequency"] + depth * own) * (HOP / self.sample_rate)
            first = torch.where(fresh, rate[:, :1], state["lfo_rate"][:, i : i + 1])
            rate = torch.cat([first, rate[:, 1:]], 1)
            turns = _integral(rate, state["lfo_phase"][:, i : i + 1])
            at = (turns + values[f"{name}_initial_phase"] / (2 * math.pi)).float() % 1.0
            made.append(_lfo_shape(values, name, at) * envelopes[f"{name}_amp"])
            phases.append(turns[:, -1:] % 1.0)
            rates.append(rate[:, -1:])
        return made, torch.cat(phases, 1), torch.cat(rates, 1)

    def _ends(self, values: Values, note: Note, sources: dict[str, Tensor]) -> Tensor:
        """What runs in straight lines, at the ends, `[batch, 9, n + 1]`: frequencies in turns per
        sample, phase offsets in turns, levels of the three, and drive and shape of the square."""
        zero = torch.zeros_like(sources["adsr_1"])

        def mixed(target: str) -> tuple[Tensor, Tensor]:
            weights = [values[f"{source}_to_{target}"] for source in SOURCES]
            total = sum((w * s for w, s in zip(weights, sources.values(), strict=True)), zero)
            return total, torch.stack(weights).sum(0).clamp_min(1.0)

        mixer = [values[f"mixer_{name}"] for name in ("vco_1", "vco_2", "noise")]
        room = torch.stack(mixer).sum(0).clamp_min(1.0)
        frequencies, levels = [], []
        for name in ("vco_1", "vco_2"):
            reach = values[f"{name}_mod_depth"] * mixed(f"{name}_pitch")[0]
            midi = (note.pitch + values[f"{name}_tuning"] + reach).clamp(0, 127)
            frequencies.append(440 / self.sample_rate * torch.exp2((midi - 69) / 12))
        for level, target in zip(mixer, ("vco_1_amp", "vco_2_amp", "noise_amp"), strict=True):
            total, most = mixed(target)
            levels.append(level / room * total / most)
        levels[2] = levels[2] * NOISE_RMS
        offsets = [
            zero + values[f"{name}_initial_phase"] / (2 * math.pi) for name in ("vco_1", "vco_2")
        ]
        drive = _drive(frequencies[1])
        shape = zero + values["vco_2_shape"]
        levels[1] = levels[1] * (1 - shape / 2) / torch.tanh(drive)
        return torch.stack([*frequencies, *offsets, *levels, drive, shape], 1)

    def _oscillate(self, ends: Tensor, noise: Tensor, phase: Tensor) -> tuple[Tensor, Tensor]:
        """Audio `[batch, n * HOP]` and the phases after it, `[batch, 2]`."""
        turns = _integral(ends[:, :2] * HOP, phase[..., None])
        start = (turns[..., :-1] % 1.0).float() + ends[:, 2:4, :-1]
        count = torch.arange(HOP, device=ends.device, dtype=ends.dtype)
        share = count / HOP
        slope = ends.diff(dim=-1)
        # A frequency that runs in a straight line makes a phase that is a parabola.
        rate = ends[:, :2, :-1] * HOP + slope[:, 2:4]
        bent = slope[:, :2] * (HOP / 2)
        at = start[..., None] + share * (rate[..., None] + share * bent[..., None])
        angle = at * (2 * math.pi)
        line = ends[:, 4:, :-1, None] + slope[:, 4:, :, None] * share
        one, two, hiss, drive, shape = line.unbind(1)
        sine = torch.cos(angle[:, 0])
        square = torch.tanh(drive * torch.sin(angle[:, 1]))
        saw = square * (1 + shape * torch.cos(angle[:, 1]))
        audio = one * sine + two * saw + hiss * noise.unflatten(-1, (-1, HOP))
        return audio.flatten(1), turns[..., -1] % 1.0


def _adsr(values: Values, name: str, note: Note) -> Tensor:
    """An envelope at the ends, `[batch, n + 1]`, 0 … 1."""
    alpha, sustain = values[f"{name}_alpha"], values[f"{name}_sustain"]
    attack, decay = values[f"{name}_attack"], values[f"{name}_decay"]
    rise = _ramp(note.held, attack, alpha)
    fall = 1 - _ramp(note.held - attack, decay, torch.ones_like(alpha))
    out = _power(1 - _ramp(note.released, values[f"{name}_release"], torch.ones_like(alpha)), alpha)
    return rise * (sustain + (1 - sustain) * _power(fall, alpha)) * out


def _ramp(time: Tensor, length: Tensor, alpha: Tensor) -> Tensor:
    return _power((time / length.clamp_min(1e-4)).clamp(0, 1), alpha)


def _power(x: Tensor, exponent: Tensor) -> Tensor:
    """`x ** exponent` for x in 0 … 1, exactly 0 at 0, with a finite slope there."""
    return torch.where(x > 1e-6, x.clamp_min(1e-6) ** exponent, 0.0)


def _lfo_shape(values: Values, name: str, turn: Tensor) -> Tensor:
    """A mixture of five shapes, each 0 … 1, at a place in the turn, 0 … 1."""
    sine = 0.5 + 0.5 * torch.cos(2 * math.pi * turn)
    shapes = (sine, 1 - (1 - 2 * turn).abs(), turn, 1 - turn, torch.where(turn < 0.5, 1.0, 0.0))
    weights = [values[f"{name}_{shape}"] ** math.e for shape in SHAPES]
    total = sum(weights, torch.full_like(weights[0], 1e-6))
    return torch.stack([w / total * s for w, s in zip(weights, shapes, strict=True)]).sum(0)


def _integral(rate: Tensor, start: Tensor) -> Tensor:
    """`start` and the running sum of `rate`, straight between its points, in double precision."""
    steps = (rate[..., :-1] + rate[..., 1:]).double() / 2
    return torch.cat([start, start + steps.cumsum(-1)], -1)


def _drive(frequency: Tensor) -> Tensor:
    """The steepness `a` of `tanh(a sin)` at a frequency in turns per sample.

    Its harmonics fall as `2 d exp(-d n)` beside the fundamental, with `sinh d = pi / (2 a)`: the
    pole of the tanh nearest to the real axis. `d` is chosen so that the first harmonic that folds
    back is at `ALIAS`.
    """
    first = (0.5 / frequency - MARGIN).clamp_min(1.0)
    d = torch.full_like(first, 1.0) / first
    for _ in range(4):
        d = (torch.log(2 * d / ALIAS) / first).clamp_min(1e-3)
    return math.pi / 2 / torch.sinh(d.clamp_max(8.0))
