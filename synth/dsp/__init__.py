"""Signal processing.

- `resampling`: reading a signal at a varying rate, exactly and block by block.
- `frames`: pieces of a signal round given moments.
- `pitch`: pitch of one voice, by YIN; `steady_key`: key of one steady note.
- `nsgt`: an invertible transform whose bands follow a musical or auditory scale.
- `features`: pitch, voicing, loudness, onset and brightness over time.
"""

from synth.dsp.features import NAMES, RANGES, Range, extract
from synth.dsp.pitch import Pitch, pitch_track
from synth.dsp.resampling import FRACTION_BITS, interpolation_table, read_at
from synth.dsp.steady_key import UNKNOWN, steady_key

__all__ = [
    "FRACTION_BITS",
    "NAMES",
    "RANGES",
    "UNKNOWN",
    "Pitch",
    "Range",
    "extract",
    "interpolation_table",
    "pitch_track",
    "read_at",
    "steady_key",
]
