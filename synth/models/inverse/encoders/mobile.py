"""`MobileEncoder`: a small 2-D network of the MobileNet kind, from a picture to an embedding."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.encoders.shapes import dry_run

NARROWED = 4  # channels of the last stage over those that are kept for each of its places


class InvertedResidual(nn.Module):
    """A block of MobileNetV2 (Sandler et al. 2018): widened, filtered by channel, narrowed, added.

    Args:
        channels: in and out.
        expansion: channels in the middle over channels outside.
        dilation: of the filter along the frequency.
    """

    def __init__(self, channels: int, expansion: int = 2, dilation: int = 1) -> None:
        super().__init__()
        hidden = channels * expansion
        self.branch = nn.Sequential(
            *normalised(nn.Conv2d(channels, hidden, 1, bias=False)),
            *normalised(
                nn.Conv2d(
                    hidden,
                    hidden,
                    3,
                    padding=(dilation, 1),
                    dilation=(dilation, 1),
                    groups=hidden,
                    bias=False,
                )
            ),
            nn.Conv2d(hidden, channels, 1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.branch(x)  # type: ignore[no-any-return]


class MobileEncoder(nn.Module):
    """Patches, stages of inverted residual blocks, each half as fine, and a linear layer.

    The linear layer sees every place of the coarsest picture: when a sound does something matters
    as much as what. How many places there are is found by a dry run.

    Args:
        shape: channels, height and width of the pictures.
        dim: size of the embedding.
        widths: channels of each stage. Multiples of 32 are several times faster than others.
        depths: blocks of each stage.
        expansion: channels within a block over those outside.
        patch: height and width of what one place of the first stage stands for, in pixels.
        dilations: of successive blocks along the frequency, repeated as often as needed. Primes
            meet harmonics of a logarithmic frequency axis that a plain neighbourhood doesn't.

    Raises:
        ConfigError: the pictures are too small, or widths and depths differ in number.

    Shape: `[batch, *shape]` to `[batch, dim]`.
    """

    def __init__(
        self,
        shape: Sequence[int],
        dim: int = 256,
        widths: Sequence[int] = (32, 64, 128, 256),
        depths: Sequence[int] = (1, 2, 3, 1),
        expansion: int = 2,
        patch: int = 4,
        dilations: Sequence[int] = (1,),
    ) -> None:
        super().__init__()
        if len(widths) != len(depths) or not widths:
            raise ConfigError(f"{len(widths)} widths for {len(depths)} depths; one for each stage")
        if min(shape[1:]) < patch:
            raise ConfigError(f"pictures of {shape[1]} x {shape[2]}; at least {patch} x {patch}")
        picture = (math.ceil(shape[1] / patch), math.ceil(shape[2] / patch))
        layers: list[nn.Module] = [nn.BatchNorm2d(shape[0])]
        layers += normalised(
            nn.Conv2d(shape[0], widths[0], 2 * patch - 1, patch, patch - 1, bias=False)
        )
        dilation = itertools.cycle(dilations)
        for i, (width, depth) in enumerate(zip(widths, depths, strict=True)):
            if i:
                layers += halved(widths[i - 1], width, picture)
                picture = (math.ceil(picture[0] / 2), math.ceil(picture[1] / 2))
            layers += [InvertedResidual(width, expansion, next(dilation)) for _ in range(depth)]
        layers += normalised(nn.Conv2d(widths[-1], math.ceil(widths[-1] / NARROWED), 1, bias=False))
        self.picture = nn.Sequential(*layers)
        self.output = nn.Linear(math.prod(dry_run(self.picture, shape)), dim)
        # This order of numbers is up to three times as fast on a CPU.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, picture: Tensor) -> Tensor:
        found = self.picture(picture.contiguous(memory_format=torch.channels_last))
        return self.output(found.flatten(1))  # type: ignore[no-any-return]


def normalised(convolution: nn.Conv2d) -> list[nn.Module]:
    """A convolution, batch normalisation and hard swish."""
    return [convolution, nn.BatchNorm2d(convolution.out_channels), nn.Hardswish()]


def halved(before: int, after: int, picture: tuple[int, int]) -> list[nn.Module]:
    """Half as many places in both directions, rounded up, so that none is left out.

    Args:
        before, after: channels.
        picture: height and width before.
    """
    odd = (picture[0] % 2, picture[1] % 2)
    halving = nn.Conv2d(before, after, 2, 2, odd, bias=False)
    return [halving, nn.BatchNorm2d(after)]
