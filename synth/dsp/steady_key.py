"""Key of a recording of one steady note."""

from __future__ import annotations

import numpy as np

from synth.dsp.frames import Audio
from synth.dsp.pitch import pitch_track

UNKNOWN = -1.0
_MOMENTS_PER_SECOND = 20
_STEADY = 0.5  # semitones at most between the quartiles of a note's pitch
_VOICED = 0.3  # share of the moments that need a pitch: a note may die away early


def steady_key(audio: Audio, sample_rate: int) -> float:
    """MIDI key of one steady note, to a hundredth, or -1 where no steady pitch is found.

    Args:
        audio: `[samples]`; sample_rate: Hz.
    """
    found = pitch_track(audio, sample_rate, max(1, sample_rate // _MOMENTS_PER_SECOND))
    if np.mean(found.voiced) < _VOICED:
        return UNKNOWN
    keys = 69 + 12 * np.log2(found.hz[found.voiced] / 440)
    low, middle, high = np.percentile(keys, (25, 50, 75))
    if high - low > _STEADY or not 0 <= middle <= 127:
        return UNKNOWN
    return round(float(middle), 2)
