"""From what a front end makes to an embedding `[batch, dim]`.

- `mobile`: pictures, by a small network of the MobileNet kind.
- `pretrained`: pictures, by a network from torchvision.
- `waveform`: waveforms, by poolings or by layers with a long memory.
- `joined`: several encoders side by side.
- `shapes`: the shape that a module makes, by a dry run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import nn

from synth.contract import ConfigError
from synth.models.inverse.encoders.joined import JoinedEncoder
from synth.models.inverse.encoders.mobile import MobileEncoder
from synth.models.inverse.encoders.pretrained import PretrainedEncoder
from synth.models.inverse.encoders.shapes import dry_run
from synth.models.inverse.encoders.waveform import MemoryEncoder, SampleEncoder
from synth.models.inverse.frontends import BandPower, FrontendConfig, Logarithm, Statistics

OF_PICTURES = ("mobile", "pretrained")
OF_WAVEFORMS = ("sample", "multiresolution", "diagonal", "joined")
ENCODERS = OF_PICTURES + OF_WAVEFORMS


class EncoderConfig(FrontendConfig, Protocol):
    """The settings of an encoder, beside those of the front end before it.

    Attributes:
        encoder: for pictures "mobile" or "pretrained" (torchvision's MobileNetV3); for waveforms
            "sample" (as SampleCNN), "multiresolution" or "diagonal" (layers with a long memory), or
            "joined": the mel picture by "mobile", the waveform by "sample", and statistics.
        dim: size of the embedding.
        widths: channels of the stages, or from the first block to the last.
        depths: blocks of each stage of "mobile".
        expansion: channels within a block of "mobile" over those outside.
        patch: pixels, in height and width, of a place of the first stage of "mobile".
        dilations: of successive blocks of "mobile" along the frequency, repeated.
        dropout: before the last layer of "sample".
        sample_rate, bands, window, hop: of the picture of "joined".
    """

    @property
    def encoder(self) -> str: ...
    @property
    def dim(self) -> int: ...
    @property
    def widths(self) -> tuple[int, ...]: ...
    @property
    def depths(self) -> tuple[int, ...]: ...
    @property
    def expansion(self) -> int: ...
    @property
    def patch(self) -> int: ...
    @property
    def dilations(self) -> tuple[int, ...]: ...
    @property
    def dropout(self) -> float: ...


def make_encoder(config: EncoderConfig, shape: Sequence[int]) -> nn.Module:
    """Build the encoder that a config names.

    Args:
        config: its settings.
        shape: of what the front end makes of a sound, without the batch, as `dry_run(frontend,
            (samples,))` finds it.

    Raises:
        ConfigError: an unknown name, one that doesn't go with the shape, or torchvision is missing.
    """
    name, dim, widths = config.encoder, config.dim, config.widths
    if name not in ENCODERS:
        raise ConfigError(f"encoder {name!r} is unknown; known are {', '.join(ENCODERS)}")
    kind, known = ("pictures", OF_PICTURES) if len(shape) == 3 else ("waveforms", OF_WAVEFORMS)
    if name not in known:
        raise ConfigError(
            f"encoder {name!r} doesn't take the front end's {kind}; {', '.join(known)} do"
        )
    match name:
        case "mobile":
            return _mobile(config, shape)
        case "pretrained":
            return PretrainedEncoder(shape, dim)
        case "sample":
            return SampleEncoder(shape, dim, widths, config.dropout)
        case "joined":
            return _joined(config, shape)
    return MemoryEncoder(shape, dim, widths, name)


def _mobile(config: EncoderConfig, shape: Sequence[int]) -> MobileEncoder:
    return MobileEncoder(
        shape,
        config.dim,
        config.widths,
        config.depths,
        config.expansion,
        config.patch,
        config.dilations,
    )


def _joined(config: EncoderConfig, shape: Sequence[int]) -> JoinedEncoder:
    power = BandPower(config.sample_rate, config.bands, config.window, config.hop)
    picture = nn.Sequential(nn.Flatten(1), power, Logarithm())
    spectral = nn.Sequential(picture, _mobile(config, dry_run(picture, shape)))
    waveform = SampleEncoder(shape, config.dim, config.widths, config.dropout)
    statistics = nn.Sequential(nn.Flatten(1), Statistics())
    return JoinedEncoder(shape, config.dim, [spectral, waveform, statistics])


__all__ = [
    "ENCODERS",
    "OF_PICTURES",
    "OF_WAVEFORMS",
    "EncoderConfig",
    "JoinedEncoder",
    "MemoryEncoder",
    "MobileEncoder",
    "PretrainedEncoder",
    "SampleEncoder",
    "dry_run",
    "make_encoder",
]
