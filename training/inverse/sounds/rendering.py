"""Numbered sounds of a voice with the parameters that a model is to find in them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor

from synth.models.inverse import Inverse, InverseConfig, told_of
from synth.models.inverse.hearing import hear
from synth.models.inverse.model import VOICED
from synth.models.inverse.voices import KEY, Voice
from synth.models.inverse.voices.sounds import knob_positions, noise

NOISES = 32  # that `noise` goes round
MARGIN = 1e-3  # semitones that the rounding of knob positions may take


class Sounds(NamedTuple):
    """Some sounds and what made them.

    Attributes:
        gram: the fixed front end's output, `[sounds, …]`; without rows where it learns, too.
        audio: `[sounds, samples]`; without rows where nothing needs it.
        units: knob positions, `[sounds, parameters]`, with the key that is heard.
        told: see `told_of`, `[sounds, 3]`.
        numbers: of the sounds, int64 `[sounds]`.
    """

    gram: Tensor
    audio: Tensor
    units: Tensor
    told: Tensor
    numbers: Tensor


class Renderer:
    """Renders numbered sounds for a model.

    Args:
        config: of the model.
        audio: whether the audio is kept beside the output of a front end that doesn't learn.
    """

    def __init__(self, config: InverseConfig, audio: bool) -> None:
        with torch.random.fork_rng(devices=[]):
            model = Inverse(config)
        self.voice = model.voice
        learns = any(True for _ in model.audio.frontend.parameters())
        self._frontend = None if learns else model.audio.frontend.eval()
        self._audio = audio or learns

    @torch.no_grad()
    def __call__(self, numbers: Sequence[int]) -> Sounds:
        """The sounds of these numbers."""
        audio, units, told = render(self.voice, numbers)
        nothing = audio.new_zeros(0)
        gram = nothing if self._frontend is None else self._frontend(audio).half()
        kept = audio.half() if self._audio else nothing
        return Sounds(gram, kept, units, told, torch.tensor(numbers))


@torch.no_grad()
def render(voice: Voice, numbers: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Audio `[sounds, samples]` of numbered sounds, their units and what is told of them.

    The units are written for the key that is heard, where there is one and the tunings reach it:
    what a model has to find doesn't depend on how key and tunings share the pitch.
    """
    units = knob_positions(voice.names, numbers)
    audio = voice.render(units, noises(voice.samples)[[n % NOISES for n in numbers]])
    heard = hear(audio, voice.sample_rate)
    written = torch.where(heard.voiced > VOICED, canonical(voice, units, heard.key), units)
    return audio, written, told_of(heard, voice)


def canonical(voice: Voice, units: Tensor, key: Tensor) -> Tensor:
    """The same sounds, written for the key that is heard, or the nearest that the tunings allow.

    Args:
        voice: whose parameters they are.
        units: knob positions, `[sounds, parameters]`; key: MIDI keys `[sounds, 1]`.
    """
    if not voice.tunings:
        return units
    values = voice.values(units)
    ranges = {p.name: (p.minimum, p.maximum) for p in voice.parameters_}
    low, high = (torch.full_like(key, end) for end in ranges[KEY])
    for name in voice.tunings:
        pitch = values[KEY] + values[name]
        low = torch.maximum(low, pitch - ranges[name][1] + MARGIN)
        high = torch.minimum(high, pitch - ranges[name][0] - MARGIN)
    return voice.moved_to(units, torch.minimum(torch.maximum(key, low), high))[0]


@lru_cache(maxsize=2)
def noises(samples: int) -> Tensor:
    """The noise of all sounds, `[NOISES, samples]`."""
    return noise(range(NOISES), samples)
