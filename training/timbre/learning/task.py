"""A timbre space as a training task: an autoencoder, then one that ratings pull into shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from synth.models.timbre import Timbre
from training.run.schedules import half_cosine
from training.run.task import Task
from training.run.trainer import step_precision
from training.timbre.config import TimbreTrainConfig
from training.timbre.learning.batches import Batch
from training.timbre.learning.fast import FastTimbre, Passage
from training.timbre.learning.losses import divergence, negative_log_density, sampled
from training.timbre.regularisers import Regulariser
from training.timbre.shaping import target_axes


class TimbreTask(Task):
    """Trains a timbre space.

    `loss` is the sum of `reconstruction`, nats per frame, of `divergence` from the prior, weighted
    with beta, and of `regularization`, weighted with alpha.

    Args:
        model: with its scale set.
        settings: of the run.
        batches: number of steps in an epoch.
        shaping: makes the regulariser of some latent axes; None where there is none.
        variances: variance of the posterior means on each latent axis, measured when asked for.
    """

    columns = ("loss", "reconstruction", "divergence", "regularization", "gradient_norm")
    model: Timbre
    settings: TimbreTrainConfig

    def __init__(
        self,
        model: Timbre,
        settings: TimbreTrainConfig,
        batches: int,
        shaping: Callable[[tuple[int, ...]], Regulariser] | None,
        variances: Callable[[Timbre], Tensor],
    ) -> None:
        super().__init__(model, settings)
        self._batches, self._shaping, self._variances = batches, shaping, variances
        self._axes: tuple[int, ...] = ()
        self._regulariser: Regulariser | None = None
        self._fast: FastTimbre | None = None

    @property
    def turn(self) -> int:
        """The step of the schedules at which the regularised phase begins."""
        return self.settings.turn(self.pace.steps)

    def learning_rate(self, step: float) -> float:
        s, turn = self.settings, self.turn
        if s.schedule == "constant":
            return s.learning_rate
        begun, steps = (turn, self.pace.steps - turn) if step >= turn else (0, turn)
        return s.learning_rate * half_cosine(step - begun, steps, s.final_rate)

    def beta(self, step: float) -> float:
        """Weight of the divergence at a step of the schedules."""
        s = self.settings
        if s.load or not s.warmup_epochs:
            return s.beta
        return s.beta * min(1.0, step / (self._batches * s.warmup_epochs))

    def measure(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        place, s = self.pace.at(self.step), self.settings
        regulariser = self._regularised(place)
        mean, std, lost = (self._fast or self._passed)(self.model.joined(batch.joined))
        prior = regulariser.prior(batch.classes) if regulariser else None
        away = divergence(mean, std, prior).mean()
        pull = lost.new_zeros(())
        if regulariser is not None:
            pull = regulariser(mean, batch.classes)
        total = lost + self.beta(place) * away + s.alpha * pull
        found = {"loss": total, "reconstruction": lost, "divergence": away, "regularization": pull}
        return total, found

    def on_fit_start(self) -> None:
        halved = step_precision(self.settings) == "bf16-mixed"
        alone = self.trainer.world_size == 1
        if self.settings.fast and halved and alone and self.device.type == "cpu":
            self._fast = FastTimbre(self.model)

    def _passed(self, joined: Tensor) -> Passage:
        """A batch through the model as it is."""
        bands = self.model.bands
        frames, told = joined[:, :bands], joined[:, bands:]
        mean, std = (part.float() for part in self.model.posterior(joined))
        made = self.model.decode(sampled(mean, std), told)
        lost = negative_log_density(frames, made[0].float(), made[1].float()).mean()
        return Passage(mean, std, lost)

    def extra_state(self) -> dict[str, Any]:
        return {"axes": list(self._axes)}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self._axes = tuple(int(axis) for axis in state.get("axes", ()))

    def _regularised(self, place: float) -> Regulariser | None:
        """The regulariser of a step of the schedules; its axes are chosen at the first of them."""
        if self._shaping is None or place < self.turn:
            return None
        if self._regulariser is None:
            if not self._axes:
                self._axes = target_axes(self.settings, self.model.config, self._measured)
            self._regulariser = self._shaping(self._axes).to(self.device)
        return self._regulariser

    def _measured(self) -> Tensor:
        """Variances, with the model as it is used; the draws of this step stay as they were."""
        self.model.eval()
        with torch.random.fork_rng(devices=[]):
            found = self._variances(self.model)
        self.model.train()
        return found
