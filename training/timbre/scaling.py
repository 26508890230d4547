"""Metric multidimensional scaling: positions whose distances are close to given ones.

Weighted SMACOF (scaling by majorising a complicated function): de Leeuw 1977; Borg, Groenen 2005,
Modern multidimensional scaling, section 8.6.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]

STARTS = 8  # random ones, beside that of classical scaling
RANK = 1e-10  # of the largest eigenvalue: below this it is 0
SMALLEST = 1e-12  # distance of positions that count as one


def smacof(
    distances: Matrix,
    weights: Matrix,
    dims: int,
    seed: int = 3,
    iterations: int = 3_000,
    tolerance: float = 1e-9,
    start: Matrix | None = None,
) -> Matrix:
    """Positions that make the weighted sum of squared differences of distances small.

    The best of several starts; the order of the points plays no part. The positions are centred
    and turned to their principal axes.

    Args:
        distances: symmetric, at least 0, `[n, n]`; those of weight 0 are ignored and may be NaN.
        weights: symmetric, at least 0, `[n, n]`; the diagonal is ignored.
        dims: of the positions, at least 1; those beyond n - 1 are 0.
        seed: of the random starts.
        iterations: at most, from each start.
        tolerance: a start's iterations end when one of them lowers the stress by less than this
            share of the weighted sum of squared distances.
        start: positions `[n, dims]` to begin with instead of all other starts.

    Returns:
        `[n, dims]`. Points whose weights are all 0 lie in the centre.
    """
    points, used = len(distances), min(dims, max(len(distances) - 1, 1))
    order = _order(distances, weights)
    sorted_by = np.ix_(order, order)
    weights = np.where(np.eye(points), 0.0, weights[sorted_by])
    targets = np.where(weights > 0, distances[sorted_by], 0.0)
    begins = _starts(targets, weights, used, seed) if start is None else [start[order, :used]]
    ends = [_descended(targets, weights, begin, iterations, tolerance) for begin in begins]
    best = min(ends, key=lambda end: stress(end, targets, weights))
    positions = np.zeros((points, dims))
    positions[order, :used] = _principal(best)
    return positions


def _starts(targets: Matrix, weights: Matrix, dims: int, seed: int) -> list[Matrix]:
    draws = np.random.default_rng(seed).standard_normal((STARTS, len(targets), dims))
    return [_classical(targets, weights, dims), *(draws * targets.max())]


def stress(positions: Matrix, distances: Matrix, weights: Matrix) -> float:
    """Weighted sum over pairs of the squared differences between distances of positions and given.

    Args:
        positions: `[n, dims]`; distances, weights: `[n, n]`, as `smacof` takes them.
    """
    return _missed(_apart(positions), np.where(weights > 0, distances, 0.0), weights)


def _missed(apart: Matrix, targets: Matrix, weights: Matrix) -> float:
    return float(np.vdot(weights, np.square(apart - targets)) / 2)


def _descended(
    targets: Matrix, weights: Matrix, positions: Matrix, iterations: int, tolerance: float
) -> Matrix:
    """The Guttman transform, again and again."""
    # Moving all positions alike has the eigenvalue 0, but for rounding, which must not be inverted.
    inverse = np.linalg.pinv(_laplacian(weights), rcond=RANK, hermitian=True)
    pulls, enough = weights * targets, tolerance * float(np.vdot(weights, targets**2) / 2)
    apart = _apart(positions)
    before = _missed(apart, targets, weights)
    for _ in range(iterations):
        ratio = np.divide(pulls, apart, out=np.zeros_like(apart), where=apart > SMALLEST)
        positions = inverse @ _laplacian(ratio) @ positions
        apart = _apart(positions)
        now = _missed(apart, targets, weights)
        if before - now < enough:
            break
        before = now
    return positions


def _laplacian(weights: Matrix) -> Matrix:
    return np.asarray(np.diag(weights.sum(1)) - weights)


def _classical(targets: Matrix, weights: Matrix, dims: int) -> Matrix:
    """Classical scaling (Torgerson 1952), with the mean distance where a pair has none."""
    known = weights > 0
    filled = np.where(known, targets, targets[known].mean() if known.any() else 0.0)
    np.fill_diagonal(filled, 0.0)
    centring = np.eye(len(targets)) - 1 / len(targets)
    values, vectors = np.linalg.eigh(-0.5 * centring @ filled**2 @ centring)
    top = np.argsort(-values)[:dims]
    return np.asarray(vectors[:, top] * np.sqrt(np.maximum(values[top], 0.0)))


def _order(distances: Matrix, weights: Matrix) -> NDArray[np.intp]:
    """The points sorted by what their distances are: the same whatever order they come in."""
    known = (weights > 0) & ~np.eye(len(weights), dtype=bool)
    profiles = [np.sort(np.where(known, part, -1.0), axis=1) for part in (distances, weights)]
    return np.lexsort(np.concatenate(profiles, 1).T)


def _principal(positions: Matrix) -> Matrix:
    """Centred, with the widest spread along the first axis and the farthest point on its right."""
    centred = positions - positions.mean(0)
    turned = centred @ np.linalg.svd(centred, full_matrices=True)[2].T
    farthest = turned[np.abs(turned).argmax(0), np.arange(turned.shape[1])]
    return np.asarray(turned * np.where(farthest < 0, -1.0, 1.0))


def _apart(positions: Matrix) -> Matrix:
    return np.asarray(np.linalg.norm(positions[:, None] - positions, axis=2))
