"""The run: from a plan to a folder with `model.pt`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from training.families import TRAINING
from training.run.family import Span
from training.run.folder import Resumed, open_folder, require_no_run
from training.run.keeper import Keeper
from training.run.plan import AnyPlan
from training.run.stopping import StopWish
from training.run.trainer import build_task, fit, make_trainer, require_devices


@dataclass(frozen=True)
class Outcome:
    """The end of a run.

    Attributes:
        model: path of `model.pt`.
        step: steps done.
        stopped_by: name of the signal that ended it, or "".
    """

    model: Path
    step: int
    stopped_by: str


def train(
    plan: AnyPlan, out: Path, *, resumed: Resumed | None = None, quiet: bool = False
) -> Outcome:
    """Train as planned into the folder `out`.

    Ctrl-C and SIGTERM end the run after the present step, with everything saved.

    Args:
        plan: what to train, on what, and how.
        out: the run's folder.
        resumed: the run to go on with, in `out` or from elsewhere.
        quiet: print nothing.

    Raises:
        ConfigError: `out` holds a run and `resumed` doesn't name it, or settings don't fit it.
        DeviceError: the accelerator that is asked for isn't there.
        DataError: no room on the disk, or the training diverged.
    """
    console = Console(quiet=quiet, markup=False, emoji=False)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    require_devices(plan.training)
    parts = TRAINING[plan.family].parts()
    for note in plan.notes:
        say(note)
    if plan.training.threads:
        torch.set_num_threads(plan.training.threads)
    if resumed is None:
        require_no_run(out)
        plan = parts.prepare(plan, say)
    found = open_folder(plan, out, resumed, console)
    start = found.step if found else 0
    task = build_task(parts.task, plan, found)
    with StopWish() as wish:
        keeper = Keeper(plan, out, task, parts.review(plan, out, say), wish, console, found)
        trainer = make_trainer(plan.training, keeper)
        span = Span(start, plan.training.steps, trainer.global_rank, trainer.world_size)
        try:
            fit(trainer, task, parts.stream(plan, span))
            if trainer.is_global_zero:
                keeper.finish()
        finally:
            keeper.close()
    return Outcome(out / "model.pt", task.step, wish.name)
