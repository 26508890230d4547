"""Griffin-Lim: what the iteration promises, and errors."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError, DataError
from synth.dsp.nsgt import NSGT, make_scale
from synth.dsp.phase import griffin_lim, log_spectral_distance_db, spectral_convergence

RATE, LENGTH = 8_000, 8_000
TRANSFORM = NSGT(make_scale("octave", 60, 3_900, 24), RATE, LENGTH)
SHAPE = (len(TRANSFORM.frequencies), TRANSFORM.frames)


def tones() -> Tensor:
    time = torch.arange(LENGTH, dtype=torch.float64) / RATE
    decay = torch.exp(-3 * time) * (1 - torch.exp(-50 * time))
    return 0.3 * decay * sum(torch.sin(2 * math.pi * 211 * h * time) / h for h in range(1, 9))


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def convergence(magnitude: Tensor, iterations: int, momentum: float) -> float:
    audio = griffin_lim(magnitude, TRANSFORM, iterations, momentum, seeded())
    return spectral_convergence(audio, magnitude, TRANSFORM)


def test_without_momentum_no_iteration_makes_it_worse() -> None:
    magnitude = TRANSFORM(tones()).abs()
    found = [convergence(magnitude, count, 0.0) for count in range(24)]
    assert all(after <= before + 1e-9 for before, after in itertools.pairwise(found))
    assert found[-1] < 0.3 * found[0]


def test_momentum_gets_further() -> None:
    magnitude = TRANSFORM(tones()).abs()
    assert convergence(magnitude, 60, 0.99) < 0.5 * convergence(magnitude, 60, 0.0)


def test_true_phases_stay() -> None:
    audio = TRANSFORM.inverse(TRANSFORM(tones()))  # what lies within the reach of the bands
    coefficients = TRANSFORM(audio)
    made = griffin_lim(coefficients.abs(), TRANSFORM, 5, phase=coefficients.angle())
    assert torch.allclose(made, audio, atol=1e-9)


def test_a_batch_is_one_by_one() -> None:
    magnitude = TRANSFORM(torch.stack([tones(), tones().flip(0)])).abs()
    phase = torch.rand(magnitude.shape, generator=seeded(), dtype=torch.float64)
    batch = griffin_lim(magnitude, TRANSFORM, 4, phase=phase)
    for index in range(2):
        alone = griffin_lim(magnitude[index], TRANSFORM, 4, phase=phase[index])
        assert torch.allclose(batch[index], alone, atol=1e-12)


def test_a_generator_repeats_the_sound() -> None:
    magnitude = TRANSFORM(tones()).abs()
    first, second = (griffin_lim(magnitude, TRANSFORM, 3, generator=seeded()) for _ in range(2))
    assert torch.equal(first, second)
    other = griffin_lim(magnitude, TRANSFORM, 3, generator=torch.Generator().manual_seed(1))
    assert not torch.equal(first, other)


def test_silence_stays_silence() -> None:
    assert not griffin_lim(torch.zeros(SHAPE), TRANSFORM, 3).any()


def test_measures_tell_a_gain() -> None:
    magnitude = TRANSFORM(tones()).abs()
    halved = TRANSFORM.inverse(TRANSFORM(tones())) / 2
    assert spectral_convergence(halved, magnitude, TRANSFORM) == pytest.approx(0.5, abs=0.01)
    assert log_spectral_distance_db(halved, magnitude, TRANSFORM, 30) < 6.03
    assert log_spectral_distance_db(halved * 2, magnitude, TRANSFORM) < 1


@pytest.mark.parametrize(
    "magnitude",
    [
        torch.zeros(3, 5),
        torch.full(SHAPE, -1.0),
        torch.full(SHAPE, math.nan),
        torch.full(SHAPE, math.inf),
    ],
    ids=["shape", "negative", "nan", "infinite"],
)
def test_magnitudes_that_cannot_be_are_refused(magnitude: Tensor) -> None:
    with pytest.raises(DataError, match="magnitudes"):
        griffin_lim(magnitude, TRANSFORM)


@pytest.mark.parametrize(
    ("name", "value"), [("iterations", -1), ("momentum", -0.1), ("momentum", 1.5)]
)
def test_arguments_out_of_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=name):
        griffin_lim(torch.zeros(SHAPE), TRANSFORM, **{name: value})  # type: ignore[arg-type]
