"""The nonstationary Gabor transform: invertible, with bands as wide as a scale of frequencies asks.

Source: Balazs et al. 2011, Theory, implementation and applications of nonstationary Gabor frames.

- `scales`: the frequencies of the bands.
- `transform`: `NSGT`, of whole signals.
"""

from synth.dsp.nsgt.scales import SCALES, Scale, make_scale
from synth.dsp.nsgt.transform import NSGT

__all__ = ["NSGT", "SCALES", "Scale", "make_scale"]
