"""Runs of inverse synthesis that take seconds: few, coarse sounds and very small networks."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from synth.models.inverse import Inverse, InverseConfig
from synth.models.package import Package, read_tensors, unpack
from training.inverse.config import InversePlan
from training.inverse.learning.task import InverseTask
from training.inverse.parts import INVERSE
from training.planning import plan_run
from training.run.family import Span
from training.run.trainer import build_task
from training.train import train

MODEL: dict[str, Any] = {
    "sample_rate": 8_000, "bands": 16, "window": 512, "hop": 1_024, "dim": 16, "widths": (16, 16),
    "depths": (0, 1), "projection": (16, 16), "flow_width": 16, "flow_depth": 1, "flow_tokens": 2,
    "flow_heads": 2,
}  # fmt: skip
RUN: dict[str, Any] = {
    "steps": 4, "batch_size": 8, "stock": 32, "reuse": 2, "workers": 0, "warmup_steps": 1,
    "average": 0.5, "eval_every": 4, "eval_seconds": 12.0, "log_every": 1, "save_every": 2,
    "audible": False, "precision": "32", "accelerator": "cpu", "threads": 1,
}  # fmt: skip
CONFIG = InverseConfig(**MODEL)


def plan(data: Path | None = None, **changes: Any) -> InversePlan:
    """The plan of a small run; `changes` are settings of the run or of the model."""
    made: Any = plan_run("inverse", data, flags={**MODEL, **RUN, **changes})
    return made


def task(made: InversePlan) -> InverseTask:
    """The task of a plan, fresh."""
    found = build_task(INVERSE.task, made)
    assert isinstance(found, InverseTask)
    return found


def stepped(made: InversePlan, steps: int = 2) -> InverseTask:
    """A task after some plain gradient steps, without Lightning."""
    found = task(made)
    found.train()
    optimizer = torch.optim.SGD([p for p in found.model.parameters() if p.requires_grad], 1e-2)
    for batch in INVERSE.stream(made, Span(0, steps)):
        torch.manual_seed(found.step)
        total, losses = found.measure(batch)
        found.losses = {name: loss.detach() for name, loss in losses.items()}
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
        found.step += 1
    return found


def trained(made: InversePlan, out: Path) -> Package:
    """The model of a run."""
    train(made, out, quiet=True)
    return opened(out)


def opened(out: Path) -> Package:
    """The model in a run's folder."""
    with (out / "model.pt").open("rb") as file:
        return unpack(read_tensors(file))


def model(**changes: Any) -> Inverse:
    """A fresh model in eval mode."""
    return Inverse(dataclasses.replace(CONFIG, **changes)).eval()


def losses_of(found: InverseTask, made: InversePlan) -> dict[str, float]:
    """The losses of the first batch."""
    (batch,) = INVERSE.stream(made, Span(0, 1))
    found.train()
    return {name: float(loss.detach()) for name, loss in found.measure(batch)[1].items()}
