"""The SampleRNN as a training task: predict every sample from those before it."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from synth.models.samplernn import SampleRNN
from synth.nn import State
from training.run.schedules import half_cosine
from training.run.task import Task
from training.samplernn.config import SampleRNNTrainConfig
from training.samplernn.fast import predict
from training.samplernn.windows import Batch


def learning_rate_at(
    step: float, steps: int, settings: SampleRNNTrainConfig, factor: float = 1.0
) -> float:
    """The learning rate of a step.

    Args:
        step: 0 is the first; steps: number that the schedule is made for.
        settings: of the run.
        factor: share that the plateaus so far have left of it.
    """
    share = factor
    if settings.schedule == "cosine":
        share = half_cosine(step, steps, settings.final_rate)
    return settings.learning_rate * share


class SampleRNNTask(Task):
    """Trains a SampleRNN.

    `loss` is the cross entropy in nats per sample, `bits` the same in bits, `accuracy` the share of
    samples whose most likely code is the right one.

    Args:
        model: with its scale and the statistics of its features set.
        settings: of the run.
    """

    columns = ("loss", "bits", "accuracy", "gradient_norm")
    model: SampleRNN
    settings: SampleRNNTrainConfig

    def __init__(self, model: SampleRNN, settings: SampleRNNTrainConfig) -> None:
        super().__init__(model, settings)
        self._predict = predict if settings.fast else SampleRNN.__call__
        self._carried: State | None = None
        self._factor = 1.0

    def learning_rate(self, step: float) -> float:
        return learning_rate_at(step, self.pace.steps, self.settings, self._factor)

    def judge(self, unimproved: int) -> None:
        s = self.settings
        if s.schedule == "plateau" and unimproved and unimproved % s.plateau == 0:
            self._factor = max(s.final_rate, self._factor / 2)

    def measure(self, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        codes = self.model.encode(batch.audio)
        targets = codes[:, self.model.context :]
        logits, state = self._predict(self.model, codes, self._start(batch), batch.features)
        if self.settings.carry_state:
            self._carried = {name: tensor.detach() for name, tensor in state.items()}
        loss = F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())
        right = (logits.detach().argmax(-1) == targets).float().mean()
        return loss, {"loss": loss, "bits": loss / math.log(2), "accuracy": right}

    def extra_state(self) -> dict[str, Any]:
        return {"factor": self._factor, "carried": dict(self._carried or {})}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        self._factor = float(state.get("factor", 1.0))
        self._carried = dict(state.get("carried", {})) or None
        if self._carried is not None:
            _require_alike(self._carried, self.model.init_state(1))

    def _start(self, batch: Batch) -> State | None:
        """The state that the rows begin with, carried over or fresh; None if all are fresh."""
        if self._carried is None:
            return None
        fresh = self.model.init_state(len(batch.audio))
        return {
            name: torch.where(
                batch.fresh.reshape(-1, *[1] * (tensor.dim() - 1)),
                tensor,
                self._carried[name].to(tensor.device),
            )
            for name, tensor in fresh.items()
        }


def _require_alike(carried: State, fresh: State) -> None:
    """Raise `ValueError` unless a stored state fits the model, but for the number of its rows."""
    for name, tensor in fresh.items():
        if carried[name].shape[1:] != tensor.shape[1:]:
            raise ValueError(f"{name} has shape {tuple(carried[name].shape)}")
