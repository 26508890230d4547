"""Distances of sounds whose distance is known."""

from __future__ import annotations

import math

import pytest
import torch
from match_sounds import RATE, tone

from synth.models.inverse.voices import make_voice
from training.match.distances import (
    DISTANCES,
    mel_l1,
    multi_scale_spectral,
    parameter_error,
    rms_cosine,
    spectral_optimal_transport,
    warped,
    warped_mfcc,
)
from training.match.spectra import cosines, mel_filters, powers, transform_size


@pytest.fixture
def sounds() -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randn(3, RATE, generator=generator) * torch.linspace(1, 0.1, RATE)


@pytest.mark.parametrize("name", DISTANCES)
def test_a_sound_is_no_distance_from_itself(name: str, sounds: torch.Tensor) -> None:
    wanted = 1.0 if DISTANCES[name].nearer_is_higher else 0.0
    assert DISTANCES[name](sounds, sounds, RATE).tolist() == pytest.approx([wanted] * 3, abs=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
def test_other_sounds_are_some_distance_away_each_by_itself(
    name: str, sounds: torch.Tensor
) -> None:
    other = sounds.flip(-1)
    together = DISTANCES[name](other, sounds, RATE)
    pairs = zip(torch.split(other, 1), torch.split(sounds, 1), strict=True)
    alone = torch.cat([DISTANCES[name](a, b, RATE) for a, b in pairs])
    torch.testing.assert_close(together, alone)
    distance = 1 - together if DISTANCES[name].nearer_is_higher else together
    assert float(distance.min()) > 1e-3


def test_a_gain_of_6_db_is_6_db_of_mel_level_and_nothing_else(sounds: torch.Tensor) -> None:
    """Bands more than 80 dB down have no level: noise has none of these."""
    assert mel_l1(sounds * 2, sounds, RATE).tolist() == pytest.approx([6.0206] * 3, abs=0.01)
    assert multi_scale_spectral(sounds * 2, sounds, RATE).max() < 1e-3
    assert spectral_optimal_transport(sounds * 2, sounds, RATE).max() < 1e-5
    assert rms_cosine(sounds * 2, sounds, RATE).min() > 1 - 1e-5


def test_silence_is_as_far_as_the_levels_of_the_other_sound_reach() -> None:
    """Every band of silence is at its loudest, 0 dB; those of an impulse in its window at 0, too,
    and all others at -80 dB."""
    silence = torch.zeros(1, RATE)
    impulse = torch.zeros(1, RATE)
    impulse[0, RATE // 2] = 1.0
    distance = float(multi_scale_spectral(silence, impulse, RATE))
    assert 70 < distance < 80


def test_transport_is_the_way_between_two_tones() -> None:
    """From 1 to 3 kHz at a rate of 8 kHz: half of the way from 0 Hz to half the rate."""
    low, high = tone(1_000)[None], tone(3_000)[None]
    assert float(spectral_optimal_transport(high, low, RATE)) == pytest.approx(0.5, abs=0.02)
    assert float(spectral_optimal_transport(low, high, RATE)) == pytest.approx(0.5, abs=0.02)


def test_envelopes_that_never_meet_have_no_cosine() -> None:
    early, late = torch.zeros(1, RATE), torch.zeros(1, RATE)
    early[0, : RATE // 4], late[0, 3 * RATE // 4 :] = 1.0, 1.0
    assert float(rms_cosine(early, late, RATE)) == pytest.approx(0.0, abs=1e-6)
    half = early + 0  # half of its power is where `early` has all of it
    half[0, RATE // 4 : RATE // 2] = 1.0
    assert float(rms_cosine(half, early, RATE)) == pytest.approx(math.sqrt(0.5), abs=0.03)


def test_warping_by_hand() -> None:
    """Costs 1 1 9 / 9 1 1 / 9 9 1: along the diagonal 1 + 2 + 2, round a corner 1 + 1 + 1 + 1 + 1;
    the first cost counts once."""
    cost = torch.tensor([[[1.0, 1, 9], [9, 1, 1], [9, 9, 1]]])
    assert float(warped(cost)) == 5.0
    cost[0, 0, 1] = cost[0, 1, 2] = 0.0
    assert float(warped(cost)) == 2.0  # across, both, down: 1 + 0 + 2 x 0 + 1
    assert float(warped(torch.tensor([[[1.0, 2, 3]]]))) == 6.0


def test_warping_forgives_what_comes_late() -> None:
    sound = torch.cat([tone(500, 0.5), tone(1_500, 0.5)])[None]
    late = torch.cat([tone(500, 0.6), tone(1_500, 0.4)])[None]
    other = torch.cat([tone(700, 0.5), tone(2_500, 0.5)])[None]
    assert warped_mfcc(late, sound, RATE) < 0.2 * warped_mfcc(other, sound, RATE)


def test_parameter_error_is_the_least_over_what_can_change_places() -> None:
    voice = make_voice("modular")
    meant = torch.rand(2, len(voice.names), generator=torch.Generator().manual_seed(0))
    (swap, *_) = voice.symmetries
    columns = [voice.names.index(swap.get(name, name)) for name in voice.names]
    assert parameter_error(meant[:, columns], meant, voice).tolist() == pytest.approx([0, 0])
    moved = meant.clone()
    moved[:, voice.names.index("mixer_noise")] = 1 - moved[:, voice.names.index("mixer_noise")]
    gap = (1 - 2 * meant[:, voice.names.index("mixer_noise")]).abs() / len(voice.names)
    torch.testing.assert_close(parameter_error(moved, meant, voice), gap)


def test_bands_have_equal_areas_and_cosines_are_orthonormal() -> None:
    filters = mel_filters(16_000, 4_096, 40)
    spacing = 16_000 / 4_096
    assert filters.sum(0).mul(spacing)[10:].tolist() == pytest.approx([1.0] * 30, abs=0.03)
    table = cosines(64, 64)
    torch.testing.assert_close(table.T @ table, torch.eye(64), atol=1e-5, rtol=0)


@pytest.mark.parametrize(("window", "size"), [(441, 448), (1_102, 1_120), (4_410, 4_480), (64, 64)])
def test_transforms_are_a_little_longer_than_windows(window: int, size: int) -> None:
    assert transform_size(window) == size


def test_power_of_a_sine_is_that_of_the_window() -> None:
    """A sine in the middle of a bin: (A / 2 x sum of the window) squared."""
    power = powers(tone(1_000, 1.0, level=0.5)[None], 256, 64)
    assert float(power[0, 60, 32]) == pytest.approx((0.25 * 128) ** 2, rel=1e-3)


def test_distances_that_an_evaluation_took_first_have_gradients_later() -> None:
    """Bands are made once, and inference must not keep them from learning."""
    mel_filters.cache_clear()
    sound = torch.randn(1, 4_000)
    with torch.inference_mode():
        multi_scale_spectral(sound, sound, 8_000)
    made = (0.5 * sound + 0.1).requires_grad_()
    multi_scale_spectral(made, sound.roll(100, 1), 8_000).sum().backward()
    assert made.grad is not None
    assert bool(torch.isfinite(made.grad).all())
