"""What a walk should have reached, beside what it did."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from training.explore.pictures.drawing import Floats, new_figure, png


def draw_walk(
    title: str, wanted: Floats, values: Floats, met: NDArray[np.bool_], heard: Floats, unit: str
) -> bytes:
    """Targets and what was reached over the steps of a walk, as PNG.

    Args:
        wanted, values: of the descriptor at each step; met: whether it was reached, `[steps]`.
        heard: of the decoded frames along the path, `[frames]`.
        unit: of the values, with what they are.
    """
    figure = new_figure(7.5, 4.6)
    axes = figure.subplots()
    steps = np.arange(1, len(wanted) + 1)
    along = np.linspace(1, len(wanted), len(heard))
    axes.plot(along, heard, color="#56B4E9", linewidth=1.2, label="decoded frames between them")
    axes.plot(steps, wanted, color="black", linestyle="--", linewidth=1.2, label="targets")
    axes.plot(steps[met], values[met], "o", color="#0072B2", label="reached")
    if not met.all():
        axes.plot(
            steps[~met], values[~met], "X", color="#D55E00", markersize=8,
            label="out of reach: the nearest",
        )  # fmt: skip
    axes.set(title=title, xlabel="step", ylabel=unit)
    axes.set_xticks([1, *range(5, len(wanted) + 1, 5)])
    axes.grid(alpha=0.25, linewidth=0.5)
    axes.legend(frameon=False)
    return png(figure)
