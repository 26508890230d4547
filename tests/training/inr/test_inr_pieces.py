"""Piece by piece, squared error and its gradients are those of the whole."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from synth.models.inr import ARCHITECTURES, INR, INRConfig
from training.inr import pieces

torch.set_num_threads(1)

TAGS = [tag for tag in ARCHITECTURES if tag != "wavegan"]


def require_equal(points: int, **config: Any) -> None:
    """Error and gradients, in float64, with every gate half open or more."""
    torch.manual_seed(0)
    values = {"first_omega_0": 60.0, "hidden_omega_0": 30.0, "latent_init_std": 1.0, "sounds": 5}
    model = INR(INRConfig(**{**values, **config})).double()
    model.open_gates(9, 20)
    z = model.latents.clone().requires_grad_()
    t = model.coordinates(torch.randint(0, 16_000, (5, points)))
    target = torch.randn(t.shape, dtype=torch.float64)
    learned = {"z": z, **dict(model.named_parameters())}
    found, wanted = (
        (error, torch.autograd.grad(3 * error, list(learned.values())))
        for error in (
            pieces.squared_error(model, z, t, target),
            (model(z, t) - target).square().sum(1).mean(),
        )
    )
    torch.testing.assert_close(found[0], wanted[0], atol=1e-10, rtol=1e-10)
    for name, one, other in zip(learned, found[1], wanted[1], strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-8, msg=name)
        assert one.any(), name


@pytest.mark.parametrize("tag", TAGS)
def test_every_architecture(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 14)  # two items and a rest of one
    require_equal(7, architecture=tag)


@pytest.mark.parametrize("piece", [1, 3, 7, 100])
def test_every_way_of_cutting(piece: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", piece)
    require_equal(7, architecture="pi-gan_concat_all", width=16, depth=3)


@pytest.mark.parametrize("tag", ["pi-gan", "pi-gan_concat_middle", "pi-gan_prog"])
def test_branches(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 8)
    require_equal(4, architecture=tag, branches=4, width=32, depth=3)
