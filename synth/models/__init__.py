"""The model families, in one explicit table.

- `codec`: causal neural codec with a residual vector quantiser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from synth.models import codec


@dataclass(frozen=True)
class Family:
    """One row of the table: the config class, the presets and what builds the model."""

    config: type[Any]
    presets: Mapping[str, Any]
    build: Callable[[Any], nn.Module]


FAMILIES: dict[str, Family] = {
    "codec": Family(codec.CodecConfig, codec.PRESETS, codec.Codec),
}

__all__ = ["FAMILIES", "Family", "codec"]
