"""Grids of descriptors over the space, computed once for each model and condition."""

from __future__ import annotations

import hashlib
import io
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from synth.contract import ConfigError, DataError, require_within, write_bytes
from synth.dsp.descriptors import NAMES
from synth.models.timbre.topology import DescriptorGrid, grid_of
from training.data.library import default_cache
from training.explore.labels import Condition
from training.explore.notes import Say
from training.explore.pictures.drawing import Floats
from training.explore.space import AXES, Space

VERSION = 1
STEPS = (3, 1_000)
SAID_SECONDS = 10.0  # between two lines that say how far a grid is
UNITS = {
    "loudness": "dB re full scale",
    "centroid": "Hz",
    "bandwidth": "Hz",
    "flatness": "0 … 1",
    "rolloff": "Hz",
}


@dataclass(frozen=True)
class Mapped:
    """A grid, and where it comes from.

    Attributes:
        condition: that it was decoded with.
        grid: of descriptors; file: that holds it; cached: whether it was there already.
    """

    condition: Condition
    grid: DescriptorGrid
    file: Path
    cached: bool

    def values(self, descriptor: str) -> Floats:
        """One descriptor, `[steps, steps, steps]`, along the first, second and third axis."""
        column = self.grid.values[:, NAMES.index(descriptor)]
        found: Floats = column.reshape([self.grid.steps] * AXES).double().numpy()
        return found

    def latent(self, cell: int) -> torch.Tensor:
        """The latent `[latent_dims]` of a cell, counted through `values`."""
        return self.grid.points(torch.tensor([cell]))[0]


def mapped(
    space: Space,
    condition: Condition,
    steps: int,
    cache: Path | None = None,
    say: Say = lambda text: None,
) -> Mapped:
    """The grid of a model and a condition, out of the cache if it is there.

    Args:
        steps: along each of the three axes, 3 … 1000.
        cache: folder of grids; None: the user's.
        say: prints that it is computed.

    Raises:
        ConfigError: the space has fewer than three dimensions, steps are out of range, or the grid
            would take more memory than there is.
        DataError: the cache can't be written.
    """
    require_within("steps", steps, *STEPS)
    if space.config.latent_dims < AXES:
        raise ConfigError(
            f"{space.name}: has {space.config.latent_dims} latent dimensions, and a grid needs"
            f" {AXES}; train one with more --latent-dims"
        )
    file = _file(space, condition, steps, cache)
    statistics = space.statistics
    values = _read(file, steps)
    if values is None:
        told = f"{space.name}, {condition.name}: descriptors of"
        grid = grid_of(
            space.model, statistics, condition.row(space), steps, on_cells=_Progress(told, say)
        )
        _keep(file, grid.values)
        return Mapped(condition, grid, file, False)
    axes = space.axes
    grid = DescriptorGrid(axes.mean, axes.rows, axes.low, axes.high, steps, values)
    return Mapped(condition, grid, file, True)


class _Progress:
    """Says how far a grid is: at first, and after each tenth of one that takes long.

    Args:
        told: beginning of what is said; say: prints it.
    """

    def __init__(self, told: str, say: Say) -> None:
        self._told, self._say, self._tenths, self._due = told, say, -1, 0.0

    def __call__(self, done: int, whole: int) -> None:
        tenths, now = 10 * done // whole, time.monotonic()
        if self._tenths < 0:
            self._say(f"{self._told} {whole} places are computed")
        elif tenths > self._tenths and now >= self._due and done < whole:
            self._say(f"{self._told} {done} of {whole} places are computed")
        else:
            return
        self._tenths, self._due = tenths, now + SAID_SECONDS


def _file(space: Space, condition: Condition, steps: int, cache: Path | None) -> Path:
    """The file of a grid: its name is a hash of all that decides its values."""
    row = condition.row(space).numpy().tobytes()
    found = hashlib.sha256(f"{VERSION} {space.digest} {steps} ".encode() + row)
    folder = cache or default_cache().parent / "timbre"
    return folder / f"{found.hexdigest()[:32]}.npy"


def _read(file: Path, steps: int) -> torch.Tensor | None:
    """The values in a file; None where there is none, or a damaged one, which is written anew."""
    try:
        found = np.load(file)
    except (OSError, ValueError, EOFError):
        return None
    whole = found.shape == (steps**AXES, len(NAMES)) and found.dtype == np.float32
    return torch.from_numpy(found) if whole and np.isfinite(found).all() else None


def _keep(file: Path, values: torch.Tensor) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{file.parent}: can't be made ({error}); choose another --cache") from None
    content = io.BytesIO()
    np.save(content, values.float().cpu().numpy())
    write_bytes(file, content.getbuffer())
