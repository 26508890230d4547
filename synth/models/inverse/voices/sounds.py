"""Numbered sounds: a number is a patch and its noise, on every machine and in every batch."""

from __future__ import annotations

import functools
import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.contract import ConfigError

GROUP, FOLDS = 1024, 10
ROWS, SEED = 32, 13
NOISE_TERMS = 8
NOISE_SCALE = (12 / NOISE_TERMS) ** 0.5 / 65536
SPLITS = {"train": tuple(range(8)), "validation": (8,), "test": (9,)}


def split_of(number: int) -> str:
    """The split of a sound: by its group of 1024, one in ten is for tests, one for validation."""
    fold = number // GROUP % FOLDS
    return next(name for name, folds in SPLITS.items() if fold in folds)


def numbers_of(split: str, first: int, count: int) -> list[int]:
    """The numbers of the sounds `first` … `first + count - 1` of a split, counted within it.

    Raises:
        ConfigError: there is no such split, or `first` or `count` is negative.
    """
    if split not in SPLITS:
        raise ConfigError(f"split {split!r} is unknown; known are {', '.join(SPLITS)}")
    if first < 0 or count < 0:
        raise ConfigError(f"{count} sounds from number {first}; neither may be negative")
    folds = SPLITS[split]
    made = []
    for place in range(first, first + count):
        group, within = divmod(place, GROUP)
        round_, fold = divmod(group, len(folds))
        made.append((round_ * FOLDS + folds[fold]) * GROUP + within)
    return made


def knob_positions(names: Sequence[str], numbers: Sequence[int]) -> Tensor:
    """Knob positions `[sounds, names]`, uniform in 0 … 1.

    A parameter's position depends on its name and the sound's number alone.
    """
    keys = np.array([zlib.crc32(name.encode()) for name in names], np.uint64)
    mixed = _mixed(_mixed(np.array(numbers, np.uint64))[:, None] + _mixed(keys))
    return torch.from_numpy((mixed >> np.uint64(40)).astype(np.float32) * np.float32(2**-24))


def noise(numbers: Sequence[int], samples: int) -> Tensor:
    """Noise `[sounds, samples]` with mean 0 and variance 1, nearly normal; 32 rows go round.

    A sample depends on the sound's number and its own place alone.
    """
    made = torch.empty(len(numbers), samples)
    for out, number in zip(made, numbers, strict=True):
        out.copy_(_row(number % ROWS, samples))
    return made


@functools.lru_cache(maxsize=2 * ROWS)
def _row(row: int, samples: int) -> Tensor:
    # A sum of uniform integers is the same on every machine; a logarithm or a cosine isn't.
    start = _mixed(np.array([row + SEED], np.uint64))
    places = np.arange(samples, dtype=np.uint64)
    total = np.zeros(samples, np.int32)
    for part in range(NOISE_TERMS // 4):
        bits = _mixed(places * np.uint64(2) + np.uint64(part) + start)
        total += bits.view(np.uint16).reshape(samples, 4).sum(1, dtype=np.int32)
    # The middle and the deviation of the sum of 8 integers from 0 to 65535.
    centred = total - np.int32(NOISE_TERMS * 65535 // 2)
    return torch.from_numpy(centred * np.float32(NOISE_SCALE))


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function (Steele, Lea & Flood 2014): every bit depends on every bit."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
