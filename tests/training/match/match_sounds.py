"""Sounds and a small voice for the tests of matching."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.models.inverse.voices import Voice, make_voice

RATE = 8_000


def small_voice() -> Voice:
    """The modular voice at a low rate and of half a second, so that tests are quick."""
    voice = make_voice("modular", RATE)
    voice.seconds = 0.5
    return voice


def tone(hz: float, seconds: float = 0.5, rate: int = RATE, level: float = 0.5) -> Tensor:
    """A sine `[samples]`."""
    return level * torch.sin(2 * math.pi * hz * torch.arange(round(seconds * rate)) / rate)


class FixedProposer:
    """Proposes the same patches whatever it hears."""

    name = "fixed"

    def __init__(self, units: Tensor) -> None:
        self.units = units

    def propose(self, audio: Tensor, noise: Tensor) -> Tensor:
        return self.units[: len(noise)]
