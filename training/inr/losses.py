"""What coordinate networks descend: sums of squares, of waveform and slope, and spectra.

All compare `made` and `meant`, two `[batch, points]`, at points that the caller has chosen; all are
0 at identity, and means over the batch, so that a batch of another size pulls alike. Whatever
precision a network is computed in, they are computed in float32 at least.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from training.inr.config import INRTrainConfig
from training.measures.cdpam import CDPAMLoss

Measure = Callable[[Tensor, Tensor], Tensor]

SIZES = (4096, 2048, 1024, 512, 256, 128)


@dataclass(frozen=True)
class Term:
    """`weight` times `measure(made, meant)`, a scalar, in the sum that is descended."""

    name: str
    weight: float
    measure: Measure


def per_sample(made: Tensor, meant: Tensor) -> Tensor:
    """Squared error: the mean over the batch of Σₙ (ŷₙ - yₙ)².

    A sum over points, not a mean, so it grows with their number: a figure says of how many.
    """
    return (_full(made) - _full(meant)).square().sum(-1).mean()


def derivative(made: Tensor, meant: Tensor) -> Tensor:
    """Squared error of the slope: the mean over the batch of Σₙ (Δŷₙ - Δyₙ)², Δyₙ = yₙ₊₁ - yₙ.

    The difference of neighbours rises with frequency as 2 sin(ω/2), so this weights high
    frequencies, which squared error of music mostly leaves out. The points have to be in order and
    evenly spaced; a slope is per point, not per second.
    """
    return (_full(made) - _full(meant)).diff(dim=-1).square().sum(-1).mean()


class MultiScaleSTFT(nn.Module):
    """Distance of magnitude spectra: Σₛ mean | |STFTₛ ŷ| - |STFTₛ y| | over batch, bins and frames.

    Size s has a Hann window, a hop of s/4, frames centred on multiples of the hop with the sound
    mirrored at its ends, and is divided by √s, so that white noise has the same level at every
    size. Magnitudes are linear: loud partials count, the noise floor hardly does.

    Frames are cut out of the points there are, so these have to be in order and evenly spaced. On a
    comb of every k-th sample the spectra are those of the sound decimated without a low-pass: bin f
    holds what the sound has at f and at all its k - 1 images, folded, and a size reaches over k
    times the time. Both sides are folded alike, so the distance is still 0 where the points agree,
    and a comb whose phase is drawn anew at each step leaves no frequency out; but an error at f is
    then the same as one at an image of f.

    Args:
        sizes: of the windows, in points. Of those longer than the points there are, none is used.
    """

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        for size in sizes:
            taper = torch.hann_window(size, dtype=torch.float64) / size**0.5
            self.register_buffer(f"taper_{size}", taper.float(), persistent=False)

    def distances(self, made: Tensor, meant: Tensor) -> Tensor:
        """The distance of each row, `[batch]`."""
        made, meant = _full(made), _full(meant)
        total = made.new_zeros(made.shape[0])
        for size in self.sizes:
            if size <= made.shape[-1]:
                difference = self.magnitude(made, size) - self.magnitude(meant, size)
                total = total + difference.abs().mean((1, 2))
        return total

    def forward(self, made: Tensor, meant: Tensor) -> Tensor:
        return self.distances(made, meant).mean()

    def magnitude(self, audio: Tensor, size: int) -> Tensor:
        """`[batch, points]` to `[batch, frames, size // 2 + 1]`."""
        taper: Tensor = getattr(self, f"taper_{size}").to(audio.dtype)
        padded = nn.functional.pad(audio, (size // 2, size // 2), mode="reflect")
        spectrum: Tensor = torch.fft.rfft(padded.unfold(-1, size, size // 4) * taper)
        return spectrum.abs()


def inr_terms(settings: INRTrainConfig, points: int, seconds: float) -> list[Term]:
    """The terms that the settings ask for. A term of weight 0 is left out.

    Args:
        points: of each sound that are compared; seconds: that they are spread over.

    Raises:
        ConfigError: too few points for a spectrum, or CDPAM is wanted and not installed.
        ModelFileError: the weights of CDPAM are not what they should be.
    """
    terms = []
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


def _full(audio: Tensor) -> Tensor:
    """In float32, or float64 where it is that already."""
    return audio if audio.dtype == torch.float64 else audio.float()
