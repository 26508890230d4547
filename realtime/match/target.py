"""`Target`: the sound that is matched, cut out of what was recorded, and what is odd about it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from realtime.match.polyphony import is_polyphonic
from synth.contract import DataError
from synth.contract.matcher import MATCHER_LEVEL
from synth.contract.reading import mixed, resampled

Array = NDArray[np.float32]

SILENCE_DB = -60.0  # loudest moment of an input that carries nothing, dBFS
FRAME_S = 0.01
ONSET_DB, END_DB = -40.0, -60.0  # below the loudest moment: where the sound begins and ends
SHORTEST_S = 0.05
CLIPPED = 0.999  # of full scale
CLIPPED_SHARE = 1e-3  # of the samples


class Target(NamedTuple):
    """A sound to match.

    Attributes:
        audio: `[samples]`, at `sample_rate`.
        sample_rate: Hz.
        level_db: of its loudest moment, dBFS.
        notes: sentences about it that people should read.
    """

    audio: Array
    sample_rate: int
    level_db: float
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.audio) / self.sample_rate

    @property
    def usual(self) -> float:
        """The factor that brings it to the level of the sounds that models learn."""
        return float(MATCHER_LEVEL / 10 ** (self.level_db / 20))


def cut_target(audio: Array, rate: int, sample_rate: int, longest_s: float) -> Target:
    """Cut the sound out of a recording: from its beginning to its end, or to the longest allowed.

    Args:
        audio: `[channels, frames]`; channels are mixed.
        rate: of `audio`, Hz.
        sample_rate: of the result, Hz.
        longest_s: seconds of the sound that are used at most.

    Raises:
        DataError: it carries nothing, or less than 0.05 s of sound.
    """
    mono = resampled(mixed(audio, 1)[0], rate, sample_rate)
    frame = max(1, round(FRAME_S * sample_rate))
    levels = _levels(mono, frame)
    loudest = float(levels.max(initial=-np.inf))
    if loudest < SILENCE_DB:
        raise DataError(
            f"nothing is to be heard: the loudest moment of {len(mono) / sample_rate:.1f} s is at"
            f" {max(loudest, -200):.0f} dBFS, at least {SILENCE_DB:.0f} are needed; play louder, or"
            " check the input"
        )
    heard = np.flatnonzero(levels > loudest + ONSET_DB)
    lasting = np.flatnonzero(levels > max(loudest + END_DB, SILENCE_DB - 20))
    first = max(0, int(heard[0]) - 1) * frame
    sound = mono[first : (int(lasting[-1]) + 1) * frame]
    seconds = len(sound) / sample_rate
    if seconds < SHORTEST_S:
        raise DataError(
            f"only {1000 * seconds:.0f} ms of sound; at least {1000 * SHORTEST_S:.0f} ms are needed"
        )
    notes = []
    if seconds > longest_s:
        notes.append(f"used the first {longest_s:g} s of {seconds:.1f} s")
        sound = sound[: round(longest_s * sample_rate)]
    if np.mean(np.abs(mono) >= CLIPPED) > CLIPPED_SHARE:
        notes.append("the input is clipped; turn it down for a better match")
    if is_polyphonic(sound, sample_rate):
        notes.append("it sounds like several notes at once, of which one voice can play one")
    return Target(np.ascontiguousarray(sound), sample_rate, loudest, tuple(notes))


def _levels(audio: Array, frame: int) -> NDArray[np.float64]:
    """The level of each frame, dBFS; the end that fills no frame is left out."""
    frames = audio[: len(audio) // frame * frame].reshape(-1, frame).astype(np.float64)
    power = np.square(frames).mean(1)
    levels: NDArray[np.float64] = 10 * np.log10(np.maximum(power, 1e-20))
    return levels
