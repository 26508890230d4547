"""Descriptors over a latent space: a grid along its principal axes, and walks on it.

Source: Esling, Chemla-Romeu-Santos, Bitton 2018, Generative timbre spaces with variational audio
synthesis, DAFx 2018, section 4.4 and algorithm 1.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import ConfigError, require_one_of, require_within
from synth.dsp.descriptors import NAMES, describe
from synth.models.timbre.model import Timbre

STEPS = 60
GRID_AXES = 3
BATCH = 4096  # cells that are decoded at once
BYTES_PER_CELL = 4 * (len(NAMES) + GRID_AXES + 2)
SHARE_OF_MEMORY = 0.5
CLOSE = 0.02  # of the range of a descriptor: a target is reached


@dataclass(frozen=True)
class DescriptorGrid:
    """Descriptors of decoded points on a regular grid.

    Attributes:
        mean: `[dims]`, the point at 0 on all axes; axes: orthonormal, `[d, dims]`.
        low, high: `[d]`, ends of the grid along each axis.
        steps: cells along each axis, at least 2.
        values: `[steps ** d, 5]`, descriptors in the order of `synth.dsp.descriptors.NAMES`; the
            last axis of the grid runs fastest.
    """

    mean: Tensor
    axes: Tensor
    low: Tensor
    high: Tensor
    steps: int
    values: Tensor

    def points(self, cells: Tensor) -> Tensor:
        """Latents `[n, dims]` of the cells with numbers int64 `[n]`."""
        return self.mean + self.places(cells) @ self.axes

    def places(self, cells: Tensor) -> Tensor:
        """Where cells int64 `[n]` are along the axes, `[n, d]`."""
        return self.low + self.coordinates(cells) * (self.high - self.low) / (self.steps - 1)

    def coordinates(self, cells: Tensor) -> Tensor:
        """Cells int64 `[n]` as whole numbers along each axis, int64 `[n, d]`."""
        sizes = [self.steps**power for power in reversed(range(len(self.axes)))]
        return torch.stack([(cells // size) % self.steps for size in sizes], -1)

    def nearest(self, latents: Tensor) -> Tensor:
        """The cells nearest to latents `[n, dims]`, int64 `[n]`."""
        along = (latents - self.mean) @ self.axes.t()
        place = (along - self.low) / (self.high - self.low) * (self.steps - 1)
        return self.number(torch.round(place).long().clamp(0, self.steps - 1))

    def number(self, coordinates: Tensor) -> Tensor:
        """Cells int64 `[n]` of whole numbers along each axis, int64 `[n, d]`."""
        number = torch.zeros_like(coordinates[..., 0])
        for axis in range(coordinates.shape[-1]):
            number = number * self.steps + coordinates[..., axis]
        return number


@dataclass(frozen=True)
class Walk:
    """A walk over a grid.

    Attributes:
        cells: int64 `[targets]`, where it was at each target.
        points: their latents, `[targets, dims]`; values: their descriptors, `[targets, 5]`.
        reached: bool `[targets]`, whether the target was met; where not, the cell is the nearest.
    """

    cells: Tensor
    points: Tensor
    values: Tensor
    reached: Tensor


def grid_of(
    model: Timbre,
    statistics: Mapping[str, Tensor],
    condition: Tensor,
    steps: int = STEPS,
    axes: int = GRID_AXES,
    *,
    memory: int | None = None,
    on_cells: Callable[[int, int], None] = lambda done, whole: None,
) -> DescriptorGrid:
    """Decode a grid over the box that the first principal axes span, and describe every point.

    Args:
        model: in eval mode, on any device.
        statistics: of the latents, as in `synth.models.package.Package.latent`.
        condition: pitch and dynamics of all points, `[width]` or `[1, width]`.
        steps: cells along each axis, 2 … 1000.
        axes: how many of the principal axes, 1 … 3; fewer where the space has fewer.
        memory: bytes that may be used; by default half of what is free.
        on_cells: called with the cells done and all of them.

    Raises:
        ConfigError: a number is out of range, or the grid needs more memory than there is.
    """
    require_within("steps", steps, 2, 1000)
    require_within("axes", axes, 1, GRID_AXES)
    rows = statistics["axes"][:axes].float()
    low, high = statistics["low"][: len(rows)].float(), statistics["high"][: len(rows)].float()
    _require_memory(steps, len(rows), model, memory)
    mean = statistics["mean"].float()
    grid = DescriptorGrid(mean, rows, low, high, steps, torch.zeros(0, len(NAMES)))
    device, whole, made = model.offset.device, steps ** len(rows), []
    told = condition.reshape(1, -1).to(device)
    with torch.inference_mode():
        for begin in range(0, whole, BATCH):
            points = grid.points(torch.arange(begin, min(begin + BATCH, whole))).to(device)
            frames, _ = model.decode(points, told.expand(len(points), -1))
            found = describe(model.magnitude(frames), model.frequencies)
            made.append(torch.stack(tuple(found), -1).float().cpu())
            on_cells(begin + len(points), whole)
    return DescriptorGrid(mean, rows, low, high, steps, torch.cat(made))


def walk(
    grid: DescriptorGrid,
    start: Tensor,
    targets: Mapping[str, Sequence[float]],
    share: float = CLOSE,
) -> Walk:
    """Follow descriptors over the grid, from cell to neighbouring cell.

    At each target it goes to the neighbour that is closest to it, for as long as that is closer
    than where it is by what is worth a step. Where no neighbour is and the target isn't met, it
    goes to the nearest of the cells that meet it or, if none does, come closest.

    Args:
        grid: with descriptors of every cell.
        start: latent `[dims]`; the walk begins at its cell.
        targets: for some of the descriptors, by name, the value at every step, all as many.
        share: of a descriptor's range on the grid within which a target is met, above 0; it is
            also met where it lies between a cell and its neighbours.

    Raises:
        ConfigError: an unknown descriptor, or lists that are empty or not of one length.
    """
    for name in targets:
        require_one_of("descriptor", name, NAMES)
    if len({len(values) for values in targets.values()}) != 1 or not min(
        map(len, targets.values())
    ):
        raise ConfigError("targets have different lengths or none; give as many values for each")
    columns = torch.tensor([NAMES.index(name) for name in targets])
    wanted = torch.tensor([list(values) for values in targets.values()], dtype=torch.float64).t()
    known = grid.values.double()[:, columns]
    size = (known.amax(0) - known.amin(0)).clamp_min(1e-9)
    known, wanted = known / size, wanted / size
    cell, cells, reached = int(grid.nearest(start[None])[0]), [], []
    for target in wanted:
        cell = _descended(grid, known, cell, target, share)
        if not _met(grid, known, cell, target, share):
            cell = _nearest_fit(grid, known, cell, target, share)
        cells.append(cell)
        reached.append(_met(grid, known, cell, target, share))
    found = torch.tensor(cells)
    return Walk(found, grid.points(found), grid.values[found], torch.tensor(reached))


def _descended(grid: DescriptorGrid, known: Tensor, cell: int, target: Tensor, share: float) -> int:
    """The cell from which no neighbour comes closer to a target by what is worth a step.

    Gains that are too small to be heard would lead far along axes that hardly matter.
    """
    misfit, worth = float((known[cell] - target).square().sum()), (share / 4) ** 2
    while True:
        around = _neighbours(grid, cell)
        misfits = (known[around] - target).square().sum(1)
        best = int(misfits.argmin())
        if float(misfits[best]) > misfit - worth:
            return cell
        cell, misfit = int(around[best]), float(misfits[best])


def _met(grid: DescriptorGrid, known: Tensor, cell: int, target: Tensor, share: float) -> bool:
    """Whether a cell has what is wanted, or it lies between the cell and its neighbours."""
    around = known[_neighbours(grid, cell)]
    between = (around.amin(0) <= target) & (target <= around.amax(0))
    return bool((between | ((known[cell] - target).abs() <= share)).all())


def _neighbours(grid: DescriptorGrid, cell: int) -> Tensor:
    dims = len(grid.axes)
    offsets = torch.cartesian_prod(*[torch.tensor([-1, 0, 1])] * dims).reshape(-1, dims)
    around = grid.coordinates(torch.tensor([cell])) + offsets
    inside = ((around >= 0) & (around < grid.steps)).all(1)
    return grid.number(around[inside])


def _nearest_fit(
    grid: DescriptorGrid, known: Tensor, cell: int, target: Tensor, share: float
) -> int:
    misfit = (known - target).abs().amax(1)
    fitting = torch.nonzero(misfit <= max(share, 1.1 * float(misfit.min())))[:, 0]
    apart = grid.coordinates(fitting) - grid.coordinates(torch.tensor([cell]))
    return int(fitting[apart.square().sum(1).argmin()])


def _require_memory(steps: int, axes: int, model: Timbre, memory: int | None) -> None:
    config = model.config
    working = 4 * BATCH * (4 * model.bands + 3 * config.hidden_dims)
    needed = steps**axes * BYTES_PER_CELL + working
    free = _free_bytes() if memory is None else memory
    if needed > free:
        fewer = int((max(free - working, 0) / BYTES_PER_CELL) ** (1 / axes))
        raise ConfigError(
            f"a grid of {steps} steps needs {needed / 1e6:.0f} MB, of which {free / 1e6:.0f} may be"
            f" used; give at most {max(fewer, 2)} steps"
        )


def _free_bytes() -> int:
    try:
        free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 4 << 30
    return int(SHARE_OF_MEMORY * free)
