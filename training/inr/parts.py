"""The parts of the training of coordinate networks, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from synth.models.inr import INR
from training.inr.batches import Mixtures, Points, SoundStream
from training.inr.config import INRPlan
from training.inr.losses import inr_terms
from training.inr.review import INRReview
from training.inr.sounds import arrange, load_sounds, make_deck, points_of
from training.inr.task import INRTask
from training.inr.tuner import tuned
from training.measures.cdpam_weights import find_weights
from training.run.family import Parts, Span
from training.run.review import Say
from training.run.wandb_logger import import_wandb


def _points(plan: INRPlan) -> Points:
    settings = plan.training
    grid = plan.model.audio_length * settings.oversample
    return Points(grid, points_of(plan.model, settings), settings.sample_even)


def _window(plan: INRPlan) -> int:
    return points_of(plan.model, plan.training)


def _task(plan: INRPlan) -> INRTask:
    settings = plan.training
    model = INR(plan.model)
    points = _points(plan)
    rate = plan.model.sample_rate * settings.oversample
    terms = inr_terms(settings, points.count, points.count * points.stride / rate)
    task = INRTask(model, settings, terms, make_deck(settings, len(plan.learned)))
    return task.double() if settings.double else task


def _prepare(plan: INRPlan, say: Say) -> INRPlan:
    """Ask for what may be missing before a folder is made, then search the omegas."""
    settings = plan.training
    if settings.cdpam:
        find_weights()
    if settings.wandb:
        import_wandb()
    return tuned(plan, say, _task, _stream)


def _stream(plan: INRPlan, span: Span) -> Iterable[Any]:
    settings = plan.training
    return SoundStream(
        load_sounds(plan.learned, plan.model.audio_length, settings.oversample),
        make_deck(settings, len(plan.learned)),
        _points(plan),
        span,
        oversample=settings.oversample,
        mixtures=Mixtures(settings.mixtures, plan.model.keys) if settings.mixtures else None,
        encoded=plan.model.meta_architecture == "autoencoder",
        double=settings.double,
    )


INR_PARTS = Parts(arrange, _task, _stream, INRReview, _window, prepare=_prepare)
