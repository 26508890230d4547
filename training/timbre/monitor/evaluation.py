"""Figures of a timbre space on held-out notes."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from synth.models.timbre import Timbre
from training.timbre.config import TimbrePlan
from training.timbre.frames.material import ROWS, Material
from training.timbre.learning.losses import divergence, negative_log_density
from training.timbre.measures import rank_correlation, rating_divergence
from training.timbre.regularisers import scaled_positions
from training.timbre.shaping import known_ratings, make_shaping, rated_dims, target_axes

MOST_ROWS = 16_384  # that are measured, spread evenly over the notes
COMPARED_ROWS = 2_048  # whose distances from each other are measured
COLUMNS = (
    "held_out_loss", "held_out_log_density", "held_out_reconstruction", "held_out_divergence",
    "held_out_rating_divergence", "held_out_rank_correlation",
)  # fmt: skip


class Passed(NamedTuple):
    """Frames that went through a model without draws: each is decoded from its posterior's mean.

    Attributes:
        frames, made, spread: `[rows, bands]`, scaled frames, and mean and standard deviation of
            their reconstructions.
        mean, std: `[rows, dims]`, of the posteriors.
        classes, notes, place: int64 `[rows]`, numbers of each row's instrument, of its note, and
            of the row in the material.
    """

    frames: Tensor
    made: Tensor
    spread: Tensor
    mean: Tensor
    std: Tensor
    classes: Tensor
    notes: Tensor
    place: Tensor


@torch.inference_mode()
def passed(model: Timbre, material: Material, most: int = MOST_ROWS) -> Passed:
    """Frames sent through a model.

    Args:
        model: in eval mode; material: the frames.
        most: number of frames at most, spread evenly.
    """
    rows = len(material.joined)
    index = torch.arange(0, rows, max(1, -(-rows // most)))
    parts, device = [], model.offset.device
    for chunk in torch.split(index, ROWS):
        joined = model.joined(material.joined[chunk].to(device).float())
        frames, told = joined[:, : model.bands], joined[:, model.bands :]
        mean, std = model.posterior(joined)
        made, spread = model.decode(mean, told)
        parts.append([t.float().cpu() for t in (frames, made, spread, mean, std)])
    frames, made, spread, mean, std = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    classes, notes = material.classes[index], material.notes[index]
    return Passed(frames, made, spread, mean, std, classes, notes, index)


def figures(plan: TimbrePlan, found: Passed, shaped: bool = True) -> dict[str, float]:
    """The figures of `COLUMNS`, the last two of them only where instruments are rated.

    Args:
        plan: of the run; found: held-out frames that went through its model.
        shaped: whether the loss has the terms of the regularised phase.
    """
    settings = plan.training
    lost = negative_log_density(found.frames, found.made, found.spread).mean()
    missed = (found.frames - found.made).square().sum(1).mean()
    prior, pull = _shaped(plan, found) if shaped else (None, torch.zeros(()))
    away = divergence(found.mean, found.std, prior).mean()
    total = lost + settings.beta * away + settings.alpha * pull
    values = [float(v) for v in (total, -lost, missed, away)]
    return dict(zip(COLUMNS, (*values, *_agreement(plan, found)), strict=False))


def _shaped(plan: TimbrePlan, found: Passed) -> tuple[tuple[Tensor, Tensor] | None, Tensor]:
    """The prior that ratings give, and the mean pull on batches as large as those of a step."""
    shaping = make_shaping(plan)
    if shaping is None:
        return None, torch.zeros(())
    axes = target_axes(plan.training, plan.model, lambda: found.mean.double().var(0, correction=0))
    regulariser = shaping(axes)
    rows = torch.randperm(len(found.mean), generator=torch.Generator().manual_seed(0))
    batches = torch.split(rows[:COMPARED_ROWS], plan.training.batch_size)
    pulls = [regulariser(found.mean[b], found.classes[b]) for b in batches]
    return regulariser.prior(found.classes), torch.stack(pulls).mean()


def _agreement(plan: TimbrePlan, found: Passed) -> tuple[float, ...]:
    """Divergence from the ratings, with one frame of each note, and rank correlation with them, on
    the regularised axes; nothing without ratings."""
    ratings = known_ratings(plan)
    if ratings is None:
        return ()
    settings, dims = plan.training, plan.model.latent_dims
    axes = list(range(dims))
    if settings.regularization != "none":
        axes = list(target_axes(settings, plan.model, lambda: found.mean.double().var(0)))
    latents = found.mean[:, axes]
    positions = torch.from_numpy(scaled_positions(ratings, rated_dims(settings, dims)))
    middle = _middles(found.notes)
    parted = rating_divergence(latents[middle].double(), found.classes[middle], positions)
    return float(parted), rank_correlation(latents, found.classes, ratings)


def _middles(notes: Tensor) -> Tensor:
    """The row in the middle of each note, whose rows follow each other."""
    _, counts = torch.unique_consecutive(notes, return_counts=True)
    rows: Tensor = counts.cumsum(0) - counts + counts // 2
    return rows
