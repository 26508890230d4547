"""Optimisers and their schedules: AdaBelief or Adam, fading weight decay, plateaus."""

from __future__ import annotations

from typing import Any

import torch
from pytorch_optimizer import AdaBelief
from torch.optim.lr_scheduler import ReduceLROnPlateau

from synth.models.inr import INR
from training.inr.config import INRTrainConfig
from training.run.schedules import half_cosine

EPS = 1e-16
SLOWER = 0.95
PATIENCE_EPOCHS = 100
THRESHOLD = 1e-4


def make_optimizer(model: INR, settings: INRTrainConfig) -> torch.optim.Optimizer:
    """The optimiser of the settings, AdaBelief or Adam.

    Weight decay is added to the gradients (L2) of the network alone; what maps latents or encodes
    sounds is a second group without it. AdaBelief: Zhuang et al. 2020 (arXiv 2010.07468), without
    its rectification.

    Args:
        model: to be trained; settings: of the run.
    """
    groups = model.parameter_groups()
    network = {"params": groups["network"], "weight_decay": settings.weight_decay}
    others = {"params": groups["mapping"] + groups["encoder"], "weight_decay": 0.0}
    found: list[dict[str, Any]] = [group for group in (network, others) if group["params"]]
    betas = (settings.beta1, settings.beta2)
    if settings.optimizer == "adam":
        return torch.optim.Adam(found, lr=settings.learning_rate, betas=betas)
    made: torch.optim.Optimizer = AdaBelief(
        found,
        lr=settings.learning_rate,
        betas=betas,
        weight_decouple=False,
        rectify=False,
        eps=EPS,
    )
    return made


def make_plateau(optimizer: torch.optim.Optimizer, batches: int) -> ReduceLROnPlateau:
    """A scheduler, stepped after every batch, that lowers the learning rate on plateaus.

    The rate falls by a twentieth when in a hundred epochs no batch had a loss below the best one by
    more than a ten-thousandth of it.

    Args:
        optimizer: whose rate it is; batches: number of batches in an epoch.
    """
    return ReduceLROnPlateau(
        optimizer,
        factor=SLOWER,
        patience=PATIENCE_EPOCHS * batches,
        threshold=THRESHOLD,
        threshold_mode="rel",
        cooldown=1,
        eps=0.0,
    )


def rate_at(step: float, steps: int, settings: INRTrainConfig) -> float:
    """Learning rate of a step for the schedules other than "plateau".

    Args:
        step: 0 is the first; steps: number that the schedule is made for.
        settings: of the run.
    """
    if settings.schedule != "cosine":
        return settings.learning_rate
    return settings.learning_rate * half_cosine(step, steps, settings.final_rate)


def weight_decay_at(epoch: int, settings: INRTrainConfig) -> float:
    """Weight decay of an epoch; 0 is the first.

    It is divided by `prog_weight_decay_factor` every `prog_weight_decay_every` epochs.
    """
    if not settings.prog_weight_decay_every:
        return settings.weight_decay
    times = epoch // settings.prog_weight_decay_every
    # If the power overflows a float, nothing is left of the decay.
    try:
        return settings.weight_decay / float(settings.prog_weight_decay_factor) ** times
    except OverflowError:
        return 0.0
