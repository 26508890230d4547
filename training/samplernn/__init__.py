"""Training of the SampleRNN, put together as a row of the table of families.

- `config`: its settings; `arguments`: those of them that may be edited while it runs.
- `recordings`: too short ones left out, one scale for all; `labels`: their classes.
- `windows`, `shuffle`: which samples a step learns from, read when it comes.
- `steering`: features and classes beside the samples.
- `task`, `fast`: what is descended, and how it is computed.
- `likelihood`, `sounds`, `review`: what is measured and heard beside the steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from training.family import FamilyTraining, Span
from training.plan import Plan
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

__all__ = ["SAMPLERNN", "SampleRNNReview", "SampleRNNTask", "SampleRNNTrainConfig"]


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


SAMPLERNN = FamilyTraining(
    SampleRNNTrainConfig,
    arrange,
    _task,
    _stream,
    SampleRNNReview,
    _window,
    aliases={"frame_sizes": ("frame_size",)},
)
