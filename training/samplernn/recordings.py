"""The recordings as a SampleRNN uses them: long enough, split, and normalised as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch

from synth.contract import DataError
from synth.models.samplernn import SampleRNN, SampleRNNConfig
from training.data.library import Clip, Library, split
from training.run.family import Arrangement
from training.samplernn.config import SampleRNNPlan, SampleRNNTrainConfig
from training.samplernn.labels import clip_labels, known_labels
from training.samplernn.steering import Steering
from training.samplernn.windows import AnyPlace, InOrder

BLOCK = 1 << 20


def make_model(plan: SampleRNNPlan) -> SampleRNN:
    """A fresh model with the scale and the statistics of its data set.

    The peak of all recordings is full scale; mean and deviation of the features are those of the
    recordings to learn from.
    """
    model = SampleRNN(plan.model)
    model.scale.fill_(1.0 / peak(plan.library.clips))
    steering = make_steering(plan, plan.learned)
    if steering:
        mean, deviation = steering.statistics()
        model.feature_mean.copy_(torch.from_numpy(mean))
        model.feature_std.copy_(torch.from_numpy(deviation))
    return model


def make_steering(plan: SampleRNNPlan, clips: Sequence[Clip]) -> Steering | None:
    """Features and classes of the clips; None where the model has neither."""
    if not plan.model.feature_count:
        return None
    settings = plan.training
    return Steering(clips, plan.model, clip_labels(clips, plan.data, settings.label_by))


def make_layout(plan: SampleRNNPlan, rank: int, world: int) -> AnyPlace | InOrder:
    """The layout of the training windows for process `rank` of `world`."""
    settings = plan.training
    frames, rows = [clip.frames for clip in plan.learned], settings.batch_size
    if settings.carry_state:
        context = plan.model.context
        return InOrder(frames, context, settings.num_frames * plan.model.hop, rows, settings.seed)
    window = window_frames(plan.model, settings)
    return AnyPlace(frames, window, rows, settings.seed, rank, world)


def window_frames(model: SampleRNNConfig, settings: SampleRNNTrainConfig) -> int:
    """Samples of a window: those that are given, and those that are predicted."""
    return model.context + settings.num_frames * model.hop


def arrange(
    model: SampleRNNConfig, settings: SampleRNNTrainConfig, data: str, library: Library
) -> Arrangement[SampleRNNConfig, SampleRNNTrainConfig]:
    """Leave out recordings that are too short, split the others, and find their classes.

    Whole files are held out; of an only file its end, at least one window.

    Args:
        model, settings: configs of the model and of the run.
        data: file or folder of the recordings.
        library: all recordings.

    Raises:
        DataError: no recording is long enough (an only file needs two windows), or the classes
            can't be read.
        ConfigError: the classes are not those that the model asks for.
    """
    window = window_frames(model, settings)
    library = _long_enough(library, window)
    if len(library.clips) == 1:
        learned, held_out = _split_in_time(library.clips[0], settings.held_out, window)
    else:
        learned, held_out = split(library, settings.held_out, settings.seed)
    labels = known_labels(clip_labels(library.clips, data, settings.label_by), model.labels)
    return Arrangement(replace(model, labels=labels), library, learned, held_out)


def peak(clips: Sequence[Clip]) -> float:
    """The largest absolute sample of all clips, read block by block."""
    highest = 0.0
    for clip in clips:
        audio = clip.open()
        for first in range(0, clip.frames, BLOCK):
            block = audio[:, first : first + BLOCK]
            highest = max(highest, float(block.max()), -float(block.min()))
    return highest


def _long_enough(library: Library, window: int) -> Library:
    """The library without files that are shorter than a window, or two for an only file."""
    needed = window * (2 if len(library.clips) == 1 else 1)
    short = [clip for clip in library.clips if clip.frames < needed]
    reasons = [(str(clip.source), _too_short(clip, needed, library)) for clip in short]
    clips = tuple(clip for clip in library.clips if clip.frames >= needed)
    if not clips:
        raise DataError(reasons[0][1])
    found = replace(library, clips=clips, rejected=(*library.rejected, *reasons))
    # If only one is left, it has to serve for both parts.
    return _long_enough(found, window) if short and len(clips) == 1 else found


def _too_short(clip: Clip, needed: int, library: Library) -> str:
    rate = library.sample_rate
    return (
        f"{clip.source}: {clip.frames / rate:.3f} s is too short; {needed / rate:.3f} s are needed,"
        " or a smaller num_frames"
    )


def _split_in_time(
    clip: Clip, share: float, window: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    held = min(max(round(clip.frames * share), window), clip.frames - window)
    at = clip.end - held
    return (replace(clip, end=at),), (replace(clip, start=at),)
