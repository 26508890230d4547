"""Descriptor grids over a known space, and walks on them."""

from __future__ import annotations

import pytest
import torch
from timbre_sines import STATISTICS, space

from synth.contract import ConfigError
from synth.dsp.descriptors import NAMES
from synth.models.timbre.topology import DescriptorGrid, grid_of, walk

CENTROID, LOUDNESS = NAMES.index("centroid"), NAMES.index("loudness")


@pytest.fixture(scope="module")
def grid() -> DescriptorGrid:
    model = space()
    told = model.conditioning.row(torch.tensor([60.0]), torch.tensor([0.0]))
    return grid_of(model, STATISTICS, told, 9)


def test_a_grid_spans_the_box(grid: DescriptorGrid) -> None:
    cells = torch.arange(9**3)
    points = grid.points(cells)
    assert torch.allclose(points[0, :3], -torch.ones(3))
    assert torch.allclose(points[-1, :3], torch.ones(3))
    assert torch.equal(grid.nearest(points), cells)
    assert torch.equal(grid.number(grid.coordinates(cells)), cells)
    assert torch.allclose(points[1] - points[0], torch.tensor([0.0, 0.0, 0.25, 0.0]))


def test_values_are_those_of_the_decoded_points(grid: DescriptorGrid) -> None:
    """Axis 0 makes it brighter and nothing else does; axis 1 makes it louder by e per unit."""
    values = grid.values.reshape(9, 9, 9, 5)
    assert bool((values[..., CENTROID].diff(dim=0) > 0).all())
    assert torch.allclose(values[:, :, 0, CENTROID], values[:, :, 8, CENTROID])
    louder = values[..., LOUDNESS].diff(dim=1)
    assert torch.allclose(louder, torch.full_like(louder, 0.25 * 8.686), atol=0.01)


@pytest.mark.parametrize("name", ["centroid", "loudness"])
def test_a_walk_follows_a_monotone_target(grid: DescriptorGrid, name: str) -> None:
    column = grid.values[:, NAMES.index(name)]
    start = torch.tensor([-0.9, -0.9, 0.0, 0.0])
    first = float(column[int(grid.nearest(start[None])[0])])
    targets = torch.linspace(first, float(column.max()), 20).tolist()
    made = walk(grid, start, {name: targets}, share=0.1)
    assert bool(made.reached.all())
    assert bool((made.values[:, NAMES.index(name)].diff() >= -1e-3).all())
    back = walk(grid, made.points[-1], {name: targets[::-1]}, share=0.1)
    assert bool((back.values[:, NAMES.index(name)].diff() <= 1e-3).all())


def test_a_walk_does_not_wander(grid: DescriptorGrid) -> None:
    """From the lowest to the highest value it goes hardly further than the grid is long."""
    column = grid.values[:, CENTROID]
    start = grid.points(column.argmin()[None])[0]
    targets = torch.linspace(float(column.min()), float(column.max()), 40).tolist()
    made = walk(grid, start, {"centroid": targets}, share=0.1)
    steps = grid.coordinates(made.cells).diff(dim=0).abs().amax(1)
    assert bool(made.reached.all())
    assert int(steps.max()) <= 3
    assert 8 <= int(steps.sum()) <= 12


def test_two_descriptors_are_followed_at_once(grid: DescriptorGrid) -> None:
    wanted = grid.values[grid.nearest(torch.tensor([[0.5, 0.75, 0.0, 0.0]]))[0]]
    targets = {n: [float(wanted[NAMES.index(n)])] for n in ("centroid", "loudness")}
    made = walk(grid, torch.zeros(4), targets, share=0.05)
    assert bool(made.reached[0])
    assert torch.allclose(made.points[0, :2], torch.tensor([0.5, 0.75]), atol=0.13)


def test_what_is_out_of_reach_goes_to_the_nearest_and_says_so(grid: DescriptorGrid) -> None:
    made = walk(grid, torch.zeros(4), {"centroid": [1e5]})
    assert not bool(made.reached[0])
    assert float(made.values[0, CENTROID]) == pytest.approx(float(grid.values[:, CENTROID].max()))


def test_bad_input_is_refused(grid: DescriptorGrid) -> None:
    model = space()
    told = model.conditioning.row(torch.tensor([60.0]), torch.tensor([0.0]))
    with pytest.raises(ConfigError, match=r"needs \d+ MB.*at most \d+ steps"):
        grid_of(model, STATISTICS, told, 1000, memory=100 << 20)
    with pytest.raises(ConfigError, match="steps"):
        grid_of(model, STATISTICS, told, 1)
    with pytest.raises(ConfigError, match="descriptor"):
        walk(grid, torch.zeros(4), {"colour": [1.0]})
    with pytest.raises(ConfigError, match="as many"):
        walk(grid, torch.zeros(4), {"centroid": [1.0], "loudness": []})
