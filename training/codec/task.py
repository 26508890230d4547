"""The codec as a training task."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from synth.models.codec import Codec
from synth.models.codec.model import CodecOutput
from training.codec.config import CodecTrainConfig
from training.codec.fast import fast_codec
from training.codec.losses import Measure
from training.measures.terms import Term
from training.run.schedules import half_cosine
from training.run.task import Task


def learning_rate_at(step: float, steps: int, settings: CodecTrainConfig) -> float:
    """The learning rate of a step: a linear rise, then half a cosine down to `final_rate` of it.

    Args:
        step: 0 is the first; steps: number that the schedule is made for.
        settings: of the run.
    """
    if step < settings.warmup_steps:
        return settings.learning_rate * (step + 1) / settings.warmup_steps
    rest = steps - settings.warmup_steps
    share = half_cosine(step - settings.warmup_steps, rest, settings.final_rate)
    return settings.learning_rate * share


class CodecTask(Task):
    """Trains a codec.

    Args:
        model: the codec; the codes of its bottleneck move by themselves in its forward pass.
        terms: of the loss, see `training.codec.losses`; logged with their weighted "total".
        settings: of the run.
        step: steps done before (a resumed run).
    """

    model: Codec
    settings: CodecTrainConfig

    def __init__(
        self,
        model: Codec,
        terms: Sequence[Term[Measure]],
        settings: CodecTrainConfig,
        step: int = 0,
    ) -> None:
        super().__init__(model, settings, step)
        # A bound method: an attribute that holds the module would be a second child.
        self._reconstruct: Callable[[Tensor], CodecOutput] = model.__call__
        self.terms = list(terms)
        self.measures = nn.ModuleList(t.measure for t in terms if isinstance(t.measure, nn.Module))
        self.columns = (*(t.name for t in terms), "total", "stale")

    def on_fit_start(self) -> None:
        if self.settings.fast and self.device.type == "cpu":
            self._reconstruct = fast_codec(self.model)

    def learning_rate(self, step: float) -> float:
        return learning_rate_at(step, self.pace.steps, self.settings)

    def measure(self, batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        output = self._reconstruct(batch)
        losses = {t.name: t.measure(output, batch) for t in self.terms}
        total = torch.stack([t.weight * losses[t.name] for t in self.terms]).sum()
        return total, {**losses, "total": total, "stale": output.stale}
