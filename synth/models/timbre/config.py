"""What a timbre space is built from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

from synth.contract import ConfigError, require_one_of, require_within
from synth.dsp.nsgt import SCALES, Scale, make_scale

CONDITIONS = ("pitch", "octave", "dynamics", "key")


@dataclass(frozen=True)
class TimbreConfig:
    """A conditional variational autoencoder of the frames of a nonstationary Gabor transform.

    Args:
        sample_rate: sample rate of the recordings, Hz.
        audio_channels: channels of the recordings, 1.
        scale: scale of the bands' frequencies: "octave", "log", "linear", "mel" or "erb".
        minimum_hz: frequency of the lowest band.
        maximum_hz: frequency that the highest band reaches.
        resolution: bands in an octave on the scale "octave", bands in all on the others.
        floor: magnitude below which nothing is heard: full scale is 1.
        latent_dims: size of a latent.
        hidden_dims: width of the hidden layers.
        hidden_layers: number of hidden layers, in the encoder and in the decoder.
        batch_norm: whether the encoder's hidden layers have batch normalisation.
        conditioning: what encoder and decoder are told beside: any of "pitch" (pitch class),
            "octave", "dynamics" and "key" (the MIDI key as one number).
        instruments: names of the classes; the data decide them.
        dynamics: names of the dynamics from soft to loud; the data decide them.
        anchor_frames: number of latents in the trajectory of an anchor, a note that is kept.
        anchor_instruments: number of the instrument of each anchor; the data decide them.
        anchor_keys: MIDI key of each anchor.
        anchor_dynamics: number of the dynamics of each anchor.

    The range of each number is in `RANGES`.

    Raises:
        ConfigError: a value is out of its range, or values don't go together.
    """

    sample_rate: int = 22_050
    audio_channels: int = 1
    scale: str = "octave"
    minimum_hz: float = 30.0
    maximum_hz: float = 11_000.0
    resolution: int = 48
    floor: float = 1e-6
    latent_dims: int = 16
    hidden_dims: int = 3_000
    hidden_layers: int = 3
    batch_norm: bool = True
    conditioning: tuple[str, ...] = ("pitch",)
    instruments: tuple[str, ...] = ()
    dynamics: tuple[str, ...] = ()
    anchor_frames: int = 96
    anchor_instruments: tuple[int, ...] = ()
    anchor_keys: tuple[float, ...] = ()
    anchor_dynamics: tuple[int, ...] = ()

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        "sample_rate": (4_000, 192_000),
        "audio_channels": (1, 1),
        "minimum_hz": (1.0, 20_000.0),
        "maximum_hz": (2.0, 96_000.0),
        "resolution": (1, 4_096),
        "floor": (1e-6, 0.1),
        "latent_dims": (1, 512),
        "hidden_dims": (1, 16_384),
        "hidden_layers": (1, 32),
        "anchor_frames": (2, 4_096),
    }

    def __post_init__(self) -> None:
        for name, (low, high) in self.RANGES.items():
            require_within(name, getattr(self, name), low, high)
        require_one_of("scale", self.scale, tuple(SCALES))
        for name in self.conditioning:
            require_one_of("conditioning", name, CONDITIONS)
        if len(set(self.conditioning)) < len(self.conditioning):
            raise ConfigError(f"conditioning is {self.conditioning}; name each part once")
        highest = self.bands.frequencies[-1]
        if highest >= self.sample_rate / 2:
            raise ConfigError(
                f"maximum_hz is {self.maximum_hz:g}, which puts the highest band at {highest:.0f}"
                f" Hz; it must lie below {self.sample_rate / 2:g}, half of sample_rate"
            )
        counts = len(self.anchor_instruments), len(self.anchor_keys), len(self.anchor_dynamics)
        if len(set(counts)) > 1:
            raise ConfigError(f"anchors have {counts} instruments, keys and dynamics; as many each")

    @property
    def bands(self) -> Scale:
        """The frequencies of the bands."""
        return _scale(self.scale, self.minimum_hz, self.maximum_hz, self.resolution)


_scale = lru_cache(make_scale)


PRESETS: dict[str, TimbreConfig] = {
    "dafx": TimbreConfig(),
    "live": TimbreConfig(floor=3e-5, hidden_dims=512, conditioning=("pitch", "octave", "dynamics")),
    "tiny": TimbreConfig(
        hidden_dims=32, hidden_layers=1, latent_dims=4, resolution=12, maximum_hz=10_000.0
    ),
}
