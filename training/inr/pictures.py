"""A reconstruction over its original, near enough to see the samples."""

from __future__ import annotations

import io

import numpy as np

from training.data.library import Array

SHOWN = slice(1000, 1200)


def draw_overlay(original: Array, made: Array, title: str) -> bytes:
    """PNG of samples 1000 … 1199 of two sounds `[samples]`, of shorter ones what there is."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown = SHOWN if len(original) >= SHOWN.stop else slice(0, SHOWN.stop - SHOWN.start)
    samples = np.arange(len(original))[shown]
    figure = Figure(figsize=(12, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(samples, original[shown], linewidth=1.2, label="original")
    axes.plot(samples, made[shown], linewidth=1.2, linestyle="--", label="reconstruction")
    axes.set(title=title, xlabel="sample", xlim=(samples[0], samples[-1]))
    axes.legend(loc="upper right")
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
