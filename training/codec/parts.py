"""The parts of codec training, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synth.models.codec import Codec, CodecConfig
from training.codec.config import CodecPlan, CodecTrainConfig
from training.codec.crops import Crops, CropStream
from training.codec.losses import codec_terms
from training.codec.review import CodecReview
from training.codec.task import CodecTask
from training.data.library import Library, split
from training.run.family import Arrangement, Parts, Span


def crop_frames(plan: CodecPlan) -> int:
    """Length of a crop in samples: whole latent frames."""
    hop: int = plan.model.hop
    return -(-round(plan.training.crop_seconds * plan.model.sample_rate) // hop) * hop


def _arrange(
    model: CodecConfig, settings: CodecTrainConfig, data: str, library: Library
) -> Arrangement[CodecConfig, CodecTrainConfig]:
    return Arrangement(model, library, *split(library, settings.held_out, settings.seed))


def _task(plan: CodecPlan) -> CodecTask:
    settings = plan.training
    return CodecTask(Codec(plan.model), codec_terms(plan.model, settings), settings)


def _stream(plan: CodecPlan, span: Span) -> Iterable[Any]:
    settings = plan.training
    crops = Crops(
        plan.learned, crop_frames(plan), settings.batch_size, seed=settings.seed, rank=span.rank
    )
    return CropStream(crops, span.start, span.stop)


def _idle(model: CodecConfig, settings: CodecTrainConfig) -> Mapping[str, str]:
    names = () if settings.mel_weight else ("mel_windows", "mel_bins")
    return dict.fromkeys(names, "mel_weight is 0")


CODEC = Parts(_arrange, _task, _stream, CodecReview, crop_frames, idle=_idle)
