"""Causal convolutions with explicit state, and the residual unit made of them."""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations, parametrize

from synth.nn.activation import make_activation
from synth.nn.streaming import Parallel, Pointwise, Sequential, State, StreamingLayer, remember

# Units start close to passing their input on, so that power doesn't pile up over their sum.
INITIAL_BRANCH_GAIN = 0.1


class StreamingConv1d(StreamingLayer):
    """Causal convolution: output sample f sees input samples up to `(f + 1) * stride - 1`.

    Args:
        channels_in, channels_out, kernel, stride, dilation, groups, bias: as for `nn.Conv1d`; the
            receptive field `(kernel - 1) * dilation + 1` must not be smaller than the stride.
        lookahead: how many input samples of the receptive field count as future, 0 … its length
            less 1. The arithmetic stays causal; the layer declares the latency.
        weight_norm: learn direction and length of each filter apart (Salimans & Kingma 2016).
        initial_gain: of the untrained layer for white noise, above 0.

    Raises:
        ValueError: the stride skips samples, or `lookahead` is out of its range.

    Shape: `[batch, channels_in, n * stride]` to `[batch, channels_out, n]`.
    """

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        *,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
        lookahead: int = 0,
        weight_norm: bool = False,
        initial_gain: float = 1.0,
    ) -> None:
        super().__init__()
        self.memory = (kernel - 1) * dilation + 1 - stride
        if self.memory < 0:
            raise ValueError(f"kernel {kernel} with dilation {dilation} skips at stride {stride}")
        if not 0 <= lookahead <= (kernel - 1) * dilation:
            raise ValueError(f"lookahead {lookahead} is not in 0 … {(kernel - 1) * dilation}")
        self.stride = stride
        self.ratio = Fraction(1, stride)
        self.latency = Fraction(lookahead)
        self.conv = nn.Conv1d(
            channels_in,
            channels_out,
            kernel,
            stride=stride,
            dilation=dilation,
            groups=groups,
            bias=bias,
        )
        _keep_power(self.conv, channels_in // groups * kernel / initial_gain**2)
        if weight_norm:
            parametrizations.weight_norm(self.conv, "weight")

    def init_state(self, batch: int) -> State:
        if not self.memory:
            return {}
        return {"past": _zeros(self.conv, batch, self.conv.in_channels, self.memory)}

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        _check_multiple(x, self.stride)
        if not self.memory:
            return self.conv(x), {}
        buffer = torch.cat([state["past"], x], dim=2)
        return self.conv(buffer), {"past": remember(buffer, self.memory, advance)}


class StreamingConvTranspose1d(StreamingLayer):
    """Causal transposed convolution: sample t of the input first sounds at output `t * stride`.

    Equal to `nn.ConvTranspose1d` without padding, its last `kernel - stride` samples cut. Computed
    as a causal convolution with `ceil(kernel / stride)` taps that makes `stride` output phases at
    once, which are then interleaved: y[t·s + j] = Σₘ w[m·s + j] x[t − m]. So the memory is a few
    *input* samples, and nothing is overlapped and added across blocks.

    Args:
        channels_in, channels_out, kernel, stride, bias: as for `nn.ConvTranspose1d`;
            `kernel >= stride`.
        weight_norm: as in `StreamingConv1d`, per output channel.

    Raises:
        ValueError: the kernel is shorter than the stride.

    Shape: `[batch, channels_in, n]` to `[batch, channels_out, n * stride]`.
    """

    folded: Tensor | None

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        *,
        stride: int,
        bias: bool = True,
        weight_norm: bool = False,
    ) -> None:
        super().__init__()
        if kernel < stride:
            raise ValueError(f"kernel {kernel} leaves gaps at stride {stride}")
        self.stride = stride
        self.taps = math.ceil(kernel / stride)
        self.ratio = Fraction(stride)
        self.conv = nn.ConvTranspose1d(channels_in, channels_out, kernel, stride=stride, bias=bias)
        self.register_buffer("folded", None, persistent=False)
        _keep_power(self.conv, channels_in * kernel / stride)
        if weight_norm:
            parametrizations.weight_norm(self.conv, "weight", dim=1)

    def init_state(self, batch: int) -> State:
        if self.taps == 1:
            return {}
        return {"past": _zeros(self.conv, batch, self.conv.in_channels, self.taps - 1)}

    def phase_weight(self) -> Tensor:
        """The kernel as `[channels_out * stride, channels_in, taps]` of an ordinary convolution."""
        if self.folded is not None:
            return self.folded
        weight = self.conv.weight
        missing = self.taps * self.stride - weight.shape[2]
        if missing:
            weight = F.pad(weight, (0, missing))
        channels_in, channels_out, _ = weight.shape
        weight = weight.reshape(channels_in, channels_out, self.taps, self.stride).flip(2)
        return weight.permute(1, 3, 0, 2).reshape(-1, channels_in, self.taps)

    def step(self, x: Tensor, state: State, advance: Tensor | None = None) -> tuple[Tensor, State]:
        new: State = {}
        if self.taps > 1:
            buffer = torch.cat([state["past"], x], dim=2)
            new["past"] = remember(buffer, self.taps - 1, advance)
            x = buffer
        bias = self.conv.bias
        spread = None if bias is None else bias.repeat_interleave(self.stride)
        phases = F.conv1d(x, self.phase_weight(), spread)
        y = phases.reshape(phases.shape[0], self.conv.out_channels, self.stride, -1)
        return y.transpose(2, 3).reshape(phases.shape[0], self.conv.out_channels, -1), new


class ResidualUnit(Parallel):
    """x + conv₁(act(convₖ(act(x)))), the dilated convolution in front, as in SoundStream.

    Args:
        channels: in and out, at least 1.
        kernel, dilation: of the first convolution.
        activation: key of `ACTIVATIONS`.
        hidden: channels between the two convolutions, by default `channels`; EnCodec has half.
        weight_norm: of both convolutions.
    """

    def __init__(
        self,
        channels: int,
        *,
        kernel: int = 7,
        dilation: int = 1,
        activation: str = "elu",
        hidden: int | None = None,
        weight_norm: bool = False,
    ) -> None:
        hidden = hidden or channels
        branch = Sequential(
            Pointwise(make_activation(activation, channels)),
            StreamingConv1d(channels, hidden, kernel, dilation=dilation, weight_norm=weight_norm),
            Pointwise(make_activation(activation, hidden)),
            StreamingConv1d(
                hidden, channels, 1, weight_norm=weight_norm, initial_gain=INITIAL_BRANCH_GAIN
            ),
        )
        super().__init__(branch, Pointwise(nn.Identity()), channels_out=channels)


def fold_weight_norm(module: nn.Module) -> nn.Module:
    """Replace every weight-normed weight in the tree by its present value, in place.

    Transposed convolutions also store their rearranged kernel, which would otherwise be made anew
    in every step. A folded module plays and exports, but can no longer be trained.

    Args:
        module: changed in place.

    Returns:
        `module` itself.
    """
    for part in module.modules():
        if parametrize.is_parametrized(part, "weight"):
            # Copies share the class that holds the weight as a property, and removing deletes it
            # there: without a class of its own, folding a copy would break the original.
            kind = type(part)
            own = {k: v for k, v in vars(kind).items() if k not in ("__dict__", "__weakref__")}
            part.__class__ = type(kind.__name__, kind.__bases__, own)
            parametrize.remove_parametrizations(part, "weight")
    for part in module.modules():
        if isinstance(part, StreamingConvTranspose1d):
            part.folded = part.phase_weight().detach().contiguous()
    return module


@torch.no_grad()
def _keep_power(conv: nn.Conv1d | nn.ConvTranspose1d, fan_in: float) -> None:
    """Start with weights that pass on the power of white noise, and no bias.

    torch's own start keeps a third of it per layer, so that behind twenty layers nothing is left
    to learn from: the first thousand steps went into growing the gain.
    """
    nn.init.normal_(conv.weight, std=fan_in**-0.5)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def _zeros(conv: nn.Module, *shape: int) -> Tensor:
    bias_or_weight: Tensor = next(conv.parameters())
    return bias_or_weight.new_zeros(shape)


def _check_multiple(x: Tensor, stride: int) -> None:
    # A traced length is no plain int; the check is for people who call the layer.
    tracing: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if not tracing and x.shape[2] % stride:
        raise ValueError(f"a block of {x.shape[2]} samples; a multiple of {stride} is needed")
