"""Layers with a long memory: blocks equal the whole, nothing is heard before its cause."""

from __future__ import annotations

import pytest
import torch

from synth.nn import DiagonalStateSpace, MultiresolutionConv, StreamingLayer


def layers() -> list[StreamingLayer]:
    torch.manual_seed(2)
    return [MultiresolutionConv(3, kernel=4, depth=5), DiagonalStateSpace(3, states=8)]


@pytest.mark.parametrize("layer", layers(), ids=["multiresolution", "state space"])
def test_blocks_equal_the_whole(layer: StreamingLayer) -> None:
    x = torch.randn(2, 3, 300)
    state, made = layer.init_state(2), []
    for block in torch.split(x, [7, 1, 64, 128, 100], 2):
        y, state = layer.step(block, state)
        made.append(y)
    assert torch.allclose(torch.cat(made, 2), layer(x), atol=1e-5)


@pytest.mark.parametrize("layer", layers(), ids=["multiresolution", "state space"])
def test_nothing_is_heard_before_its_cause(layer: StreamingLayer) -> None:
    x = torch.randn(1, 3, 200)
    changed = x.clone()
    changed[..., 120:] += 1
    one, other = layer(x), layer(changed)
    assert torch.equal(one[..., :120], other[..., :120])
    assert not torch.allclose(one[..., 120], other[..., 120])


def test_the_receptive_field_is_what_it_says() -> None:
    layer = MultiresolutionConv(2, kernel=3, depth=4)
    assert layer.receptive_field == 31
    impulse = torch.zeros(1, 2, 64)
    impulse[..., 10] = 1
    (heard,) = layer(impulse).abs().sum((0, 1)).nonzero(as_tuple=True)
    assert int(heard.min()) == 10
    assert int(heard.max()) == 10 + 30


def test_a_state_space_rings_as_its_poles_say() -> None:
    layer = DiagonalStateSpace(1, states=1)
    with torch.no_grad():
        layer.log_decay.fill_(-4.0)
        layer.turn.fill_(0.3)
        layer.gains[0].fill_(1.0)
        layer.gains[1].fill_(0.0)
        layer.direct.fill_(0.0)
    impulse = torch.zeros(1, 1, 200)
    impulse[..., 0] = 1
    n = torch.arange(200.0)
    expected = torch.exp(-torch.exp(torch.tensor(-4.0)) * n) * torch.cos(0.3 * n)
    assert torch.allclose(layer(impulse)[0, 0], expected, atol=1e-5)


def test_rows_of_a_state_space_advance_together() -> None:
    layer = DiagonalStateSpace(1, states=2)
    with pytest.raises(ValueError, match="advance"):
        layer.step(torch.zeros(2, 1, 8), layer.init_state(2), torch.tensor([8, 4]))


@pytest.mark.parametrize(
    "build", [lambda: MultiresolutionConv(1, 1, 4), lambda: DiagonalStateSpace(1, 0)]
)
def test_sizes_that_remember_nothing_are_refused(build: object) -> None:
    with pytest.raises(ValueError, match="at least"):
        build()  # type: ignore[operator]
