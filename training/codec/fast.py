"""The codec's layers in the memory layout that suits a CPU, for training from silence.

Convolutions with few channels over many samples run faster when the channels of a sample lie side
by side, `[batch, samples, channels]`: no tensor is rearranged between layers, a kernel of one tap
is a matrix product, and the phases of a transposed convolution come out interleaved. An activation
and the silence in front of the next convolution are one pass through memory (`fused`). Parameters
are those of the layers themselves; a layer that is unknown here runs as it is. Only whole clips
from a fresh state go this way: what plays live stays in `synth.nn`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.codec import Codec
from synth.models.codec.model import CodecOutput
from synth.nn import (
    Parallel,
    Pointwise,
    Sequential,
    StreamingConv1d,
    StreamingConvTranspose1d,
    StreamingLayer,
)
from training.codec.fused import activate, can_fuse

Kind = TypeVar("Kind", bound=StreamingLayer)


def fast_codec(model: Codec) -> Callable[[Tensor], CodecOutput]:
    """A function that computes `model(audio)` in the layout that suits a CPU.

    Args:
        model: whose parameters are used; the function takes audio `[batch, channels, n * hop]`.
    """
    encoder, decoder = ChannelsLast(model.encoder), ChannelsLast(model.decoder)

    def forward(audio: Tensor) -> CodecOutput:
        latent = encoder(audio)
        q = model.bottleneck(latent)
        return CodecOutput(decoder(q.latent), latent, q.codes, q.commitment, q.stale)

    return forward


class ChannelsLast(nn.Module):
    """Runs a streaming layer on whole clips, from a fresh state.

    Args:
        layer: to be run; its parameters stay its own.

    Shape: as the layer's forward, `[batch, channels, samples]`.
    """

    def __init__(self, layer: StreamingLayer) -> None:
        super().__init__()
        self._layer = [layer]  # in a list: not a child, so not in the state dictionary twice

    def forward(self, x: Tensor) -> Tensor:
        return _run(self._layer[0], x.transpose(1, 2).contiguous(), 0).transpose(1, 2)


def _is(layer: nn.Module | None, kind: type[Kind]) -> TypeGuard[Kind]:
    """Whether `layer` is of `kind` and computes just as `kind` does, not as a subclass may."""
    own = type(layer)
    return (
        isinstance(layer, kind)
        and getattr(own, "step", None) is kind.step
        and getattr(own, "forward", None) is StreamingLayer.forward
    )


def _run(layer: nn.Module, x: Tensor, silence: int) -> Tensor:
    """`layer` applied to `[batch, samples, channels]`, which `silence` zeros already precede."""
    if _is(layer, Sequential):
        return _sequence(list(layer.layers), x)
    if _is(layer, Parallel):
        first, *rest = [_run(branch, x, 0) for branch in layer.branches]
        return sum(rest, start=first)
    if _is(layer, StreamingConv1d):
        return _convolution(layer, x, silence)
    if _is(layer, StreamingConvTranspose1d):
        return _transposed(layer, x, silence)
    if _is(layer, Pointwise) and isinstance(layer.module, nn.Identity):
        return x
    return layer(x.transpose(1, 2)).transpose(1, 2).contiguous()  # type: ignore[no-any-return]


def _sequence(layers: list[nn.Module], x: Tensor) -> Tensor:
    """Layers in a row; an activation also writes the silence that the next layer starts from."""
    silence = 0
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if _is(layer, Pointwise) and can_fuse(layer.module):
            silence = _past(following)
            x = activate(layer.module, x, silence)
        else:
            x, silence = _run(layer, x, silence), 0
    return x


def _past(layer: nn.Module | None) -> int:
    """Number of samples of silence that `layer` starts from."""
    if _is(layer, StreamingConv1d):
        return layer.memory
    if _is(layer, StreamingConvTranspose1d):
        return layer.taps - 1
    return 0


def _after_silence(x: Tensor, missing: int) -> Tensor:
    return F.pad(x, (0, 0, missing, 0)) if missing else x


def _convolution(layer: StreamingConv1d, x: Tensor, silence: int) -> Tensor:
    conv = layer.conv
    if conv.kernel_size[0] == 1 and conv.groups == 1 and conv.stride[0] == 1:
        return F.linear(x, conv.weight[:, :, 0], conv.bias)
    return _convolve(_after_silence(x, layer.memory - silence), conv.weight, conv.bias, conv)


def _transposed(layer: StreamingConvTranspose1d, x: Tensor, silence: int) -> Tensor:
    batch, samples = x.shape[0], x.shape[1] - silence
    channels, stride = layer.conv.out_channels, layer.stride
    weight = layer.phase_weight()  # [channels * stride, in, taps]
    weight = weight.reshape(channels, stride, *weight.shape[1:]).transpose(0, 1).flatten(0, 1)
    bias = layer.conv.bias
    x = _after_silence(x, layer.taps - 1 - silence)
    phases = _convolve(x, weight, None if bias is None else bias.repeat(stride), None)
    return phases.reshape(batch, samples * stride, channels)


def _convolve(x: Tensor, weight: Tensor, bias: Tensor | None, conv: nn.Conv1d | None) -> Tensor:
    """`[batch, samples, in]` with `[out, in, taps]`; stride, dilation and groups from `conv`."""
    stride, dilation, groups = (
        (conv.stride[0], conv.dilation[0], conv.groups) if conv else (1, 1, 1)
    )
    # Seen as an image of height 1, this layout is the one called channels_last.
    y = F.conv2d(
        x.transpose(1, 2)[:, :, None],
        weight[:, :, None].contiguous(memory_format=torch.channels_last),
        bias,
        (1, stride),
        0,
        (1, dilation),
        groups,
    )
    return y[:, :, 0].transpose(1, 2)
