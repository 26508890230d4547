"""One conditional layer against numbers worked out by hand, and how its weights begin."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from synth.contract import ConfigError
from synth.models.inr import ConditionalLayer, LayerConfig
from synth.models.inr.layer import ACTIVATIONS, BIAS_INITS, WEIGHT_INITS

# Small tensors gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

WEIGHT = [[0.5, -1.0, 0.25, 2.0, -0.5], [1.5, 0.5, -0.75, 1.0, 0.125]]  # of x (2), z (2), t
BIAS = [0.1, -0.2]
X = [[[0.3, -0.7], [1.1, 0.4], [-0.6, 0.9]], [[0.2, 0.2], [-1.0, 0.8], [0.5, -0.1]]]
Z = [[0.4, -0.9], [0.7, 0.3]]
T = [[-1.0, 0.0, 0.5], [0.25, -0.5, 0.75]]
GAMMA = [[0.5, -0.25], [0.1, 0.6]]
BETA = [[0.3, -0.4], [-0.2, 0.9]]
DELTA = [[2.0, 0.5], [-1.0, 3.0]]
BY_HAND = {
    "relu": lambda a: a if a > 0 else 0.02 * a,
    "sine": math.sin,
    "sigmoid": lambda a: 1 / (1 + math.exp(-a)),
    "tanh": math.tanh,
    "none": lambda a: a,
}


def layer(**fields: Any) -> ConditionalLayer:
    torch.manual_seed(0)
    return ConditionalLayer(LayerConfig(**fields))


def expected(activation: str, omega: float) -> Tensor:
    """`delta * activation((gamma + omega) * (W [x; z; t] + b) + beta)`, one number at a time."""
    rows = torch.zeros(2, 3, 2)
    for item in range(2):
        for point in range(3):
            inputs = [*X[item][point], *Z[item], T[item][point]]
            for unit in range(2):
                a = sum(w * i for w, i in zip(WEIGHT[unit], inputs, strict=True)) + BIAS[unit]
                a = (GAMMA[item][unit] + omega) * a + BETA[item][unit]
                rows[item, point, unit] = DELTA[item][unit] * BY_HAND[activation](a)
    return rows


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("weight_norm", [False, True], ids=["plain", "weight norm"])
def test_formula(activation: str, weight_norm: bool) -> None:
    made = layer(inputs=2, outputs=2, activation=activation, omega_0=1.5, latent=2, time=True,
                 weight_norm=weight_norm)  # fmt: skip
    weight = torch.tensor(WEIGHT)[None]
    with torch.no_grad():
        made.bias.copy_(torch.tensor(BIAS)[None])
        if made.gain is None:
            made.weight.copy_(weight)
        else:  # any length of the directions gives the same
            made.weight.copy_(weight * torch.tensor([0.2, 3.0])[:, None])
            made.gain.copy_(weight.norm(dim=2, keepdim=True))
        found = made(
            torch.tensor(X)[None],
            film=(torch.tensor(GAMMA), torch.tensor(BETA)),
            latent=torch.tensor(Z),
            t=torch.tensor(T),
            delta=torch.tensor(DELTA)[None],
        )
    torch.testing.assert_close(found[0], expected(activation, 1.5), atol=1e-5, rtol=1e-5)


def test_without_conditioning_it_is_a_scaled_linear_layer() -> None:
    made = layer(inputs=3, outputs=4, activation="none", omega_0=30.0, bias_init="none")
    x = torch.randn(1, 2, 5, 3)
    wanted = 30 * torch.nn.functional.linear(x[0], made.weight[0], made.bias[0])
    torch.testing.assert_close(made(x)[0], wanted, atol=1e-5, rtol=1e-5)


def test_a_wider_modulation_gives_each_branch_its_first_channels() -> None:
    made = layer(inputs=4, outputs=4, branches=2)
    x, gamma, beta = torch.randn(2, 1, 5, 2), torch.randn(1, 12), torch.randn(1, 12)
    kept = [0, 1, 6, 7]  # the first two of six, in either branch
    found = made(x, film=(gamma, beta))
    narrow = (gamma[:, kept], beta[:, kept])
    torch.testing.assert_close(found, made(x, film=narrow))


@pytest.mark.parametrize("kind", WEIGHT_INITS)
def test_initial_weights(kind: str) -> None:
    inputs, omega, own = 60, 25.0, 12.0
    made = layer(inputs=inputs, outputs=500, omega_0=omega, weight_init=kind, init_omega=own)
    weight = made.weight.detach()
    normal = {
        "basic": 0.02,
        "kaiming_in": math.sqrt(2 / (1 + 0.02**2) / inputs) / omega,
    }
    bound = {
        "siren": math.sqrt(6 / inputs) / omega,
        "siren_omega": math.sqrt(6 / inputs) / own,
        "siren_first": 1 / inputs,
        "none": 1 / math.sqrt(inputs),
    }
    if kind in normal:
        assert float(weight.std()) == pytest.approx(normal[kind], rel=0.02)
        assert float((weight.abs() > 2 * normal[kind]).float().mean()) == pytest.approx(
            0.0455, abs=0.005
        )
    else:
        assert float(weight.abs().max()) == pytest.approx(bound[kind], rel=1e-3)
        assert float(weight.abs().max()) <= bound[kind] * (1 + 1e-6)
        assert float(weight.std()) == pytest.approx(bound[kind] / math.sqrt(3), rel=0.02)
    assert abs(float(weight.mean())) < 0.02 * float(weight.abs().max())


@pytest.mark.parametrize("kind", BIAS_INITS)
def test_initial_biases(kind: str) -> None:
    bias = layer(inputs=16, outputs=4000, bias_init=kind).bias.detach()
    low, high = {"zero": (0.0, 0.0), "polar": (0.0, 2 * math.pi), "none": (-0.25, 0.25)}[kind]
    assert float(bias.min()) == pytest.approx(low, abs=0.01)
    assert float(bias.max()) == pytest.approx(high, abs=0.01)
    assert float(bias.mean()) == pytest.approx((low + high) / 2, abs=0.1)


def test_what_he_divides_is_what_omega_multiplies() -> None:
    """A ReLU layer behaves alike whatever omega_0 is."""
    one, other = (
        layer(inputs=8, outputs=8, activation="relu", weight_init="kaiming_in", omega_0=omega)
        for omega in (1.0, 400.0)
    )
    x = torch.randn(1, 1, 20, 8)
    torch.testing.assert_close(one(x), other(x), atol=1e-5, rtol=1e-4)


def test_a_joined_latent_leaves_the_frequencies_of_time() -> None:
    made = layer(inputs=1, outputs=400, latent=50, weight_init="siren_first")
    weight = made.weight.detach()[0]
    assert float(weight[:, 0].abs().max()) == pytest.approx(1.0, abs=0.02)
    assert float(weight[:, 1:].abs().max()) == pytest.approx(1 / 50, abs=1e-4)


def test_frequencies_of_their_own_are_sorted_and_even() -> None:
    made = layer(inputs=4, outputs=2000, omega_0=100.0, omega_uniform=True, branches=2)
    omega = made.omega_0  # two inputs per branch
    assert omega.shape == (2, 1000)
    assert bool((omega.diff(dim=1) >= 0).all())
    line = torch.linspace(0, 50, 1000)
    assert float((omega - line).abs().max()) < 4.0  # six deviations of a sorted draw in the middle
    assert "omega_0" in made.state_dict()
    assert all(name != "omega_0" for name, _ in made.named_parameters())


@pytest.mark.parametrize("field", ["activation", "weight_init", "bias_init"])
def test_an_unknown_name_is_refused(field: str) -> None:
    with pytest.raises(ConfigError, match=f"{field} is 'cosine'; known are"):
        LayerConfig(1, 1, **{field: "cosine"})
