"""Shape of a SampleRNN, and the presets."""

from __future__ import annotations

import math
from dataclasses import dataclass

from synth.contract import ConfigError, require_one_of, require_within

ENCODINGS = ("linear", "mu-law", "a-law")
RNNS = ("lstm", "gru")
FEATURES = ("pitch", "voicing", "loudness", "onset", "centroid")


@dataclass(frozen=True)
class SampleRNNConfig:
    """Shape of a SampleRNN. Every field changes the model or its inputs.

    Args:
        sample_rate: samples per second of the audio, in Hz, 8000 … 48000.
        quantization: levels of a sample, 3 … 4096.
        encoding: spacing of the levels: "linear", "mu-law" or "a-law".
        frame_sizes: one number per tier, lowest tier first: the first counts samples, each further
            one frames of the tier below. Their product is at most 4096. The sample predictor sees
            the last `frame_sizes[0]` samples.
        hidden_size: width of everything, 1 … 4096.
        rnn_layers: recurrent layers of each tier, 1 … 16.
        rnn: kind of the recurrent layers: "lstm" or "gru".
        embed_size: size of a sample's embedding, up to 4096; 0 is one-hot.
        skip: a tier's output is the sum of its layers' outputs instead of the last one's alone.
        weight_norm: weight-normed linear layers.
        learned_state: the state at the start is learned instead of zero.
        features: what steers the top tier: some of pitch, voicing, loudness, onset and centroid, in
            this order.
        labels: names of the classes of sound that steer the top tier, one-hot after the features.
        feature_hop: samples per frame of the features, 1 … 16384.

    Raises:
        ConfigError: a value is out of its range.
    """

    sample_rate: int = 16_000
    quantization: int = 256
    encoding: str = "linear"
    frame_sizes: tuple[int, ...] = (16,)
    hidden_size: int = 1024
    rnn_layers: int = 5
    rnn: str = "lstm"
    embed_size: int = 256
    skip: bool = False
    weight_norm: bool = False
    learned_state: bool = False
    features: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    feature_hop: int = 256

    def __post_init__(self) -> None:
        require_within("sample_rate", self.sample_rate, 8_000, 48_000)
        require_within("quantization", self.quantization, 3, 4096)
        require_one_of("encoding", self.encoding, ENCODINGS)
        if not 1 <= len(self.frame_sizes) <= 8 or any(size < 1 for size in self.frame_sizes):
            raise ConfigError(f"frame_sizes is {self.frame_sizes}; 1 to 8 numbers from 1 on")
        require_within("the product of frame_sizes", math.prod(self.frame_sizes), 1, 4096)
        require_within("hidden_size", self.hidden_size, 1, 4096)
        require_within("rnn_layers", self.rnn_layers, 1, 16)
        require_one_of("rnn", self.rnn, RNNS)
        require_within("embed_size", self.embed_size, 0, 4096)
        if self.features != tuple(name for name in FEATURES if name in self.features):
            raise ConfigError(
                f"features is {','.join(self.features)}; some of {','.join(FEATURES)} in this"
                " order are allowed"
            )
        if len(set(self.labels)) != len(self.labels) or not all(self.labels):
            raise ConfigError(f"labels is {self.labels}; names that differ are needed")
        require_within("the number of labels", len(self.labels), 0, 128)
        require_within("feature_hop", self.feature_hop, 1, 16_384)

    @property
    def frames(self) -> tuple[int, ...]:
        """Samples per frame of each tier, lowest tier first."""
        return tuple(math.prod(self.frame_sizes[: k + 1]) for k in range(len(self.frame_sizes)))

    @property
    def hop(self) -> int:
        """Samples per frame of the top tier: generation makes whole frames of it."""
        return self.frames[-1]

    @property
    def context(self) -> int:
        """Samples that must be known before the first one can be made: the longest frame."""
        return self.frames[-1]

    @property
    def audio_channels(self) -> int:
        """Always 1: mono."""
        return 1

    @property
    def feature_count(self) -> int:
        """Numbers per frame that steer the top tier: features, then labels."""
        return len(self.features) + len(self.labels)


# `tiny` is made for an instrument of 4 MB: with the embedding folded, 1 M values. `base` is the
# two-tier model of Mehri et al. 2017 with five layers; `dadabots` the settings that Carr and
# Zukowski 2018 found best for whole albums.
PRESETS: dict[str, SampleRNNConfig] = {
    "tiny": SampleRNNConfig(
        encoding="mu-law", hidden_size=128, rnn_layers=2, rnn="gru", embed_size=64
    ),
    "small": SampleRNNConfig(encoding="mu-law", hidden_size=256, rnn_layers=2, embed_size=128),
    "medium": SampleRNNConfig(encoding="mu-law", hidden_size=512, rnn_layers=3),
    "base": SampleRNNConfig(),
    "dadabots": SampleRNNConfig(encoding="mu-law", skip=True, weight_norm=True),
}
