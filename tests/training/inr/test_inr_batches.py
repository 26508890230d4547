"""Which sounds and which points a step learns from."""

from __future__ import annotations

import inr_training_rig as rig
import numpy as np
import pytest
import torch

from synth.models.inr import INR
from training.inr.batches import Batch, Deck, Mixtures, Points, SoundStream
from training.inr.sounds import interpolated
from training.run.family import Span


@pytest.mark.parametrize(
    ("sounds", "batch_size", "world"),
    [(100, 32, 1), (7, 32, 1), (96, 32, 1), (50, 8, 3), (1, 1, 1), (5, 1, 2)],
)
def test_an_epoch_has_every_sound_once(sounds: int, batch_size: int, world: int) -> None:
    deck = Deck(sounds, batch_size, world, seed=1)
    for epoch in range(3):
        parts = [
            deck.items(epoch * deck.batches + at, rank)
            for at in range(deck.batches)
            for rank in range(world)
        ]
        assert sorted(np.concatenate(parts)) == list(range(sounds))
        sizes = {len(part) for part in parts}
        assert min(sizes) >= 1
        assert max(sizes) == deck.most
        assert max(sizes) - min(sizes) <= 1, "no small rest"


def test_epochs_are_shuffled_anew_and_the_same_again() -> None:
    deck = Deck(64, 64, 1, seed=1)
    assert list(deck.items(0, 0)) != list(deck.items(1, 0))
    assert list(deck.items(1, 0)) == list(Deck(64, 64, 1, seed=1).items(1, 0))
    assert list(deck.items(1, 0)) != list(Deck(64, 64, 1, seed=2).items(1, 0))


@pytest.mark.parametrize(("grid", "count"), [(16_000, 8_000), (16_000, 1_000), (64, 64)])
def test_a_comb_covers_all_phases_evenly(grid: int, count: int) -> None:
    points = Points(grid, count, even=True)
    drawn = points.draw(4000, np.random.default_rng(0))
    assert (np.diff(drawn) == points.stride).all()
    phases = np.bincount(drawn[:, 0], minlength=points.stride)
    assert len(phases) == points.stride, "a comb fills the grid"
    expected = 4000 / points.stride
    assert np.abs(phases - expected).max() < 6 * expected**0.5 + 1


def test_a_comb_that_does_not_fit_reaches_both_ends() -> None:
    points = Points(grid=1000, count=300, even=True)
    drawn = points.draw(2000, np.random.default_rng(0))
    assert points.stride == 3
    assert set(drawn.flatten()) == set(range(1000))


def test_rows_have_phases_of_their_own() -> None:
    drawn = Points(16_000, 100, even=True).draw(32, np.random.default_rng(0))
    assert len(set(drawn[:, 0])) > 16


def test_points_anywhere_are_in_order_and_none_twice() -> None:
    drawn = Points(1000, 300, even=False).draw(50, np.random.default_rng(0))
    assert (np.diff(drawn) > 0).all()
    assert len(np.unique(np.diff(drawn))) > 3, "no comb"
    assert set(drawn.flatten()) == set(range(1000))


def batches(oversample: int = 1, even: bool = True, **more: bool) -> tuple[np.ndarray, list[Batch]]:
    """Sounds that say which they are, sample by sample, and their first four batches."""
    sounds = np.arange(5)[:, None] + np.arange(rig.LENGTH * oversample) / 10_000
    stream = SoundStream(
        sounds.astype(np.float32),
        Deck(5, 3, 1, seed=0),
        Points(rig.LENGTH * oversample, 64, even),
        Span(0, 4),
        oversample=oversample,
        **more,
    )
    return sounds, list(stream)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("oversample", [1, 3])
def test_targets_are_the_amplitudes_at_the_positions(oversample: int, even: bool) -> None:
    sounds, found = batches(oversample, even)
    for batch in found:
        assert batch.items.dtype == torch.int64
        at = (batch.positions * oversample).round().long().numpy()
        meant = np.take_along_axis(sounds[batch.items.numpy()], at, 1)
        assert np.allclose(batch.target.numpy(), meant, atol=1e-6)
        assert batch.audio is None
    between = torch.cat([b.positions.flatten() for b in found]) % 1
    assert bool((between > 0).any()) == (oversample > 1)


def test_whole_sounds_for_an_encoder_at_their_own_rate() -> None:
    sounds, found = batches(oversample=2, encoded=True)
    for batch in found:
        assert batch.audio is not None
        assert np.allclose(batch.audio, sounds[batch.items.numpy(), ::2], atol=1e-6)


def test_double_precision_is_double() -> None:
    assert all(batch.target.dtype == torch.float64 for batch in batches(double=True)[1])


def test_first_and_last_position_as_times() -> None:
    model = INR(rig.MODEL)
    ends = model.coordinates(torch.tensor([0, rig.LENGTH // 2, rig.LENGTH]))
    assert ends.tolist() == [-1.0, 0.0, 1.0]


def test_points_between_samples_are_those_of_the_band_limited_sound() -> None:
    time = np.arange(1000)
    tone = np.sin(2 * np.pi * 0.11 * time + 0.3) * np.hanning(1000)
    dense = interpolated(tone.astype(np.float32), 4)
    between = np.arange(4000) / 4
    # The window is slow enough to be read between its samples by a straight line.
    meant = np.sin(2 * np.pi * 0.11 * between + 0.3) * np.interp(between, time, np.hanning(1000))
    assert np.abs(dense - meant)[100:-100].max() < 1e-3
    assert len(dense) == 4000


def test_mixtures_lie_between_two_sounds_of_one_key() -> None:
    """Their targets are what both sounds are there, in the proportion that their latents get."""
    sounds = np.random.default_rng(0).standard_normal((5, 640)).astype(np.float32)
    keys = (60.0, 62.0, 60.0, 62.0, -1.0)
    stream = SoundStream(
        sounds, Deck(5, 5, 1, seed=0), Points(640, 64, even=True), Span(0, 40),
        mixtures=Mixtures(0.8, keys),
    )  # fmt: skip
    met: set[tuple[int, ...]] = set()
    for batch in stream:
        assert batch.mixed is not None
        assert batch.shares is not None
        assert batch.mixed.shape == (4, 2)
        assert batch.positions.shape == batch.target.shape == (5 + 4, 64)
        at = batch.positions[5:].numpy()
        first, second = (np.take_along_axis(sounds[batch.mixed[:, i]], at, 1) for i in (0, 1))
        share = batch.shares.numpy()
        assert np.allclose(batch.target[5:], first + share * (second - first), atol=1e-6)
        assert ((share >= 0) & (share < 1)).all()
        met |= {tuple(pair.tolist()) for pair in batch.mixed}
    known = {pair for pair in met if 4 not in pair}
    assert known == {(0, 2), (2, 0), (1, 3), (3, 1)}
    assert {b for a, b in met if a == 4} == {0, 1, 2, 3}, "a sound of no known key goes with any"


def test_one_sound_alone_is_mixed_with_nothing() -> None:
    pairs, shares = Mixtures(1.0, (60.0,)).draw(np.array([0]), np.random.default_rng(0))
    assert pairs.shape == (0, 2)
    assert shares.shape == (0, 1)
