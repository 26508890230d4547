"""Latents by descent, against slopes worked out by hand.

A decoder with one weight w makes w z of a latent z; with L = (w z - y)², w = 2, y = 1 and z₀ = 0
the slope by z is 2 w (w z - y) = -4. At a rate of 0.1, z₁ = 0.4; there L = 0.04 and the slope is
-0.8, so that z₂ = 0.4 + 0.1 / 2 · 0.8 = 0.44.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from training.inr.descent import Losses, descend, last_step


class Line:
    """The decoder above; counts how often it is asked."""

    def __init__(self) -> None:
        self.w = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
        self.asked = 0

    def __call__(self, z: Tensor) -> Losses:
        self.asked += 1
        loss = (self.w * z - 1).square().sum()
        return loss, {"loss": loss}


def walk(steps: int, second_order: bool = False) -> tuple[Line, float, float]:
    """The line, the loss that it learns from, and the latent after all steps."""
    line = Line()
    start = torch.zeros(1, 1, dtype=torch.float64)
    z, (total, _) = descend(line, start, steps=steps, rate=0.1, second_order=second_order)
    total.backward()
    assert start.item() == 0, "the table is written elsewhere"
    return line, total.item(), last_step(z, steps=steps, rate=0.1).item()


def test_one_step_is_one_pass() -> None:
    line, loss, z = walk(1)
    assert line.asked == 1
    assert loss == pytest.approx(1.0)
    assert z == pytest.approx(0.4)
    assert line.w.grad is not None
    assert line.w.grad.item() == pytest.approx(0.0), "2 z (w z - y) at z = 0"


def test_two_steps_of_first_order() -> None:
    line, loss, z = walk(2)
    assert line.asked == 2
    assert loss == pytest.approx(0.04), "before the last step"
    assert z == pytest.approx(0.44)
    assert line.w.grad is not None
    assert line.w.grad.item() == pytest.approx(-0.16), "2 z₁ (w z₁ - y), z₁ as if it were given"


def test_two_steps_of_second_order() -> None:
    """z₁ = 0.2 w y, so that w moves the loss through it as well: -0.16 - 0.8 · 0.2."""
    line, loss, z = walk(2, second_order=True)
    assert loss == pytest.approx(0.04)
    assert z == pytest.approx(0.44)
    assert line.w.grad is not None
    assert line.w.grad.item() == pytest.approx(-0.32)


def test_with_one_step_there_is_no_second_order() -> None:
    (one, *_), (two, *_) = walk(1), walk(1, second_order=True)
    assert one.w.grad == two.w.grad


def test_rows_go_their_own_ways() -> None:
    line = Line()
    start = torch.tensor([[0.0], [0.5], [1.0]], dtype=torch.float64)
    z, (total, _) = descend(line, start, steps=1, rate=0.1, second_order=False)
    total.backward()
    after = last_step(z, steps=1, rate=0.1)
    assert after.flatten().tolist() == pytest.approx([0.4, 0.5, 0.6]), "0.5 is where w z = y"
