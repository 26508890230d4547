"""Swaps of parameters: their group, and the equivalent patch that is nearest."""

from __future__ import annotations

import pytest
import torch

from synth.contract import ConfigError
from synth.models.inverse.symmetry import nearest, orbit

NAMES = ("a_rate", "b_rate", "level", "c_rate")


def test_swaps_make_all_orders_they_can() -> None:
    one, two = {"a_rate": "b_rate"}, {"b_rate": "c_rate", "c_rate": "b_rate"}
    assert orbit(NAMES, []).tolist() == [[0, 1, 2, 3]]
    assert orbit(NAMES, [one]).tolist() == [[0, 1, 2, 3], [1, 0, 2, 3]]
    all_three = orbit(NAMES, [one, two])
    assert len(all_three) == 6
    assert len({tuple(row) for row in all_three.tolist()}) == 6
    assert (all_three[:, 2] == 2).all()


def test_the_nearest_equivalent_patch_is_found_row_by_row() -> None:
    permutations = orbit(NAMES, [{"a_rate": "b_rate"}])
    x = torch.tensor([[0.0, 1.0, 0.5, 0.2], [0.0, 1.0, 0.5, 0.2]])
    target = torch.tensor([[0.1, 0.9, 0.0, 0.0], [0.9, 0.1, 0.0, 0.0]])
    found = nearest(x, target, permutations)
    assert found.tolist() == [x[0].tolist(), x[1, [1, 0, 2, 3]].tolist()]


def test_a_swap_of_something_else_is_refused() -> None:
    with pytest.raises(ConfigError, match="'d_rate'"):
        orbit(NAMES, [{"a_rate": "d_rate"}])
