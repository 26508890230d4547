"""The parts of codec training, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from synth.models.codec import Codec
from training.codec.config import CodecTrainConfig
from training.codec.crops import Crops, CropStream
from training.codec.losses import codec_terms
from training.codec.review import CodecReview
from training.codec.task import CodecTask
from training.data.library import Library, split
from training.run.family import Arrangement, Parts, Span
from training.run.plan import Plan


def crop_frames(plan: Plan) -> int:
    """Length of a crop in samples: whole latent frames."""
    hop: int = plan.model.hop
    seconds = cast(CodecTrainConfig, plan.training).crop_seconds
    return int(-(-round(seconds * plan.model.sample_rate) // hop) * hop)


def _arrange(model: Any, settings: CodecTrainConfig, data: str, library: Library) -> Arrangement:
    return Arrangement(model, library, *split(library, settings.held_out, settings.seed))


def _task(plan: Plan) -> CodecTask:
    settings = cast(CodecTrainConfig, plan.training)
    return CodecTask(Codec(plan.model), codec_terms(plan.model, settings), settings)


def _stream(plan: Plan, span: Span) -> Iterable[Any]:
    settings = plan.training
    crops = Crops(
        plan.learned, crop_frames(plan), settings.batch_size, seed=settings.seed, rank=span.rank
    )
    return CropStream(crops, span.start, span.stop)


CODEC = Parts(_arrange, _task, _stream, CodecReview, crop_frames)
