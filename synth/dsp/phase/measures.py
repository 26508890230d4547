"""How well a sound has the magnitudes that were asked for."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.dsp.nsgt import NSGT


def spectral_convergence(audio: Tensor, magnitude: Tensor, transform: NSGT) -> float:
    """Norm of the error of the magnitudes over the norm of those asked for; 0 is best.

    Args:
        audio: `[length]`; magnitude: asked for, `[bands, frames]`.
    """
    error = transform(audio).abs() - magnitude
    return float(error.norm() / magnitude.norm().clamp_min(torch.finfo(magnitude.dtype).tiny))


def log_spectral_distance_db(
    audio: Tensor, magnitude: Tensor, transform: NSGT, depth_db: float = 80.0
) -> float:
    """RMS difference of the levels in dB over all bands and frames.

    Args:
        audio: `[length]`; magnitude: asked for, `[bands, frames]`.
        depth_db: below the largest magnitude asked for, from which on all counts as equally quiet.
    """
    floor = float(magnitude.max()) * 10 ** (-depth_db / 20)
    made, wanted = (m.clamp_min(max(floor, 1e-30)) for m in (transform(audio).abs(), magnitude))
    return float((20 * (made / wanted).log10()).square().mean().sqrt())
