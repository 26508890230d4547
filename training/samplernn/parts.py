"""The parts of SampleRNN training, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from synth.models.samplernn import SampleRNNConfig
from training.run.family import Parts, Span
from training.samplernn.config import SampleRNNPlan, SampleRNNTrainConfig
from training.samplernn.recordings import (
    arrange,
    make_layout,
    make_model,
    make_steering,
    window_frames,
)
from training.samplernn.review import SampleRNNReview
from training.samplernn.task import SampleRNNTask
from training.samplernn.windows import WindowStream


def _window(plan: SampleRNNPlan) -> int:
    return window_frames(plan.model, plan.training)


def _task(plan: SampleRNNPlan) -> SampleRNNTask:
    return SampleRNNTask(make_model(plan), plan.training)


def _stream(plan: SampleRNNPlan, steps: Span) -> Iterable[Any]:
    layout = make_layout(plan, steps.rank, steps.world)
    steering = make_steering(plan, plan.learned)
    return WindowStream(plan.learned, layout, plan.model.context, _window(plan), steps, steering)


def _idle(model: SampleRNNConfig, settings: SampleRNNTrainConfig) -> Mapping[str, str]:
    found = {}
    if settings.schedule == "constant":
        found["final_rate"] = "schedule is constant"
    if settings.schedule != "plateau":
        found["plateau"] = f"schedule is {settings.schedule}"
    if not model.features:
        found["feature_hop"] = "no features are given"
    return found


SAMPLERNN = Parts(arrange, _task, _stream, SampleRNNReview, _window, idle=_idle)
