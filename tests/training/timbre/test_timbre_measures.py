"""How far a space agrees with ratings, in closed form; families; how axes are used."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from training.timbre.families import FAMILIES, family_of, nearest
from training.timbre.measures import (
    axis_statistics,
    centroids,
    neighbourhood_divergence,
    rank_correlation,
    rating_divergence,
    reconstruction_error,
)
from training.timbre.ratings import bundled_ratings
from training.timbre.regularisers import scaled_positions


def draw(rows: int, dims: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, dims, dtype=torch.float64, generator=generator)


def test_divergence_of_three_points_in_closed_form() -> None:
    latents = torch.tensor([[0.0], [1.0], [3.0]], dtype=torch.float64)
    positions = torch.tensor([[0.0], [2.0], [1.0]], dtype=torch.float64)
    total = 0.0
    for own, others in enumerate(((1, 2), (0, 2), (0, 1))):
        q = [math.exp(-(float(latents[own] - latents[o]) ** 2)) for o in others]
        p = [1 / (1 + float(positions[own] - positions[o]) ** 2) for o in others]
        for a, b in zip(q, p, strict=True):
            total += a / sum(q) * math.log(a / sum(q) / (b / sum(p)))
    assert float(neighbourhood_divergence(latents, positions)) == pytest.approx(total, rel=1e-12)


def test_divergence_is_zero_only_where_neighbourhoods_are_the_same() -> None:
    positions, nowhere = draw(9, 3), torch.zeros(9, 3, dtype=torch.float64)
    assert float(neighbourhood_divergence(nowhere, nowhere)) == pytest.approx(0, abs=1e-12)
    assert float(neighbourhood_divergence(nowhere, positions)) > 0.1
    # Each of two points has the other as its only neighbour.
    assert float(neighbourhood_divergence(positions[:2], nowhere[:2])) == pytest.approx(0)


def test_divergence_takes_no_notice_of_place_turn_or_order() -> None:
    latents, positions = draw(20, 4), draw(20, 3, 1)
    turn, _ = torch.linalg.qr(draw(4, 4, 2))
    order = torch.randperm(20, generator=torch.Generator().manual_seed(3))
    first = neighbourhood_divergence(latents, positions)
    moved = neighbourhood_divergence((latents @ turn + 7)[order], positions[order])
    assert float(moved) == pytest.approx(float(first), rel=1e-9)


def test_rows_that_are_not_known_take_no_part() -> None:
    latents, positions, known = draw(12, 4), draw(12, 3, 1), torch.arange(12) % 3 > 0
    among = neighbourhood_divergence(latents, positions, known)
    alone = neighbourhood_divergence(latents[known], positions[known])
    assert float(among) == pytest.approx(float(alone), rel=1e-12)
    for few in (torch.arange(12) < 1, torch.arange(12) < 0):
        assert float(neighbourhood_divergence(latents, positions, few)) == 0.0


def test_rating_divergence_of_spaces() -> None:
    positions = torch.from_numpy(scaled_positions(bundled_ratings(), 8))
    classes = torch.arange(120) % 12
    space = positions[classes]
    good = float(rating_divergence(space, classes, positions))
    other = float(rating_divergence(positions.flip(0)[classes], classes, positions))
    wide = float(rating_divergence(draw(120, 8), classes, positions))
    assert 0 < good < 0.25 * other < other < 0.05 * wide


def test_rating_divergence_leaves_unrated_classes_out() -> None:
    positions = torch.from_numpy(
        scaled_positions(bundled_ratings().matched(["tuba", "oboe", "flute", "horn"]), 2)
    )
    classes, latents = torch.arange(40) % 4, draw(40, 3)
    rated = classes > 0
    found = rating_divergence(latents, classes, positions)
    alone = rating_divergence(latents[rated], classes[rated] - 1, positions[1:])
    assert float(found) == pytest.approx(float(alone), rel=1e-9)


def test_centroids() -> None:
    latents, classes = draw(30, 3), torch.arange(30) % 4
    found = centroids(latents, classes, 5)
    for number in range(4):
        assert torch.allclose(found[number], latents[classes == number].mean(0))
    assert found[4].isnan().all()


def test_rank_correlation_is_spearmans() -> None:
    ratings = bundled_ratings()
    pairs = np.triu_indices(12, 1)
    for seed in range(5):
        latents = draw(12, 3, seed).round()  # with ties
        apart = np.linalg.norm(latents[:, None] - latents, axis=2)
        wanted = stats.spearmanr(apart[pairs], ratings.mean[pairs]).statistic
        assert rank_correlation(latents, torch.arange(12), ratings) == pytest.approx(wanted)


def test_rank_correlation_of_scaled_ratings_is_high_and_sees_order() -> None:
    ratings = bundled_ratings()
    positions = torch.from_numpy(scaled_positions(ratings, 8))
    assert rank_correlation(positions, torch.arange(12), ratings) > 0.95
    assert abs(rank_correlation(positions.roll(1, 0), torch.arange(12), ratings)) < 0.5


def test_rank_correlation_leaves_out_what_is_not_there() -> None:
    ratings = bundled_ratings().matched(["tuba", "oboe", "flute", "horn", "cello"])
    latents = draw(4, 2)
    rated = bundled_ratings().matched(["oboe", "flute", "horn", "cello"])
    with_tuba = torch.cat([draw(1, 2, 7), latents])
    wanted = rank_correlation(latents, torch.arange(4), rated)
    assert rank_correlation(with_tuba, torch.arange(5), ratings) == pytest.approx(wanted)
    assert rank_correlation(latents, torch.arange(1, 5), ratings) == pytest.approx(wanted)
    assert math.isnan(rank_correlation(latents[:2], torch.arange(2), rated))


def test_reconstruction_error_is_summed_over_bands_and_a_mean_over_frames() -> None:
    frames = torch.zeros(4, 410)
    made = torch.full((4, 410), 0.02)
    assert float(reconstruction_error(frames, made)) == pytest.approx(410 * 0.02**2)
    made[2:] = 0
    assert float(reconstruction_error(frames, made)) == pytest.approx(205 * 0.02**2)


def test_statistics_of_axes() -> None:
    classes = torch.arange(3_000) % 3
    mean = draw(3_000, 3) * torch.tensor([2.0, 0.1, 0.0])
    mean[:, 1] += classes
    std = torch.tensor([0.5, 0.1, 1.0], dtype=torch.float64).expand(3_000, 3)
    found = axis_statistics(mean, std, classes)
    assert found.variance.tolist() == pytest.approx([4.0, 2 / 3 + 0.01, 0.0], rel=0.05)
    assert found.mean.tolist() == pytest.approx([0.0, 1.0, 0.0], abs=0.1)
    assert found.spread.tolist() == pytest.approx([0.25, 0.01, 1.0])
    assert found.between.tolist() == pytest.approx([0.0, 1 - 0.01 / (2 / 3 + 0.01), 0.0], abs=0.01)
    assert found.divergence[2] == 0
    normal = torch.distributions.Normal
    own = torch.distributions.kl_divergence(normal(mean, std), normal(0.0, 1.0)).mean(0)
    assert found.divergence.tolist() == pytest.approx(own.tolist())


def test_each_rated_instrument_has_one_family_and_kin() -> None:
    members = [name for names in FAMILIES.values() for name in names]
    assert sorted(members) == sorted(bundled_ratings().names)
    assert all(len(names) > 1 for names in FAMILIES.values())
    assert family_of("cello") == family_of("VIOLIN") == "strings"
    assert family_of("kazoo") == ""


def test_where_an_instrument_lies() -> None:
    names = ("oboe", "cello", "trumpet", "violin")
    places = torch.tensor([[0.0, 0], [5, 0], [0, 5], [5, 1]], dtype=torch.float64)
    classes = torch.arange(40) % 4
    latents = places[classes] + 0.01 * draw(40, 2)
    # Of ten rows, seven lie beside the strings, three beside the trumpet.
    projected = torch.cat([places[1:2].expand(7, 2), places[2:3].expand(3, 2)])
    found = nearest("Violin 2", projected, latents, classes, names, bundled_ratings())
    assert found.order == ("cello", "oboe", "trumpet")  # and not itself
    assert found.shares == pytest.approx({"strings": 0.7, "brass": 0.3})
    assert found.is_akin
    assert found.rated == ("cello", "oboe", "trumpet")
    assert found.rank == 1
    lost = nearest("flute", projected, latents, classes, names, bundled_ratings())
    assert not lost.is_akin
    assert lost.order[0] == "violin"
    assert lost.rank == 2  # no kin, but only the cello was rated nearer


def test_where_an_instrument_lies_that_nobody_rated() -> None:
    names, places = ("oboe", "kazoo"), torch.tensor([[0.0, 0], [5, 0]])
    found = nearest("tuba", places, places, torch.arange(2), names, bundled_ratings())
    assert (found.rated, found.rank, found.is_akin) == ((), None, False)
