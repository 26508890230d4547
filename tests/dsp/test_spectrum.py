"""Spectra of frames: the transform without complex numbers, levels, bands."""

from __future__ import annotations

import math

import pytest
import torch

from synth.contract import ConfigError
from synth.dsp.spectrum import (
    frame_count,
    frames_of,
    log_edges,
    mel_edges,
    power_spectrum,
    real_transform,
    triangles,
)


@pytest.mark.parametrize("window", [7, 15, 60, 512, 2048])
def test_the_real_transform_is_the_fourier_transform(window: int) -> None:
    frames = torch.randn(3, 4, window, dtype=torch.float64)
    real, imaginary = real_transform(frames)
    expected = torch.fft.rfft(frames)
    assert torch.allclose(real, expected.real, atol=1e-10)
    assert torch.allclose(imaginary, expected.imag, atol=1e-10)


@pytest.mark.parametrize("window", [6, 7])
def test_a_frame_has_its_middle_at_its_number_of_hops(window: int) -> None:
    audio = torch.arange(1.0, 21.0)[None]
    frames = frames_of(audio, window, 5)
    assert frames.shape[1] == frame_count(20, 5) == 5
    assert frames[0, :4, window // 2].tolist() == [1, 6, 11, 16]
    assert frames[0, 4, : window // 2].tolist() == [18, 19, 20]
    assert (frames[0, 4, window // 2 :] == 0).all()


def test_power_has_a_gradient_that_finite_differences_confirm() -> None:
    frames = torch.randn(2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(power_spectrum, (frames,))


@pytest.mark.parametrize("edges", [mel_edges, log_edges])
def test_a_tone_is_loudest_in_its_band(edges: object) -> None:
    found = edges(64, 30.0, 11_025.0)  # type: ignore[operator]
    bands = triangles(found, 22_050, 4096)
    for band in (20, 40, 60):
        hz = float(found[band + 1])
        tone = torch.sin(2 * math.pi * hz / 22_050 * torch.arange(4096))
        power = power_spectrum(tone * torch.hann_window(4096)) @ bands
        assert abs(int(power.argmax()) - band) <= 1


def test_every_band_hears_something() -> None:
    bands = triangles(log_edges(256, 30.0, 22_050.0), 44_100, 1024)
    assert bands.shape == (513, 256)
    assert (bands.sum(0) > 0).all()
    assert torch.equal(bands, bands.half().float())


def test_edges_need_an_order() -> None:
    with pytest.raises(ConfigError, match="lowest < highest"):
        log_edges(8, 100.0, 50.0)
