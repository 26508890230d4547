"""Front ends of inverse synthesis: shapes, levels, gradients, export."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from export.onnx.tracing import trace_graph
from synth.contract import ConfigError
from synth.models.inverse.encoders import dry_run
from synth.models.inverse.frontends import (
    FRONTENDS,
    BandPower,
    MultiBandPower,
    Statistics,
    TrainedBandPower,
    make_frontend,
)

RATE = 16_000


@dataclass(frozen=True)
class Config:
    frontend: str
    bands: int = 24
    sample_rate: int = RATE
    window: int = 512
    hop: int = 384


def build(name: str) -> nn.Module:
    return make_frontend(Config(name, bands=3 if name == "pqmf" else 24))


def tone(hz: float, level: float = 1.0) -> torch.Tensor:
    return level * torch.sin(2 * math.pi * hz / RATE * torch.arange(RATE))[None]


@pytest.mark.parametrize("samples", [RATE, RATE + 1, 12_345])
@pytest.mark.parametrize("name", FRONTENDS)
def test_a_dry_run_finds_the_shape(name: str, samples: int) -> None:
    frontend = build(name)
    made = frontend(torch.randn(2, samples))
    assert dry_run(frontend, (samples,)) == tuple(made.shape[1:])
    assert made.isfinite().all()
    if name not in ("pqmf", "waveform"):
        assert made.shape[2:] == (24, samples // 384 + 1)


def test_a_picture_of_bands_holds_every_sample_once() -> None:
    picture = build("pqmf")(torch.randn(1, 9_000))
    assert picture.shape[1] == 3
    assert 3_000 <= picture.shape[2] * picture.shape[3] < 3_000 + picture.shape[3]


def test_a_full_scale_sine_has_the_power_one() -> None:
    power = BandPower(RATE, 24, 1024, 512)(tone(1_000))
    middle = power[0, 0, :, 10]
    # Band peaks are 1, and neighbours share the main lobe of the window.
    assert 0.5 < middle.max() < 1.6
    assert power[0, 0, :, 10].sum() == pytest.approx(1.5, abs=0.5)


def test_a_trained_front_end_starts_as_the_fixed_one() -> None:
    audio = torch.randn(2, 8_000)
    fixed = BandPower(RATE, 24, 512, 384)(audio)
    trained = TrainedBandPower(RATE, 24, 512, 384)(audio)
    assert torch.allclose(fixed, trained, rtol=1e-3, atol=1e-6)


def test_gradients_reach_the_trained_filters_and_the_sound() -> None:
    frontend = build("trained_mel")
    audio = torch.randn(2, 8_000, requires_grad=True)
    (frontend(audio) ** 3).sum().backward()
    for name, weight in frontend.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.abs().sum() > 0, name
    assert audio.grad is not None
    assert audio.grad.abs().sum() > 0


def test_short_windows_miss_nothing_between_hops() -> None:
    """A click between two far apart frames is in the picture of the shortest window, too."""
    frontend = MultiBandPower(RATE, 16, 512, 2_048)
    for place in (3_000, 4_100, 5_555):
        click = torch.zeros(1, 10_000)
        click[0, place] = 1
        assert (frontend(click).sum((2, 3)) > 1e-9).all()


def test_statistics_hear_when_how_loud_and_how_bright() -> None:
    statistics = Statistics(4)
    low, high, quiet = (statistics(tone(*t)) for t in [(200,), (2_000,), (200, 0.1)])
    assert (high[0, 4:8] > low[0, 4:8]).all()
    assert (quiet[0, :4] < low[0, :4]).all()
    half = tone(200)
    half[:, 8_000:] = 0
    assert (statistics(half)[0, :2] > statistics(half)[0, 2:4]).all()


def test_unknown_names_and_sizes_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"'fbank' is unknown; known are mel"):
        make_frontend(Config("fbank"))
    with pytest.raises(ConfigError, match="bands"):
        make_frontend(Config("mel", bands=0))
    with pytest.raises(ConfigError, match="bands"):
        make_frontend(Config("pqmf", bands=100))


@pytest.mark.parametrize("name", FRONTENDS)
def test_the_exported_front_end_equals_torch(name: str) -> None:
    frontend, audio = build(name).eval(), 0.1 * torch.randn(2, 5_001)
    graph = trace_graph(frontend, [audio], ["audio"], ["made"], {})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    (made,) = session.run(None, {"audio": audio.numpy()})
    with torch.no_grad():
        assert np.abs(made - frontend(audio).numpy()).max() < 1e-4
