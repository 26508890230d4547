"""The parts of the training of inverse synthesis, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from synth.contract import ConfigError
from synth.models.inverse import Inverse, InverseConfig
from synth.models.inverse.head import initialise
from synth.models.inverse.voices import find_nebula
from training.data.library import Library
from training.inverse.config import InversePlan, InverseTrainConfig
from training.inverse.idle import idle_settings
from training.inverse.learning.audibility import audibility
from training.inverse.learning.loading import (
    Loaded,
    begin_from,
    begin_from_photographs,
    load_weights,
)
from training.inverse.learning.task import InverseTask, PatchesTask, VICRegTask
from training.inverse.learning.teacher import best_noise
from training.inverse.monitor.review import InverseReview
from training.inverse.sounds.stock import SoundStream
from training.run.family import Arrangement, Parts, Span
from training.run.review import Say


def _arrange(
    model: InverseConfig, settings: InverseTrainConfig, data: str, library: Library
) -> Arrangement[InverseConfig, InverseTrainConfig]:
    """Recordings, if there are any, are all for evaluations. The nebula becomes a part of the
    config, so that nobody needs its file."""
    nebula = model.nebula
    if "{" not in nebula and nebula != "default":
        model = replace(model, nebula=find_nebula(model.voice, nebula).to_json())
    return Arrangement(model, library, (), library.clips)


def _task(plan: InversePlan) -> InverseTask:
    model, init = Inverse(plan.model), plan.training.init
    for part in (model.head, model.parameters_encoder, model.projector):
        initialise(part, init)
    begin_from_photographs(model)
    begin_from(plan, model)
    stage = PatchesTask if plan.training.stage == "patches" else VICRegTask
    return stage(model, plan.training)


def _stream(plan: InversePlan, span: Span) -> Iterable[Any]:
    return SoundStream(plan, span)


def _window(plan: InversePlan) -> int:
    return Inverse(plan.model).voice.samples


def _prepare(plan: InversePlan, say: Say) -> InversePlan:
    s = plan.training
    if plan.model.encoder == "pretrained":
        begin_from_photographs(Inverse(plan.model), required=True)
    s = replace(s, loaded_steps=_judged(plan).steps if s.load else 0)
    if s.teacher_weight:
        say(f"{s.teacher_noises} noises of the flow are compared to find the head's teacher")
        s = replace(s, teacher_noise=_teacher(plan))
    plan = replace(plan, training=s)
    if not s.audible or "audible" in idle_settings(plan.model, s):
        return plan
    say("each parameter is moved to find out how much it changes sounds")
    return replace(plan, training=replace(s, audibility=audibility(plan.model)))


def _teacher(plan: InversePlan) -> tuple[float, ...]:
    """The noise of the flow that is loaded."""
    model = Inverse(plan.model)
    begin_from(plan, model)
    return best_noise(model.eval(), plan.training.teacher_noises, plan.training.seed)


def _judged(plan: InversePlan) -> Loaded:
    """What is loaded.

    Raises:
        ConfigError: it can't serve as the settings want it to.
    """
    s, found = plan.training, load_weights(plan, Inverse(plan.model))
    if s.embedding_weight and (found.stage != "vicreg" or found.voice != plan.model.voice):
        raise ConfigError(
            f"embedding_weight is {s.embedding_weight:g}, and {s.load} is of the stage"
            f" {found.stage} and the voice {found.voice}; load a vicreg run of the voice"
            f" {plan.model.voice}, or leave it at 0"
        )
    if s.teacher_weight and (found.stage != "patches" or found.voice != plan.model.voice):
        raise ConfigError(
            f"teacher_weight is {s.teacher_weight:g}, and {s.load} is of the stage"
            f" {found.stage} and the voice {found.voice}; load a patches run of the voice"
            f" {plan.model.voice}, or leave it at 0"
        )
    return found


INVERSE = Parts(
    _arrange, _task, _stream, InverseReview, _window, prepare=_prepare, idle=idle_settings
)
