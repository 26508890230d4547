"""What is looked at while a codec is trained: reconstructions of held-out audio."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

from torch import Tensor, nn

from synth.models.codec import Codec
from training.codec.config import CodecTrainConfig
from training.codec.evaluation import evaluate, write_evidence
from training.codec.latent_statistics import latent_statistics
from training.run.review import Review

NAN = float("nan")


class CodecReview(Review):
    """Mel distance, SI-SDR and used codes; input and output as audio and pictures."""

    columns = ("held_out_mel_db", "held_out_si_sdr_db", "held_out_used_codes")

    @property
    def _settings(self) -> CodecTrainConfig:
        return cast(CodecTrainConfig, self.plan.training)

    def saves(self, step: int) -> bool:
        return step % self._settings.save_every == 0

    def evaluate(self, model: nn.Module, step: int) -> dict[str, float]:
        found = evaluate(cast(Codec, model), self.plan.held_out, self._settings.eval_seconds)
        write_evidence(self.out, step, found, self.plan.model.sample_rate)
        return {f"held_out_{k}": v for k, v in asdict(found.figures).items()}

    def score(self, figures: dict[str, float]) -> float:
        return figures["held_out_mel_db"]

    def headline(self, figures: dict[str, float]) -> str:
        return f"held-out mel distance {figures.get('held_out_mel_db', NAN):.2f} dB"

    def detail(self, figures: dict[str, float]) -> str:
        return f"SI-SDR {figures.get('held_out_si_sdr_db', NAN):.1f} dB"

    def latent(self, model: nn.Module) -> dict[str, Tensor]:
        seconds = self._settings.statistics_seconds
        return latent_statistics(cast(Codec, model), self.plan.learned, seconds)
