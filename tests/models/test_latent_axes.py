"""Principal axes and ranges of latents with a known shape."""

from __future__ import annotations

import pytest
import torch

from synth.models.latent_axes import LatentAxes, principal_axes, separating_axes


def test_axes_of_a_gaussian_with_known_axes() -> None:
    generator = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(4, 4, generator=generator))
    spread = torch.tensor([1.0, 5.0, 0.1, 2.0])
    vectors = (torch.randn(60_000, 4, generator=generator) * spread) @ turn + 3.0
    found = principal_axes(vectors).statistics()
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
    axes = principal_axes(vectors).rows
    assert torch.allclose(axes, principal_axes(vectors.flip(0)).rows, atol=1e-4)


@pytest.mark.parametrize("count", [1, 3])
def test_few_or_equal_vectors_still_give_a_range(count: int) -> None:
    found = principal_axes(torch.ones(count, 4)).statistics()
    assert all(torch.isfinite(t).all() for t in found.values())
    assert (found["low"] < 0).all()
    assert (found["high"] > 0).all()


def test_axes_are_those_that_carry_the_variance() -> None:
    """Three strong directions of sixteen are found, in order, with the percentiles along them."""
    chance = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(16, 16, generator=chance))
    strength = torch.tensor([4.0, 3.0, 2.0] + [0.01] * 13)
    latents = torch.randn(2000, 16, generator=chance) * strength @ rotation.t() + 5.0
    axes = principal_axes(latents, 0.95)
    assert axes.rows.shape == (3, 16)
    for i in range(3):
        assert abs(float(axes.rows[i] @ rotation[:, i])) > 0.99
        along = (latents - latents.mean(0)) @ axes.rows[i]
        inside = ((along >= axes.low[i]) & (along <= axes.high[i])).float().mean()
        assert float(inside) == pytest.approx(0.98, abs=0.002)


def test_axes_are_at_most_eight() -> None:
    latents = torch.randn(500, 40, generator=torch.Generator().manual_seed(0))
    axes = principal_axes(latents, 0.95)
    assert axes.rows.shape == (8, 40)
    assert torch.allclose(axes.rows @ axes.rows.t(), torch.eye(8), atol=1e-5)


@pytest.mark.parametrize("sounds", [1, 3])
def test_sounds_that_are_all_the_same_have_no_axes(sounds: int) -> None:
    assert principal_axes(torch.ones(sounds, 8), 0.95).rows.shape == (0, 8)


def test_few_latents_have_as_many_axes_as_numbers() -> None:
    """Those without variance come last, and all of them are a base."""
    latents = torch.randn(3, 8, generator=torch.Generator().manual_seed(2))
    axes = principal_axes(latents)
    assert torch.allclose(axes.rows @ axes.rows.t(), torch.eye(8), atol=1e-6)
    along = (latents - axes.mean) @ axes.rows.t()
    assert float(along[:, 2:].abs().max()) < 1e-5
    assert torch.equal(principal_axes(latents, 1.0).rows, axes.rows[:2])


def test_statistics_come_back_as_they_went() -> None:
    latents = torch.randn(50, 6, generator=torch.Generator().manual_seed(3))
    axes = principal_axes(latents)
    again = LatentAxes.of_statistics(axes.statistics(), 6)
    for name in ("rows", "low", "high", "mean"):
        assert torch.equal(getattr(again, name), getattr(axes, name))
    assert torch.isinf(again.least).all()


def test_a_latent_is_moved_as_far_as_others_lie() -> None:
    latents = torch.randn(50, 6, generator=torch.Generator().manual_seed(4))
    axes = principal_axes(latents).first(2)
    moved = axes.move(latents, torch.full((50, 2), 100.0))
    along = (moved - axes.mean) @ axes.rows.t()
    assert torch.allclose(along, axes.most.expand(50, 2), atol=1e-5)
    free = LatentAxes.of_statistics({}, 6).move(latents, torch.full((50, 6), 100.0))
    assert torch.allclose(free, latents + 100.0)


def test_a_fader_along_a_collapsed_axis_has_a_range() -> None:
    axes = principal_axes(torch.ones(3, 2))
    control = axes.control("offset", 20.0)
    assert control.size == 2
    assert control.minimum == pytest.approx((-1e-3, -1e-3))
    assert control.maximum == pytest.approx((1e-3, 1e-3))


def test_the_first_axes_tell_classes_apart() -> None:
    """However much more latents differ within a class."""
    chance = torch.Generator().manual_seed(0)
    rotation, _ = torch.linalg.qr(torch.randn(6, 6, generator=chance))
    classes = torch.arange(3).repeat(2000)
    places = torch.tensor([[0.0, 1.0], [0.9, -0.5], [-0.9, -0.5]])
    inner = torch.randn(6000, 4, generator=chance) * torch.tensor([5.0, 4.0, 3.0, 2.0])
    latents = torch.cat([places[classes] + 0.01 * torch.randn(6000, 2), inner], 1) @ rotation.t()
    axes = separating_axes(latents, classes)
    assert torch.allclose(axes.rows @ axes.rows.t(), torch.eye(6), atol=1e-5)
    # The plane of the places, then the inner axes in their order.
    assert float((axes.rows[:2] @ rotation[:, :2]).norm()) == pytest.approx(2**0.5, abs=0.02)
    for number in range(2, 6):
        assert abs(float(axes.rows[number] @ rotation[:, number])) > 0.98


def test_one_class_has_the_principal_axes() -> None:
    latents = torch.randn(300, 5, generator=torch.Generator().manual_seed(2)) * torch.arange(1, 6)
    axes = separating_axes(latents, torch.zeros(300, dtype=torch.int64))
    assert torch.allclose(axes.rows, principal_axes(latents).rows, atol=1e-4)
