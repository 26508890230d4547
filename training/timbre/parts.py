"""The parts of the training of timbre spaces, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synth.models.timbre import Timbre, TimbreConfig
from training.run.family import Parts, Span
from training.run.review import Say
from training.timbre.arrange import arrange, make_deck
from training.timbre.config import TimbrePlan, TimbreTrainConfig
from training.timbre.frames.analysis import frame_rate
from training.timbre.frames.material import material
from training.timbre.learning.batches import FrameStream
from training.timbre.learning.loading import begin_from, load_weights
from training.timbre.learning.task import TimbreTask
from training.timbre.monitor.review import TimbreReview
from training.timbre.shaping import make_shaping


def _task(plan: TimbrePlan) -> TimbreTask:
    found = material(plan, plan.learned)
    model = Timbre(plan.model)
    model.offset.fill_(found.offset)
    model.spread.fill_(found.spread)
    begin_from(plan, model)
    deck = make_deck(plan, len(found.joined))
    return TimbreTask(model, plan.training, deck.batches, make_shaping(plan), found.variances)


def _stream(plan: TimbrePlan, span: Span) -> Iterable[Any]:
    found = material(plan, plan.learned)
    deck = make_deck(plan, len(found.joined), span.rank)
    return FrameStream(found.joined, found.classes, deck, span)


def _window(plan: TimbrePlan) -> int:
    return round(plan.model.sample_rate / frame_rate(plan.model))


def _prepare(plan: TimbrePlan, say: Say) -> TimbrePlan:
    """Refuse what can't be loaded, and analyse the notes, before a folder is made."""
    if plan.training.load:
        load_weights(plan)
    say("the notes are analysed")
    material(plan, plan.learned)
    return plan


def _idle(model: TimbreConfig, settings: TimbreTrainConfig) -> Mapping[str, str]:
    found = dict[str, str]()
    if settings.regularization == "none":
        names = ("alpha", "ratings", "mds_dims", "target_dims", "twofold", "twofold_epochs")
        found |= dict.fromkeys(names, "regularization is none")
    elif not settings.twofold:
        found["twofold_epochs"] = "twofold is off"
    if settings.regularization == "prior":
        found["alpha"] = "regularization is prior, which takes the place of the usual one"
    if settings.load:
        found |= dict.fromkeys(("epochs", "warmup_epochs"), "load goes on after them")
    if settings.schedule == "constant":
        found["final_rate"] = "schedule is constant"
    if not settings.plot_latentspace:
        found["plot_npoints"] = "plot_latentspace is off"
    return found


TIMBRE = Parts(arrange, _task, _stream, TimbreReview, _window, prepare=_prepare, idle=_idle)
