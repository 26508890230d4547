"""A task and its batches handed to Lightning's trainer."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

import lightning as L
import torch

from synth.contract import DeviceError
from training.run.checkpoint import Checkpoint, damaged
from training.run.config import TrainConfig
from training.run.plan import AnyPlan
from training.run.schedules import Pace
from training.run.task import Task

PlanT = TypeVar("PlanT", bound=AnyPlan)
TaskT = TypeVar("TaskT", bound=Task)


def build_task(
    make_task: Callable[[PlanT], TaskT], plan: PlanT, found: Checkpoint | None = None
) -> TaskT:
    """The task of a plan, fresh or as a checkpoint left it.

    Args:
        make_task: the family's: from a plan to its task with a fresh model.
        plan: of the run; its seed is that of the fresh weights.
        found: the checkpoint to go on from.

    Raises:
        ModelFileError: the checkpoint is damaged, so that the task can't go on from it.
    """
    torch.manual_seed(plan.training.seed)
    task = make_task(plan)
    if found:
        try:
            task.model.load_state_dict(found.weights)
            task.step, task.optimizer_state = found.step, found.optimizer
            before = Pace(found.legs) if found.legs else Pace.of(found.training["steps"])
            task.pace = before.resumed(found.step, plan.training.steps)
            task.load_extra_state(found.extra)
        except Exception as error:  # noqa: BLE001 - damaged data may lead anywhere
            raise damaged(found.step, error) from None
    return task


def require_devices(settings: TrainConfig) -> None:
    """Raise `DeviceError` where this machine lacks the accelerators that the settings ask for."""
    asked, mps = settings.accelerator, torch.backends.mps.is_available()
    there = {"gpu": torch.cuda.is_available() or mps, "mps": mps}
    if not there.get(asked, True):
        raise DeviceError(
            f"accelerator is {asked}, and torch finds none on this machine; choose --accelerator"
            " cpu, or auto for the fastest there is"
        )
    found = 0 if asked == "cpu" else torch.accelerator.device_count()
    if found and settings.devices > found:
        raise DeviceError(
            f"devices is {settings.devices}; this machine has {found}, 1 … {found} is allowed, or"
            " 0 for all"
        )
    chosen = settings.chosen_devices
    for index in chosen if isinstance(chosen, list) else ():
        if index >= max(found, 1):
            raise DeviceError(
                f"accelerator {index} is asked for by its index; this machine has 0 …"
                f" {max(found, 1) - 1}"
            )


def make_trainer(settings: TrainConfig, *callbacks: L.Callback) -> L.Trainer:
    """Lightning's trainer with devices, precision and DDP; files are the callbacks' business."""
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    return L.Trainer(
        accelerator=settings.accelerator,
        devices=settings.chosen_devices,
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
    """The precision of a step: the setting, or what its "auto" stands for on this machine."""
    if settings.precision != "auto":
        return settings.precision
    on_cpu = settings.accelerator == "cpu" or (
        settings.accelerator == "auto" and not torch.accelerator.is_available()
    )
    return "bf16-mixed" if on_cpu and multiplies_bfloat16(Path("/proc/cpuinfo")) else "32"


def multiplies_bfloat16(cpuinfo: Path) -> bool:
    """Whether the processor multiplies bfloat16 in hardware.

    Args:
        cpuinfo: file in which Linux describes the processor; where it is missing, the answer is no.
    """
    try:
        words = set(cpuinfo.read_text().split())
    except OSError:
        return False
    return bool(words & {"avx512_bf16", "amx_bf16"})


def fit(trainer: L.Trainer, task: Task, stream: Iterable[Any]) -> None:
    """`trainer.fit` without two warnings that nobody can act upon.

    One is about how Lightning calls torch, the other about gradients of channels_last kernels,
    which are laid out otherwise than DDP's buckets.

    Args:
        trainer: from `make_trainer`; task: what is trained; stream: its batches, in order.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec", category=FutureWarning)
        warnings.filterwarnings("ignore", message="Grad strides do not match", category=UserWarning)
        trainer.fit(task, stream)
