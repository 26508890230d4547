"""Likelihood of recordings that a SampleRNN has not learned from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synth.models.samplernn import SampleRNN
from synth.nn import State
from training.data.library import Array, Clip
from training.samplernn.steering import Steering

PIECE_SECONDS = 4.0


@dataclass(frozen=True)
class Likelihood:
    """Means over the samples.

    Attributes:
        loss: cross entropy in nats per sample; bits: the same in bits.
        accuracy: share of samples whose code was the most likely one, 0 … 1.
    """

    loss: float
    bits: float
    accuracy: float


def likelihood(
    model: SampleRNN,
    clips: Sequence[Clip],
    steering: Steering | None,
    *,
    seconds: float,
    frames: int,
    rows: int,
) -> Likelihood:
    """Predict held-out audio, in pieces spread evenly over the clips.

    Each piece begins with a fresh state, which is carried from window to window as in generation.

    Args:
        model: in eval mode.
        clips: each at least `context + frames * hop` samples long.
        steering: features and classes of the clips, where the model has any.
        seconds: of audio, at most.
        frames: of the top tier in a window; the memory that is needed grows with it.
        rows: pieces at a time.
    """
    window = frames * model.hop
    limit = round(min(PIECE_SECONDS, seconds) * model.config.sample_rate)
    room = min(clip.frames for clip in clips) - model.context
    span = max(1, min(limit, room) // window) * window
    places = _even_places(clips, model.context + span, max(1, round(seconds / PIECE_SECONDS)))
    loss = right = 0.0
    for first in range(0, len(places), rows):
        part = places[first : first + rows]
        codes = _codes(model, clips, part)
        state: State | None = None
        for begin in range(0, span, window):
            features = _features(model, steering, part, begin, window)
            given = codes[:, begin : begin + model.context + window]
            with torch.inference_mode():
                logits, state = model(given, state, features)
                targets = given[:, model.context :]
                nats = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="sum")
                loss += float(nats)
                right += float((logits.argmax(-1) == targets).sum())
    count = len(places) * span
    return Likelihood(loss / count, loss / count / math.log(2), right / count)


@dataclass(frozen=True)
class _Place:
    """A piece of the clip number `clip`: `samples` from `start` on."""

    clip: int
    start: int
    samples: int


def _even_places(clips: Sequence[Clip], samples: int, count: int) -> list[_Place]:
    """At most `count` pieces of so many samples, spread evenly over the clips, none twice."""
    fits = np.array([clip.frames // samples for clip in clips])
    ends = np.cumsum(fits)
    chosen = np.unique(np.linspace(0, ends[-1] - 1, min(count, int(ends[-1]))).round().astype(int))
    files = np.searchsorted(ends, chosen, side="right")
    return [
        _Place(int(file), int(at - (ends[file] - fits[file])) * samples, samples)
        for at, file in zip(chosen, files, strict=True)
    ]


def _codes(model: SampleRNN, clips: Sequence[Clip], places: Sequence[_Place]) -> Tensor:
    audio: list[Array] = [
        np.array(clips[p.clip].open()[0, p.start : p.start + p.samples]) for p in places
    ]
    return model.encode(torch.from_numpy(np.stack(audio)).to(model.scale.device))


def _features(
    model: SampleRNN, steering: Steering | None, places: Sequence[_Place], begin: int, span: int
) -> Tensor | None:
    if steering is None:
        return None
    starts = [p.start + model.context + begin for p in places]
    parts = [steering.window(p.clip, at, span) for p, at in zip(places, starts, strict=True)]
    return torch.from_numpy(np.stack(parts)).to(model.scale.device)
