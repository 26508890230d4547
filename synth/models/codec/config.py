"""Shape of a codec, and the presets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from synth.contract import ConfigError, require_one_of, require_within

ACTIVATIONS = ("elu", "leaky_relu", "snake")
BOTTLENECKS = ("rvq",)


@dataclass(frozen=True)
class CodecConfig:
    """Shape of a SoundStream-like codec. Every field changes the model.

    Args:
        sample_rate: samples per second of the audio, in Hz, 16000 … 48000.
        audio_channels: 1 (mono) or 2 (stereo).
        channels: width of the first level; doubles at each stride, up to `max_channels`.
        strides: downsampling of each level, encoder order; their product is the hop, at most 16384.
        dilations: dilations of the residual units of each level, one unit each.
        compress: how much narrower the inside of a residual unit is, 1 … 16.
        kernel: taps of the residual units and of the outermost convolutions.
        latent_dim: size of a latent frame.
        max_channels: width of the widest level.
        activation: nonlinearity: "elu", "leaky_relu" or "snake".
        weight_norm: weight-normed convolutions.
        bottleneck: what latents go through: "rvq", a residual vector quantiser.
        levels: quantiser levels, 1 … 32.
        codebook_size: codes per level, 2 … 65536.
        codebook_decay: decay of the moving averages that are the codes, 0 … 1 (exclusive).
        stale_usage: a code that takes less than this share of what equal use would give it is
            re-seeded from the batch.
        level_dropout: share of training clips that use a random number of levels.
        bypass: share of training clips decoded from the unquantised latent, so that the decoder
            also serves continuous latents.

    Raises:
        ConfigError: a value is out of its range.
    """

    sample_rate: int = 24_000
    audio_channels: int = 1
    channels: int = 32
    strides: tuple[int, ...] = (2, 4, 5, 8)
    dilations: tuple[int, ...] = (1, 3, 9)
    compress: int = 1
    kernel: int = 7
    latent_dim: int = 128
    max_channels: int = 512
    activation: str = "elu"
    weight_norm: bool = True
    bottleneck: str = "rvq"
    levels: int = 8
    codebook_size: int = 1024
    codebook_decay: float = 0.96
    stale_usage: float = 0.05
    level_dropout: float = 0.5
    bypass: float = 0.25

    def __post_init__(self) -> None:
        require_within("sample_rate", self.sample_rate, 16_000, 48_000)
        require_within("audio_channels", self.audio_channels, 1, 2)
        require_within("channels", self.channels, 1, 1024)
        require_within("compress", self.compress, 1, 16)
        require_within("kernel", self.kernel, 1, 63)
        require_within("latent_dim", self.latent_dim, 1, 1024)
        require_within("max_channels", self.max_channels, self.channels, 4096)
        require_within("levels", self.levels, 1, 32)
        require_within("codebook_size", self.codebook_size, 2, 65_536)
        require_within("codebook_decay", self.codebook_decay, 0.5, 0.9999)
        for name in ("stale_usage", "level_dropout", "bypass"):
            require_within(name, getattr(self, name), 0.0, 1.0)
        if not 1 <= len(self.strides) <= 8 or any(not 1 <= s <= 16 for s in self.strides):
            raise ConfigError(f"strides is {self.strides}; 1 to 8 numbers in 1 … 16 are needed")
        if len(self.dilations) > 8 or any(not 1 <= d <= 81 for d in self.dilations):
            raise ConfigError(f"dilations is {self.dilations}; up to 8 numbers in 1 … 81")
        require_one_of("activation", self.activation, ACTIVATIONS)
        require_one_of("bottleneck", self.bottleneck, BOTTLENECKS)
        require_within("the product of strides (the hop)", self.hop, 1, 16_384)

    @property
    def hop(self) -> int:
        """Samples per latent frame."""
        return math.prod(self.strides)

    def widths(self) -> tuple[int, ...]:
        """Channels of each level, outermost first: one more entry than there are strides."""
        return tuple(
            min(self.channels << level, self.max_channels) for level in range(len(self.strides) + 1)
        )


# `tiny` plays many voices on one core; its hop of 128 samples keeps the response under 6 ms.
# `base` has the size and hop of SoundStream and EnCodec at 24 kHz, and two residual units a level,
# between EnCodec's one and SoundStream's three: with three, a core played it 4 times in real time.
PRESETS: dict[str, CodecConfig] = {
    "tiny": CodecConfig(
        channels=8,
        strides=(2, 4, 4, 4),
        dilations=(1, 3),
        latent_dim=64,
        codebook_size=256,
    ),
    "small": CodecConfig(channels=16, strides=(2, 4, 5, 8), compress=2, latent_dim=64),
    "base": CodecConfig(dilations=(1, 3), compress=2),
}
