"""Pictures of audio: what was made beside what was meant."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.data.library import Array

OVERLAID = slice(1000, 1200)


def draw(original: Array, made: Array, sample_rate: int, title: str) -> bytes:
    """A picture of waveform and spectrogram, input over output.

    Args:
        original, made: `[channels, samples]`, full scale ±1; the first channel is drawn.
        sample_rate: Hz.
        title: printed above.

    Returns:
        PNG.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 8), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, height_ratios=[1, 2, 1, 2])
    seconds = original.shape[1] / sample_rate
    top = float(max(np.abs(original[0]).max(), np.abs(made[0]).max(), 1e-3))
    for row, (name, audio) in enumerate((("input", original[0]), ("output", made[0]))):
        time = np.arange(len(audio)) / sample_rate
        axes[2 * row].plot(time, audio, linewidth=0.4)
        axes[2 * row].set(ylabel=name, ylim=(-top, top), xlim=(0, seconds))
        axes[2 * row + 1].imshow(
            _spectrogram_db(torch.from_numpy(audio.copy())).numpy(),
            origin="lower",
            aspect="auto",
            extent=(0, seconds, 0, sample_rate / 2000),
            vmin=-100,
            vmax=0,
            cmap="magma",
        )
        axes[2 * row + 1].set(ylabel="kHz")
    axes[0].set_title(title)
    axes[3].set_xlabel("s")
    return _png(figure)


def draw_overlay(original: Array, made: Array, title: str) -> bytes:
    """A picture of two waveforms over each other, near enough to see the samples.

    Args:
        original, made: `[samples]`; drawn are samples 1000 … 1199, of shorter sounds the first 200.
        title: printed above.

    Returns:
        PNG.
    """
    from matplotlib.figure import Figure

    shown = OVERLAID if len(original) >= OVERLAID.stop else slice(0, OVERLAID.stop - OVERLAID.start)
    samples = np.arange(len(original))[shown]
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(samples, original[shown], linewidth=1.2, label="original")
    axes.plot(samples, made[shown], linewidth=1.2, linestyle="--", label="reconstruction")
    axes.set(title=title, xlabel="sample", xlim=(samples[0], samples[-1]))
    axes.legend(loc="upper right")
    return _png(figure)


def _png(figure: Any) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def _spectrogram_db(audio: Tensor, window: int = 1024) -> Tensor:
    if len(audio) < window:
        audio = torch.nn.functional.pad(audio, (0, window - len(audio)))
    taper = torch.hann_window(window)
    spectrum = torch.fft.rfft(audio.unfold(0, window, window // 4) * (taper * 2 / taper.sum()))
    return 20 * torch.log10(spectrum.abs().clamp(min=1e-5)).t()
