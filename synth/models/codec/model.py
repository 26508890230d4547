"""The codec: encoder, bottleneck, decoder, all causal and streaming."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional as F

from synth.models.codec.config import CodecConfig
from synth.models.codec.quantizer import ResidualVectorQuantizer
from synth.nn import (
    Pointwise,
    ResidualUnit,
    Sequential,
    StreamingConv1d,
    StreamingConvTranspose1d,
    StreamingLayer,
    make_activation,
)


class CodecOutput(NamedTuple):
    """Result of a training or evaluation pass.

    Attributes:
        audio: `[batch, audio_channels, samples]`, as long as the input.
        latent: `[batch, latent_dim, frames]`, before the bottleneck.
        codes: int64 `[batch, levels, frames]`.
        commitment: scalar loss.
        stale: int64 scalar, codes re-seeded in this pass.
    """

    audio: Tensor
    latent: Tensor
    codes: Tensor
    commitment: Tensor
    stale: Tensor


class Codec(nn.Module):
    """Encoder -> bottleneck -> decoder after SoundStream (Zeghidour et al. 2021).

    Args:
        config: its shape; `hop` samples make one latent frame.
    """

    def __init__(self, config: CodecConfig) -> None:
        super().__init__()
        self.config = config
        self.hop = config.hop
        self.encoder = build_encoder(config)
        self.bottleneck = build_bottleneck(config)
        self.decoder = build_decoder(config)

    def forward(self, audio: Tensor, levels: int | None = None) -> CodecOutput:
        """Encode, quantise and decode.

        Args:
            audio: `[batch, audio_channels, samples]`, any number of samples.
            levels: of the quantiser, from 1 on; None is all, or a random number in training.
        """
        latent = self.encode(audio)
        quantised = self.bottleneck(latent, levels)
        out = self.decode(quantised.latent)[..., : audio.shape[2]]
        return CodecOutput(out, latent, quantised.codes, quantised.commitment, quantised.stale)

    def encode(self, audio: Tensor) -> Tensor:
        """`[batch, audio_channels, samples]` -> `[batch, latent_dim, ceil(samples / hop)]`."""
        missing = -audio.shape[2] % self.hop
        return self.encoder(F.pad(audio, (0, missing)) if missing else audio)  # type: ignore[no-any-return]

    def decode(self, latent: Tensor) -> Tensor:
        """`[batch, latent_dim, frames]` -> `[batch, audio_channels, frames * hop]`."""
        return self.decoder(latent)  # type: ignore[no-any-return]


def build_encoder(config: CodecConfig) -> Sequential:
    """Convolution, then per level residual units and a strided convolution, then to the latent."""
    widths, norm = config.widths(), config.weight_norm
    layers: list[StreamingLayer] = [
        StreamingConv1d(config.audio_channels, widths[0], config.kernel, weight_norm=norm)
    ]
    for narrow, wide, stride in zip(widths, widths[1:], config.strides, strict=False):
        layers += _residual_units(config, narrow)
        layers.append(Pointwise(make_activation(config.activation, narrow)))
        layers.append(StreamingConv1d(narrow, wide, 2 * stride, stride=stride, weight_norm=norm))
    layers.append(Pointwise(make_activation(config.activation, widths[-1])))
    layers.append(StreamingConv1d(widths[-1], config.latent_dim, 3, weight_norm=norm))
    return Sequential(*layers)


def build_decoder(config: CodecConfig) -> Sequential:
    """The encoder mirrored, with transposed convolutions."""
    widths, norm = config.widths()[::-1], config.weight_norm
    layers: list[StreamingLayer] = [
        StreamingConv1d(config.latent_dim, widths[0], config.kernel, weight_norm=norm)
    ]
    for wide, narrow, stride in zip(widths, widths[1:], config.strides[::-1], strict=False):
        layers.append(Pointwise(make_activation(config.activation, wide)))
        layers.append(
            StreamingConvTranspose1d(wide, narrow, 2 * stride, stride=stride, weight_norm=norm)
        )
        layers += _residual_units(config, narrow)
    layers.append(Pointwise(make_activation(config.activation, widths[-1])))
    layers.append(
        StreamingConv1d(widths[-1], config.audio_channels, config.kernel, weight_norm=norm)
    )
    return Sequential(*layers)


def build_bottleneck(config: CodecConfig) -> ResidualVectorQuantizer:
    """The bottleneck that the config names: the residual vector quantiser is the only one."""
    return ResidualVectorQuantizer(
        config.latent_dim,
        config.levels,
        config.codebook_size,
        decay=config.codebook_decay,
        stale_usage=config.stale_usage,
        level_dropout=config.level_dropout,
        bypass=config.bypass,
    )


def _residual_units(config: CodecConfig, channels: int) -> list[StreamingLayer]:
    return [
        ResidualUnit(
            channels,
            kernel=config.kernel,
            dilation=dilation,
            activation=config.activation,
            hidden=max(1, channels // config.compress),
            weight_norm=config.weight_norm,
        )
        for dilation in config.dilations
    ]
