"""Paths through a latent space: between two points or tracks, and round a centre.

Source: Esling, Chemla-Romeu-Santos, Bitton 2018, Generative timbre spaces with variational audio
synthesis, DAFx 2018; Shoemake 1985, Animating rotation with quaternion curves.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

EXPRESSIVE = 0.7  # share of a note's own movement on an expressive path
REFERENCE_FRAME = 20  # from which that movement is counted
SMALL_ANGLE = 1e-3  # radians: from here on a straight line is the same
LARGE_ANGLE = math.pi - 1e-2  # opposite points have no shortest way round: a straight line


def linear(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """The straight line from `a` (share 0) to `b` (share 1), `[*, dims]`.

    Args:
        a, b: points `[*, dims]`.
        share: 0 … 1, of a shape that broadcasts with them.
    """
    share = torch.as_tensor(share, dtype=a.dtype, device=a.device)
    return (1 - share) * a + share * b


def spherical(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """The way round the origin from `a` to `b`, whose angle moves evenly.

    Where one of them is the origin, or they lie in nearly the same or the opposite direction, it is
    the straight line.

    Args:
        a, b: points `[*, dims]`.
        share: 0 … 1, of a shape that broadcasts with them.
    """
    share = torch.as_tensor(share, dtype=a.dtype, device=a.device)
    sizes = a.square().sum(-1, keepdim=True) * b.square().sum(-1, keepdim=True)
    cosine = (a * b).sum(-1, keepdim=True) / sizes.clamp_min(1e-24).sqrt()
    angle = torch.acos(cosine.clamp(-1, 1))
    curved = (angle > SMALL_ANGLE) & (angle < LARGE_ANGLE) & (sizes > 1e-24)
    safe = torch.where(curved, angle, 1.0)
    whole = torch.sin(safe)
    first, second = torch.sin((1 - share) * safe) / whole, torch.sin(share * safe) / whole
    return torch.where(curved, first * a + second * b, (1 - share) * a + share * b)


def expressive(
    track_a: Tensor, track_b: Tensor, share: Tensor | float, amount: float = EXPRESSIVE
) -> Tensor:
    """The way round from one note to another in which both go on moving, `[frames, dims]`.

    Args:
        track_a, track_b: latents along two notes, `[frames, dims]`.
        share: 0 … 1, a number or `[frames, 1]`.
        amount: share of the notes' own movement, which is counted from their 20th frame, or the
            last where there are fewer.
    """

    def moved(track: Tensor) -> Tensor:
        rest = track[min(REFERENCE_FRAME, len(track)) - 1]
        return rest + amount * (track - rest)

    return spherical(moved(track_a), moved(track_b), share)


def circle(
    centre: Tensor,
    radius: float,
    points: int,
    revolutions: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Points on a circle in a random plane through a centre, `[points, dims]`.

    Args:
        centre: `[dims]`, at least two.
        radius: in latent units.
        points: how many, at least 2.
        revolutions: how often it goes round.
        generator: of the plane.
    """
    return spiral(centre, radius, radius, points, revolutions, generator)


def spiral(
    centre: Tensor,
    first_radius: float,
    last_radius: float,
    points: int,
    revolutions: float = 1.0,
    generator: torch.Generator | None = None,
) -> Tensor:
    """Points on a spiral in a random plane through a centre, `[points, dims]`.

    Args:
        centre: `[dims]`, at least two.
        first_radius, last_radius: in latent units; it opens where the last is the larger one.
        points: how many, at least 2.
        revolutions: how often it goes round.
        generator: of the plane.
    """
    u, v = random_plane(len(centre), generator)
    at = torch.linspace(0, 1, points, dtype=centre.dtype)[:, None]
    radius, turn = first_radius + (last_radius - first_radius) * at, 2 * math.pi * revolutions * at
    plane = torch.cos(turn) * u.to(centre) + torch.sin(turn) * v.to(centre)
    return centre + radius.to(centre) * plane


def random_plane(dims: int, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Two random directions `[dims]` of length 1, at right angles.

    Args:
        dims: at least 2; generator: of the directions.
    """
    drawn = torch.randn(dims, 2, generator=generator, dtype=torch.float64)
    basis, _ = torch.linalg.qr(drawn)
    return basis[:, 0].float(), basis[:, 1].float()
