"""`Stage`: frames of a sound with silence around them, as the transform is circular."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from synth.contract import ConfigError
from synth.dsp.nsgt import NSGT
from synth.models.timbre import TimbreConfig
from training.timbre.frames.analysis import SILENCE_SECONDS

SHORTEST_SECONDS, LONGEST_SECONDS = 0.05, 60.0


def require_seconds(seconds: float) -> None:
    """Raise `ConfigError` where a sound can't be so long."""
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ConfigError(
            f"seconds is {seconds:g}; {SHORTEST_SECONDS:g} … {LONGEST_SECONDS:g} is allowed"
        )


@dataclass(frozen=True)
class Stage:
    """Where frames become sound and sound frames.

    Attributes:
        transform: of the sound and the silence around it.
        length: of the sound in samples; before: samples of silence on both sides.
        first: number of the sound's first frame in the transform; frames: of the sound.
    """

    transform: NSGT
    length: int
    before: int
    first: int
    frames: int

    @classmethod
    def of_length(cls, config: TimbreConfig, length: int) -> Stage:
        """For a sound of so many samples."""
        rate = config.sample_rate
        before = round(SILENCE_SECONDS * rate)
        transform = NSGT(config.bands, rate, length + 2 * before)
        first = math.ceil(before / rate * transform.frame_rate)
        stop = math.ceil((before + length) / rate * transform.frame_rate)
        return cls(transform, length, before, first, stop - first)

    @classmethod
    def of_seconds(cls, config: TimbreConfig, seconds: float) -> Stage:
        """For a sound of so many seconds, 0.05 … 60.

        Raises:
            ConfigError: the length is out of its range.
        """
        require_seconds(seconds)
        return cls.of_length(config, round(seconds * config.sample_rate))

    @property
    def sample_rate(self) -> int:
        """Hz, of the sound."""
        return self.transform.sample_rate

    @property
    def seconds(self) -> float:
        """Of the sound."""
        return self.length / self.sample_rate

    @property
    def times(self) -> Tensor:
        """Of the frames, s, `[frames]`."""
        return torch.arange(self.frames) / self.transform.frame_rate

    @property
    def share(self) -> Tensor:
        """0 … 1 over the frames, `[frames]`."""
        return torch.linspace(0, 1, self.frames)

    def analysed(self, audio: Tensor) -> Tensor:
        """Magnitudes `[bands, frames]` of a sound `[length]`."""
        with torch.inference_mode():
            padded = torch.nn.functional.pad(audio, (self.before, self.before))
            found = self.transform(padded).abs().float()
        kept: Tensor = found[:, self.first : self.first + self.frames].clone()
        return kept

    def whole(self, magnitude: Tensor) -> Tensor:
        """Magnitudes `[bands, frames]` with silence around them, as the transform has them."""
        found = magnitude.new_zeros(magnitude.shape[0], self.transform.frames)
        found[:, self.first : self.first + magnitude.shape[1]] = magnitude
        return found

    def cut(self, audio: Tensor) -> Tensor:
        """The sound `[length]` without the silence around it."""
        return audio[self.before : self.before + self.length].clone()
