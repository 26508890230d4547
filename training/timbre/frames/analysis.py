"""Frames of the transform at given places of a note, kept in the cache beside its recording.

The transform is circular: a note is analysed with silence before and after it, so that its end
doesn't reach round to its beginning, and with all of its own length.
"""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
import torch
from numpy.typing import NDArray

from synth.contract import DataError
from synth.dsp.nsgt import NSGT, Scale
from synth.models.timbre import TimbreConfig
from training.data.library import Array, Clip
from training.timbre.frames.note import find_note

Half = NDArray[np.float16]
VERSION = 1
LOWEST = TimbreConfig.RANGES["floor"][0]  # magnitude that is kept
SILENCE_SECONDS = 0.25  # before and after a note
# The analysis is as long as a multiple of this, so that few transforms serve all notes.
LENGTH_SECONDS = 0.5
MOST_SECONDS = 12.0  # of a note that are looked at; what comes later fades out
FADE_SECONDS = 0.05


def frame_rate(config: TimbreConfig) -> float:
    """Frames in a second of the transform, about: it differs a little with the length of notes."""
    return _transform(config, _length(config, 2.0)).frame_rate


def log_magnitudes(clip: Clip, config: TimbreConfig, times: Sequence[float]) -> Half:
    """Natural logarithms of magnitudes `[times, bands]`, at least that of the floor.

    Args:
        clip: of one note.
        config: of the model, whose transform it is.
        times: seconds from the onset of the note; each takes the nearest frame.

    Raises:
        DataError: the cache has no room.
    """
    path = _cached(clip, config, times)
    try:
        found = np.load(path)
    except (OSError, ValueError, EOFError):
        found = None
    shape = (len(times), len(config.bands.frequencies))
    if found is None or found.shape != shape or found.dtype != np.float16:
        found = _analysed(clip, config, times)
        _keep(path, found)
    return cast(Half, np.maximum(found, np.float16(math.log(config.floor))))


def _analysed(clip: Clip, config: TimbreConfig, times: Sequence[float]) -> Half:
    rate = config.sample_rate
    onset, _ = find_note(clip, rate)
    audio = np.array(clip.open()[0, : round(MOST_SECONDS * rate)])
    _fade_out(audio, clip.frames, rate)
    before = round(SILENCE_SECONDS * rate)
    length = _length(config, len(audio) / rate)
    padded = np.zeros(length, np.float32)
    padded[before : before + len(audio)] = audio
    transform = _transform(config, length)
    with torch.inference_mode():
        magnitude = transform(torch.from_numpy(padded)).abs()
        place = (np.asarray(times) + (onset + before) / rate) * transform.frame_rate
        index = np.rint(place).astype(np.int64).clip(0, transform.frames - 1)
        chosen = magnitude[:, torch.from_numpy(index)].t()
        return cast(Half, chosen.clamp_min(LOWEST).log().numpy().astype(np.float16))


def _fade_out(audio: Array, frames: int, rate: int) -> None:
    """Fade the end of a sound, in place, where it isn't the end of its recording of `frames`."""
    if len(audio) < frames:
        size = round(FADE_SECONDS * rate)
        audio[-size:] *= 0.5 + 0.5 * np.cos(np.linspace(0, np.pi, size, dtype=np.float32))


def _length(config: TimbreConfig, seconds: float) -> int:
    """Samples of the analysis of a recording of so many seconds."""
    whole = min(seconds, MOST_SECONDS) + 2 * SILENCE_SECONDS
    return round(math.ceil(whole / LENGTH_SECONDS) * LENGTH_SECONDS * config.sample_rate)


def _transform(config: TimbreConfig, length: int) -> NSGT:
    return _made(config.bands, config.sample_rate, length)


@lru_cache(maxsize=4)
def _made(scale: Scale, sample_rate: int, length: int) -> NSGT:
    return NSGT(scale, sample_rate, length)


def _cached(clip: Clip, config: TimbreConfig, times: Sequence[float]) -> Path:
    """The file of frames, whose name says what the recording holds and how it was analysed."""
    how = (VERSION, clip.start, clip.end, config.sample_rate, LOWEST, config.bands)
    digest = hashlib.sha256(repr((how, tuple(times))).encode()).hexdigest()[:16]
    return clip.cache.parent / "frames" / f"{clip.cache.stem}-{digest}.npy"


def _keep(path: Path, found: Half) -> None:
    """Write a file of the cache, which is made again where it turns out to be damaged."""
    temporary = path.with_name(f".{path.name}.tmp-{os.getpid()}")
    try:
        path.parent.mkdir(exist_ok=True)
        with temporary.open("wb") as file:
            np.save(file, found)
        os.replace(temporary, path)
    except OSError as error:
        raise DataError(f"{path}: the cache can't be written ({error}); make room") from None
    finally:
        temporary.unlink(missing_ok=True)
