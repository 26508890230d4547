"""VICReg's terms against cases computed by hand."""

from __future__ import annotations

import pytest
import torch

from training.inverse.learning.vicreg import EPSILON, vicreg


def test_terms_of_a_case_computed_by_hand() -> None:
    x = torch.tensor([[0.0, 0.0], [2.0, 1.0]])
    y = torch.tensor([[0.0, 1.0], [2.0, 1.0]])
    found = vicreg([x, y])
    assert float(found.invariance) == pytest.approx(1 / 4)
    # Standard deviations: x √2 and √½, y √2 and 0.
    missing = [1 - (0.5 + EPSILON) ** 0.5, 1 - EPSILON**0.5]
    assert float(found.variance) == pytest.approx((missing[0] / 2 + missing[1] / 2) / 2, rel=1e-4)
    # The covariance of x's components is 1, twice, over two dims; that of y's is 0. The source adds
    # the terms of both views.
    assert float(found.covariance) == pytest.approx(2 * 1.0 / 2 + 0.0)


def test_three_views_are_compared_in_pairs() -> None:
    views = [torch.randn(16, 4) for _ in range(3)]
    pairs = [vicreg([views[a], views[b]]).invariance for a, b in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(vicreg(views).invariance, torch.stack(pairs).mean())
    pairs = [vicreg([views[a], views[b]]).covariance for a, b in ((0, 1), (0, 2), (1, 2))]
    torch.testing.assert_close(vicreg(views).covariance, torch.stack(pairs).mean())


def test_white_embeddings_of_unit_variance_cost_nothing() -> None:
    rows = torch.linalg.qr(torch.randn(64, 8) - torch.randn(64, 8).mean(0))[0]
    rows = rows - rows.mean(0)
    rows = torch.linalg.qr(rows)[0] * 63**0.5 * 1.01
    found = vicreg([rows, rows.clone()])
    assert float(found.invariance) == 0
    assert float(found.variance) == pytest.approx(0, abs=1e-3)
    assert float(found.covariance) == pytest.approx(0, abs=1e-3)


def descended(variance: float) -> float:
    """Spread of embeddings that agree perfectly, after some steps."""
    rows = torch.randn(32, 8, requires_grad=True)
    optimizer = torch.optim.SGD([rows], 1.0)
    for _ in range(300):
        found = vicreg([rows, 0.5 * rows])
        optimizer.zero_grad()
        (25 * found.invariance + variance * found.variance).backward()
        optimizer.step()
    return float(vicreg([rows, 0.5 * rows]).spread)


def test_the_variance_keeps_embeddings_from_collapsing() -> None:
    assert descended(0.0) < 0.05
    assert descended(25.0) > 0.3
