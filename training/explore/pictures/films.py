"""Moving pictures: a point on its way beside its spectrum, and slices of a grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from training.explore.pictures.animation import Picture
from training.explore.pictures.drawing import (
    Cloud,
    Floats,
    decibels,
    fill_side,
    new_figure,
    pixels,
    spectrum_axes,
)
from training.explore.space import Space

RATE_HZ = 25.0
TRAIL = 12  # pictures that the way behind the point stays dark


def path_film(
    space: Space, title: str, clouds: Sequence[Cloud], latents: Tensor, frames: Tensor,
    seconds: float,
) -> tuple[Iterator[Picture], float]:  # fmt: skip
    """A point that moves through the space, beside the spectrum that moves with it.

    Args:
        title: printed above.
        clouds: what lies in the space.
        latents: of the way, `[frames, latent_dims]`; frames: magnitudes, `[bands, frames]`.
        seconds: that the way takes.

    Returns:
        the pictures, and how many of them there are in a second.
    """
    count = max(2, round(seconds * RATE_HZ))
    chosen = (torch.arange(count) * frames.shape[1] // count).tolist()
    places = space.place(latents).double().numpy()
    levels = decibels(frames)
    return _moving(space, title, clouds, places, levels, chosen, seconds), count / seconds


def _moving(
    space: Space, title: str, clouds: Sequence[Cloud], places: Floats, levels: Floats,
    chosen: Sequence[int], seconds: float,
) -> Iterator[Picture]:  # fmt: skip
    figure = new_figure(11.0, 5.0)
    view, spectrum = figure.subplots(1, 2)
    fill_side(view, clouds, 0, 1)
    view.plot(places[:, 0], places[:, 1], color="black", linewidth=0.8, alpha=0.35)
    (trail,) = view.plot([], [], color="black", linewidth=2.2)
    (point,) = view.plot([], [], "o", color="#D55E00", markeredgecolor="black", markersize=10)
    frequencies = space.frequencies.numpy()
    spectrum_axes(spectrum, frequencies, float(levels.max()))
    (line,) = spectrum.plot(frequencies, levels[:, 0], color="#0072B2", linewidth=1.2)
    clock = spectrum.text(0.98, 0.95, "", transform=spectrum.transAxes, ha="right", va="top")
    figure.suptitle(title)
    for number, frame in enumerate(chosen):
        begun = chosen[max(0, number - TRAIL)]
        trail.set_data(places[begun : frame + 1, 0], places[begun : frame + 1, 1])
        point.set_data([places[frame, 0]], [places[frame, 1]])
        line.set_ydata(levels[:, frame])
        clock.set_text(f"{seconds * frame / levels.shape[1]:.2f} s")
        yield pixels(figure)
        if number == 0:  # the layout stays as it is: what moves must not push the rest about
            figure.set_layout_engine("none")


def slice_film(
    title: str, values: Floats, low: Sequence[float], high: Sequence[float], axis: int, unit: str
) -> tuple[Iterator[Picture], float]:
    """A plane that moves along an axis of the space, coloured by what is heard there.

    Args:
        title: printed above.
        values: `[steps, steps, steps]`; low, high: ends of the three axes.
        axis: along which the plane moves; unit: of the values, with what they are.
    """
    return _slices(title, values, low, high, axis, unit), max(4.0, values.shape[axis] / 6.0)


def _slices(
    title: str, values: Floats, low: Sequence[float], high: Sequence[float], axis: int, unit: str
) -> Iterator[Picture]:
    across, up = (n for n in range(3) if n != axis)
    figure = new_figure(6.2, 5.2)
    axes = figure.subplots()
    turned = np.moveaxis(values, axis, 0)
    shown = axes.imshow(
        turned[0].T,
        origin="lower",
        aspect="auto",
        extent=(low[across], high[across], low[up], high[up]),
        vmin=float(values.min()),
        vmax=float(values.max()),
        cmap="viridis",
    )
    axes.set(xlabel=f"axis {across + 1} (latent units)", ylabel=f"axis {up + 1} (latent units)")
    figure.colorbar(shown, ax=axes, label=unit)
    heading = axes.set_title("")
    figure.suptitle(title)
    for number, place in enumerate(np.linspace(low[axis], high[axis], len(turned))):
        shown.set_data(turned[number].T)
        heading.set_text(f"axis {axis + 1} = {place:+.2f}")
        yield pixels(figure)
        if number == 0:
            figure.set_layout_engine("none")
