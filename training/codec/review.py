"""Evaluations of a codec while it is trained: reconstructions of held-out audio."""

from __future__ import annotations

from dataclasses import asdict

from torch import Tensor

from synth.models.codec import Codec, CodecConfig
from training.codec.config import CodecTrainConfig
from training.codec.evaluation import evaluate, write_evidence
from training.codec.latent_statistics import latent_statistics
from training.run.review import Review

NAN = float("nan")


class CodecReview(Review[Codec, CodecConfig, CodecTrainConfig]):
    """Mel distance, SI-SDR and used codes; input and output as audio and pictures."""

    columns = ("held_out_mel_db", "held_out_si_sdr_db", "held_out_used_codes")

    def saves(self, step: int) -> bool:
        return step % self.plan.training.save_every == 0

    def evaluate(self, model: Codec, step: int) -> dict[str, float]:
        found = evaluate(model, self.plan.held_out, self.plan.training.eval_seconds)
        write_evidence(self.out, step, found, self.plan.model.sample_rate)
        return {f"held_out_{k}": v for k, v in asdict(found.figures).items()}

    def score(self, figures: dict[str, float]) -> float:
        return figures["held_out_mel_db"]

    def headline(self, figures: dict[str, float]) -> str:
        return f"held-out mel distance {figures.get('held_out_mel_db', NAN):.2f} dB"

    def detail(self, figures: dict[str, float]) -> str:
        return f"SI-SDR {figures.get('held_out_si_sdr_db', NAN):.1f} dB"

    def latent(self, model: Codec) -> dict[str, Tensor]:
        seconds = self.plan.training.statistics_seconds
        return latent_statistics(model, self.plan.learned, seconds)
