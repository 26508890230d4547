"""Multidimensional scaling: distances found again, weights that act, and what others find."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.timbre.ratings import bundled_ratings
from training.timbre.scaling import smacof, stress


def apart(positions: np.ndarray) -> np.ndarray:
    return np.linalg.norm(positions[:, None] - positions, axis=2)


def draw(points: int, dims: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(points, dims))


@given(points=st.integers(2, 9), dims=st.integers(1, 4), seed=st.integers(0, 99))
@settings(max_examples=15, deadline=None)
def test_distances_of_points_are_found_again(points: int, dims: int, seed: int) -> None:
    wanted = apart(draw(points, dims, seed))
    weights = np.random.default_rng(seed).uniform(0.5, 2.0, wanted.shape)
    found = smacof(wanted, weights + weights.T, dims, tolerance=1e-14)
    # On a line, descent can end where two points would have to pass through each other.
    if dims > 1:
        assert apart(found) == pytest.approx(wanted, abs=0.02)


def test_what_the_order_of_the_points_is_plays_no_part() -> None:
    ratings, random = bundled_ratings(), np.random.default_rng(2)
    for dims in (2, 3, 11):
        whole = smacof(ratings.mean, ratings.count, dims)
        for _ in range(3):
            order = random.permutation(12)
            pick = np.ix_(order, order)
            assert np.array_equal(
                smacof(ratings.mean[pick], ratings.count[pick], dims), whole[order]
            )


def test_a_seed_gives_the_same_and_positions_are_centred_and_turned() -> None:
    ratings = bundled_ratings()
    found = smacof(ratings.mean, ratings.count, 3)
    assert np.array_equal(found, smacof(ratings.mean, ratings.count, 3, seed=3))
    assert found.mean(0) == pytest.approx(np.zeros(3), abs=1e-12)
    spread = found.T @ found
    assert spread == pytest.approx(np.diag(np.diag(spread)), abs=1e-9)
    assert np.all(np.diff(np.diag(spread)) < 0)


def test_more_dimensions_fit_better_and_the_rest_is_zero() -> None:
    ratings = bundled_ratings()
    missed = [stress(smacof(ratings.mean, ratings.count, d), ratings.mean, ratings.count)
              for d in (1, 2, 3, 4, 8)]  # fmt: skip
    assert missed == sorted(missed, reverse=True)
    assert missed[-1] < 0.01 * missed[0]
    assert np.all(smacof(ratings.mean, ratings.count, 20)[:, 11:] == 0)


def test_no_step_of_it_raises_the_stress() -> None:
    ratings, start = bundled_ratings(), draw(12, 2)
    course = [
        stress(smacof(ratings.mean, ratings.count, 2, iterations=n, tolerance=0, start=start),
               ratings.mean, ratings.count)
        for n in range(12)
    ]  # fmt: skip
    assert np.all(np.diff(course) < 0)


def test_an_iteration_at_equal_weights_in_closed_form() -> None:
    ratings, start = bundled_ratings(), draw(12, 3)
    ratio = -ratings.mean / (apart(start) + np.eye(12))
    wanted = (ratio - np.diag(ratio.sum(1))) @ start / 12
    found = smacof(ratings.mean, np.ones((12, 12)), 3, iterations=1, start=start)
    assert apart(found) == pytest.approx(apart(wanted), abs=1e-12)


def test_its_end_is_a_minimum() -> None:
    ratings = bundled_ratings()
    found = smacof(ratings.mean, ratings.count, 3, tolerance=1e-15)
    least = stress(found, ratings.mean, ratings.count)
    for seed in range(20):
        for sign in (-1, 1):
            other = found + sign * 1e-4 * draw(12, 3, seed)
            assert stress(other, ratings.mean, ratings.count) > least


def test_a_pair_that_weighs_more_is_kept_better() -> None:
    # No triangle has the sides 1, 1 and 3: one of them must give way.
    wanted = np.array([[0.0, 1, 3], [1, 0, 1], [3, 1, 0]])
    weights = np.ones((3, 3))
    even = apart(smacof(wanted, weights, 2))
    weights[0, 2] = weights[2, 0] = 100
    heavy = apart(smacof(wanted, weights, 2))
    assert abs(heavy[0, 2] - 3) < 0.05 < abs(even[0, 2] - 3)


def test_pairs_that_are_missing_are_free_and_may_be_nan() -> None:
    wanted = apart(draw(7, 2))
    weights = np.ones((7, 7))
    wanted[0, 1] = wanted[1, 0] = np.nan
    weights[0, 1] = weights[1, 0] = 0
    found = apart(smacof(wanted, weights, 2, tolerance=1e-14))
    known = ~np.isnan(wanted)
    assert found[known] == pytest.approx(wanted[known], abs=1e-3)
    assert found[0, 1] == pytest.approx(apart(draw(7, 2))[0, 1], abs=1e-2)


def test_a_point_without_any_pair_lies_in_the_centre() -> None:
    wanted, weights = apart(draw(5, 2)), np.ones((5, 5))
    weights[2] = weights[:, 2] = 0
    assert smacof(wanted, weights, 2)[2] == pytest.approx(np.zeros(2), abs=1e-12)


def test_where_scikit_learn_arrives_from_the_same_start() -> None:
    manifold = pytest.importorskip("sklearn.manifold", reason="compares with scikit-learn")
    ratings = bundled_ratings()
    equal = np.ones_like(ratings.mean)
    for dims in (2, 3):
        for seed in range(3):
            start = draw(12, dims, seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", FutureWarning)  # its defaults are changing
                theirs, missed = manifold.smacof(
                    ratings.mean, n_components=dims, init=start.copy(), n_init=1,
                    max_iter=3_000, eps=1e-9, normalized_stress=False,
                )  # fmt: skip
            ours = smacof(ratings.mean, equal, dims, start=start)
            assert stress(ours, ratings.mean, equal) == pytest.approx(missed, rel=1e-5)
            assert apart(ours) == pytest.approx(apart(theirs), abs=1e-3)
