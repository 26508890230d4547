"""Pictures of audio show what is loud and what is silent."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.image import imread

from training.measures.pictures import draw, draw_overlay


def test_the_picture_shows_input_over_output() -> None:
    """A noise over silence: the lower spectrogram is black, the upper is not."""
    loud = np.random.default_rng(0).standard_normal((1, 16_000)).astype(np.float32) / 10
    picture = imread(io.BytesIO(draw(loud, 0 * loud, 16_000, "title")))
    height, width = picture.shape[:2]
    black = picture[..., :3].max(-1) < 0.1
    assert black[: height // 2].sum() < 0.05 * height * width
    assert black[height // 2 :].sum() > 0.2 * height * width


def test_an_overlay_shows_short_sounds_too() -> None:
    """Of a sound shorter than the usual stretch, its beginning is drawn."""
    rising = np.linspace(-1, 1, 300, dtype=np.float32)
    apart = imread(io.BytesIO(draw_overlay(rising, -rising, "title")))
    equal = imread(io.BytesIO(draw_overlay(rising, rising, "title")))
    assert apart.shape == equal.shape
    assert np.abs(apart - equal).max() > 0.5
