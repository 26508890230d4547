"""All frames of some notes, scaled, in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from synth.models.timbre import TimbreConfig
from training.data.library import Clip
from training.timbre.frames.analysis import frame_rate, log_magnitudes
from training.timbre.frames.note import find_note


@dataclass(frozen=True)
class Frames:
    """Frames of notes, one after the other.

    Attributes:
        logs: float16 `[rows, bands]`, natural logarithms of magnitudes.
        notes: int64 `[rows]`, number of the note of each.
        offset, spread: mean of all logarithms, and the largest distance from it.
    """

    logs: Tensor
    notes: Tensor
    offset: float
    spread: float


def frame_numbers(clip: Clip, config: TimbreConfig, chosen: Sequence[int]) -> range:
    """The frames of `chosen` (first, stop, perhaps step) that begin before the end of a note."""
    onset, end = find_note(clip, config.sample_rate)
    whole = int((end - onset) / config.sample_rate * frame_rate(config)) + 1
    first, stop, *step = chosen
    return range(first, min(stop, whole), *step)


@lru_cache(maxsize=4)
def load_frames(clips: tuple[Clip, ...], config: TimbreConfig, chosen: tuple[int, ...]) -> Frames:
    """The frames of notes.

    Args:
        clips: of one note each.
        config: of the model.
        chosen: first frame, stop, and perhaps step; frames after the end of a note are left out.
    """
    rate = frame_rate(config)
    parts, notes = [], []
    for number, clip in enumerate(clips):
        times = [i / rate for i in frame_numbers(clip, config, chosen)]
        if times:
            parts.append(torch.from_numpy(log_magnitudes(clip, config, times)))
            notes.append(np.full(len(times), number))
    logs = torch.cat(parts)
    offset = sum(float(part.double().sum()) for part in parts) / logs.numel()
    spread = max(float(logs.max()) - offset, offset - float(logs.min()))
    return Frames(logs, torch.from_numpy(np.concatenate(notes)), offset, max(spread, 1e-6))
