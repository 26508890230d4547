"""Descriptors on planes through the space."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.explore.pictures.drawing import Floats, new_figure, png

CUTS = (0.25, 0.75)  # of the range of the third axis, at which planes are cut


def draw_planes(
    title: str, values: Floats, low: Sequence[float], high: Sequence[float], unit: str
) -> bytes:
    """Six planes: two through each pair of axes, on one scale of colours, as PNG.

    Args:
        values: `[steps, steps, steps]`.
        low, high: ends of the three axes.
        unit: of the values, with what they are.
    """
    figure = new_figure(12.0, 6.6)
    grid = figure.subplots(2, 3)
    for column, axis in enumerate((2, 1, 0)):
        across, up = (n for n in range(3) if n != axis)
        turned = np.moveaxis(values, axis, 0)
        for row, cut in enumerate(CUTS):
            number = round(cut * (len(turned) - 1))
            place = low[axis] + (high[axis] - low[axis]) * number / (len(turned) - 1)
            axes = grid[row][column]
            shown = axes.imshow(
                turned[number].T,
                origin="lower",
                aspect="auto",
                extent=(low[across], high[across], low[up], high[up]),
                vmin=float(values.min()),
                vmax=float(values.max()),
                cmap="viridis",
            )
            axes.set_title(f"axis {axis + 1} = {place:+.2f}", fontsize=10)
            axes.set(xlabel=f"axis {across + 1}", ylabel=f"axis {up + 1}")
    figure.colorbar(shown, ax=grid, label=unit, pad=0.02)
    figure.suptitle(f"{title} (axes in latent units)")
    return png(figure)
