"""The parts of SampleRNN training, put together for the table of families."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from training.run.family import Parts, Span
from training.run.plan import Plan
from training.samplernn.config import SampleRNNTrainConfig
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


def _settings(plan: Plan) -> SampleRNNTrainConfig:
    return cast(SampleRNNTrainConfig, plan.training)


def _window(plan: Plan) -> int:
    return window_frames(plan.model, _settings(plan))


def _task(plan: Plan) -> SampleRNNTask:
    return SampleRNNTask(make_model(plan), _settings(plan))


def _stream(plan: Plan, steps: Span) -> Iterable[Any]:
    layout = make_layout(plan, steps.rank, steps.world)
    steering = make_steering(plan, plan.learned)
    return WindowStream(plan.learned, layout, plan.model.context, _window(plan), steps, steering)


SAMPLERNN = Parts(arrange, _task, _stream, SampleRNNReview, _window)
