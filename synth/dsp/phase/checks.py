"""Magnitudes that a transform can have."""

from __future__ import annotations

from torch import Tensor

from synth.contract import DataError
from synth.dsp.nsgt import NSGT


def check_magnitude(magnitude: Tensor, transform: NSGT) -> None:
    """Raise `DataError` unless they are `[*, bands, frames]` of the transform, finite and >= 0."""
    wanted = (len(transform.frequencies), transform.frames)
    if magnitude.shape[-2:] != wanted:
        raise DataError(
            f"magnitudes of shape {list(magnitude.shape)} don't go with the transform, which has"
            f" {wanted[0]} bands of {wanted[1]} frames; cut or repeat frames, or make a transform"
            " of another length"
        )
    check_values(magnitude)


def check_values(magnitude: Tensor) -> None:
    """Raise `DataError` where a magnitude is negative or not finite."""
    if magnitude.numel() and not bool((magnitude.isfinite() & (magnitude >= 0)).all()):
        raise DataError(
            "magnitudes hold a negative or infinite value or NaN; give finite ones >= 0"
        )
