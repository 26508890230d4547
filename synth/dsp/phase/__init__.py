"""Phases for magnitudes: from frames of the transform in matrix form to sound.

- `iterative`: Griffin-Lim, with momentum.
- `gradients`: how the phase changes along time and along the bands, read from magnitudes.
- `spanning`: adds such changes up, from loud coefficients to quiet ones.
- `offline`: phase-gradient heap integration of whole sounds.
- `causal`: the same frame by frame, with explicit state.
- `checks`: of the magnitudes that are given.
- `measures`: how well a sound has the magnitudes that were asked for.
"""

from synth.dsp.phase.causal import CausalHeapIntegration, PhaseState
from synth.dsp.phase.iterative import griffin_lim
from synth.dsp.phase.measures import log_spectral_distance_db, spectral_convergence
from synth.dsp.phase.offline import heap_integration

__all__ = [
    "CausalHeapIntegration",
    "PhaseState",
    "griffin_lim",
    "heap_integration",
    "log_spectral_distance_db",
    "spectral_convergence",
]
