"""Resampling with a gradient: band-limited, exact for what both rates can hold."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from training.measures.resampling import resample
from training.measures.torchaudio_loader import load_torchaudio


def test_resampling_keeps_a_tone_and_drops_what_the_new_rate_has_no_room_for() -> None:
    def tone(hz: float, rate: int) -> Tensor:
        # A cosine of whole half-periods goes on smoothly in its mirror image.
        time = (torch.arange(rate, dtype=torch.float64) + 0.5) / rate
        return torch.cos(math.pi * hz * 2 * time)[None]

    for rate in (22_050, 12_345):
        made = resample(tone(1_000.0, 16_000), rate)
        time = torch.arange(rate, dtype=torch.float64) / rate + 0.5 / 16_000
        meant = torch.cos(2 * math.pi * 1_000.0 * time)[None]
        assert (made - meant).abs().max() < 1e-9
    assert resample(tone(5_000.0, 16_000), 8_000).abs().max() < 1e-9
    assert torch.equal(resample(tone(9.0, 100), 100), tone(9.0, 100))
    sound = torch.randn(
        2, 30, generator=torch.Generator().manual_seed(4), dtype=torch.float64, requires_grad=True
    )
    assert torch.autograd.gradcheck(lambda x: resample(x, 41), sound)
    assert torch.autograd.gradcheck(lambda x: resample(x, 19), sound)


def test_away_from_the_ends_it_agrees_with_torchaudio() -> None:
    """A windowed sinc of 400 crossings is as sharp as this, for what lies well below Nyquist."""
    windowed_sinc = load_torchaudio().functional.resample
    time = torch.arange(16_000, dtype=torch.float64) / 16_000
    sound = sum((torch.sin(2 * math.pi * f * time) for f in (100.0, 997.0, 3_000.0)), 0 * time)[
        None
    ]
    for rate in (8_000, 22_050):
        usual = windowed_sinc(sound, 16_000, rate, lowpass_filter_width=400)
        middle = slice(rate // 4, 3 * rate // 4)
        assert (resample(sound, rate) - usual)[:, middle].abs().max() < 2e-3
