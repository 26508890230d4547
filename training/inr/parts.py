"""The parts of the training of coordinate networks, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from synth.contract import ConfigError
from synth.models.inr import INR, INRConfig
from training.inr.batches import Mixtures, Points, SoundStream
from training.inr.config import INRPlan
from training.inr.decoding import decoder_of
from training.inr.idle import idle_settings
from training.inr.losses import inr_terms
from training.inr.review import INRReview
from training.inr.sounds import arrange, load_sounds, make_deck, points_of
from training.inr.task import INRTask
from training.inr.tuner import tuned
from training.measures.cdpam_weights import find_weights
from training.run.family import Parts, Reporting, Span
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
    """Check for packages that may be missing before a folder is made, then search the omegas."""
    settings = plan.training
    if settings.cdpam:
        find_weights()
    if settings.wandb:
        import_wandb()
    return tuned(plan, say, _task, _stream)


def _installed(plan: INRPlan) -> tuple[INRPlan, tuple[str, ...]]:
    """The plan without the loss CDPAM where its package is missing."""
    settings = plan.training
    if not settings.cdpam:
        return plan, ()
    try:
        find_weights()
    except ConfigError as error:
        others = settings.per_sample or settings.deriv_per_sample or settings.multiscale_stft
        least = replace(settings, cdpam=0.0, per_sample=settings.per_sample if others else 1.0)
        return replace(plan, training=least), (f"measured without the loss cdpam: {error}",)
    return plan, ()


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


def _short_name(config: INRConfig) -> str:
    """Architecture and size, as far as they differ from what the architecture says by itself."""
    extra = [f"{n}={v}" for n, v in (("width", config.width), ("depth", config.depth)) if v]
    extra += [f"branches={config.branches}"] if config.branches > 1 else []
    extra += [config.meta_architecture] if config.meta_architecture != "autodecoder" else []
    return " ".join([config.architecture, *extra])


INR_PARTS = Parts(
    arrange,
    _task,
    _stream,
    INRReview,
    _window,
    prepare=_prepare,
    idle=idle_settings,
    installed=_installed,
)
INR_REPORTING = Reporting[INR, INRConfig](
    samples=lambda config: config.audio_length,
    sounds=lambda config: config.sounds,
    load=lambda config, clips: load_sounds(clips, config.audio_length),
    decode=decoder_of,
    name=_short_name,
    parameters=lambda model: sum(p.numel() for p in model.decoder.parameters()),
    # Repetitions differ in these, or they don't change what is learned.
    repeated=frozenset(
        {"seed", "note", "note_general", "save_path", "threads", "wandb", "wandb_project_name"}
    ),
)
