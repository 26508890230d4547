"""Inverse synthesis as a training task, in one of two stages."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from synth.contract import DataError
from synth.models.inverse import Inverse
from synth.models.inverse.model import AudioEncoder
from training.inverse.config import InverseTrainConfig
from training.inverse.learning.average import Average
from training.inverse.learning.cached import in_pieces
from training.inverse.learning.gathering import share_statistics
from training.inverse.learning.optimizer import make_optimizer, rate_at
from training.inverse.learning.patches import Weighing, flow_loss, head_losses
from training.inverse.learning.vicreg import vicreg
from training.inverse.sounds.rendering import Sounds
from training.run.checkpoint import restore_optimizer
from training.run.task import Task

COLLAPSED = 0.02  # mean standard deviation of projected embeddings, which is to be 1


class InverseTask(Task):
    """Base of the two stages: what learns, the average of weights, optimiser and rate.

    Args:
        model: to be trained; settings: of the run.
    """

    model: Inverse
    settings: InverseTrainConfig

    def __init__(self, model: Inverse, settings: InverseTrainConfig) -> None:
        super().__init__(model, settings)
        for part in self.model.children():
            part.requires_grad_(False)
        for part in self.learned():
            part.requires_grad_(True)
        self._average = Average(model, settings.average) if settings.average else None

    def learned(self) -> list[nn.Module]:
        """The parts of the model that learn."""
        raise NotImplementedError

    def train(self, mode: bool = True) -> InverseTask:
        """Put what learns into the mode; the other parts stay in eval mode."""
        super().train(mode)
        for part in self.model.children():
            part.eval()
        for part in self.learned():
            part.train(mode)
        return self

    def embedded(self, encoder: AudioEncoder, gram: Tensor, audio: Tensor) -> Tensor:
        """Embeddings of a batch, from the front end's output where that is at hand."""
        made, rows = (encoder.encoder, gram) if len(gram) else (encoder, audio)
        return in_pieces(made, encoder, rows, self.settings.micro_batch)

    def on_fit_start(self) -> None:
        if self.trainer.world_size > 1:
            share_statistics(self.model)

    def on_train_start(self) -> None:
        self.train()  # Lightning leaves modes as they are

    def configure_optimizers(self) -> torch.optim.Optimizer:
        fused = self.device.type in ("cpu", "cuda")
        optimizer = make_optimizer(self.model, self.settings, self.trainer.world_size, fused)
        if self.optimizer_state is not None:
            restore_optimizer(optimizer, self.optimizer_state, self.step)
            self.optimizer_state = None
        return optimizer

    def learning_rate(self, step: float) -> float:
        return rate_at(step, self.pace.steps, self.settings, self.trainer.world_size)

    def training_step(self, batch: Any, index: int) -> None:
        super().training_step(batch, index)
        if self._average:
            self._average.update(self.model, self.step)

    def shown_weights(self) -> dict[str, Tensor]:
        return self._average.weights if self._average else super().shown_weights()

    def extra_state(self) -> dict[str, Any]:
        return {"average": self._average.weights} if self._average else {}

    def load_extra_state(self, state: dict[str, Any]) -> None:
        if self._average:
            self._average.load(state["average"])


class PatchesTask(InverseTask):
    """Trains head and flow, and the encoder unless it is frozen.

    `loss` is the sum of the other columns, each with its weight. Columns of terms without a weight
    are 0.
    """

    columns = (
        "loss", "flow", "parameters", "embedding_distance", "spectra", "teacher", "gradient_norm",
    )  # fmt: skip

    def __init__(self, model: Inverse, settings: InverseTrainConfig) -> None:
        super().__init__(model, settings)
        self._weighing = Weighing(model, settings)

    def learned(self) -> list[nn.Module]:
        m, s = self.model, self.settings
        heads: list[nn.Module] = [m.head] if s.head_learns else []
        flows: list[nn.Module] = [m.flow] if s.flow_weight else []
        return [*([] if s.frozen else [m.audio]), *heads, *flows]

    def measure(self, batch: Sounds) -> tuple[Tensor, dict[str, Tensor]]:
        s = self.settings
        embedding = self.embedded(self.model.audio, batch.gram, batch.audio)
        total = nothing = embedding.new_zeros(())
        found = dict.fromkeys(self.columns[1:-1], nothing)
        if s.head_learns:
            found |= head_losses(self.model, batch, embedding, s, self._weighing)
        if s.flow_weight:
            weights = self._weighing.weights.to(embedding.device)
            found["flow"] = flow_loss(
                self.model.flow, batch.units, embedding, batch.told, s.flow_times, weights
            )
        weights_of = {
            "flow": s.flow_weight,
            "parameters": s.parameter_weight,
            "embedding_distance": s.embedding_weight,
            "spectra": s.spectral_weight,
            "teacher": s.teacher_weight,
        }
        for name, weight in weights_of.items():
            total = total + weight * found[name]
        return total, {"loss": total, **found}


class VICRegTask(InverseTask):
    """Trains embeddings in which a sound and its parameters agree.

    `loss` is the sum of `invariance`, `variance` and `covariance`, each with its weight. `spread`
    is the mean standard deviation of the projected embeddings.
    """

    columns = ("loss", "invariance", "variance", "covariance", "spread", "gradient_norm")

    def learned(self) -> list[nn.Module]:
        m = self.model
        parts = (m.audio, m.waveform, m.parameters_encoder, m.projector)
        return [part for part in parts if part is not None]

    def measure(self, batch: Sounds) -> tuple[Tensor, dict[str, Tensor]]:
        m, s = self.model, self.settings
        embeddings = [
            self.embedded(m.audio, batch.gram, batch.audio),
            m.parameters_encoder(batch.units),
        ]
        if m.waveform is not None:
            embeddings.append(self.embedded(m.waveform, batch.gram[:0], batch.audio))
        found = vicreg([m.projector(e) for e in embeddings])
        self._require_spread(float(found.spread))
        total = (
            s.invariance * found.invariance
            + s.variance * found.variance
            + s.covariance * found.covariance
        )
        return total, {"loss": total, **found._asdict()}

    def _require_spread(self, spread: float) -> None:
        s = self.settings
        if self.step >= s.warmup_steps and spread < COLLAPSED:
            raise DataError(
                f"the embeddings collapsed at step {self.step}: their mean standard deviation is"
                f" {spread:.2g}, and 1 is meant; start again with a variance above {s.variance:g}"
                f" or a learning_rate under {s.learning_rate:g}"
            )
