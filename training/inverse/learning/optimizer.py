"""Optimisers and the course of the learning rate."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_optimizer import LARS
from torch import nn

from training.inverse.config import InverseTrainConfig
from training.run.schedules import half_cosine

MOMENTUM = 0.9
LARS_BATCH = 256  # for which the learning rate of LARS is meant


def make_optimizer(
    model: nn.Module, settings: InverseTrainConfig, world: int, fused: bool
) -> torch.optim.Optimizer:
    """The optimiser of the settings.

    Biases and the parameters of normalisations, all vectors, are a group without weight decay; nor
    does LARS (You et al. 2017, arXiv 1708.03888) adapt their rates.

    Args:
        model: whose parameters that need a gradient are learned.
        settings: of the run; world: its processes.
        fused: whether AdamW does a step in one go.
    """
    learned = [p for p in model.parameters() if p.requires_grad]
    groups: list[dict[str, Any]] = [
        {"params": [p for p in learned if p.dim() > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in learned if p.dim() <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    if settings.descends_by == "lars":
        made: torch.optim.Optimizer = LARS(
            groups, lr=highest_rate(settings, world), momentum=MOMENTUM
        )
        return made
    betas = (settings.beta1, settings.beta2)
    return torch.optim.AdamW(groups, lr=settings.learning_rate, betas=betas, fused=fused)


def highest_rate(settings: InverseTrainConfig, world: int) -> float:
    """The highest learning rate: that of LARS grows with the batch of all processes."""
    if settings.descends_by != "lars":
        return settings.learning_rate
    return settings.learning_rate * settings.batch_size * world / LARS_BATCH


def rate_at(step: float, steps: int, settings: InverseTrainConfig, world: int) -> float:
    """The learning rate of a step: a straight rise, then half a cosine.

    Args:
        step: 0 is the first; steps: number that the schedule is made for.
        settings: of the run; world: its processes.
    """
    highest, rise = highest_rate(settings, world), min(settings.warmup_steps, steps // 2)
    if step < rise:
        return highest * (step + 1) / rise
    return highest * half_cosine(step - rise, steps - rise, settings.final_rate)
