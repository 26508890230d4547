"""The codec as a Lightning module: one step of training, read from top to bottom."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

import lightning as L
import numpy as np
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn

from synth.contract import DataError
from synth.models.codec import Codec
from synth.models.codec.model import CodecOutput
from training.config import TrainConfig
from training.fast import fast_codec
from training.losses import Term


def learning_rate_at(step: int, settings: TrainConfig) -> float:
    """The rate of `step` (0 is the first): linear rise, then half a cosine to `final_rate`."""
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    span = max(1, settings.steps - 1 - settings.warmup_steps)
    done = min(1.0, (step - settings.warmup_steps) / span)
    low = settings.final_rate
    return settings.learning_rate * (low + (1 - low) * 0.5 * (1 + math.cos(math.pi * done)))


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Make everything random in `step` a function of (seed, step, rank).

    So no generator's state needs to be saved for a run to go on exactly.
    """
    words = np.random.SeedSequence([seed, step, rank, 1]).generate_state(2, np.uint32)
    torch.manual_seed(int(words[0]) << 32 | int(words[1]))


class CodecTask(L.LightningModule):
    """Trains a codec.

    Args:
        model: the codec; codes of its bottleneck move by themselves, in its forward pass.
        terms: losses, see `training.losses`.
        settings: of the run.
        step: steps done before (a resumed run).

    Attributes:
        step: steps done; losses: of the last step by name, detached, with their weighted "total".
    """

    def __init__(
        self, model: Codec, terms: Sequence[Term], settings: TrainConfig, step: int = 0
    ) -> None:
        super().__init__()
        self.model = model
        # Not an attribute that holds the module: that would be a second child.
        self._reconstruct: Callable[[Tensor], CodecOutput] = model.__call__
        self.terms = list(terms)
        self.measures = nn.ModuleList(t.measure for t in terms if isinstance(t.measure, nn.Module))
        self.settings = settings
        self.step = step
        self.losses: dict[str, Tensor] = {}
        self.optimizer_state: dict[str, Any] | None = None
        # By hand, so that a family with an adversary can take two kinds of steps.
        self.automatic_optimization = False

    def on_fit_start(self) -> None:
        if self.settings.fast and self.device.type == "cpu":
            self._reconstruct = fast_codec(self.model)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        s = self.settings
        fused = self.device.type in ("cpu", "cuda")
        optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=s.learning_rate,
            betas=(s.beta1, s.beta2),
            weight_decay=s.weight_decay,
            fused=fused,
        )
        if self.optimizer_state is not None:
            optimizer.load_state_dict(self.optimizer_state)
            self.optimizer_state = None
        return optimizer

    def training_step(self, audio: Tensor, index: int) -> None:
        seed_step(self.settings.seed, self.step, self.global_rank)
        output = self._reconstruct(audio)
        losses = {t.name: t.measure(output, audio) for t in self.terms}
        total = torch.stack([t.weight * losses[t.name] for t in self.terms]).sum()
        self._descend(total)
        self.losses = {k: v.detach() for k, v in losses.items()} | {"total": total.detach()}
        self.losses["stale"] = output.stale.detach().float()
        self.step += 1

    def _descend(self, total: Tensor) -> None:
        optimizer = cast(LightningOptimizer, self.optimizers())
        for group in optimizer.param_groups:
            group["lr"] = learning_rate_at(self.step, self.settings)
        optimizer.zero_grad(set_to_none=True)
        self.manual_backward(total)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip_norm)
        if not bool(torch.isfinite(norm + total.detach())):
            raise DataError(
                f"training diverged at step {self.step} (loss {float(total.detach()):g}, gradient"
                f" norm {float(norm):g}); start again with a learning_rate under"
                f" {self.settings.learning_rate:g}"
            )
        optimizer.step()
