"""Principal axes and ranges of vectors whose distribution is known."""

from __future__ import annotations

import pytest
import torch

from training.measures.principal_axes import principal_axes


def test_axes_of_a_gaussian_with_known_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator))
    spread = torch.tensor([1.0, 5.0, 0.1, 2.0])
    vectors = (torch.randn(60_000, 4, generator=generator) * spread) @ turn + 3.0
    found = principal_axes(vectors)
    assert torch.allclose(found["mean"], torch.full((4,), 3.0), atol=0.1)
    order = [1, 3, 0, 2]
    for row, axis in zip(found["axes"], turn[order], strict=True):
        assert abs(float(row @ axis)) > 0.999
    # The 99th percentile of a normal distribution lies at 2.326 deviations.
    assert torch.allclose(found["high"], 2.326 * spread[order], rtol=0.05)
    assert torch.allclose(found["low"], -2.326 * spread[order], rtol=0.05)
    assert torch.allclose(found["axes"] @ found["axes"].t(), torch.eye(4), atol=1e-5)


def test_directions_do_not_flip() -> None:
    vectors = torch.randn(500, 3, generator=torch.Generator().manual_seed(1))
    axes = principal_axes(vectors)["axes"]
    assert torch.allclose(axes, principal_axes(vectors.flip(0))["axes"], atol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_few_or_equal_vectors_still_give_a_range(count: int) -> None:
    found = principal_axes(torch.ones(count, 4))
    assert all(torch.isfinite(t).all() for t in found.values())
    assert (found["low"] < 0).all()
    assert (found["high"] > 0).all()
