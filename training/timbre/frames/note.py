"""Where a note begins and ends in its recording."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from training.data.library import Array, Clip

BLOCK_SECONDS = 0.005
# Below the loudest moment: a note has begun when it is this loud, and is over when it stays softer.
BEGUN_DB, OVER_DB = -40.0, -60.0
LOWEST_DB = -160.0


class Note(NamedTuple):
    """The extent of a note in its recording, in samples: `onset`, and `end`, after its last one."""

    onset: int
    end: int


@lru_cache(maxsize=65_536)
def find_note(clip: Clip, sample_rate: int) -> Note:
    """The extent of the note in a recording; of silence it is the whole recording.

    Args:
        clip: mono; sample_rate: Hz.
    """
    levels = block_levels(np.asarray(clip.open()[0]), sample_rate)
    block = block_size(sample_rate)
    top = levels.max(initial=LOWEST_DB)
    if top <= LOWEST_DB:
        return Note(0, clip.frames)
    begun = int(np.argmax(levels >= top + BEGUN_DB))
    over = int(np.flatnonzero(levels >= top + OVER_DB)[-1])
    return Note(begun * block, min(clip.frames, (over + 1) * block))


def block_size(sample_rate: int) -> int:
    """Samples of a block whose level is measured."""
    return max(1, round(BLOCK_SECONDS * sample_rate))


def block_levels(audio: Array, sample_rate: int) -> Array:
    """Level of each block of a sound in dB, RMS, where full scale is 0.

    Args:
        audio: `[samples]`; sample_rate: Hz.
    """
    block = block_size(sample_rate)
    whole = np.zeros(-(-len(audio) // block) * block, np.float32)
    whole[: len(audio)] = audio
    power = np.square(whole.reshape(-1, block)).mean(1)
    levels: Array = 10 * np.log10(np.maximum(power, 10 ** (LOWEST_DB / 10)))
    return levels
