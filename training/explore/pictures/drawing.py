"""What all pictures share: colours, axes in Hz and dB, spectrograms, and the space seen from two
sides."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from training.explore.pictures.animation import Picture

Floats = NDArray[np.float64]
# Okabe and Ito's colours, which people with any colour vision tell apart, without the yellow, which
# is too pale for lines. Markers tell apart what has the same colour.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
TICKS_HZ = (20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000)
RANGE_DB = 70.0  # that a spectrogram shows at most
LEAST_DB = 20.0  # that it shows at least, of a sound near the floor
DPI = 110


def new_figure(width: float, height: float) -> Any:
    """An empty figure, inches, whose parts make room for each other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", dpi=DPI)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Any) -> bytes:
    """A figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()


def pixels(figure: Any) -> Picture:
    """A figure as RGB `[height, width, 3]`."""
    figure.canvas.draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()


def colour(number: int) -> str:
    """The colour of the class with a number."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """Its marker: together with the colour, 49 classes are told apart."""
    return MARKERS[(number // len(COLOURS) + number) % len(MARKERS)]


def hz(value: float) -> str:
    """A frequency in few letters.

    >>> hz(200), hz(5000)
    ('200', '5k')
    """
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def decibels(magnitude: Tensor, top: float | None = None) -> Floats:
    """Magnitudes in dB re full scale, nothing further than `RANGE_DB` below the loudest.

    Args:
        top: the loudest in dB, None: of these.
    """
    found: Floats = 20 * np.log10(np.maximum(magnitude.double().numpy(), 1e-12))
    return np.maximum(found, (float(found.max()) if top is None else top) - RANGE_DB)


def scale_of_levels(top: float, floor: float) -> tuple[float, float]:
    """The levels in dB at which the colours of a spectrogram begin and end.

    Magnitudes below the floor of a model are 0. If the scale went on below it, they would stand out
    as black stripes from what lies just above it.

    Args:
        top: the loudest level, dB re full scale; floor: magnitude, above 0.

    >>> scale_of_levels(-40.0, 1e-4)
    (-80.0, -40.0)
    """
    lowest = min(20 * math.log10(floor), top - LEAST_DB)
    return max(top - RANGE_DB, lowest), top


def band_ticks(frequencies: Floats) -> tuple[list[float], list[str]]:
    """Places on an axis of band numbers, and what stands there, in Hz."""
    shown = [f for f in TICKS_HZ if frequencies[0] <= f <= frequencies[-1]]
    places = np.interp(shown, frequencies, np.arange(len(frequencies)))
    return places.tolist(), [hz(f) for f in shown]


def draw_spectrograms(
    title: str, panels: Sequence[tuple[str, Tensor, float]], frequencies: Tensor, floor: float
) -> bytes:
    """Spectrograms side by side on one scale of levels, as PNG.

    Args:
        panels: name, magnitudes `[bands, frames]` and seconds of each; the first sets the scale.
        frequencies: Hz, of the bands.
        floor: magnitude below which nothing is shown.
    """
    figure = new_figure(1.5 + 4.5 * len(panels), 4.6)
    rows = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    low, top = scale_of_levels(float(decibels(panels[0][1]).max()), floor)
    places, names = band_ticks(frequencies.numpy())
    for axes, (name, magnitude, seconds) in zip(rows, panels, strict=True):
        bands = magnitude.shape[0]
        shown = axes.imshow(
            decibels(magnitude, top),
            origin="lower",
            aspect="auto",
            extent=(0, seconds, -0.5, bands - 0.5),
            vmin=low,
            vmax=top,
            cmap="magma",
            interpolation="nearest",
        )
        axes.set(title=name, xlabel="time (s)")
        axes.set_yticks(places, names)
    rows[0].set_ylabel("frequency (Hz)")
    figure.colorbar(shown, ax=list(rows), label="level (dB re full scale)", pad=0.02)
    figure.suptitle(title)
    return png(figure)


@dataclass(frozen=True)
class Cloud:
    """Points of one class.

    Attributes:
        name: stands beside them.
        places: on the axes of the space, `[count, 3]`.
        number: of the class, which decides colour and marker.
        new: whether they are drawn as large rings, as what is new among what was learned.
    """

    name: str
    places: Floats
    number: int
    new: bool = False


SIDES = ((0, 1), (0, 2))  # axes of the two views


def draw_space(
    title: str,
    clouds: Sequence[Cloud],
    lines: Mapping[str, Floats] | None = None,
) -> bytes:
    """The space from two sides, as PNG.

    Args:
        clouds: of points; lines: ways through the space by name, `[count, 3]` each.
    """
    figure = new_figure(11.5, 5.4)
    views = figure.subplots(1, 2)
    for axes, (across, up) in zip(views, SIDES, strict=True):
        fill_side(axes, clouds, across, up)
        for number, (name, line) in enumerate((lines or {}).items()):
            axes.plot(
                line[:, across], line[:, up], color=COLOURS[(number + 6) % 7], linewidth=1.4,
                linestyle=("-", "--", ":", "-.")[number % 4], label=name,
            )  # fmt: skip
            axes.plot(*line[0, [across, up]], "o", color="black", markersize=5)
    if lines:
        views[1].legend(loc="best", frameon=False)
    figure.suptitle(title)
    return png(figure)


def fill_side(axes: Any, clouds: Sequence[Cloud], across: int, up: int) -> None:
    """Draw clouds on two axes of the space, the name of each at its middle."""
    for cloud in clouds:
        look: dict[str, Any] = {"color": colour(cloud.number)}
        if cloud.new:
            look = {"facecolors": "none", "edgecolors": "black", "linewidths": 1.0}
        axes.scatter(
            cloud.places[:, across], cloud.places[:, up],
            s=30 if cloud.new else 9, marker=marker(cloud.number),
            alpha=0.9 if cloud.new else 0.45, **({"linewidths": 0} | look),
        )  # fmt: skip
    names = [(float(c.places[:, across].mean()), float(c.places[:, up].mean())) for c in clouds]
    for cloud, (x, y) in zip(clouds, apart(names, axes), strict=True):
        axes.text(
            x, y, cloud.name, ha="center", va="center", fontsize=8, fontweight="bold",
            color="black" if cloud.new else colour(cloud.number),
            bbox={"facecolor": "white", "alpha": 0.75, "edgecolor": "none", "pad": 0.8},
        )  # fmt: skip
    axes.set(xlabel=f"axis {across + 1} (latent units)", ylabel=f"axis {up + 1} (latent units)")
    axes.grid(alpha=0.25, linewidth=0.5)


def apart(places: Sequence[tuple[float, float]], axes: Any) -> list[tuple[float, float]]:
    """Places of names, moved up or down where they would lie over each other."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    wide, high = (right - left) * 0.14, (top - bottom) * 0.045
    order = sorted(range(len(places)), key=lambda n: places[n][1])
    found: dict[int, tuple[float, float]] = {}
    for number in order:
        x, y = places[number]
        while any(abs(x - a) < wide and abs(y - b) < high for a, b in found.values()):
            y += high / 4
        found[number] = (x, y)
    return [found[number] for number in range(len(places))]


def spectrum_axes(axes: Any, frequencies: Floats, top: float) -> None:
    """Make axes those of a spectrum: Hz across, dB upwards."""
    axes.set(
        xscale="log",
        xlim=(frequencies[0], frequencies[-1]),
        ylim=(top - RANGE_DB, top + 3),
        xlabel="frequency (Hz)",
        ylabel="level (dB re full scale)",
    )
    shown = [f for f in TICKS_HZ if frequencies[0] <= f <= frequencies[-1]]
    axes.set_xticks(shown, [hz(f) for f in shown])
    axes.minorticks_off()
    axes.grid(alpha=0.25, linewidth=0.5)
