"""Single frames beside what comes back of them, and pictures side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from training.explore.pictures.drawing import decibels, new_figure, png, spectrum_axes

COLUMNS = 3
GAP = 12  # pixels between pictures side by side


def draw_frames(
    title: str, panels: Sequence[tuple[str, Tensor, Tensor]], frequencies: Tensor
) -> bytes:
    """Spectra of frames over those that come back, as PNG.

    Args:
        panels: name, magnitudes `[bands]` and decoded ones of each frame.
        frequencies: Hz, of the bands.
    """
    columns = min(COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    figure = new_figure(1.0 + 4.2 * columns, 0.8 + 3.0 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).flatten()
    for axes in grid[len(panels) :]:
        axes.remove()
    known = frequencies.numpy()
    for axes, (name, real, made) in zip(grid, panels, strict=False):
        top = float(decibels(real).max())
        axes.plot(known, decibels(real, top), color="black", linewidth=1.0, label="frame")
        axes.plot(known, decibels(made, top), color="#D55E00", linewidth=1.0, label="decoded")
        spectrum_axes(axes, known, top)
        axes.set_title(name, fontsize=10)
    grid[0].legend(frameon=False, fontsize=8, loc="upper right")
    figure.suptitle(title)
    return png(figure)


def side_by_side(pictures: Sequence[Path]) -> bytes:
    """Pictures in a row, as PNG; each carries its own title.

    Args:
        pictures: PNG files, at least one.
    """
    from PIL import Image

    images = []
    for path in pictures:
        with Image.open(path) as opened:
            images.append(opened.convert("RGB"))
    width = sum(image.width for image in images) + GAP * (len(images) - 1)
    sheet = Image.new("RGB", (width, max(image.height for image in images)), "white")
    places = np.cumsum([0, *(image.width + GAP for image in images[:-1])])
    for place, image in zip(places, images, strict=True):
        sheet.paste(image, (int(place), 0))
    buffer = io.BytesIO()
    sheet.save(buffer, format="png")
    return buffer.getvalue()
