"""The transforms of whole signals: as a matrix, and with as many coefficients as each band needs.

Both are exact in their full form: the inverse of the transform of a signal is that signal. In the
reduced form the two rest bands are missing, and with them everything below the lowest and above the
highest band; `reach_hz` says between which frequencies a signal comes back.

The inverse of coefficients that aren't those of any signal, because something has changed them, is
the signal whose coefficients are nearest to them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from synth.contract import DataError
from synth.dsp.nsgt.frame import quick_size, shared_size
from synth.dsp.nsgt.painless import Painless
from synth.dsp.nsgt.scales import Scale
from synth.dsp.nsgt.windows import filled, lay_bands


class NSGT(Painless):
    """Nonstationary Gabor transform in matrix form: as many frames in every band.

    Coefficients are scaled so that a sinusoid of amplitude A at the frequency of a band has the
    magnitude A in it. Their phase is that of the band moved down by its bin in `centres`.

    Args:
        scale: frequencies of the bands, all below half the sample rate.
        sample_rate: Hz; length: of the signals, in samples.
        reduced: without the rest: the bands around 0 Hz and the Nyquist frequency, and those that
            lie between them and the scale, if it leaves more room than between its own bands.
        multiple: of which the number of frames is one.

    Attributes:
        frames: in every band; frame_rate: of them, in Hz. Frame i is centred on i / frame_rate.
        reduced: whether the rest is missing.
        own: which bands are those of the scale.
        Those of `Painless` besides.

    Raises:
        ConfigError: a band at or above the Nyquist frequency, or a signal too short for the lowest
            band.

    >>> from synth.dsp.nsgt import make_scale
    >>> NSGT(make_scale("octave", 30, 11_000, 48), 22_050, 55_125).frames
    784
    """

    def __init__(
        self,
        scale: Scale,
        sample_rate: int,
        length: int,
        reduced: bool = True,
        multiple: int = 2,
    ) -> None:
        own = slice(0, len(scale.frequencies))
        if not reduced:
            # One band over all of the rest would be wide, and every band would have its frames.
            scale, inner = filled(scale, sample_rate, length)
            own = slice(inner.start + 1, inner.stop + 1)
        bands = lay_bands(scale, sample_rate, length, reduced)
        count = len(bands.widths)
        frames = quick_size(int(bands.widths.max()), multiple)
        starts = frames * np.arange(count)
        super().__init__(bands, sample_rate, np.full(count, frames), starts)
        self.reduced, self.frames, self.own = reduced, frames, own
        self.frame_rate = frames * sample_rate / length

    def forward(self, audio: Tensor) -> Tensor:
        """Coefficients, complex `[*, bands, frames]`, of audio `[*, length]`."""
        bands = self.analysis(audio)
        shape = (*audio.shape[:-1], len(self.frequencies), self.frames)
        coefficients: Tensor = torch.fft.ifft(bands.reshape(shape))
        return coefficients

    def inverse(self, coefficients: Tensor) -> Tensor:
        """The audio `[*, length]` whose coefficients are nearest to these, `[*, bands, frames]`."""
        wanted = (len(self.frequencies), self.frames)
        if coefficients.shape[-2:] != wanted:
            raise DataError(
                f"coefficients {list(coefficients.shape)}: this transform takes {wanted[0]} bands"
                f" of {wanted[1]} frames in the last two dimensions; give what its forward returns"
            )
        return self.synthesis(torch.fft.fft(coefficients).flatten(-2))


class RaggedNSGT(Painless):
    """Nonstationary Gabor transform with as many coefficients in each band as its window needs.

    A narrow band changes slowly and has few coefficients, so there are two to three real numbers
    per sample in all, instead of the tens of the matrix form.

    Args:
        scale: frequencies of the bands, all below half the sample rate.
        sample_rate: Hz; length: of the signals, in samples.
        reduced: without the two rest bands around 0 Hz and the Nyquist frequency.

    Attributes:
        sizes: coefficients of each band. Number i of n is centred on i / n of the signal.
        reduced: whether the rest bands are missing.
        own: which bands are those of the scale.
        Those of `Painless` besides.

    Raises:
        ConfigError: as for `NSGT`.
    """

    def __init__(self, scale: Scale, sample_rate: int, length: int, reduced: bool = False) -> None:
        bands = lay_bands(scale, sample_rate, length, reduced)
        sizes = np.array([shared_size(int(width)) for width in bands.widths])
        order = np.argsort(sizes, kind="stable")  # bands of one size are neighbours: one FFT
        starts = np.zeros_like(sizes)
        starts[order[1:]] = np.cumsum(sizes[order])[:-1]
        super().__init__(bands, sample_rate, sizes, starts)
        self.reduced, self.sizes = reduced, tuple(int(size) for size in sizes)
        self.own = slice(0, len(sizes)) if reduced else slice(1, len(sizes) - 1)
        self._order = tuple(int(band) for band in order)
        found, counts = np.unique(sizes, return_counts=True)
        self._groups = [(int(s), int(n)) for s, n in zip(found, counts, strict=True)]

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Coefficients, complex `[*, sizes[band]]` for each band, of audio `[*, length]`."""
        bands = list[Tensor]()
        parts = torch.split(self.analysis(audio), [size * n for size, n in self._groups], -1)
        for part, (size, count) in zip(parts, self._groups, strict=True):
            group = torch.fft.ifft(part.reshape(*audio.shape[:-1], count, size))
            bands.extend(group.unbind(-2))
        placed = dict(zip(self._order, bands, strict=True))
        return [placed[band] for band in range(len(placed))]

    def inverse(self, coefficients: Sequence[Tensor]) -> Tensor:
        """The audio `[*, length]` whose coefficients are nearest to these, one tensor per band."""
        found = tuple(band.shape[-1] for band in coefficients)
        if found != self.sizes:
            differs = [b for b, (f, s) in enumerate(zip(found, self.sizes, strict=False)) if f != s]
            where = f", first in band {differs[0]}" if differs else ""
            raise DataError(
                f"{len(found)} bands whose sizes aren't those of the {len(self.sizes)} bands of"
                f" this transform{where}; give what its forward returns"
            )
        parts, at = [], 0
        for _, count in self._groups:
            group = [coefficients[band] for band in self._order[at : at + count]]
            parts.append(torch.fft.fft(torch.stack(group, -2)).flatten(-2))
            at += count
        return self.synthesis(torch.cat(parts, -1))
