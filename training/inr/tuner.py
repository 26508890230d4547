"""The two omegas for a set of sounds, found by training pairs of them for a short while.

The right pair depends on the sounds, and with a wrong one a network hardly learns. By successive
halving (Jamieson and Talwalkar 2016) all pairs of a geometric grid are trained on a few of the
sounds for a few steps; the best third of them is trained for three times as many, twice over.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import torch

from synth.contract import DataError
from synth.models.inr import INR
from training.inr.config import INRPlan
from training.inr.decoding import decoded
from training.inr.sounds import load_sounds, spread
from training.inr.task import INRTask
from training.run.family import Span
from training.run.review import Say
from training.run.trainer import build_task, fit, make_trainer

FIRST = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0)
HIDDEN = (10.0, 30.0, 100.0, 300.0, 1000.0)
KEPT = 3  # one in so many pairs is kept
RUNGS = 3
SOUNDS, POINTS = 8, 1000

MakeTask = Callable[[INRPlan], INRTask]
MakeStream = Callable[[INRPlan, Span], Iterable[Any]]


class Trial(NamedTuple):
    """A pair of omegas after some steps of training.

    Attributes:
        first, hidden: the omegas; steps: of training.
        error: squared error as a share of that of silence; infinite if training diverged.
    """

    first: float
    hidden: float
    steps: int
    error: float


def tuned(plan: INRPlan, say: Say, make_task: MakeTask, make_stream: MakeStream) -> INRPlan:
    """The plan with the omegas that were found, where its settings ask for a search.

    Args:
        plan: of the run.
        say: prints a line that stays.
        make_task: the task of a plan, with a fresh model.
        make_stream: the batches of a span of steps.

    Raises:
        DataError: none of the pairs learns anything.
    """
    settings = plan.training
    if not settings.tune:
        return plan
    pairs = [(first, hidden) for first in FIRST for hidden in HIDDEN]
    trials = search(plan, pairs, settings.tune_steps, say, make_task, make_stream)
    say("omegas tried on a few of the sounds, best first, error as a share of silence:")
    for line in table(trials):
        say(line)
    best = trials[0]
    model = replace(plan.model, first_omega_0=best.first, hidden_omega_0=best.hidden)
    return replace(plan, model=model)


def search(
    plan: INRPlan,
    pairs: Sequence[tuple[float, float]],
    steps: int,
    say: Say,
    make_task: MakeTask,
    make_stream: MakeStream,
) -> list[Trial]:
    """All trials, sorted by number of steps, largest first, and then by error.

    Args:
        plan: of the run, whose sounds are tried.
        pairs: of first and hidden omega.
        steps: that the last pairs are trained for, at least 1.
        say, make_task, make_stream: as in `tuned`.

    Raises:
        DataError: none of the pairs learns anything.
    """
    small = _small(plan)
    done: list[Trial] = []
    left = list(pairs)
    for rung in range(RUNGS):
        budget = max(1, steps // KEPT ** (RUNGS - 1 - rung))
        say(f"trying {len(left)} pairs of omegas for {budget} steps each")
        tried = sorted(
            (attempt(small, pair, budget, make_task, make_stream) for pair in left),
            key=lambda trial: trial.error,
        )
        survivors = max(1, math.ceil(len(tried) / KEPT))
        last = rung == RUNGS - 1
        done = [*tried, *done] if last else [*tried[survivors:], *done]
        left = [(t.first, t.hidden) for t in tried[:survivors]]
    if not math.isfinite(done[0].error):
        raise DataError("no pair of omegas learns anything; start with a smaller learning_rate")
    return done


def attempt(
    plan: INRPlan,
    pair: tuple[float, float],
    steps: int,
    make_task: MakeTask,
    make_stream: MakeStream,
) -> Trial:
    """Train a fresh model with a pair of first and hidden omega for so many steps, and measure it.

    A model that diverges has an infinite error.
    """
    model = replace(plan.model, first_omega_0=pair[0], hidden_omega_0=pair[1])
    plan = replace(plan, model=model, training=replace(plan.training, steps=steps))
    task = build_task(make_task, plan)
    try:
        fit(make_trainer(plan.training), task, make_stream(plan, Span(0, steps)))
    except DataError:
        return Trial(*pair, steps, math.inf)
    return Trial(*pair, steps, _error(plan, task.model))


def table(trials: Sequence[Trial]) -> list[str]:
    """The trials as lines of a table."""
    head = f"{'first omega':>12} {'hidden omega':>12} {'steps':>6} {'error':>8}"
    return [head, *(f"{t.first:12g} {t.hidden:12g} {t.steps:6d} {t.error:8.3f}" for t in trials)]


def _error(plan: INRPlan, model: INR) -> float:
    meant = torch.from_numpy(load_sounds(plan.learned, plan.model.audio_length))
    made = decoded(model.eval(), model.latents)
    error = float((made - meant).square().sum() / meant.square().sum().clamp(min=1e-12))
    return error if math.isfinite(error) else math.inf


def _small(plan: INRPlan) -> INRPlan:
    """The plan with fewer sounds and points, one device, and squared error alone."""
    settings = plan.training
    clips = spread(plan.learned, SOUNDS)
    return replace(
        plan,
        model=replace(plan.model, sounds=len(clips), names=(), keys=()),
        training=replace(
            settings,
            batch_size=min(settings.batch_size, len(clips)),
            samples_per_datapoint=min(settings.samples_per_datapoint, POINTS),
            per_sample=1.0,
            deriv_per_sample=0.0,
            cdpam=0.0,
            multiscale_stft=0.0,
            devices=1,
            nodes=1,
        ),
        learned=clips,
        library=replace(plan.library, clips=clips),
    )
