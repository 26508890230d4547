"""Places on the map of a space."""

from __future__ import annotations

from dataclasses import replace

import torch

from synth.models.latent_axes import separating_axes
from synth.models.timbre import PRESETS, Timbre
from synth.models.timbre.live.chart import Chart

SOUNDS, DIMS = 6, 9


def space() -> tuple[Timbre, Chart]:
    """Six instruments anywhere in nine dimensions, on a chart of four axes."""
    chance = torch.Generator().manual_seed(0)
    config = replace(
        PRESETS["tiny"], latent_dims=DIMS, anchor_frames=4, dynamics=("f",),
        instruments=tuple("abcdef"), anchor_instruments=tuple(range(SOUNDS)),
        anchor_keys=(60.0,) * SOUNDS, anchor_dynamics=(0,) * SOUNDS,
    )  # fmt: skip
    model = Timbre(config).requires_grad_(False)
    places = torch.randn(SOUNDS, 1, DIMS, generator=chance)
    model.anchors.copy_(places + 0.01 * torch.randn(SOUNDS, 4, DIMS, generator=chance))
    axes = separating_axes(model.anchors.flatten(0, 1), torch.arange(SOUNDS).repeat_interleave(4))
    return model, Chart(model, axes.first(4))


def test_the_place_of_an_instrument_is_that_instrument() -> None:
    """In all dimensions, though a map has three."""
    model, chart = space()
    stand = model.anchors[:1, -1:]
    for number, place in enumerate(chart.map):
        along = torch.zeros(1, 1, 4)
        along[..., :3] = torch.tensor(place.position)
        found = chart.move(stand, stand, along, torch.ones(1, 1, 1))
        wanted = model.anchors[number, 2:].mean(0)
        assert float((found[0, 0] - wanted).norm()) < 0.1 * float((stand[0, 0] - wanted).norm() + 1)


def test_an_offset_goes_along_its_axis_alone() -> None:
    _, chart = space()
    stand = chart.mean[None, None]
    along = torch.tensor([[[0.1, 0.0, 0.0, 0.0]]])
    found = chart.move(stand, stand, along, torch.zeros(1, 1, 1))
    assert torch.allclose(found[0, 0] - chart.mean, 0.1 * chart.rows[0], atol=1e-6)


def test_a_place_keeps_the_movement_of_the_note() -> None:
    model, chart = space()
    course, stand = model.anchors[:1], model.anchors[:1, -1:]
    along, place = torch.full((1, 1, 4), 0.2), torch.ones(1, 1, 1)
    found = chart.move(course, stand, along, place)
    assert torch.allclose(found.diff(dim=1), course.diff(dim=1), atol=1e-5)
