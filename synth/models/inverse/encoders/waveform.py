"""1-D encoders: from the samples themselves to an embedding."""

from __future__ import annotations

import math
from collections.abc import Sequence

from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.encoders.shapes import dry_run
from synth.nn import DiagonalStateSpace, MultiresolutionConv, Pointwise, StreamingConv1d
from synth.nn.streaming import Parallel, Sequential, StreamingLayer

PLACES = 24  # moments that are told apart at the end, at most
NARROWED = 4  # channels of the last block over those that are kept for each moment
LAYERS = ("multiresolution", "diagonal")


class SampleEncoder(nn.Module):
    """Short convolutions and poolings by three, as in SampleCNN (Lee et al. 2017).

    There are as many blocks as it takes to come down to a few moments.

    Args:
        shape: channels and samples of the waveforms.
        dim: size of the embedding.
        widths: channels from the first block to the last, each for as many blocks as another.
        dropout: probability, 0 … 1, before the last layer.

    Raises:
        ConfigError: the waveforms are too short.

    Shape: `[batch, *shape]` to `[batch, dim]`.
    """

    def __init__(
        self, shape: Sequence[int], dim: int, widths: Sequence[int], dropout: float = 0.1
    ) -> None:
        super().__init__()
        _check(shape, widths)
        layers: list[nn.Module] = [*_convolved(shape[0], widths[0], 3)]
        blocks = max(math.ceil(math.log(shape[1] / 3 / PLACES, 3)), 0)
        before = widths[0]
        for i in range(blocks):
            width = widths[i * len(widths) // blocks]
            layers += [*_convolved(before, width), nn.MaxPool1d(3)]
            before = width
        layers += _convolved(before, math.ceil(before / NARROWED))
        self.layers = nn.Sequential(*layers)
        places = math.prod(dry_run(self.layers, shape))
        self.output = nn.Sequential(nn.Dropout(dropout), nn.Linear(places, dim))

    def forward(self, waveform: Tensor) -> Tensor:
        return self.output(self.layers(waveform).flatten(1))  # type: ignore[no-any-return]


class MemoryEncoder(nn.Module):
    """Blocks with a long memory, each at a quarter of the rate of the one before.

    Args:
        shape: channels and samples of the waveforms.
        dim: size of the embedding.
        widths: channels from the first block to the last.
        layer: what remembers: "multiresolution" or "diagonal" (a diagonal state space).
        stride: of the first convolution, samples.

    Raises:
        ConfigError: an unknown layer, or waveforms that are too short.

    Shape: `[batch, *shape]` to `[batch, dim]`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dim: int,
        widths: Sequence[int],
        layer: str = "multiresolution",
        stride: int = 16,
    ) -> None:
        super().__init__()
        _check(shape, widths)
        if layer not in LAYERS:
            raise ConfigError(f"layer {layer!r} is unknown; known are {', '.join(LAYERS)}")
        frames = math.ceil(shape[1] / stride)
        blocks = max(math.ceil(math.log(frames / PLACES, 4)), 1)
        self.multiple = stride * 4**blocks
        before = widths[0]
        layers: list[StreamingLayer] = [
            StreamingConv1d(shape[0], before, 4 * stride, stride=stride)
        ]
        for i in range(blocks):
            width = widths[i * len(widths) // blocks]
            layers += [_remembering(before, layer), StreamingConv1d(before, width, 8, stride=4)]
            before = width
        kept = math.ceil(before / NARROWED)
        layers.append(StreamingConv1d(before, kept, 1))
        self.layers = Sequential(*layers)
        length = math.ceil(shape[1] / self.multiple) * self.multiple
        self.norm = nn.BatchNorm1d(kept)
        self.output = nn.Linear(math.prod(dry_run(self.layers, (shape[0], length))), dim)

    def forward(self, waveform: Tensor) -> Tensor:
        missing = -int(waveform.shape[2]) % self.multiple
        found = self.layers(nn.functional.pad(waveform, (missing, 0)))
        return self.output(self.norm(found).flatten(1))  # type: ignore[no-any-return]


def _check(shape: Sequence[int], widths: Sequence[int]) -> None:
    if not widths or shape[1] < PLACES:
        raise ConfigError(
            f"{shape[1]} samples and {len(widths)} widths; at least {PLACES} and 1 are needed"
        )


def _convolved(before: int, after: int, stride: int = 1) -> list[nn.Module]:
    return [
        nn.Conv1d(before, after, 3, stride, padding=1, bias=False),
        nn.BatchNorm1d(after),
        nn.ReLU(),
    ]


def _remembering(channels: int, layer: str) -> StreamingLayer:
    """x + mix(gelu(memory(norm(x))))."""
    memory = (
        MultiresolutionConv(channels)
        if layer == "multiresolution"
        else DiagonalStateSpace(channels)
    )
    branch = Sequential(
        Pointwise(nn.BatchNorm1d(channels)),
        memory,
        Pointwise(nn.GELU()),
        StreamingConv1d(channels, channels, 1),
    )
    return Parallel(branch, Pointwise(nn.Identity()), channels_out=channels)
