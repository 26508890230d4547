"""Phase-gradient heap integration of whole sounds."""

from __future__ import annotations

import torch
from torch import Tensor

from synth.dsp.nsgt import NSGT
from synth.dsp.phase.checks import check_magnitude
from synth.dsp.phase.gradients import TAU, PhaseGradient
from synth.dsp.phase.iterative import random_phase
from synth.dsp.phase.spanning import Connections, add_up

QUIETEST = 1e-6  # of the loudest magnitude: what is quieter has a random phase


def heap_integration(
    magnitude: Tensor, transform: NSGT, generator: torch.Generator | None = None
) -> Tensor:
    """Sound `[length]` whose coefficients come near to the given magnitudes, without iteration.

    Args:
        magnitude: at least 0, `[bands, frames]`.
        transform: of the magnitudes.
        generator: of the phases of the quietest coefficients; None takes torch's own.

    Raises:
        DataError: magnitudes that don't go with the transform.

    Source: Prusa, Balazs, Søndergaard 2017, A noniterative method for reconstruction of phase from
    STFT magnitude; for filter banks: Prusa, Holighaus 2017.
    """
    phase = integrated_phase(magnitude, transform, generator)
    return transform.inverse(torch.polar(magnitude, phase.to(magnitude)))


def integrated_phase(
    magnitude: Tensor, transform: NSGT, generator: torch.Generator | None = None
) -> Tensor:
    """The phases, 0 … 2 pi, float64 `[bands, frames]`; arguments as in `heap_integration`."""
    check_magnitude(magnitude, transform)
    exact = magnitude.double()
    floor = float(exact.max()) * QUIETEST
    if floor == 0:
        return torch.zeros_like(exact)
    loud = exact >= floor
    found, _ = add_up(_neighbours(exact.clamp_min(floor), loud, transform), exact.flatten())
    phase = torch.remainder(found.view_as(exact), TAU)  # so that single precision can hold it
    return torch.where(loud, phase, random_phase(exact, generator))


def _neighbours(magnitude: Tensor, loud: Tensor, transform: NSGT) -> Connections:
    """Each loud coefficient with the next one in time and the next one in frequency."""
    gradient = PhaseGradient(transform)
    bands, frames = magnitude.shape
    time_s = torch.arange(frames, dtype=torch.float64, device=magnitude.device) * gradient.frame_s
    offset = gradient.offset_hz(torch.where(loud, magnitude, 0.0))
    later = (offset[:, 1:] + offset[:, :-1]) * (TAU / 2 * gradient.frame_s)
    higher = gradient.along_bands(_slope(magnitude.log(), gradient.frame_s), time_s)
    node = torch.arange(bands * frames, device=magnitude.device).view(bands, frames)
    both_later, both_higher = loud[:, 1:] & loud[:, :-1], loud[1:] & loud[:-1]
    return Connections(
        torch.cat([node[:, :-1][both_later], node[:-1][both_higher]]),
        torch.cat([node[:, 1:][both_later], node[1:][both_higher]]),
        torch.cat([later[both_later], higher[both_higher]]),
    )


def _slope(values: Tensor, spacing: float) -> Tensor:
    """Along the last axis, per unit; from both neighbours, at the ends from one."""
    if values.shape[-1] < 2:
        return torch.zeros_like(values)
    (slope,) = torch.gradient(values, spacing=spacing, dim=-1)
    return slope
