"""Phases by iteration: to a signal and back, keeping the magnitudes."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.contract import require_within
from synth.dsp.nsgt import NSGT
from synth.dsp.phase.checks import check_magnitude


def griffin_lim(
    magnitude: Tensor,
    transform: NSGT,
    iterations: int = 100,
    momentum: float = 0.99,
    generator: torch.Generator | None = None,
    phase: Tensor | None = None,
) -> Tensor:
    """Sound `[*, length]` whose coefficients come near to the given magnitudes.

    Without momentum no iteration makes the spectral convergence worse. With it far fewer are
    needed, and single ones may go up.

    Args:
        magnitude: at least 0, `[*, bands, frames]`.
        transform: of the magnitudes.
        iterations: 0 … 100000.
        momentum: 0 … 1, how far each step goes on in the direction of the last one.
        generator: of the phases that the iteration begins with; None takes torch's own.
        phase: to begin with in place of random ones, radians, `[*, bands, frames]`.

    Raises:
        DataError: magnitudes that don't go with the transform.
        ConfigError: an argument out of its range.

    Source: Griffin, Lim 1984, Signal estimation from modified short-time Fourier transform;
    Perraudin, Balazs, Søndergaard 2013, A fast Griffin-Lim algorithm.
    """
    check_magnitude(magnitude, transform)
    require_within("iterations", iterations, 0, 100_000)
    require_within("momentum", momentum, 0.0, 1.0)
    if phase is None:
        phase = random_phase(magnitude, generator)
    found = torch.polar(magnitude, phase.to(magnitude))
    before = found
    for _ in range(iterations):
        possible = transform(transform.inverse(_with_magnitude(found, magnitude)))
        found = possible + momentum * (possible - before)
        before = possible
    return transform.inverse(_with_magnitude(found, magnitude))


def random_phase(magnitude: Tensor, generator: torch.Generator | None) -> Tensor:
    """Even phases of 0 … 2 pi, in the shape of `magnitude`."""
    device = generator.device if generator is not None else magnitude.device
    phase = torch.rand(magnitude.shape, generator=generator, device=device, dtype=magnitude.dtype)
    return 2 * math.pi * phase.to(magnitude.device)


def _with_magnitude(coefficients: Tensor, magnitude: Tensor) -> Tensor:
    return torch.polar(magnitude, coefficients.angle())
