"""The keyboard and the low-pass, each alone."""

from __future__ import annotations

import math

import pytest
import torch

from synth.models.inr import INRConfig
from synth.models.inr.live.lowpass import (
    decimate,
    halo,
    kernel_table,
    kernels,
    points_per_sample,
)
from synth.models.inr.live.playhead import ONE
from synth.models.inr.live.timbres import timbres_of


def test_keys_play_the_nearest_sound() -> None:
    config = INRConfig(sounds=4, names=("a", "b", "a", "c"), keys=(50.0, 60.0, 57.25, -1.0))
    timbres = timbres_of(config)
    assert timbres.names == ("a", "b", "c")
    assert timbres.entry[0, 53] == 0
    assert timbres.entry[0, 54] == 2
    assert set(timbres.entry[1].tolist()) == {1}
    assert timbres.root.tolist() == [50.0, 60.0, 57.25, 60.0]
    assert timbres.key_range is None, "the pitch of c is not known"


def test_keys_with_fractions_are_exact() -> None:
    keys = (21.00001, 60.12345, 126.98765)
    root = timbres_of(INRConfig(sounds=3, names=("a",) * 3, keys=keys)).root
    assert float((root.double() - torch.tensor(keys, dtype=torch.float64)).abs().max()) < 1e-5


def test_timbres_without_a_common_range_claim_none() -> None:
    config = INRConfig(sounds=2, names=("bass", "flute"), keys=(30.0, 90.0))
    assert timbres_of(config).key_range is None


def test_sounds_without_names_get_some() -> None:
    assert timbres_of(INRConfig(sounds=2)).names == ("sound 1", "sound 2")


def rates(*values: float) -> torch.Tensor:
    return torch.tensor([[round(v * ONE)] for v in values])


def test_points_follow_the_rate_in_either_direction() -> None:
    found = points_per_sample(rates(0.0, 1.0, 1.2, -1.2, 1.3, -2.0, 2.3, -4.0, 64.0))
    assert found[:, 0].tolist() == [1, 1, 1, 1, 2, 2, 4, 4, 4]


@pytest.mark.parametrize("rate", [0.5, 1.0, 1.3, 2.0, 2.3, 4.0])
def test_a_constant_passes_as_it_is(rate: float) -> None:
    kernel = kernels(rates(rate), points_per_sample(rates(rate)), kernel_table())
    assert float(kernel.sum()) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("rate", [2.0, 4.0])
def test_the_filter_stops_what_would_fold(rate: float) -> None:
    """From 0.6 of the output's rate on by 60 dB; what is below 0.32 of it passes untouched."""
    points = points_per_sample(rates(rate))
    kernel = kernels(rates(rate), points, kernel_table())[0].double()
    at = (torch.arange(len(kernel)) - int(halo(points))) / int(points)
    frequency = torch.linspace(0, int(points) / 2, 4000, dtype=torch.float64)
    response = (kernel * torch.cos(2 * math.pi * frequency[:, None] * at)).sum(1).abs()
    assert float(response[frequency > 0.6].max()) < 1e-3
    assert float((response[frequency < 0.32] - 1).abs().max()) < 1e-3


def test_rows_of_different_rates_are_filtered_each_in_its_own_way() -> None:
    """Beside a fast row, a slow one comes through sample for sample."""
    rate = rates(1.0, 4.0)
    points = points_per_sample(rate)
    signal = torch.randn(2, 400, generator=torch.Generator().manual_seed(0))
    made = decimate(signal, kernels(rate, points, kernel_table()), points, 64)
    assert torch.allclose(made[0], signal[0, :64], atol=1e-6)
    alone = decimate(signal[1:], kernels(rate[1:], points[1:], kernel_table()), points[1:], 64)
    assert torch.allclose(made[1], alone[0], atol=1e-6)
