"""Parameter encoder, projector and head."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from synth.contract import ConfigError
from synth.models.inverse.head import Head, ParameterEncoder, Projector


def build(init: str = "default") -> list[tuple[nn.Module, tuple[torch.Tensor, ...], int]]:
    torch.manual_seed(6)
    return [
        (ParameterEncoder(7, 12, 0.0, init), (torch.rand(8, 7),), 12),
        (Projector(12, (24, 24, 16), init), (torch.randn(8, 12),), 16),
        (Head(7, 12, 3, 0.0, init), (torch.randn(8, 12), torch.rand(8, 3)), 7),
    ]


def test_shapes_and_gradients() -> None:
    for module, given, size in build():
        made = module(*given)
        assert made.shape == (8, size)
        (made**3).sum().backward()
        for name, weight in module.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name


def test_a_head_turns_knobs_only_as_far_as_they_go() -> None:
    head = Head(7, 12, 3)
    units = head(100 * torch.randn(64, 12), torch.rand(64, 3))
    assert ((units >= 0) & (units <= 1)).all()


def test_what_is_told_changes_the_answer() -> None:
    head = Head(7, 12, 3).eval()
    embedding = torch.randn(2, 12)
    assert not torch.allclose(head(embedding, torch.zeros(2, 3)), head(embedding, torch.ones(2, 3)))


def test_dropout_acts_in_training_alone() -> None:
    encoder, units = ParameterEncoder(7, 12, 0.5), torch.rand(8, 7)
    assert not torch.equal(encoder(units), encoder(units))
    encoder.eval()
    assert torch.equal(encoder(units), encoder(units))


def test_the_last_layer_of_a_projector_has_no_bias() -> None:
    assert Projector(12, (24, 16)).layers[-1].bias is None
    assert len(Projector(12, (16,)).layers) == 1


@pytest.mark.parametrize(
    ("init", "spread"), [("xavier_normal", (2 / 48) ** 0.5), ("xavier_uniform", (2 / 48) ** 0.5)]
)
def test_xavier_has_its_variance(init: str, spread: float) -> None:
    torch.manual_seed(7)
    weight = Projector(24, (24, 24), init).layers[0].weight.detach()
    assert float(weight.std()) == pytest.approx(spread, rel=0.1)
    bound = float(weight.abs().max()) / spread
    assert (bound <= 3**0.5 + 1e-5) == (init == "xavier_uniform")


def test_what_makes_no_network_is_refused() -> None:
    with pytest.raises(ConfigError, match="without layers"):
        Projector(4, ())
    with pytest.raises(ConfigError, match="'he' is unknown; known are default"):
        Projector(4, (4,), "he")
