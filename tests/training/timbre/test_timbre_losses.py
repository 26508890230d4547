"""Densities and divergences against torch.distributions; the quick step against the plain one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch.distributions import Normal, kl_divergence

from synth.models.timbre import PRESETS, Timbre
from training.timbre.learning.fast import FastTimbre
from training.timbre.learning.losses import divergence, negative_log_density, sampled


def test_the_log_density_is_that_of_the_normal_distribution() -> None:
    x, mean = torch.randn(2, 7, 5, dtype=torch.float64)
    std = torch.rand(7, 5, dtype=torch.float64) + 0.05
    told = -Normal(mean, std).log_prob(x).sum(1)
    torch.testing.assert_close(negative_log_density(x, mean, std), told)


@pytest.mark.parametrize("own_prior", [False, True])
def test_the_divergence_is_that_of_normal_distributions(own_prior: bool) -> None:
    mean, std = torch.randn(7, 5).double(), torch.rand(7, 5).double() + 0.05
    at, wide = torch.randn(7, 5).double(), torch.rand(7, 5).double() + 0.1
    prior = (at, wide) if own_prior else None
    meant = Normal(at, wide) if own_prior else Normal(torch.zeros_like(at), torch.ones_like(wide))
    told = kl_divergence(Normal(mean, std), meant).sum(1)
    torch.testing.assert_close(divergence(mean, std, prior), told)
    assert bool((told >= 0).all())


def test_draws_have_the_mean_and_the_standard_deviation_that_are_asked_for() -> None:
    torch.manual_seed(0)
    drawn = sampled(torch.full((200_000,), 3.0), torch.full((200_000,), 0.5))
    assert float(drawn.mean()) == pytest.approx(3.0, abs=0.01)
    assert float(drawn.std()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_quick_step_has_the_loss_and_the_gradients_of_the_plain_one(batch_norm: bool) -> None:
    """In bfloat16, so to two digits; the plain one is in float32."""
    torch.manual_seed(0)
    config = replace(PRESETS["tiny"], hidden_dims=64, hidden_layers=2, batch_norm=batch_norm)
    models = Timbre(config), Timbre(config)
    models[1].load_state_dict(models[0].state_dict())
    joined = 0.3 * torch.randn(32, models[0].bands + models[0].conditioning.width)
    found = []
    for model, quick in zip(models, (False, True), strict=True):
        torch.manual_seed(1)
        if quick:
            mean, std, lost = FastTimbre(model)(joined)
        else:
            mean, std = model.posterior(joined)
            made = model.decode(sampled(mean, std), joined[:, model.bands :])
            lost = negative_log_density(joined[:, : model.bands], *made).mean()
        (lost + divergence(mean, std).mean()).backward()
        found.append((lost.detach(), {n: p.grad for n, p in model.named_parameters()}))
    for name, tensor in models[0].named_buffers():
        other = models[1].get_buffer(name)
        torch.testing.assert_close(other, tensor, rtol=0.02, atol=0.02)
    (plain, slopes), (quick_loss, quick_slopes) = found
    torch.testing.assert_close(quick_loss, plain, rtol=0.01, atol=0.5)
    for name, slope in slopes.items():
        other = quick_slopes[name]
        assert slope is not None
        assert other is not None
        # A bias before batch normalisation has no slope but rounding.
        if float(slope.norm()) > 1e-3:
            along = torch.cosine_similarity(slope.flatten(), other.flatten(), 0)
            assert float(along) > 0.98, name
            assert float(other.norm() / slope.norm()) == pytest.approx(1, abs=0.1), name
