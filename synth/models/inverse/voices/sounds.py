"""Numbered sounds: a number is a patch and its noise, on every machine and in every batch."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from synth.contract import ConfigError

GROUP, FOLDS = 1024, 10
SPLITS = {"train": tuple(range(8)), "validation": (8,), "test": (9,)}


def split_of(number: int) -> str:
    """The split of a sound: by its group of 1024, one in ten is for tests, one for validation."""
    fold = number // GROUP % FOLDS
    return next(name for name, folds in SPLITS.items() if fold in folds)


def numbers_of(split: str, first: int, count: int) -> list[int]:
    """The numbers of the sounds `first` … `first + count - 1` of a split, counted within it.

    Raises:
        ConfigError: there is no such split.
    """
    if split not in SPLITS:
        raise ConfigError(f"split {split!r} is unknown; known are {', '.join(SPLITS)}")
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
    """Standard normal noise `[sounds, samples]`; 32 rows go round."""
    rows = [torch.Generator().manual_seed(13 + number % 32) for number in numbers]
    return torch.stack([torch.randn(samples, generator=g) for g in rows])


def _mixed(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """SplitMix64's output function (Steele, Lea & Flood 2014): every bit depends on every bit."""
    with np.errstate(over="ignore"):
        x = x + np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return x ^ (x >> np.uint64(31))
