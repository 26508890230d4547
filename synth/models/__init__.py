"""The model families, in one explicit table.

- `codec`: causal neural codec with a residual vector quantiser.
- `samplernn`: raw audio, one sample after the other, from recurrent layers over frames of samples.
- `inr`: sounds as continuous functions of time, one latent each.
- `timbre`: a space of spectra, any point of which plays at any pitch.
- `inverse`: from a sound to the patch of a synthesizer, and that synthesizer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from synth.models import codec, inr, inverse, samplernn, timbre


@dataclass(frozen=True)
class Family:
    """One row of the table: the config class, the presets and what builds the model."""

    config: type[Any]
    presets: Mapping[str, Any]
    build: Callable[[Any], nn.Module]


FAMILIES: dict[str, Family] = {
    "codec": Family(codec.CodecConfig, codec.PRESETS, codec.Codec),
    "samplernn": Family(samplernn.SampleRNNConfig, samplernn.PRESETS, samplernn.SampleRNN),
    "inr": Family(inr.INRConfig, inr.PRESETS, inr.INR),
    "timbre": Family(timbre.TimbreConfig, timbre.PRESETS, timbre.Timbre),
    "inverse": Family(inverse.InverseConfig, inverse.PRESETS, inverse.Inverse),
}

__all__ = ["FAMILIES", "Family", "codec", "inr", "inverse", "samplernn", "timbre"]
