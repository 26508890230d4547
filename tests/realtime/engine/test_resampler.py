"""The low-delay resampler: tones survive, images don't, blocks don't matter."""

from __future__ import annotations

import math

import numpy as np
import pytest
import soxr

from realtime.engine.signal.resampler import StreamResampler

PAIRS = [(24_000, 48_000), (24_000, 44_100), (48_000, 24_000), (44_100, 48_000), (16_000, 96_000)]


def _run(rate_in: int, rate_out: int, signal: np.ndarray, sizes: list[int]) -> np.ndarray:
    resampler = StreamResampler(rate_in, rate_out, 1)
    pieces, at, turn = [], 0, 0
    while at < len(signal):
        size = sizes[turn % len(sizes)]
        pieces.append(resampler.process(signal[None, at : at + size]))
        at, turn = at + size, turn + 1
    return np.concatenate(pieces, axis=1)[0]


@pytest.mark.parametrize("pair", PAIRS)
def test_blocks_do_not_matter(pair: tuple[int, int]) -> None:
    """Whole, in ones, or irregularly: the same samples, and as many as the ratio says."""
    signal = np.random.default_rng(0).normal(0, 0.1, 3000).astype(np.float32)
    whole = _run(*pair, signal, [3000])
    assert len(whole) == math.ceil(3000 * pair[1] / pair[0])
    for sizes in ([1], [7, 128, 3], [500]):
        assert np.allclose(_run(*pair, signal, sizes), whole, atol=1e-7)


@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize("share", [0.01, 0.2, 0.35])
def test_a_tone_comes_out_late_by_the_latency_and_clean(
    pair: tuple[int, int], share: float
) -> None:
    """Up to 0.35 of the lower rate, a sine is the same sine `latency` later, to -60 dB."""
    rate_in, rate_out = pair
    frequency = share * min(pair)
    time_in = np.arange(rate_in // 4) / rate_in
    out = _run(*pair, np.sin(2 * np.pi * frequency * time_in).astype(np.float32), [128])
    latency = float(StreamResampler(*pair, 1).latency)
    time_out = np.arange(len(out)) / rate_out - latency
    wanted = np.sin(2 * np.pi * frequency * time_out)
    middle = slice(len(out) // 4, -len(out) // 4)
    assert np.abs(out[middle] - wanted[middle]).max() < 1e-3


def test_images_are_down() -> None:
    """Going up, what mirrors at the old Nyquist frequency is 70 dB under the tone."""
    tone = np.sin(2 * np.pi * 5000 * np.arange(24_000) / 24_000).astype(np.float32)
    out = _run(24_000, 48_000, tone, [128])[4000:-4000]
    spectrum = np.abs(np.fft.rfft(out * np.hanning(len(out))))
    frequency = np.fft.rfftfreq(len(out), 1 / 48_000)
    image = spectrum[np.abs(frequency - 19_000) < 50].max()
    assert 20 * np.log10(image / spectrum.max()) < -70


def test_it_agrees_with_soxr() -> None:
    """On noise under the cut-off, an independent resampler says the same, to -55 dB."""
    rng = np.random.default_rng(1)
    noise = soxr.resample(rng.normal(0, 0.2, 8000).astype(np.float32), 16_000, 24_000)
    out = _run(24_000, 44_100, noise, [64])
    delay = 24 / 24_000 * 44_100  # 44.1 samples: compare at a rate where it is whole
    assert delay == pytest.approx(44.1)
    up = _run(24_000, 48_000, noise, [64])[48:]
    wanted = soxr.resample(noise, 24_000, 48_000, quality="VHQ")[: len(up)]
    middle = slice(1000, len(up) - 1000)
    error = np.sqrt(np.mean((up[middle] - wanted[middle]) ** 2) / np.mean(wanted[middle] ** 2))
    assert 20 * np.log10(error) < -55
    assert len(out) == math.ceil(len(noise) * 44_100 / 24_000)
