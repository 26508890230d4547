"""The fast memory layout computes what the layers compute, values and gradients."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from synth.models.codec import Codec, CodecConfig
from synth.nn import Pointwise, Sequential, StreamingConv1d
from training.codec.fast import ChannelsLast, fast_codec
from training.codec.fused import activate, can_fuse, has_compiler, snake_slopes, snake_value

BASE = CodecConfig(
    sample_rate=16_000, channels=4, strides=(2, 4), dilations=(1, 3), kernel=5, latent_dim=6,
    levels=2, codebook_size=8, level_dropout=0.0, bypass=0.0,
)  # fmt: skip
VARIANTS = {
    "elu": BASE,
    "leaky": dataclasses.replace(BASE, activation="leaky_relu"),
    "snake": dataclasses.replace(BASE, activation="snake"),
    "stereo": dataclasses.replace(BASE, audio_channels=2),
    "plain weights": dataclasses.replace(BASE, weight_norm=False),
    "no residual units": dataclasses.replace(BASE, dilations=()),
    "stride of one": dataclasses.replace(BASE, strides=(1, 3)),
    "kernel of one": dataclasses.replace(BASE, kernel=1, strides=(2,)),
}
# torch translates for the first time: what it imports is deprecated by itself.
pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.script:DeprecationWarning")


@pytest.mark.parametrize("name", VARIANTS)
def test_same_values_and_gradients(name: str) -> None:
    if "snake" in name and not has_compiler():
        pytest.skip("no C++ compiler (Debian: apt install g++)")
    torch.manual_seed(0)
    config = VARIANTS[name]
    model = Codec(config).eval()
    audio = 0.3 * torch.randn(3, config.audio_channels, 20 * config.hop)
    results = []
    for run in (model, fast_codec(model)):
        model.zero_grad()
        out = run(audio)
        (out.audio.square().mean() + out.commitment + out.latent.abs().mean()).backward()
        slopes = [p.grad.clone() for p in model.parameters() if p.grad is not None]
        results.append((out, slopes))
    (usual, usual_slopes), (fast, fast_slopes) = results
    assert torch.equal(usual.codes, fast.codes)
    assert torch.allclose(usual.audio, fast.audio, atol=1e-5)
    assert torch.allclose(usual.latent, fast.latent, atol=1e-5)
    assert len(usual_slopes) == len(fast_slopes) == len(list(model.parameters()))
    for a, b in zip(usual_slopes, fast_slopes, strict=True):
        assert torch.allclose(a, b, rtol=1e-3, atol=1e-5 * float(a.abs().max()) + 1e-7)


def test_a_layer_that_is_unknown_runs_as_it_is() -> None:
    class Odd(StreamingConv1d):
        """Not a plain convolution any more."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return 2 * super().forward(x)

    torch.manual_seed(0)
    layers = Sequential(StreamingConv1d(1, 3, 3), Pointwise(nn.Softplus()))
    x = torch.randn(2, 1, 40)
    assert torch.allclose(ChannelsLast(layers)(x), layers(x), atol=1e-6)
    odd = Odd(1, 3, 3)
    assert torch.allclose(ChannelsLast(odd)(x), odd(x), atol=1e-6)


def test_the_slopes_of_snake_are_its_derivatives() -> None:
    torch.manual_seed(0)
    x = torch.randn(2, 25, 4, dtype=torch.float64, requires_grad=True)
    alpha = torch.rand(4, dtype=torch.float64).add(0.2).requires_grad_()
    slope = torch.randn(2, 25, 4, dtype=torch.float64)
    y = snake_value(x, alpha)
    y.backward(slope)
    by_x, by_alpha = snake_slopes(x.detach(), y.detach(), alpha.detach(), slope)
    assert x.grad is not None
    assert alpha.grad is not None
    assert torch.allclose(by_x, x.grad)
    assert torch.allclose(by_alpha, alpha.grad, rtol=1e-4)


@pytest.mark.parametrize("silence", [0, 1, 6])
@pytest.mark.parametrize("module", [nn.ELU(), nn.LeakyReLU(0.2)], ids=["elu", "leaky"])
def test_bends_behind_silence(module: nn.Module, silence: int) -> None:
    assert can_fuse(module)
    torch.manual_seed(0)
    x = torch.randn(2, 30, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: activate(module, v, silence), (x,))
    y = activate(module, x, silence)
    assert torch.allclose(y[:, silence:], module(x), atol=1e-12)
    assert torch.equal(y[:, :silence], torch.zeros(2, silence, 3, dtype=torch.float64))


def test_another_elu_is_left_alone() -> None:
    assert not can_fuse(nn.ELU(alpha=0.5))
    assert not can_fuse(nn.Softplus())
