"""Super-resolution: errors in band are the same at every ratio, what is made up counts above."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from inr_sines import LEVEL, sines
from torch import Tensor

from training.inr.decoding import decoded
from training.inr.sounds import interpolated
from training.measures.upsampling import FLOOR_DB, super_resolution

RATIOS = (1, 2, 4)


def cosines(points: int, *halves: int) -> Tensor:
    """Sum of cosines of so many half-periods over the length, read at `points` points of it."""
    time = torch.arange(points, dtype=torch.float64) / points
    return sum((0.1 * torch.cos(math.pi * k * time) for k in halves), torch.zeros(points))[None]


@pytest.mark.parametrize("ratio", RATIOS)
def test_an_error_in_band_is_the_same_at_every_ratio(ratio: int) -> None:
    points = 4_000 * ratio
    meant, made = cosines(points, 300, 900), cosines(points, 300, 900, 1_200)
    found = super_resolution(made, meant, ratio)
    # A tenth of full scale over 4000 samples; whole periods have no leakage.
    assert found.in_band == pytest.approx(4_000 * 0.1**2 / 2, rel=1e-6)
    assert found.above_db < 1.0
    perfect = super_resolution(meant, meant, ratio)
    assert (perfect.in_band, perfect.above_db) == (0.0, 0.0)


@pytest.mark.parametrize("ratio", [2, 4])
def test_what_is_made_up_counts_above_and_not_in_band(ratio: int) -> None:
    points = 4_000 * ratio
    meant = cosines(points, 300)
    above = cosines(points, 4_000 + 1_000)  # the old Nyquist frequency has 4000 half-periods
    found = super_resolution(meant + above, meant, ratio)
    assert found.in_band < 1e-9
    louder = super_resolution(meant + 10 * above, meant, ratio)
    assert louder.above_db > found.above_db > 1.0


def test_noise_above_is_as_many_decibels_as_it_stands_over_the_floor() -> None:
    random = torch.Generator().manual_seed(0)
    hiss = torch.randn(1, 40_000, generator=random, dtype=torch.float64)
    silence = torch.zeros(1, 40_000)
    levels = [
        super_resolution(10 ** (db / 20) * hiss, silence, 2).above_db for db in (-40.0, -20.0)
    ]
    # 20 dB more are 20 dB more of nearly every bin.
    assert levels[1] - levels[0] == pytest.approx(20.0, abs=0.5)
    assert levels[1] < -FLOOR_DB


def test_band_limited_interpolation_is_right_at_every_ratio() -> None:
    rate, seconds = 16_000, 0.25
    taper = np.hanning(round(rate * seconds))
    time = np.arange(len(taper)) / rate
    sound = (taper * np.sin(2 * np.pi * 3_000 * time)).astype(np.float32)
    energy = float(np.square(sound).sum())
    for ratio in RATIOS:
        dense = np.arange(len(taper) * ratio) / (rate * ratio)
        envelope = np.sin(np.pi * dense / (time[-1])) ** 2 * (dense < time[-1])
        exact = torch.from_numpy(envelope * np.sin(2 * np.pi * 3_000 * dense))[None]
        meant = torch.from_numpy(interpolated(sound, ratio))[None]
        found = super_resolution(exact, meant, ratio)
        assert found.in_band < 1e-5 * energy
        assert found.above_db < 3.0


def test_a_network_that_is_off_is_as_much_off_at_every_ratio() -> None:
    model = sines((440.0, 3_000.0))
    time = np.arange(16_000) / 16_000
    meant = np.stack([LEVEL * np.sin(2 * np.pi * f * time) for f in (441.0, 3_000.0)])
    found = []
    for ratio in RATIOS:
        dense = torch.from_numpy(np.stack([interpolated(s, ratio) for s in meant]))
        found.append(super_resolution(decoded(model, model.latents, ratio=ratio), dense, ratio))
    # Whole periods of different frequencies: their energies add up, of one of the two sounds.
    assert [r.in_band for r in found] == pytest.approx([LEVEL**2 * 16_000 / 2] * 3, rel=2e-3)
    assert all(r.above_db < 3.0 for r in found)
