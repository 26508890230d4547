"""The base of the families' training: a Lightning module whose step reads from top to bottom."""

from __future__ import annotations

import math
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from synth.contract import DataError
from training.run.checkpoint import restore_optimizer
from training.run.config import TrainConfig
from training.run.schedules import Pace


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed torch with (seed, step, rank), so that a resumed run needs no generator's state.

    Args:
        seed: of the run; step: 0 is the first; rank: of the process.
    """
    words = np.random.SeedSequence([seed, step, rank, 1]).generate_state(2, np.uint32)
    number = int(words[0]) << 32 | int(words[1])
    if torch.accelerator.is_available():
        torch.manual_seed(number)
    else:
        # What `torch.manual_seed` does beside this for absent devices takes a millisecond.
        torch.default_generator.manual_seed(number)


class Task(L.LightningModule):
    """Trains a model; a family's subclass defines the loss and the learning rate.

    Args:
        model: to be trained; settings: of the run.
        step: steps done before (a resumed run).

    Attributes:
        columns: names of `losses`, in the order of metrics.csv: those that `measure` gives, and
            "gradient_norm", before clipping.
        step: steps done.
        pace: of the schedules over the run.
        losses: of the last step by name, detached.
        rate: learning rate of the last step.
        optimizer_state: of a resumed run; loaded and forgotten when the optimiser is made.
    """

    columns: tuple[str, ...] = ()

    def __init__(self, model: nn.Module, settings: TrainConfig, step: int = 0) -> None:
        super().__init__()
        self.model = model
        self.settings = settings
        self.step = step
        self.pace = Pace.of(settings.steps)
        self.losses: dict[str, Tensor] = {}
        self.rate = 0.0
        self.optimizer_state: dict[str, Any] | None = None
        self._listed: list[nn.Parameter] = []
        # Steps are taken by hand, so that a family with an adversary can take two kinds of them.
        self.automatic_optimization = False

    def measure(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss to descend, a scalar, and the losses to log, by name."""
        raise NotImplementedError

    def learning_rate(self, step: float) -> float:
        """The learning rate at a step of the schedules, see `pace`; 0 is the first."""
        raise NotImplementedError

    def judge(self, unimproved: int) -> None:
        """React to an evaluation.

        Args:
            unimproved: number of evaluations since the best one; 0: this one is the best.
        """

    def extra_state(self) -> dict[str, Any]:
        """State beside weights and optimiser that the next step depends on: tensors and numbers."""
        return {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        """Restore the state that `extra_state` gave."""

    def shown_weights(self) -> dict[str, Tensor]:
        """The weights that are evaluated and written as `model.pt`."""
        return self.model.state_dict()

    def diverged(self, total: Tensor, norm: Tensor) -> DataError:
        """The error to raise for a loss or gradient that is not finite.

        Args:
            total: the loss, a scalar; norm: of the gradient, a scalar.
        """
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
            restore_optimizer(optimizer, self.optimizer_state, self.step)
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
        """Take one optimiser step; returns the norm of the gradient before it was clipped."""
        optimizer = cast(LightningOptimizer, self.optimizers())
        self.rate = self.learning_rate(self.pace.at(self.step))
        for group in optimizer.param_groups:
            group["lr"] = self.rate
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(total)
        largest = self.settings.clip_norm or math.inf
        # Listed once: a walk through all modules takes long beside a step of a small model.
        parameters = self._listed = self._listed or list(self.model.parameters())
        gradients = [p.grad for p in parameters if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        if not bool(torch.isfinite(norm + total.detach())):
            raise self.diverged(total, norm)
        if bool(norm > largest):  # otherwise all gradients would be multiplied by 1
            nn.utils.clip_grads_with_norm_(parameters, largest, norm)
        optimizer.step()
        return norm
