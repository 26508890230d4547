"""PQMF: what is split comes back, and bands hold what belongs to them."""

from __future__ import annotations

import numpy as np
import pytest

from synth.contract import ConfigError
from synth.dsp.pqmf import pqmf_filters, reconstruction_snr


@pytest.mark.parametrize(("bands", "decibel"), [(2, 67), (3, 65), (4, 64), (8, 45)])
def test_white_noise_is_reconstructed(bands: int, decibel: float) -> None:
    """Measured on noise itself, by a convolution that knows nothing of the bank's own measure."""
    analysis, synthesis = pqmf_filters(bands)
    noise = np.random.default_rng(1).standard_normal(6_000 * bands)
    back = np.zeros(len(noise) + 2 * 62)
    for h, g in zip(analysis, synthesis, strict=True):
        band = np.convolve(noise, h)
        kept = np.zeros_like(band)
        kept[::bands] = band[::bands]
        back += np.convolve(kept, g)
    error = back[62 : 62 + len(noise)] - noise
    measured = 10 * np.log10((noise**2).mean() / (error**2).mean())
    assert measured >= decibel
    assert measured == pytest.approx(reconstruction_snr(bands), abs=0.3)


@pytest.mark.parametrize("bands", [2, 3, 4, 8])
def test_a_tone_in_the_middle_of_a_band_is_in_no_other(bands: int) -> None:
    analysis, _ = pqmf_filters(bands)
    for band in range(bands):
        tone = np.exp(1j * np.pi * (band + 0.5) / bands * np.arange(analysis.shape[1]))
        power = np.abs(analysis @ tone) ** 2
        far = [k for k in range(bands) if abs(k - band) > 1]
        assert power.argmax() == band
        assert all(power[k] < 1e-6 * power[band] for k in far)
        assert all(power[k] < 0.01 * power[band] for k in range(bands) if k != band)


def test_sizes_that_make_no_bank_are_refused() -> None:
    with pytest.raises(ConfigError, match="bands"):
        pqmf_filters(1)
    with pytest.raises(ConfigError, match="63 taps"):
        pqmf_filters(4, 63)
    with pytest.raises(ConfigError, match="at least 64"):
        pqmf_filters(32, 62)
