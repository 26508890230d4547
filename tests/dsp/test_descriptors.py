"""Descriptors: what physics says of sines, noise and silence, whatever the scale of the bands."""

from __future__ import annotations

import math

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from export.onnx.tracing import trace_graph
from synth.contract import ConfigError
from synth.dsp.descriptors import NAMES, describe, loudness_db
from synth.dsp.nsgt import NSGT, make_scale

RATE = 22_050
LENGTH = 2 * RATE
SCALES = [("octave", 48), ("log", 300), ("linear", 400), ("mel", 200), ("erb", 168)]
OCTAVES = torch.tensor(make_scale("octave", 30, 11_000, 48).frequencies)


def tone(hz: float, amplitude: float = 1.0) -> Tensor:
    return amplitude * torch.sin(2 * math.pi * hz * torch.arange(LENGTH) / RATE)


def sine_db(amplitude: float) -> float:
    return 20 * math.log10(amplitude / math.sqrt(2))


def transform_of(name: str, count: int) -> NSGT:
    return NSGT(make_scale(name, 60, 10_800, count), RATE, LENGTH)


def frames_of(transform: NSGT, audio: Tensor) -> Tensor:
    return transform(audio).abs().T


@pytest.mark.parametrize("band", [0, 1, 200, 409])
@pytest.mark.parametrize("amplitude", [1.0, 1e-3])
def test_a_single_band(band: int, amplitude: float) -> None:
    magnitude = torch.zeros(410)
    magnitude[band] = amplitude
    found = describe(magnitude, OCTAVES)
    hz = float(OCTAVES[band])
    assert float(found.centroid) == pytest.approx(hz, rel=1e-5)
    assert float(found.bandwidth) < 1e-3 * hz
    assert float(found.flatness) < 1e-3
    assert float(found.rolloff) == pytest.approx(hz, rel=0.5 / 48)
    assert float(found.loudness) == pytest.approx(
        20 * math.log10(amplitude / math.sqrt(2)), abs=1e-3
    )


@pytest.mark.parametrize(("name", "count"), SCALES)
@pytest.mark.parametrize("hz", [233.0, 1_000.0, 3_333.0])
def test_a_sine(name: str, count: int, hz: float) -> None:
    transform = transform_of(name, count)
    found = describe(frames_of(transform, tone(hz, 0.3)), transform.frequencies)
    inner = slice(transform.frames // 4, -transform.frames // 4)
    near = float((transform.frequencies - hz).abs().sort().values[:2].sum())
    assert found.loudness[inner].numpy() == pytest.approx(
        20 * math.log10(0.3 / math.sqrt(2)), abs=0.2
    )
    assert found.centroid[inner].numpy() == pytest.approx(hz, abs=0.3 * near)
    assert found.rolloff[inner].numpy() == pytest.approx(hz, abs=1.1 * near)
    assert float(found.flatness[inner].max()) < 0.02
    assert float(found.bandwidth[inner].max()) < near


@pytest.mark.parametrize(("name", "count"), SCALES)
def test_white_noise_is_flat_on_every_scale(name: str, count: int) -> None:
    transform = transform_of(name, count)
    noise = 0.1 * torch.randn(LENGTH, generator=torch.Generator().manual_seed(0))
    frames = frames_of(transform, noise)
    assert float(describe(frames, transform.frequencies).flatness.mean()) == pytest.approx(
        0.85, abs=0.04
    )
    found = describe((frames**2).mean(0).sqrt(), transform.frequencies)
    assert float(found.flatness) > 0.96
    middle, half = (60 + 10_800) / 2, (10_800 - 60) / 2
    assert float(found.centroid) == pytest.approx(middle, rel=0.04)
    assert float(found.bandwidth) == pytest.approx(half / math.sqrt(3), rel=0.04)
    assert float(found.rolloff) == pytest.approx(60 + 0.85 * 2 * half, rel=0.04)
    loudness = 10 * math.log10(0.01 * 2 * half / (RATE / 2))  # of the part between the outer bands
    assert float(found.loudness) == pytest.approx(loudness + 3, abs=1)


def test_two_sines_have_their_mean_frequency_and_spread() -> None:
    magnitude = torch.zeros(410)
    magnitude[100], magnitude[300] = 0.5, 0.25
    low, high = float(OCTAVES[100]), float(OCTAVES[300])
    found = describe(magnitude, OCTAVES)
    assert float(found.centroid) == pytest.approx(0.8 * low + 0.2 * high, rel=1e-5)
    assert float(found.bandwidth) == pytest.approx(0.4 * (high - low), rel=1e-5)
    assert float(found.rolloff) == pytest.approx(high, rel=0.5 / 48)
    assert float(describe(magnitude, OCTAVES, 0.5).rolloff) == pytest.approx(low, rel=0.5 / 48)


@pytest.mark.parametrize("gain", [1e-2, 0.5, 10.0])
def test_gain_moves_loudness_alone(gain: float) -> None:
    magnitude = torch.rand(3, 5, 410, generator=torch.Generator().manual_seed(1)) ** 4
    before, after = describe(magnitude, OCTAVES), describe(gain * magnitude, OCTAVES)
    for name in NAMES:
        first, second = getattr(before, name), getattr(after, name)
        assert first.shape == (3, 5)
        wanted = first + 20 * math.log10(gain) if name == "loudness" else first
        assert second.numpy() == pytest.approx(wanted.numpy(), rel=1e-4)


def test_silence_has_values() -> None:
    found = describe(torch.zeros(2, 410), OCTAVES)
    assert found.loudness.tolist() == [-120, -120]
    for name in NAMES[1:]:
        assert getattr(found, name).tolist() == [0, 0]


def test_gradients_agree_with_differences_and_are_finite_in_silence() -> None:
    generator = torch.Generator().manual_seed(2)
    frequencies = torch.tensor([100.0, 150.0, 230.0, 400.0, 500.0], dtype=torch.float64)
    magnitude = 0.1 + torch.rand(2, 5, generator=generator, dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda m: tuple(describe(m, frequencies)), magnitude.requires_grad_(True)
    )
    silent = torch.zeros(2, 5, requires_grad=True)
    sum(value.sum() for value in describe(silent, frequencies)).backward()  # type: ignore[union-attr]
    assert silent.grad is not None
    assert silent.grad.isfinite().all()


def test_brightness_can_be_followed_uphill() -> None:
    slope = torch.tensor(0.0, requires_grad=True)
    magnitude = (OCTAVES.float() / 1_000) ** slope
    describe(magnitude, OCTAVES).centroid.backward()
    assert slope.grad is not None
    assert float(slope.grad) > 0


class _Described(nn.Module):
    def forward(self, magnitude: Tensor) -> Tensor:
        return torch.stack(list(describe(magnitude, OCTAVES)), -1)


def test_runs_as_onnx() -> None:
    magnitude = torch.rand(3, 410, generator=torch.Generator().manual_seed(3)) ** 6
    magnitude[1] = 0
    axes = {name: {0: "rows"} for name in ("magnitude", "described")}
    traced = trace_graph(_Described(), (magnitude,), ["magnitude"], ["described"], axes)
    session = onnxruntime.InferenceSession(traced.SerializeToString())
    magnitude = torch.cat([magnitude, 2 * magnitude])
    (made,) = session.run(None, {"magnitude": magnitude.numpy()})
    assert np.allclose(made, _Described()(magnitude).numpy(), rtol=1e-4, atol=1e-5)


def test_loudness_alone_is_the_same() -> None:
    magnitude = torch.rand(4, 410)
    assert torch.equal(loudness_db(magnitude), describe(magnitude, OCTAVES).loudness)


@pytest.mark.parametrize("bands", [1, 409])
def test_frequencies_of_other_bands_are_refused(bands: int) -> None:
    with pytest.raises(ConfigError, match="one for each band"):
        describe(torch.zeros(2, 410), OCTAVES[:bands])


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, math.nan])
def test_shares_out_of_range_are_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="share"):
        describe(torch.zeros(2, 410), OCTAVES, share)
