"""What a voice that reads faster than it was sampled does to frequencies."""

from __future__ import annotations

import math

import pytest
import torch
from inr_sines import LEVEL, RATE, Player, sines
from torch import Tensor

from synth.models.inr.live.instrument import INRInstrument


def two() -> INRInstrument:
    """Two timbres of unknown pitch."""
    return INRInstrument(sines([500.0, 800.0], names=("low", "high")))


def level_db(sound: Tensor, hertz: float, sample_rate: int = RATE) -> float:
    """Level of one frequency in dB of the sounds' own, through a window whose skirts are low."""
    x = sound.double()
    window = torch.blackman_window(len(x), dtype=torch.float64)
    turn = torch.exp(-2j * math.pi * hertz / sample_rate * torch.arange(len(x)))
    size = (x * window * turn).sum().abs() * 2 / window.sum()
    return 20 * math.log10(float(size) / LEVEL + 1e-12)


@pytest.mark.parametrize(("tone", "speed"), [(7000, 2.0), (5500, 2.0), (3500, 4.0), (6500, 1.5)])
def test_what_can_not_be_heard_is_not_folded(tone: float, speed: float) -> None:
    """A tone that the speed brings above half the sample rate is at least 55 dB down."""
    sound = Player(INRInstrument(sines([tone])), speed=speed).seconds(0.24)
    folded = abs(tone * speed - RATE * round(tone * speed / RATE))
    assert level_db(sound[400:2800], folded) < -55


@pytest.mark.parametrize(("tone", "speed"), [(500, 2.0), (1500, 2.0), (600, 4.0), (2000, 1.5)])
def test_what_can_be_heard_passes(tone: float, speed: float) -> None:
    sound = Player(INRInstrument(sines([tone])), speed=speed).seconds(0.24)
    assert abs(level_db(sound[400:2800], tone * speed)) < 0.2


def test_a_fast_voice_leaves_slow_ones_alone() -> None:
    """More points per sample for one voice are more points for all, and change no other."""
    player = Player(two(), voices=2)
    player.set(speed=(1.0, 3.0))
    alone = Player(two())
    difference = player.play(40)[0] - alone.play(40)[0]
    assert float(difference.abs().max()) < 1e-6
