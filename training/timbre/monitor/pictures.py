"""Pictures of a timbre space: reconstructions, the latents by what is known of them, statistics."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.data.library import Array

DECIBELS = 20 / np.log(10)  # in a neper
COLUMNS = 4


def draw_frames(
    frequencies: Array, real: Array, made: Array, titles: Sequence[str], title: str
) -> bytes:
    """Frames over their reconstructions, in dB over frequency.

    Args:
        frequencies: Hz, `[bands]`; real, made: logarithms of magnitudes, `[frames, bands]`.
        titles: of the frames; title: printed above.

    Returns:
        PNG.
    """
    rows = -(-len(real) // COLUMNS)
    figure, axes = _figure(4 * COLUMNS, 2.6 * rows, rows, COLUMNS)
    for axis, *lines, name in zip(axes, real, made, titles, strict=False):
        for line, label, colour in zip(lines, ("real", "decoded"), ("C0", "C1"), strict=True):
            axis.semilogx(frequencies, line * DECIBELS, linewidth=0.8, label=label, color=colour)
        axis.set_title(name, fontsize=8)
    axes[0].legend(loc="lower left", fontsize=7)
    axes[0].set(ylabel="dB")
    return _png(figure, title)


def draw_space(positions: Array, tasks: Mapping[str, tuple[Array, Sequence[str]]]) -> bytes:
    """Latents in three dimensions, once for each task, coloured by its classes.

    Args:
        positions: `[rows, 3]`, along the principal axes.
        tasks: by name: number of the class of each row, `[rows]`, and the names of the classes;
            without names the numbers themselves are a scale.

    Returns:
        PNG.
    """
    figure = _empty(7 * len(tasks), 6.5)
    for place, (task, (classes, names)) in enumerate(tasks.items()):
        axis = figure.add_subplot(1, len(tasks), place + 1, projection="3d")
        drawn = axis.scatter(
            *positions.T, c=classes, s=3, cmap="tab20" if names else "viridis",
            vmin=0 if names else None, vmax=max(19, len(names) - 1) if names else None,
        )  # fmt: skip
        axis.set_title(task)
        if names:
            handles = [_dot(drawn.cmap(drawn.norm(n)), name) for n, name in enumerate(names)]
            axis.legend(handles=handles, fontsize=7, loc="upper left")
        else:
            figure.colorbar(drawn, ax=axis, shrink=0.6)
    return _png(figure, "latents along the three principal axes")


def draw_statistics(mean: Array, std: Array, classes: NDArray[Any], names: Sequence[str]) -> bytes:
    """Variance on each latent axis, and histograms of the classes along it.

    Args:
        mean, std: of the posteriors, `[rows, dims]`; classes: `[rows]`; names: of the classes.

    Returns:
        PNG.
    """
    dims = mean.shape[1]
    rows = -(-(dims + 1) // COLUMNS)
    figure, axes = _figure(4 * COLUMNS, 2.6 * rows, rows, COLUMNS)
    at = np.arange(dims)
    axes[0].bar(at - 0.2, mean.var(0), 0.4, label="variance of means")
    axes[0].bar(at + 0.2, np.square(std).mean(0), 0.4, label="mean variance")
    axes[0].set(yscale="log", title="per axis")
    axes[0].legend(fontsize=7)
    for dim in range(dims):
        edges = np.linspace(mean[:, dim].min() - 1e-3, mean[:, dim].max() + 1e-3, 40)
        for number, name in enumerate(names):
            own = mean[classes == number, dim]
            if len(own):
                share = np.histogram(own, edges)[0] / len(own)
                colour = f"C{number % 10}"
                axes[dim + 1].stairs(share, edges, label=name, color=colour, linewidth=0.8)
        axes[dim + 1].set_title(f"axis {dim}", fontsize=8)
    axes[1].legend(fontsize=5)
    return _png(figure, "latents")


def draw_losses(losses: Mapping[str, Array], names: Sequence[str]) -> bytes:
    """Losses of each class.

    Args:
        losses: by name, `[classes]`, NaN where a class has no frame; names: of the classes.

    Returns:
        PNG.
    """
    figure, axes = _figure(5 * len(losses), 0.3 * len(names) + 1.5, 1, len(losses))
    for axis, (name, values) in zip(axes, losses.items(), strict=True):
        axis.barh(np.arange(len(names)), values)
        axis.set_yticks(np.arange(len(names)), names, fontsize=7)
        axis.set_title(name)
    return _png(figure, "held-out losses of each class")


def _empty(width: float, height: float) -> Any:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _figure(width: float, height: float, rows: int, columns: int) -> tuple[Any, Any]:
    figure = _empty(width, height)
    return figure, figure.subplots(rows, columns, squeeze=False).ravel()


def _dot(colour: Any, name: str) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([], [], marker="o", linestyle="", color=colour, label=name, markersize=4)


def _png(figure: Any, title: str) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.suptitle(title)
    buffer = io.BytesIO()
    FigureCanvasAgg(figure)
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
