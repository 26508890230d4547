"""Signal processing.

- `resampling`: reading a signal at a varying rate, exactly and block by block.
"""

from synth.dsp.resampling import FRACTION_BITS, interpolation_table, read_at

__all__ = ["FRACTION_BITS", "interpolation_table", "read_at"]
