"""Losses of the way from a sound's embedding to patches."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inverse import Inverse
from synth.models.inverse.flow import Flow, data, path
from synth.models.inverse.symmetry import nearest, orbit
from training.inverse.config import InverseTrainConfig
from training.inverse.learning.teacher import drawn
from training.inverse.sounds.rendering import NOISES, Sounds, noises
from training.match.losses import LOSSES

STEEPEST = 4.0  # slope of a parameter beside the median of its row


def flow_loss(
    flow: Flow, units: Tensor, embedding: Tensor, told: Tensor, times: int, weights: Tensor
) -> Tensor:
    """Loss of conditional flow matching along straight ways from noise to knob positions.

    Source: Lipman et al. 2023, Flow matching for generative modeling (arXiv 2210.02747); the ways
    are those of Liu et al. 2023, rectified flow (arXiv 2209.03003).

    Args:
        flow: that learns the velocity.
        units: knob positions, `[sounds, parameters]`.
        embedding, told: of the sounds.
        times: number of places on the way that are drawn for each sound, one in each of as many
            equal parts of it.
        weights: of the parameters, `[parameters]`.
    """
    goal = data(units).repeat_interleave(times, 0)
    rows = len(goal)
    part = torch.arange(times, device=goal.device, dtype=goal.dtype).repeat(len(units))
    time = ((part + torch.rand(rows, device=goal.device)) / times)[:, None]
    place, way = path(torch.randn_like(goal), goal, time)
    told_each, embedded = (t.repeat_interleave(times, 0) for t in (told, embedding))
    velocity = flow(place, time, embedded, told_each)
    missed = (velocity.float() - way).square()
    total: Tensor = (missed * weights).mean()
    return total


class Weighing:
    """Weights of the parameters, and the orders of them that make the same sound.

    Args:
        model: whose voice it is; settings: of the run.

    Attributes:
        weights: `[parameters]`, their mean 1.
        columns: see `orbit`.
    """

    def __init__(self, model: Inverse, settings: InverseTrainConfig) -> None:
        n = len(model.voice.names)
        measured = settings.audible and settings.audibility
        known = torch.tensor(settings.audibility) if measured else torch.ones(n)
        self.weights = known / known.mean()
        self.columns = orbit(model.voice.names, model.voice.symmetries)


def head_losses(
    model: Inverse,
    batch: Sounds,
    embedding: Tensor,
    settings: InverseTrainConfig,
    weighing: Weighing,
) -> dict[str, Tensor]:
    """The losses of the head that have a weight, by name.

    Args:
        model: with the head; batch: sounds and their knob positions.
        embedding: of the sounds; settings: of the run.
        weighing: of the parameters.
    """
    s = settings
    made = dict[str, Tensor]()
    if s.parameter_weight or s.embedding_weight or s.teacher_weight:
        made |= _of_parameters(model, batch, embedding, s, weighing)
    if s.spectral_weight:
        made["spectra"] = _spectral(model, batch, embedding, s)
    return made


def _of_parameters(
    model: Inverse,
    batch: Sounds,
    embedding: Tensor,
    settings: InverseTrainConfig,
    weighing: Weighing,
) -> dict[str, Tensor]:
    """The losses that compare the head's parameters with others. Args: as of `head_losses`."""
    found = model.head(embedding, batch.told).float()
    weights, columns = (t.to(found.device) for t in (weighing.weights, weighing.columns))
    meant = nearest(batch.units, found.detach(), columns)
    made = {}
    if settings.teacher_weight:
        noise = torch.tensor(settings.teacher_noise)
        with torch.no_grad():
            taught = drawn(model, embedding, batch.told, noise)
        made["teacher"] = ((found - taught).square() * weights).mean()
    if settings.parameter_weight:
        made["parameters"] = ((found - meant).square() * weights).mean()
    if settings.embedding_weight:
        with torch.no_grad():
            there = model.projector(model.parameters_encoder(meant))
        here = model.projector(model.parameters_encoder(found))
        made["embedding_distance"] = (here - there).float().square().mean()
    return made


def tamed(units: Tensor) -> Tensor:
    """The same knob positions, in whose gradient no parameter outweighs all others.

    A pitch that hardly moves turns the phases of a whole sound: its slope is up to millions of
    times that of an envelope, and tells less. Slopes are cut at a few times the median of their
    row.

    Args:
        units: `[sounds, parameters]`.
    """
    if not units.requires_grad:
        return units
    same = units.clone()
    same.register_hook(_cut)  # type: ignore[no-untyped-call]
    return same


def _cut(slopes: Tensor) -> Tensor:
    slopes = slopes.nan_to_num(0.0, 0.0, 0.0)
    most = STEEPEST * slopes.abs().median(1, keepdim=True).values
    return slopes.clamp(-most, most)


def _spectral(
    model: Inverse, batch: Sounds, embedding: Tensor, settings: InverseTrainConfig
) -> Tensor:
    """Distance of some of the sounds and of what the voice makes of the head's parameters.

    What is rendered is what `Inverse.propose` names: in the key that is heard, and of the head in
    eval mode. Dropout makes other sounds, of which the head would learn what hardly depends on it.
    """
    voice, rows, told = model.voice, settings.spectral_rows, batch.told[: settings.spectral_rows]
    describe, compare = LOSSES[settings.spectral_loss]
    learns = model.head.training
    found = model.head.eval()(embedding[:rows], told).float()
    model.head.train(learns)
    with torch.autocast(found.device.type, enabled=False):
        hiss = noises(voice.samples).to(found.device)[batch.numbers[:rows] % NOISES]
        with torch.no_grad():
            meant = describe(voice.render(batch.units[:rows], hiss), voice.sample_rate)
        made = describe(voice.render(tamed(model.keyed(found, told)), hiss), voice.sample_rate)
        distance: Tensor = compare(made, meant).mean()
    return distance
