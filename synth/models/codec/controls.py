"""The control of the codec's instruments that moves the latent."""

from __future__ import annotations

from synth.contract import Control
from synth.models.latent_axes import LatentAxes


def latent_control(axes: LatentAxes) -> Control:
    """Offset along axes of the training latents, in latent units."""
    return axes.control(
        "offset along the principal axes of the training sounds, largest first;"
        " the range is their 1st to 99th percentile",
        smoothing_ms=20.0,
    )
