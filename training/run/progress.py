"""Figures of a run while it runs: rows in metrics.csv, TensorBoard scalars, a progress bar."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from synth.contract import write_bytes

# Losses that are left out of the progress bar, whose line has 80 columns.
NOT_BRIEF = ("total", "stale", "gradient_norm")


class Logger(Protocol):
    """A place that figures are written to."""

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Write the figures of a step, by name."""

    def show(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Show the pictures of a step, PNG files by name."""

    def close(self) -> None:
        """End the log."""


class MetricsFile:
    """Rows of figures by step, in `metrics.csv`, TensorBoard and other loggers.

    Args:
        folder: of the run.
        columns: names of the figures; "step" comes before them.
        start: steps done before; later rows, which a killed run may have left, are dropped.
        loggers: get the same figures, and are closed with the journal.
    """

    def __init__(
        self, folder: Path, columns: tuple[str, ...], start: int, loggers: Sequence[Logger] = ()
    ) -> None:
        self._loggers = tuple(loggers)
        self._path = folder / "metrics.csv"
        self._columns = ("step", *columns)
        rows = [r for r in self._read() if int(r["step"]) <= start]
        buffer = io.StringIO(newline="")
        writer = csv.DictWriter(buffer, self._columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        write_bytes(self._path, buffer.getvalue().encode())
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=start + 1)

    def write(self, step: int, figures: Mapping[str, float]) -> None:
        """Append the row of a step; columns without a figure stay empty."""
        with self._path.open("a", newline="") as file:
            row = {"step": step, **{k: f"{v:.9g}" for k, v in figures.items()}}
            csv.DictWriter(file, self._columns).writerow(row)
        for name, value in figures.items():
            self._board.add_scalar(name.replace("held_out_", "held_out/"), value, step)
        for logger in self._loggers:
            logger.write(step, figures)

    def show(self, step: int, pictures: Mapping[str, Path]) -> None:
        """Hand the pictures of a step, PNG files by name, to TensorBoard and the loggers."""
        for name, path in pictures.items():
            self._board.add_image(name, _pixels(path), step, dataformats="HWC")
        for logger in self._loggers if pictures else ():
            logger.show(step, pictures)

    def close(self) -> None:
        """Flush and close."""
        self._board.close()
        for logger in self._loggers:
            logger.close()

    def _read(self) -> list[dict[str, str]]:
        if not self._path.exists():
            return []
        with self._path.open(newline="") as file:
            return [r for r in csv.DictReader(file) if (r.get("step") or "").isdecimal()]


def _pixels(path: Path) -> NDArray[Any]:
    """A picture as TensorBoard takes it, `[height, width, channels]`, 0 … 1."""
    from matplotlib.image import imread

    return np.asarray(imread(path))[..., :3]


class Averages:
    """Means of the losses since the last `take`, as tensors, so that no step waits for a device."""

    def __init__(self) -> None:
        self._sums: dict[str, Tensor] = {}
        self._count = 0

    def add(self, losses: Mapping[str, Tensor]) -> None:
        """Add the losses of one step, by name."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, torch.zeros_like(value)) + value
        self._count += 1

    @property
    def empty(self) -> bool:
        """Whether no step was added since the last `take`."""
        return self._count == 0

    def take(self) -> dict[str, float]:
        """The means so far; the next ones start from nothing."""
        means = {k: float(v) / self._count for k, v in self._sums.items()}
        self._sums, self._count = {}, 0
        return means


class Bar:
    """Steps, steps/s, losses and time left: a bar in a terminal, elsewhere a line now and then.

    Args:
        start: steps done before; total: steps in all.
        console: that it is printed on; quiet: print nothing.
    """

    def __init__(self, start: int, total: int, console: Console, quiet: bool) -> None:
        self._console, self._quiet = console, quiet
        self._started, self._start, self._total = time.monotonic(), start, total
        self._progress = Progress(
            MofNCompleteColumn(),
            BarColumn(8),
            TextColumn("{task.fields[note]}"),
            TimeRemainingColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
        )
        self._task = self._progress.add_task("train", total=total, completed=start, note="")
        self._progress.start()

    def update(self, step: int) -> None:
        """Show the step."""
        self._progress.update(self._task, completed=step)

    def note(self, step: int, losses: Mapping[str, float]) -> None:
        """Show losses and speed."""
        speed = (step - self._start) / max(time.monotonic() - self._started, 1e-9)
        shown = "  ".join(f"{k} {v:.4g}" for k, v in losses.items())
        # A terminal has 80 columns, which hold the terms with three digits.
        brief = " ".join(f"{k} {v:.3g}" for k, v in losses.items() if k not in NOT_BRIEF)
        self._progress.update(self._task, note=f"{speed:.2f} steps/s {brief}")
        if not self._console.is_terminal:
            left = (self._total - step) / speed / 60
            self.say(
                f"step {step}/{self._total}  {speed:.2f} steps/s  {shown}  {left:.1f} min left"
            )

    def say(self, text: str) -> None:
        """Print a line that stays."""
        if not self._quiet:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._progress.stop()
