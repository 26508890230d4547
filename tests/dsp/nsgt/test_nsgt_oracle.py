"""The transform beside another implementation, that of the package cicuetea (Gaussian windows)."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cicuetea import NsgfCQT

from synth.dsp.nsgt import NSGT, make_scale

RATE, LENGTH = 22_050, 1 << 14
SCALE = make_scale("octave", 250, 8000, 24)


@pytest.fixture(scope="module")
def other() -> NsgfCQT:
    """Bands at the same frequencies."""
    return NsgfCQT("dense", RATE, LENGTH, 1 / 24, 250, 8000, f_ref=250)


def test_bands_lie_at_the_same_frequencies(other: NsgfCQT) -> None:
    """24 in an octave, from 250 Hz to 8 kHz."""
    assert np.allclose(other.band_axis, SCALE.frequencies, rtol=1e-12)


@pytest.mark.parametrize("band", [50, 80, 110])
def test_magnitudes_agree(other: NsgfCQT, band: int) -> None:
    """A tone that swells and fades has the same contour in its band."""
    transform = NSGT(SCALE, RATE, LENGTH)
    time = np.arange(LENGTH)
    contour = np.exp(-0.5 * ((time - LENGTH / 2) / (LENGTH / 9)) ** 2)
    audio = 0.5 * contour * np.sin(2 * np.pi * SCALE.frequencies[band] / RATE * time)
    found = transform(torch.from_numpy(audio)).abs()[band].numpy()
    at = np.arange(transform.frames) * LENGTH / transform.frames
    wanted = np.interp(at, time, np.abs(other.forward(audio)[:, band]))
    assert wanted.max() > 0.45
    assert np.allclose(found, wanted, atol=0.01)


def test_the_inverse_is_as_good(other: NsgfCQT) -> None:
    """Both above 250 dB."""
    audio = np.random.default_rng(0).standard_normal(LENGTH)
    transform = NSGT(SCALE, RATE, LENGTH, reduced=False)
    own = transform.inverse(transform(torch.from_numpy(audio))).numpy()
    for back in (own, other.inverse(other.forward(audio))):
        assert 10 * np.log10(np.sum(audio**2) / np.sum((back - audio) ** 2)) > 250
