"""Paths through a latent space."""

from __future__ import annotations

import math

import pytest
import torch

from synth.models.timbre.paths import (
    circle,
    expressive,
    linear,
    random_plane,
    spherical,
    spiral,
)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("path", [linear, spherical])
def test_the_ends_are_exact(path: object) -> None:
    a, b = torch.randn(5, 16, generator=seeded()), torch.randn(5, 16, generator=seeded(1))
    assert torch.allclose(path(a, b, 0.0), a, atol=1e-6)  # type: ignore[operator]
    assert torch.allclose(path(a, b, 1.0), b, atol=1e-6)  # type: ignore[operator]


def test_slerp_turns_evenly_and_keeps_its_length() -> None:
    a, b = torch.tensor([3.0, 0.0, 0.0]), torch.tensor([0.0, 3.0, 0.0])
    points = spherical(a, b, torch.linspace(0, 1, 7)[:, None])
    assert torch.allclose(points.norm(dim=1), torch.full((7,), 3.0), atol=1e-5)
    angles = torch.atan2(points[:, 1], points[:, 0])
    assert torch.allclose(angles, torch.linspace(0, math.pi / 2, 7), atol=1e-5)


@pytest.mark.parametrize(
    "b", [[1.0, 0.0], [2.0, 0.0], [-1.0, 0.0], [-1.0, 1e-4], [0.0, 0.0], [1.0, 1e-5]]
)
def test_slerp_is_safe_where_there_is_no_angle(b: list[float]) -> None:
    """Equal, opposite and empty ends: finite, on the straight line, no jump beside it."""
    a, b_ = torch.tensor([1.0, 0.0]), torch.tensor(b)
    share = torch.linspace(0, 1, 101)[:, None]
    points = spherical(a, b_, share)
    assert torch.isfinite(points).all()
    assert torch.allclose(points, linear(a, b_, share), atol=1e-3)


def test_slerp_goes_over_into_the_straight_line_smoothly() -> None:
    a = torch.tensor([1.0, 0.0])
    ends = [torch.tensor([math.cos(x), math.sin(x)]) for x in (0.99e-3, 1.01e-3)]
    near, far = (spherical(a, b, 0.5) for b in ends)
    assert float((near - far).norm()) < 1e-4


def test_expressive_paths_keep_what_both_notes_do() -> None:
    """Each note moves 0.7 of its own way, counted from its 20th frame."""
    rest_a, rest_b = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])
    moves = torch.randn(40, 2, generator=seeded()) * 0.1
    track_a, track_b = rest_a + moves, rest_b.expand(40, 2)
    made = expressive(track_a, track_b, 0.0)
    wanted = track_a[19] + 0.7 * (track_a - track_a[19])
    assert torch.allclose(made, wanted, atol=1e-5)
    assert torch.allclose(expressive(track_a, track_b, 1.0), track_b, atol=1e-5)
    short = expressive(track_a[:5], track_b[:5], 0.5)
    assert short.shape == (5, 2)


@pytest.mark.parametrize("dims", [2, 3, 32])
def test_circles_are_round_in_one_plane(dims: int) -> None:
    centre = torch.randn(dims, generator=seeded())
    points = circle(centre, 0.5, 50, generator=seeded(1)) - centre
    assert torch.allclose(points.norm(dim=1), torch.full((50,), 0.5), atol=1e-5)
    assert torch.linalg.matrix_rank(points, tol=1e-4) == 2
    assert torch.allclose(points[0], points[-1], atol=1e-4), "one revolution ends where it began"


def test_spirals_open_and_turn() -> None:
    points = spiral(torch.zeros(8), 0.2, 1.0, 200, 2.5, seeded())
    assert torch.allclose(points.norm(dim=1), torch.linspace(0.2, 1.0, 200), atol=1e-5)
    steps = torch.nn.functional.cosine_similarity(points[1:], points[:-1]).clamp(-1, 1).acos()
    assert float(steps.sum()) == pytest.approx(2.5 * 2 * math.pi, rel=1e-2)


def test_planes_are_at_right_angles_and_differ() -> None:
    u, v = random_plane(16, seeded())
    assert float(u @ v) == pytest.approx(0, abs=1e-6)
    assert float(u.norm()) == pytest.approx(1, abs=1e-6)
    assert not torch.allclose(u, random_plane(16, seeded(1))[0])
