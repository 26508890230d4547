"""Banks of filters as streaming layers."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from synth.dsp.pqmf import pqmf_filters
from synth.nn import AnalysisBank, Sequential, SynthesisBank


def bank(bands: int) -> Sequential:
    analysis, synthesis = (torch.from_numpy(f).float() for f in pqmf_filters(bands))
    return Sequential(AnalysisBank(analysis), SynthesisBank(synthesis))


@pytest.mark.parametrize("bands", [2, 3, 4, 8])
def test_the_sound_comes_back_after_the_declared_latency(bands: int) -> None:
    layer, x = bank(bands), torch.randn(2, 1, 700 * bands)
    latency = layer.latency
    assert latency.denominator == 1
    late = int(latency)
    error = layer(x)[..., late:] - x[..., :-late]
    assert error.square().mean() < 10**-4.5 * x.square().mean()


@pytest.mark.parametrize("bands", [2, 3, 8])
def test_blocks_equal_the_whole(bands: int) -> None:
    layer, x = bank(bands), torch.randn(2, 1, 90 * bands)
    state, made = layer.init_state(2), []
    for block in torch.split(x, [7 * bands, bands, 40 * bands, 42 * bands], 2):
        y, state = layer.step(block, state)
        made.append(y)
    assert torch.allclose(torch.cat(made, 2), layer(x), atol=1e-6)


def test_a_row_that_waits_keeps_its_state() -> None:
    layer, x = bank(3), torch.randn(2, 1, 60)
    whole = layer(x)
    advance = torch.tensor([30, 60])
    _, state = layer.step(x, layer.init_state(2), advance)
    after, _ = layer.step(x[..., 30:], state)
    assert torch.allclose(after[0], whole[0, :, 30:], atol=1e-6)


@pytest.mark.parametrize("filters", [torch.ones(3, 8), torch.ones(5, 3)])
def test_filters_without_a_middle_are_refused(filters: Tensor) -> None:
    with pytest.raises(ValueError, match="odd number"):
        AnalysisBank(filters)
