"""The nonstationary Gabor transform: invertible, with bands as wide as a scale of frequencies asks.

Source: Balazs et al. 2011, Theory, implementation and applications of nonstationary Gabor frames.

- `scales`: the frequencies of the bands.
- `windows`: the bands in the spectrum; `frame`: bounds and dual windows.
- `painless`: from a signal to the bands of its spectrum and back.
- `transform`: of whole signals, `NSGT` as a matrix, `RaggedNSGT` with as many coefficients as each
  band needs.
- `sliced`: of streams, `SlicedNSGT`; back to audio, `SlicedInverse`.
"""

from synth.dsp.nsgt.scales import SCALES, Scale, make_scale
from synth.dsp.nsgt.sliced import OVERLAPS, SlicedInverse, SlicedNSGT
from synth.dsp.nsgt.transform import NSGT, RaggedNSGT

__all__ = [
    "NSGT",
    "OVERLAPS",
    "SCALES",
    "RaggedNSGT",
    "Scale",
    "SlicedInverse",
    "SlicedNSGT",
    "make_scale",
]
