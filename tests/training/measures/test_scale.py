"""Figures of sounds: what silence and noise score is known, and a perfect copy scores nothing."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from training.inr.losses import per_sample
from training.measures.scale import ROWS, Scale
from training.measures.spectra import MultiScaleSTFT

SAMPLES = 4_096


def sounds(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (count, SAMPLES)).astype(np.float32)


def test_silence_scores_the_energy_of_the_set() -> None:
    meant = sounds(ROWS + 3)
    scores = Scale(meant).silence()
    energy = np.square(meant, dtype=np.float64).sum(1).mean()
    assert scores.mse == pytest.approx(energy, rel=1e-6)
    assert scores.stft > 0
    assert scores.cdpam is None


def test_noise_scores_its_own_energy_besides() -> None:
    meant = sounds(ROWS + 3)
    scale = Scale(meant)
    # Unrelated signals: energies add up; of uniform noise it is a third a sample.
    assert scale.noise().mse == pytest.approx(SAMPLES / 3 + scale.silence().mse, rel=0.02)
    assert scale.noise() == Scale(meant).noise()
    assert scale.noise().stft > 2 * scale.silence().stft


def test_scores_are_the_losses_of_all_rows_together() -> None:
    meant, made = sounds(ROWS + 3), torch.from_numpy(sounds(ROWS + 3, seed=1))
    scores = Scale(meant).compare(lambda rows: made[rows])
    target = torch.from_numpy(meant)
    assert scores.mse == pytest.approx(float(per_sample(made, target)), rel=1e-5)
    assert scores.stft == pytest.approx(float(MultiScaleSTFT()(made, target)), rel=1e-5)
    perfect = Scale(meant).compare(lambda rows: target[rows])
    assert (perfect.mse, perfect.stft) == (0.0, 0.0)


class Loudness(torch.nn.Module):
    """Stands in for a metric: embeds a sound as its energy, and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def embed(self, audio: Tensor) -> Tensor:
        self.asked += len(audio)
        return audio.square().sum(1, keepdim=True)

    def between(self, made: Tensor, meant: Tensor) -> Tensor:
        return (made - meant).abs().sum(1)


def test_a_perceptual_metric_hears_each_target_once() -> None:
    meant, metric = sounds(ROWS + 3), Loudness()
    scale = Scale(meant, metric)  # type: ignore[arg-type]
    energy = np.square(meant, dtype=np.float64).sum(1).mean()
    assert scale.silence().cdpam == pytest.approx(energy, rel=1e-5)
    first = metric.asked
    scale.silence()
    assert metric.asked - first == len(meant)
    assert first == 2 * len(meant)
