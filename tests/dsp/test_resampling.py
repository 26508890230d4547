"""Reading at a varying rate: physics of the interpolator."""

from __future__ import annotations

import math

import pytest
import torch

from synth.dsp.resampling import HALF, ONE, increment, interpolation_table, read_at

TABLE = interpolation_table()


def _read(signal: torch.Tensor, start: int, count: int, rate: int) -> torch.Tensor:
    position = start * ONE + torch.arange(count)[None] * rate
    return read_at(signal[None, None], position, TABLE)[0, 0]


def test_reading_at_rate_one_changes_nothing() -> None:
    """At whole positions the interpolator is one tap of 1."""
    signal = torch.randn(200)
    assert torch.equal(_read(signal, 20, 100, ONE), signal[20:120])


@pytest.mark.parametrize("semitones", [-12.0, -3.0, 0.37, 4.0, 7.0])
def test_a_tone_comes_out_transposed(semitones: float) -> None:
    """A sine read faster is the same sine at the higher frequency, to -65 dB."""
    rate = int(increment(torch.tensor(semitones)))
    ratio = rate / ONE
    assert 12 * math.log2(ratio) == pytest.approx(semitones, abs=1e-4)
    frequency = 0.03
    signal = torch.sin(2 * math.pi * frequency * torch.arange(4000, dtype=torch.float64)).float()
    read = _read(signal, HALF, 1000, rate)
    at = HALF + torch.arange(1000, dtype=torch.float64) * ratio
    wanted = torch.sin(2 * math.pi * frequency * at).float()
    assert float((read - wanted).abs().max()) < 5e-4


def test_gain_at_zero_hertz_is_one_everywhere() -> None:
    """A constant stays that constant at every phase."""
    assert torch.allclose(TABLE.sum(1), torch.ones(len(TABLE)), atol=1e-6)


def test_batches_read_their_own_rows() -> None:
    """Each row has its own positions."""
    signal = torch.randn(2, 1, 100)
    position = torch.tensor([[20 * ONE], [30 * ONE]])
    read = read_at(signal, position, TABLE)
    assert torch.equal(read[:, 0, 0], torch.stack([signal[0, 0, 20], signal[1, 0, 30]]))
