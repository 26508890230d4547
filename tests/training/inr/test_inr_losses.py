"""Losses of coordinate networks: zero at identity, right by hand, with right gradients."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError
from training.inr.config import INRTrainConfig
from training.inr.losses import derivative, inr_terms, per_sample
from training.measures.spectra import MultiScaleSTFT

SMALL = MultiScaleSTFT((64, 16))
LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "per_sample": per_sample,
    "derivative": derivative,
    "stft": SMALL,
}


def noise(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("name", LOSSES)
def test_zero_at_identity_and_nowhere_else(name: str) -> None:
    sound = noise(0, 3, 200)
    assert LOSSES[name](sound, sound) == 0
    assert LOSSES[name](sound, 0.9 * sound) > 0


@pytest.mark.parametrize("name", LOSSES)
def test_gradient(name: str) -> None:
    made, meant = noise(1, 2, 80).requires_grad_(), noise(2, 2, 80)
    assert torch.autograd.gradcheck(lambda x: LOSSES[name](x, meant), made)


@pytest.mark.parametrize("name", LOSSES)
def test_batch_size_changes_nothing(name: str) -> None:
    made, meant = noise(1, 2, 80), noise(2, 2, 80)
    doubled = LOSSES[name](made.repeat(2, 1), meant.repeat(2, 1))
    assert torch.allclose(doubled, LOSSES[name](made, meant))


@pytest.mark.parametrize("name", LOSSES)
def test_low_precision_is_not_passed_on(name: str) -> None:
    made, meant = noise(1, 2, 80).bfloat16(), noise(2, 2, 80).float()
    loss = LOSSES[name](made, meant)
    assert loss.dtype == torch.float32
    assert torch.equal(loss, LOSSES[name](made.float(), meant))


def test_by_hand() -> None:
    made = torch.tensor([[1.0, 2.0, 4.0], [0.0, 0.0, 0.0]])
    meant = torch.tensor([[0.0, 2.0, 2.0], [1.0, 1.0, 1.0]])
    assert per_sample(made, meant) == ((1 + 0 + 4) + 3) / 2
    # Errors 1, 0, 2 have the slopes -1 and 2; a constant error has none.
    assert derivative(made, meant) == ((1 + 4) + 0) / 2


def test_terms_are_those_with_a_weight() -> None:
    given = {"cdpam": 0.0, "per_sample": 2.0, "deriv_per_sample": 3.0, "multiscale_stft": 0.0}
    terms = inr_terms(INRTrainConfig(**given), 8_000, 1.0)
    assert [(t.name, t.weight) for t in terms] == [("per_sample", 2.0), ("deriv_per_sample", 3.0)]
    with pytest.raises(ConfigError, match="spectra of 128 points and more, and there are 100"):
        inr_terms(INRTrainConfig(cdpam=0.0), 100, 1.0)
