"""What every family's training is: a Lightning module whose step is read from top to bottom."""

from __future__ import annotations

import math
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from synth.contract import DataError
from training.run.config import TrainConfig


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Make everything random in `step` a function of (seed, step, rank).

    So no generator's state needs to be saved for a run to go on exactly.
    """
    words = np.random.SeedSequence([seed, step, rank, 1]).generate_state(2, np.uint32)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))


class Task(L.LightningModule):
    """Trains a model; a family says what is descended and how fast.

    Args:
        model: what is trained; settings: of the run; step: steps done before (a resumed run).

    Attributes:
        columns: names of `losses`, in the order of metrics.csv: those that `measure` gives, and
            "gradient_norm", before clipping.
        step: steps done; losses: of the last step by name, detached.
        rate: learning rate of the last step.
        optimizer_state: to start from (a resumed run), taken over when the optimiser is made.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, model: nn.Module, settings: TrainConfig, step: int = 0) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.step = step
        self.losses: dict[str, Tensor] = {}
        self.rate = 0.0
        self.optimizer_state: dict[str, Any] | None = None
        # By hand, so that a family with an adversary can take two kinds of steps.
        self.automatic_optimization = False

    def measure(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """What is descended, a scalar, and the losses to write down, by name."""
        raise NotImplementedError

    def learning_rate(self, step: int) -> float:
        """The rate of `step` (0 is the first)."""
        raise NotImplementedError

    def judge(self, unimproved: int) -> None:
        """After an evaluation: hear how many there were since the best one (0: this is it)."""

    def extra_state(self) -> dict[str, Any]:
        """Tensors and numbers beside weights and optimiser that the next step depends on."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Take over what `extra_state` gave."""

    def diverged(self, total: Tensor, norm: Tensor) -> DataError:
        """What to say of a loss or gradient that is not finite."""
        return DataError(
            f"training diverged at step {self.step} (loss {float(total.detach()):g}, gradient"
            f" norm {float(norm):g}); start again with a learning_rate under"
            f" {self.settings.learning_rate:g}"
        )

    def configure_optimizers(self) -> torch.optim.Optimizer:
        s = self.settings
        optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=s.learning_rate,
            betas=(s.beta1, s.beta2),
            weight_decay=s.weight_decay,
            fused=self.device.type in ("cpu", "cuda"),
        )
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    def training_step(self, batch: Any, index: int) -> None:
        seed_step(self.settings.seed, self.step, self.global_rank)
        total, losses = self.measure(batch)
        norm = self._descend(total)
        found = {**losses, "gradient_norm": norm}
        self.losses = {name: found[name].detach().float() for name in self.columns}
        self.step += 1

    def _descend(self, total: Tensor) -> Tensor:
        """One step down; returns the norm of the gradient before it was clipped."""
        optimizer = cast(LightningOptimizer, self.optimizers())
        self.rate = self.learning_rate(self.step)
        for group in optimizer.param_groups:
            group["lr"] = self.rate
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(total)
        largest = self.settings.clip_norm or math.inf
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), largest)
        if not bool(torch.isfinite(norm + total.detach())):
            raise self.diverged(total, norm)
        optimizer.step()
        return norm
