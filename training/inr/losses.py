"""Losses of coordinate networks: squared errors of waveform and slope, spectra, CDPAM.

All compare `made` and `meant`, two `[batch, points]`, at points that the caller has chosen. They
are 0 at identity, and means over the batch, so that their gradient doesn't grow with its size.
Whatever the precision of the network, they are computed in float32 at least.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from synth.contract import ConfigError
from training.inr.config import INRTrainConfig
from training.measures.cdpam import CDPAMLoss
from training.measures.spectra import SIZES, MultiScaleSTFT, full_precision
from training.measures.terms import Term

Measure = Callable[[Tensor, Tensor], Tensor]


def per_sample(made: Tensor, meant: Tensor) -> Tensor:
    """Squared error: the mean over the batch of Σₙ (ŷₙ - yₙ)².

    It is a sum over points, not a mean, so it grows with their number.
    """
    return (full_precision(made) - full_precision(meant)).square().sum(-1).mean()


def derivative(made: Tensor, meant: Tensor) -> Tensor:
    """Squared error of the slope: the mean over the batch of Σₙ (Δŷₙ - Δyₙ)², Δyₙ = yₙ₊₁ - yₙ.

    The difference of neighbours rises with frequency as 2 sin(ω/2), so this weights the high
    frequencies, which hardly count in the squared error of music. The points must be in order and
    evenly spaced; slopes are per point, not per second.
    """
    return (full_precision(made) - full_precision(meant)).diff(dim=-1).square().sum(-1).mean()


def inr_terms(settings: INRTrainConfig, points: int, seconds: float) -> list[Term[Measure]]:
    """The terms of the loss; a term of weight 0 is left out.

    Args:
        settings: of the run.
        points: number of points of each sound that are compared.
        seconds: that they are spread over.

    Raises:
        ConfigError: too few points for a spectrum, or CDPAM is asked for and not installed.
        ModelFileError: the weights of CDPAM are not the known ones.
    """
    terms: list[Term[Measure]] = []
    if settings.per_sample:
        terms.append(Term("per_sample", settings.per_sample, per_sample))
    if settings.deriv_per_sample:
        terms.append(Term("deriv_per_sample", settings.deriv_per_sample, derivative))
    if settings.multiscale_stft:
        if points < min(SIZES):
            raise ConfigError(
                f"multiscale_stft compares spectra of {min(SIZES)} points and more, and there are"
                f" {points}; raise samples_per_datapoint, or set multiscale_stft to 0"
            )
        terms.append(Term("multiscale_stft", settings.multiscale_stft, MultiScaleSTFT()))
    if settings.cdpam:
        terms.append(Term("cdpam", settings.cdpam, CDPAMLoss.installed(seconds)))
    return terms
