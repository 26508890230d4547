"""The frames of a plan's notes with their conditions and classes, in memory, made once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from synth.models.timbre import Conditioning, Timbre, TimbreConfig
from training.data.library import Clip
from training.timbre.config import TimbrePlan
from training.timbre.frames.table import load_frames
from training.timbre.notes import NoteLabel, labels_of

ROWS = 4_096  # that are encoded at a time


@dataclass(frozen=True)
class Material:
    """Frames with all that is known of them.

    Attributes:
        joined: float16 `[rows, bands + width]`, logarithms of magnitudes, conditions beside.
        notes: int64 `[rows]`, number of the note of each.
        classes: int64 `[rows]`, number of its instrument.
        keys: `[rows]`, MIDI; dynamics: int64 `[rows]`, number of its dynamics.
        offset, spread: scalars that scale the logarithms, see `Timbre`.
    """

    joined: Tensor
    notes: Tensor
    classes: Tensor
    keys: Tensor
    dynamics: Tensor
    offset: float
    spread: float

    @torch.inference_mode()
    def means(self, model: Timbre, step: int = 1) -> Tensor:
        """Posterior means of every `step`-th frame, `[rows, dims]`, on the CPU.

        Args:
            model: in eval mode.
        """
        rows = self.joined[::step]
        device = model.offset.device
        parts = [
            model.posterior(model.joined(part.to(device).float()))[0].float().cpu()
            for part in torch.split(rows, ROWS)
        ]
        return torch.cat(parts)

    def variances(self, model: Timbre) -> Tensor:
        """Variance of the posterior means on each latent axis, `[dims]`."""
        return self.means(model).double().var(0, correction=0)


@lru_cache(maxsize=8)
def labels_in(clips: tuple[Clip, ...], data: str, sample_rate: int) -> tuple[NoteLabel, ...]:
    """The label of each clip, see `labels_of`; found once."""
    return tuple(labels_of(clips, data, sample_rate))


def material(plan: TimbrePlan, clips: tuple[Clip, ...]) -> Material:
    """The frames of some notes of a plan."""
    labels = labels_in(clips, plan.data, plan.library.sample_rate)
    return load_material(plan.model, plan.training.frames, clips, labels)


@lru_cache(maxsize=4)
def load_material(
    config: TimbreConfig,
    chosen: tuple[int, ...],
    clips: tuple[Clip, ...],
    labels: tuple[NoteLabel, ...],
) -> Material:
    """The frames of notes.

    Args:
        config: of the model, with its instruments and dynamics.
        chosen: first frame, stop, and perhaps step.
        clips, labels: of the notes.
    """
    found = load_frames(clips, config, chosen)
    keys = torch.tensor([float(n.key) for n in labels])
    classes = torch.tensor([config.instruments.index(n.instrument) for n in labels])
    dynamics = torch.tensor([config.dynamics.index(n.dynamics) for n in labels])
    told = Conditioning(config.conditioning, len(config.dynamics)).row(keys, dynamics.float())
    joined = torch.cat([found.logs, told.half()[found.notes]], 1)
    notes = found.notes
    return Material(
        joined, notes, classes[notes], keys[notes], dynamics[notes], found.offset, found.spread
    )
