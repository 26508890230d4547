"""`PretrainedEncoder`: a network of torchvision that learned from photographs.

It is built without weights: those of the photographs are for the beginning of a training, which
reads them from the disk.
"""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inverse.encoders.mobile import NARROWED, halved, normalised
from synth.models.inverse.encoders.shapes import dry_run

PLACES = 32  # of the last picture, at most
FEATURES = 2  # their place among the layers


class PretrainedEncoder(nn.Module):
    """MobileNetV3-small's features, convolutions down to a few places, a linear layer.

    Args:
        shape: channels, height and width of the pictures; other than three channels are mixed into
            three.
        dim: size of the embedding.

    Raises:
        ConfigError: torchvision isn't installed.

    Shape: `[batch, *shape]` to `[batch, dim]`.
    """

    def __init__(self, shape: Sequence[int], dim: int) -> None:
        super().__init__()
        features = _features()
        colours = nn.Identity() if shape[0] == 3 else nn.Conv2d(shape[0], 3, 1)
        layers: list[nn.Module] = [colours, nn.BatchNorm2d(3), features]
        channels, *picture = dry_run(nn.Sequential(*layers), shape)
        while math.prod(picture) > PLACES:
            layers += halved(channels, channels, (picture[0], picture[1]))
            picture = [math.ceil(size / 2) for size in picture]
        layers += normalised(nn.Conv2d(channels, math.ceil(channels / NARROWED), 1, bias=False))
        self.picture = nn.Sequential(*layers)
        self.output = nn.Linear(math.prod(dry_run(self.picture, shape)), dim)

    @property
    def features(self) -> nn.Module:
        """The part that torchvision has weights for."""
        return self.picture[FEATURES]

    def forward(self, picture: Tensor) -> Tensor:
        found = self.picture(picture.contiguous(memory_format=torch.channels_last))
        return self.output(found.flatten(1))  # type: ignore[no-any-return]


def _features() -> nn.Module:
    try:
        models: Any = importlib.import_module("torchvision.models")
    except ImportError as error:
        raise ConfigError(
            'the encoder "pretrained" needs torchvision, which isn\'t installed: install it in the'
            ' version that goes with torch, or take the encoder "mobile"'
        ) from error
    features: nn.Module = models.mobilenet_v3_small(weights=None).features
    return features
