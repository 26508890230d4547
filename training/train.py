"""The run: from a plan to a folder with `model.pt`."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning as L
import torch
from rich.console import Console

from training.families import TRAINING
from training.run.checkpoint import Checkpoint
from training.run.config import TrainConfig
from training.run.family import Span
from training.run.folder import open_folder, require_no_run
from training.run.keeper import Keeper
from training.run.plan import Plan
from training.run.stopping import StopWish
from training.run.task import Task


@dataclass(frozen=True)
class Outcome:
    """`model`: path of `model.pt`; `step`: steps done; `stopped_by`: name of the signal, or ""."""

    model: Path
    step: int
    stopped_by: str


def train(plan: Plan, out: Path, *, resume: bool = False, quiet: bool = False) -> Outcome:
    """Train as planned into the folder `out`.

    Ctrl-C and SIGTERM end it after the present step, with everything saved.

    Args:
        resume: go on from the newest checkpoint in `out`; quiet: print nothing.

    Raises:
        ConfigError: `out` holds a run and `resume` is not set; or it holds another run.
        DataError: no room on the disk, or the training diverged.
    """
    console = Console(quiet=quiet)

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    for note in plan.notes:
        say(note)
    if plan.training.threads:
        torch.set_num_threads(plan.training.threads)
    if not resume:
        require_no_run(out)
        plan = TRAINING[plan.family].parts().prepare(plan, say)
    found = open_folder(plan, out, resume, console)
    start = found.step if found else 0
    task = build_task(plan, found)
    with StopWish() as wish:
        keeper = Keeper(plan, out, task, wish, console, found)
        trainer = make_trainer(plan, keeper)
        span = Span(start, plan.training.steps, trainer.global_rank, trainer.world_size)
        try:
            fit(trainer, task, TRAINING[plan.family].parts().stream(plan, span))
        finally:
            keeper.close()
        if trainer.is_global_zero:
            keeper.finish()
    return Outcome(out / "model.pt", task.step, wish.name)


def build_task(plan: Plan, found: Checkpoint | None = None) -> Task:
    """The task of the plan's family, fresh or as `found` left it."""
    torch.manual_seed(plan.training.seed)
    task = TRAINING[plan.family].parts().task(plan)
    if found:
        task.model.load_state_dict(found.weights)
        task.step, task.optimizer_state = found.step, found.optimizer
        task.load_extra_state(found.extra)
    return task


def make_trainer(plan: Plan, *callbacks: L.Callback) -> L.Trainer:
    """Lightning's trainer: devices, precision, DDP. What is written is the callbacks' business."""
    settings = plan.training
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return L.Trainer(
        accelerator=settings.accelerator,
        devices=settings.devices or "auto",
        num_nodes=settings.nodes,
        precision=step_precision(settings),  # type: ignore[arg-type]
        max_epochs=1,
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
    )


def step_precision(settings: TrainConfig) -> str:
    """What "auto" stands for here; else the setting itself."""
    if settings.precision != "auto":
        return settings.precision
    on_cpu = settings.accelerator == "cpu" or (
        settings.accelerator == "auto" and not torch.accelerator.is_available()
    )
    return "bf16-mixed" if on_cpu and multiplies_bfloat16(Path("/proc/cpuinfo")) else "32"


def multiplies_bfloat16(cpuinfo: Path) -> bool:
    """Whether the processor that `cpuinfo` (Linux) tells of does; without the file: no."""
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16"})


def fit(trainer: L.Trainer, task: Task, stream: Iterable[Any]) -> None:
    """`trainer.fit` without two warnings that nobody can act upon: how Lightning calls torch, and
    that gradients of channels_last kernels are laid out otherwise than DDP's buckets."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Grad strides do not match", category=UserWarning)
        trainer.fit(task, stream)
