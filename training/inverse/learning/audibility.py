"""Weights for the errors of parameters, by how much each parameter changes sounds."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inverse import InverseConfig
from synth.models.inverse.model import configured_voice
from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import knob_positions, numbers_of
from training.inverse.sounds.rendering import NOISES, noises

SOUNDS = 32
MOVED = 0.25  # of a knob's way
LEAST = 0.1  # weight of a parameter that is never heard, of the mean
WINDOW, HOP = 1_024, 512
LOUD = 1e-3  # power at which a change of level counts as one of a few decibels


@torch.no_grad()
def audibility(config: InverseConfig, sounds: int = SOUNDS) -> tuple[float, ...]:
    """Weights of the parameters, in the order of the voice's, their mean 1.

    Each knob of some sounds is moved by a quarter of its way, towards the farther end; its weight
    is the root of the mean change of the logarithmic spectrum.

    Args:
        config: of the model; sounds: number that are rendered.
    """
    voice = configured_voice(config)
    numbers = numbers_of("train", 0, sounds)
    units = knob_positions(voice.names, numbers)
    hiss = noises(voice.samples)[[n % NOISES for n in numbers]]
    before = _spectra(voice, units, hiss)
    changes = []
    for column in range(units.shape[1]):
        moved = units.clone()
        up = moved[:, column] < 0.5
        moved[:, column] += torch.where(up, MOVED, -MOVED)
        changes.append((_spectra(voice, moved, hiss) - before).abs().mean())
    weights = torch.stack(changes).sqrt()
    weights = (weights / weights.mean()).clamp_min(LEAST)
    return tuple(round(float(w), 4) for w in weights / weights.mean())


def _spectra(voice: Voice, units: Tensor, hiss: Tensor) -> Tensor:
    """Logarithmic spectra of sounds, `[sounds, bins, frames]`."""
    audio = voice.render(units, hiss)
    window = torch.hann_window(WINDOW)
    found = torch.stft(audio, WINDOW, HOP, window=window / window.sum(), return_complex=True)
    return torch.log(found.abs().square() + LOUD**2)
