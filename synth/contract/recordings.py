"""Recordings as material to learn from or to play: read in blocks and judged by one rule.

Training and export leave out the same files, because both read them here. A file is judged as a
model hears it: mixed to the model's channels, at the model's rate.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from synth.contract.audio import SILENCE_PEAK, Audio, audio_info
from synth.contract.errors import DataError, one_line
from synth.contract.reading import mixed

BLOCK = 1 << 18  # frames that are read at a time: a long file takes no more memory than a short one
# +24 dBFS. Recordings in float may go over full scale by a few dB, integers that were written as
# float go far over it.
MAX_PEAK = 16.0
CANCELLED = 0.01  # share of the channels' peak (-40 dB) under which their mean is what cancelled


def read_recording(
    path: str | Path, sample_rate: int, channels: int, *, seconds: float | None = None
) -> Audio:
    """Read a recording that can be learned from or played.

    Args:
        path: audio file.
        sample_rate: Hz, of the result.
        channels: of the result, at least 1.
        seconds: at most so much of its beginning is returned; the whole file is judged all the
            same, so that nobody uses a file that others leave out. None: all of it.

    Returns:
        Float32 `[channels, frames]`, at least one frame.

    Raises:
        DataError: as `recording_blocks`.
    """
    left = None if seconds is None else max(1, int(seconds * sample_rate))
    parts = []
    for block in recording_blocks(path, sample_rate, channels):
        part = block if left is None else block[:, :left]
        if part.shape[1]:
            parts.append(part)
        left = None if left is None else left - part.shape[1]
    return np.concatenate(parts, axis=1)


def recording_blocks(
    path: str | Path, sample_rate: int, channels: int, *, first_seconds: float | None = None
) -> Iterator[Audio]:
    """The blocks of a recording; after the last one comes the judgement of the whole.

    Args:
        path: audio file.
        sample_rate: Hz, of the blocks.
        channels: of the blocks, at least 1.
        first_seconds: read only so much; the rest is not judged. None: all of it.

    Yields:
        Float32 `[channels, frames]`, of any number of frames.

    Raises:
        DataError: as `audio_info`; or samples are not finite, too large for samples of full scale
            ±1, or silent; or the channels cancel each other in the mix; or nothing is left at
            `sample_rate`. The message names the file.
    """
    rate = audio_info(path).sample_rate
    limit = None if first_seconds is None else max(1, int(first_seconds * rate))
    levels = _Levels(str(path), sample_rate, channels)
    stream = None
    if rate != sample_rate:
        stream = soxr.ResampleStream(rate, sample_rate, channels, dtype="float32", quality="VHQ")
    for frames in _read_blocks(path, limit):
        heard = levels.mix(frames)
        if stream is not None:
            heard = stream.resample_chunk(np.ascontiguousarray(heard.T)).T
        yield levels.heard(heard)
    if stream is not None:
        yield levels.heard(stream.resample_chunk(np.zeros((0, channels), np.float32), last=True).T)
    levels.require_usable(whole=limit is None or levels.frames < limit)


def _read_blocks(path: str | Path, limit: int | None) -> Iterator[Audio]:
    """The samples of a file as `[frames, channels]`, at most `limit` frames."""
    try:
        with soundfile.SoundFile(os.fsencode(path)) as file:
            left = file.frames if limit is None else min(limit, file.frames)
            while left > 0:
                frames = file.read(min(BLOCK, left), dtype="float32", always_2d=True)
                if not len(frames):
                    return
                left -= len(frames)
                yield frames
    except (soundfile.LibsndfileError, RuntimeError, OSError, MemoryError) as error:
        raise DataError(f"{path}: can't be decoded ({one_line(error, 200)})") from None


@dataclass
class _Levels:
    """What is known of a recording's samples, block by block.

    Attributes:
        path: the file; sample_rate: Hz, and channels: that are wanted of it.
        frames: read; broken: samples that are not finite.
        peak: of all its channels; mix_peak: of them mixed; left_peak: of that at `sample_rate`.
        left: frames at `sample_rate`.
    """

    path: str
    sample_rate: int
    channels: int
    frames: int = 0
    broken: int = 0
    peak: float = 0.0
    mix_peak: float = 0.0
    left_peak: float = 0.0
    left: int = 0

    def mix(self, frames: Audio) -> Audio:
        """Note a block `[frames, c]`; returns it mixed, `[channels, frames]`."""
        self.frames += len(frames)
        self.broken += frames.size - int(np.count_nonzero(np.isfinite(frames)))
        self.peak = max(self.peak, _peak(frames))
        with np.errstate(over="ignore", invalid="ignore"):  # such samples are refused at the end
            audio = mixed(frames.T, self.channels)
        self.mix_peak = max(self.mix_peak, _peak(audio))
        return audio

    def heard(self, audio: Audio) -> Audio:
        """Note a block as it comes out, `[channels, frames]`, and return it."""
        self.left += audio.shape[1]
        self.left_peak = max(self.left_peak, _peak(audio))
        return audio

    def require_usable(self, *, whole: bool) -> None:
        """Raise `DataError` where the recording can't be used.

        Args:
            whole: whether all of it was read, so that it can be called silent.
        """
        if not self.frames:
            raise DataError(f"{self.path}: holds no audio (0 frames)")
        if self.broken:
            raise DataError(
                f"{self.path}: {self.broken} samples are NaN or infinite; write the file again"
            )
        if self.peak > MAX_PEAK:
            raise DataError(
                f"{self.path}: its samples reach {self.peak:.6g}, and full scale is 1 (at most"
                f" {MAX_PEAK:g} is taken); divide them by {_full_scale(self.peak)} and write the"
                " file again"
            )
        if whole:
            self._require_heard()

    def _require_heard(self) -> None:
        if self.peak < SILENCE_PEAK:
            raise DataError(f"{self.path}: silent (peak under -100 dBFS)")
        if self.mix_peak < max(SILENCE_PEAK, CANCELLED * self.peak):
            raise DataError(
                f"{self.path}: its channels cancel each other when they are mixed to"
                f" {_count(self.channels)}; invert one of them, or keep only one"
            )
        if not self.left:
            raise DataError(f"{self.path}: too short, nothing is left at {self.sample_rate} Hz")
        if self.left_peak < SILENCE_PEAK:
            raise DataError(
                f"{self.path}: silent at {self.sample_rate} Hz, all of it is above"
                f" {self.sample_rate // 2} Hz; choose a higher rate"
            )


def _peak(audio: Audio) -> float:
    """The largest absolute sample that is finite, 0 of none."""
    if not audio.size:
        return 0.0
    high = max(float(audio.max()), -float(audio.min()))
    if np.isfinite(high):
        return high
    return float(np.abs(np.where(np.isfinite(audio), audio, 0.0)).max())


def _full_scale(peak: float) -> str:
    """The full scale that samples of this peak seem to have."""
    scale = next((1 << bits for bits in (7, 15, 23, 31) if peak <= 1 << bits), None)
    return str(scale) if scale else f"{peak:.6g}"


def _count(channels: int) -> str:
    return "mono" if channels == 1 else f"{channels} channels"
