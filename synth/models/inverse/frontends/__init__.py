"""From a sound `[batch, samples]` to what an encoder takes: pictures or waveforms.

- `spectra`: powers in bands of mel or log frequency, fixed or learned, at one resolution or more,
  and their logarithms.
- `waveform`: the sound itself, its PQMF bands as a picture, statistics.
"""

from __future__ import annotations

from typing import Protocol

from torch import nn

from synth.contract import ConfigError
from synth.models.inverse.frontends.spectra import (
    RESOLUTIONS,
    BandPower,
    Logarithm,
    MultiBandPower,
    ThreeViews,
    TrainedBandPower,
)
from synth.models.inverse.frontends.waveform import PQMFPicture, Statistics, Waveform

FRONTENDS = ("mel", "trained_mel", "log_stft", "multi", "pqmf", "waveform")


class FrontendConfig(Protocol):
    """The settings of a front end.

    Attributes:
        sample_rate: Hz.
        frontend: "mel", the logarithm of the power in mel bands; "trained_mel", the same as
            weights; "log_stft", bands of log frequency; "multi", these at five resolutions, from
            windows twice as long as `window` to an eighth; "pqmf", the waveform in bands;
            "waveform", the sound itself. All that are trained or at log frequency show the encoder
            three views of the power: itself and two logarithms.
        bands: number of bands; of "pqmf", 2 … 31, which are channels.
        window: samples of a frame.
        hop: samples from frame to frame.
    """

    @property
    def sample_rate(self) -> int: ...
    @property
    def frontend(self) -> str: ...
    @property
    def bands(self) -> int: ...
    @property
    def window(self) -> int: ...
    @property
    def hop(self) -> int: ...


def make_frontend(config: FrontendConfig) -> nn.Module:
    """Build the front end that a config names.

    Raises:
        ConfigError: an unknown name, or a number out of its range.
    """
    numbers = (config.sample_rate, config.bands, config.window, config.hop)
    match config.frontend:
        case "mel":
            return nn.Sequential(BandPower(*numbers), Logarithm())
        case "trained_mel":
            return nn.Sequential(TrainedBandPower(*numbers), ThreeViews(1))
        case "log_stft":
            return nn.Sequential(BandPower(*numbers, scale="log"), ThreeViews(1))
        case "multi":
            return nn.Sequential(MultiBandPower(*numbers), ThreeViews(RESOLUTIONS))
        case "pqmf":
            return PQMFPicture(config.bands)
        case "waveform":
            return Waveform()
    raise ConfigError(f"frontend {config.frontend!r} is unknown; known are {', '.join(FRONTENDS)}")


__all__ = [
    "FRONTENDS",
    "RESOLUTIONS",
    "BandPower",
    "FrontendConfig",
    "Logarithm",
    "MultiBandPower",
    "PQMFPicture",
    "Statistics",
    "ThreeViews",
    "TrainedBandPower",
    "Waveform",
    "make_frontend",
]
