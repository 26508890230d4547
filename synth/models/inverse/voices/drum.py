"""A drum voice: body, noise in bands, click, metal and snap, each with an envelope of its own.

The body is a sine, or something harder, whose pitch falls; the noise has six bands, an octave each;
the click is a short ring that starts between two control periods; the metal is a cluster of six
partials that the lowest modulates; the snap is a burst of noise, or several. Everything dies away
by itself, and sooner once the key is released.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices.elements import bands, edges, sidebands
from synth.models.inverse.voices.envelope import hit, ramp
from synth.models.inverse.voices.lines import (
    Lines,
    Phases,
    hertz,
    integral,
    pieces,
    samples_of,
)
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

# Ratios of partials: a row of harmonics, and the oscillators of an analogue cymbal.
HARMONIC = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0)
CYMBAL = (1.0, 1.483, 1.8, 2.546, 2.63, 3.897)
PARTIALS = len(CYMBAL)
TONES = 1 + PARTIALS  # body and partials
# Places among the lines, behind levels and modulations of the tones: what time follows.
WIDTH = 2 * TONES
BANDS = WIDTH + 1
CLICK = BANDS + bands.COUNT
BURSTS = 5
PARTS = ("body", "noise", "click", "metal", "snap")
NOISE_LEVEL = 0.3  # deviation of noise at full level: its peaks are four times as high
SOFTEST, HARDEST = 6.0, 0.8  # widths of the body's edges
HIGHEST, FADE = 0.45, 0.05  # turns per sample
CLICK_LENGTH = 16.0  # time constants after which nothing is left of the click

PARAMETERS: tuple[Parameter, ...] = (
    Parameter(KEY, 0, 127, 0.4, True, "key", "MIDI key"),
    Parameter(DURATION, 0.01, 4, 0.5, unit="s", description="time that the key is held"),
    Parameter("release", 0, 5, 0.7, unit="s", description="fall of everything after the release"),
    Parameter("body_level", 0, 1, description="level of the body"),
    Parameter("body_tuning", -36, 12, unit="semitones", description="where its pitch ends"),
    Parameter("body_sweep", 0, 60, 0.5, unit="semitones", description="where its pitch starts"),
    Parameter("body_sweep_time", 0.002, 1, 0.3, unit="s", description="fall of its pitch"),
    Parameter("body_sweep_alpha", 1, 8, description="bend of that fall, 1 is straight"),
    Parameter("body_attack", 0, 0.2, 0.2, unit="s", description="its rise"),
    Parameter("body_decay", 0.01, 4, 0.4, unit="s", description="its fall"),
    Parameter("body_alpha", 0.5, 6, description="bend of its fall, 1 is straight"),
    Parameter("body_hardness", 0, 1, description="from sine to square"),
    Parameter("noise_level", 0, 1, 0.7, description="level of the noise"),
    Parameter("noise_attack", 0, 0.5, 0.2, unit="s", description="its rise"),
    Parameter("noise_decay", 0.01, 4, 0.3, unit="s", description="its fall"),
    Parameter("noise_alpha", 0.5, 6, description="bend of its fall, 1 is straight"),
    Parameter("noise_damping", 0, 2, 0.7, unit="octaves", description="shorter falls above"),
    *(
        Parameter(f"noise_band_{i + 1}", 0, 1, description=f"its octave {i + 1} from above")
        for i in range(bands.COUNT)
    ),
    Parameter("click_level", 0, 1, 0.5, description="level of the click"),
    Parameter("click_frequency", 200, 12_000, 0.5, unit="Hz", description="its frequency"),
    Parameter("click_decay", 0.0002, 0.02, 0.5, unit="s", description="its time constant"),
    Parameter("metal_level", 0, 1, 0.3, description="level of the metal"),
    Parameter("metal_tuning", 0, 60, unit="semitones", description="its lowest partial"),
    Parameter("metal_spread", 0, 1, description="from harmonics to a cymbal"),
    Parameter("metal_roughness", 0, 8, 0.5, unit="rad", description="modulation by the lowest"),
    Parameter("metal_attack", 0, 0.2, 0.2, unit="s", description="its rise"),
    Parameter("metal_decay", 0.01, 4, 0.4, unit="s", description="its fall"),
    Parameter("metal_alpha", 0.5, 6, description="bend of its fall, 1 is straight"),
    Parameter("metal_damping", 0, 2, 0.7, unit="octaves", description="shorter falls above"),
    Parameter("snap_level", 0, 1, 0.5, description="level of the bursts"),
    Parameter("snap_count", 1, BURSTS, 0.5, description="how many bursts"),
    Parameter("snap_spacing", 0.003, 0.05, 0.7, unit="s", description="time between them"),
    Parameter("snap_decay", 0.003, 0.5, 0.3, unit="s", description="fall of each"),
    Parameter("snap_tone", 0, 1, description="from the highest octave to the lowest"),
)


class DrumVoice(Voice):
    """The drum voice; see the module."""

    name = "drum"
    parameters_ = PARAMETERS
    tunings = ("body_tuning", "metal_tuning")

    def init_state(self, batch: int) -> State:
        return {
            "began": torch.zeros(batch, 1),  # 1 once there is a control period before this one
            "phase": torch.zeros(batch, TONES, dtype=torch.float64),  # turns
            "noise": torch.zeros(batch, bands.PAST),  # the last that was heard
            # Of what `_ends` makes.
            "ends": torch.zeros(batch, 3 * TONES + bands.COUNT + 2, dtype=torch.float64),
        }

    def step(self, values: Values, note: Note, noise: Tensor, state: State) -> tuple[Tensor, State]:
        ends = self._ends(*precise(values, note))
        first = torch.where(state["began"] == 0, ends[:, :, 0], state["ends"])
        ends = torch.cat([first[..., None], ends[:, :, 1:]], -1)
        turns = integral(ends[:, :TONES] * HOP, state["phase"])
        noise = noise.expand(ends.shape[0], -1)
        heard = torch.cat([state["noise"].to(noise.dtype), noise], -1)
        after = {
            "began": torch.ones_like(state["began"]),
            "phase": turns[..., -1] % 1.0,
            "noise": heard[:, -bands.PAST :],
            "ends": ends[:, :, -1],
        }
        # The time runs in a line, too.
        time = (note.held + note.released)[:, None].to(noise.dtype)
        ends = ends.to(noise.dtype)
        phase, line = Phases(ends[:, :TONES], turns), Lines(torch.cat([ends[:, TONES:], time], 1))
        made = []
        for part in pieces(ends):
            past = heard[:, samples_of(part, bands.PAST)]
            audio = _tones(phase, line, part) + _noise(line, past, part)
            made.append(audio + _click(values, line, part))
        return torch.cat(made, 1).flatten(1), after

    def _ends(self, values: Values, note: Note) -> Tensor:
        """Values at the ends of the periods, `[batch, 29, n + 1]`: frequencies of body and
        partials in turns per sample, their levels and modulations, the body's width of edges,
        levels of the bands, and of the click."""
        time = (note.held + note.released)[:, None]
        mixer = stacked(values, [f"{part}_level" for part in PARTS])
        mixer = mixer / mixer.sum(1, keepdim=True).clamp_min(1.0)
        mixer = mixer * (1 - ramp(note.released[:, None], values["release"][..., None]))
        body, noise, click, metal, snap = torch.split(mixer, 1, 1)
        body_frequency, width, body_level = self._body(values, note, time)
        frequency, levels, rough = self._metal(values, note, time)
        found = noise * _noise_levels(values, time) + snap * _snap_levels(values, time)
        return torch.cat(
            [
                torch.cat([body_frequency, frequency], 1),
                torch.cat([body * body_level, metal * levels], 1),
                torch.cat([torch.zeros_like(rough[:, :1]), rough], 1),
                width,
                found * NOISE_LEVEL,
                click,
            ],
            1,
        )

    def _body(self, values: Values, note: Note, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frequency, width of edges and level of the body, `[batch, 1, n + 1]` each."""
        length, alpha, sweep, hardness = (
            values[f"body_{part}"][..., None]
            for part in ("sweep_time", "sweep_alpha", "sweep", "hardness")
        )
        fallen = hit(time, torch.zeros_like(length), length, alpha, rises=False)
        key = (note.pitch + values["body_tuning"])[:, None] + sweep * fallen
        frequency = hertz(key) / self.sample_rate
        carried = ((HIGHEST - frequency) / FADE).clamp(0, 1)
        frequency = frequency.clamp_max(HIGHEST)
        wanted = SOFTEST * torch.exp(hardness * math.log(HARDEST / SOFTEST))
        width = torch.maximum(edges.width(frequency), wanted)
        level = _envelope(values, "body", time) * carried / edges.crest(width)
        return frequency, width, level

    def _metal(self, values: Values, note: Note, time: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Frequencies, levels and modulations of the partials, `[batch, 6, n + 1]` each."""
        spread = values["metal_spread"][..., None]
        low, high = (
            torch.tensor(ratios, dtype=spread.dtype, device=spread.device).log()[:, None]
            for ratios in (HARMONIC, CYMBAL)
        )
        ratio = torch.exp(low + (high - low) * spread)
        base = hertz((note.pitch + values["metal_tuning"])[:, None]) / self.sample_rate
        frequency = (base * ratio).expand(-1, -1, time.shape[-1])
        carried = ((HIGHEST - frequency) / FADE).clamp(0, 1)
        frequency = frequency.clamp_max(HIGHEST)
        place = torch.arange(PARTIALS, dtype=spread.dtype, device=spread.device)[:, None]
        damping = torch.exp(values["metal_damping"][..., None] * place * (-math.log(2) / 2))
        level = _envelope(values, "metal", time, damping) * carried / PARTIALS
        index = values["metal_roughness"][..., None].expand(-1, -1, time.shape[-1])
        rough = [
            sidebands.fitting(index, frequency[:, :1], frequency[:, i])[0] if i else index * 0
            for i in range(PARTIALS)
        ]
        return frequency, level, torch.cat(rough, 1)


def _envelope(values: Values, name: str, time: Tensor, shorter: Tensor | float = 1.0) -> Tensor:
    attack, decay, alpha = (
        values[f"{name}_{part}"][..., None] for part in ("attack", "decay", "alpha")
    )
    return hit(time, attack, decay * shorter, alpha)


def _noise_levels(values: Values, time: Tensor) -> Tensor:
    """Levels of the bands by the noise's own envelope, `[batch, bands, n + 1]`."""
    level = stacked(values, [f"noise_band_{i + 1}" for i in range(bands.COUNT)])
    level = level / torch.sqrt((level * level).sum(1, keepdim=True) + 1e-6)
    place = torch.arange(bands.COUNT - 1, -1, -1, dtype=time.dtype, device=time.device)[:, None]
    damping = torch.exp(values["noise_damping"][..., None] * place * (-math.log(2) / 2))
    return level * _envelope(values, "noise", time, damping)


def _snap_levels(values: Values, time: Tensor) -> Tensor:
    """Levels of the bands by the bursts, `[batch, bands, n + 1]`."""
    count, spacing, decay, tone = (
        values[f"snap_{part}"][..., None] for part in ("count", "spacing", "decay", "tone")
    )
    place = torch.arange(BURSTS, dtype=time.dtype, device=time.device)[:, None]
    started = time - place * spacing
    shape = torch.full_like(decay, 3.0)
    burst = hit(started.clamp_min(0), torch.zeros_like(decay), decay, shape)
    burst = (burst * (count - place).clamp(0, 1)).amax(1, keepdim=True)
    octave = torch.arange(bands.COUNT, dtype=time.dtype, device=time.device)[:, None]
    away = octave - tone * (bands.COUNT - 1)
    level = torch.exp(-away * away)
    return burst * level / torch.sqrt((level * level).sum(1, keepdim=True))


def _tones(phase: Phases, line: Lines, part: slice) -> Tensor:
    """Body and metal, `[batch, n, HOP]`."""
    body = edges.square(torch.sin(phase(0, part)) / line(WIDTH, part))
    modulator = torch.sin(phase(1, part))
    audio = line(0, part) * body + line(1, part) * modulator
    for place in range(2, TONES):
        rough = line(TONES + place, part) * modulator
        audio = audio + line(place, part) * torch.sin(phase(place, part) + rough)
    return audio


def _noise(line: Lines, heard: Tensor, part: slice) -> Tensor:
    """The noise in its bands, `[batch, n, HOP]`, of what was heard before and in these periods."""
    first, *others = bands.split(heard)
    audio = line(BANDS, part) * torch.unflatten(first, -1, (-1, HOP))
    for place, band in enumerate(others, BANDS + 1):
        audio = audio + line(place, part) * torch.unflatten(band, -1, (-1, HOP))
    return audio


def _click(values: Values, line: Lines, part: slice) -> Tensor:
    """The click, `[batch, n, HOP]`."""
    decay = values["click_decay"][..., None]
    since = torch.minimum(line(CLICK + 1, part), CLICK_LENGTH * decay)
    ring = torch.sin(since * (2 * math.pi * values["click_frequency"][..., None]))
    return line(CLICK, part) * ring * torch.exp(-since / decay)
