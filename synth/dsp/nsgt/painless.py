"""From a signal to the bands of its spectrum and back, wherever their coefficients lie in memory.

The windows cover the spectrum about twice, so they have few bins in all, though a matrix of bands
and frames is large: bins are gathered and weighted first, and then put into their places among
zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor, nn

from synth.contract import DataError
from synth.dsp.nsgt.frame import make_frame
from synth.dsp.nsgt.windows import Bands, Ints

REAL = (torch.float32, torch.float64)


class Painless(nn.Module):
    """Base of the transforms of whole signals.

    Args:
        bands: the windows.
        sample_rate: Hz.
        sizes: coefficients of each band; starts: where each band begins in memory.

    Attributes:
        sample_rate: Hz; length: of the signals, in samples.
        frequencies: Hz, float64 `[bands]`.
        centres: bins of the spectrum by which the bands are moved down to 0, the frequencies
            rounded to multiples of sample_rate / length.
        widths_hz: of the windows, from where they rise to where they end.
        reach_hz: lowest and highest frequency that come back from the inverse.
        bounds: of the frame: least and greatest energy of coefficients over that of the signal.
        redundancy: real numbers in the coefficients per sample.
    """

    frequencies: Tensor
    _bin: Tensor
    _slot: Tensor
    _weight: Tensor
    _dual: Tensor

    def __init__(self, bands: Bands, sample_rate: int, sizes: Ints, starts: Ints) -> None:
        super().__init__()
        entries, frame = bands.entries, make_frame(bands, sizes)
        spacing = sample_rate / bands.length
        self.sample_rate, self.length = sample_rate, bands.length
        self.centres = tuple(int(centre) for centre in bands.centres)
        self.widths_hz = tuple(float(width) * spacing for width in bands.widths)
        reached = frame.reached.nonzero()[0] * spacing
        self.reach_hz = (float(reached[0]), float(reached[-1]))
        self.bounds = frame.bounds
        self.redundancy = 2 * int(sizes.sum()) / bands.length
        self._bins = bands.length // 2 + 1
        self._mirrors = bool(entries.mirrored.any())
        self._coefficients = int(sizes.sum())
        scale = sizes[entries.band]  # undoes the mean in an inverse FFT
        self._exact = {
            "frequencies": torch.from_numpy(bands.frequencies),
            "_weight": torch.from_numpy(entries.weight * scale),
            "_dual": torch.from_numpy(frame.duals),
        }
        source = torch.from_numpy(entries.bin + self._bins * entries.mirrored)
        slot = torch.from_numpy(starts[entries.band] + entries.offset % scale)
        self.register_buffer("_bin", source, persistent=False)
        self.register_buffer("_slot", slot, persistent=False)
        self._restore()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Moves with its owner, but stays in double precision when that is cast to single."""
        for name in self._exact:
            del self._buffers[name]
        try:
            super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        finally:
            self._restore()
        return self

    def _restore(self) -> None:
        device = self._bin.device
        dtype = torch.float32 if device.type == "mps" else torch.float64  # Apple's have no double
        for name, values in self._exact.items():
            # A copy, so that nobody who writes into the buffer changes the next one.
            self.register_buffer(name, values.to(device, dtype, copy=True), persistent=False)

    def analysis(self, audio: Tensor) -> Tensor:
        """Spectra of all bands, complex `[*, coefficients]`, of audio `[*, length]`."""
        if audio.shape[-1:] != (self.length,) or audio.dtype not in REAL:
            raise DataError(
                f"audio {list(audio.shape)} of type {audio.dtype}: this transform takes float32"
                f" or float64 and {self.length} samples in the last dimension; convert, pad or cut"
                " the audio, or make a transform of its length"
            )
        spectrum: Tensor = torch.fft.rfft(audio.reshape(-1, self.length))
        if self._mirrors:
            spectrum = torch.cat([spectrum, spectrum.conj()], 1)
        seen = spectrum.gather(1, self._bin.expand(len(spectrum), -1))
        seen = seen * self._weight.to(audio.dtype)
        bands = seen.new_zeros(len(seen), self._coefficients)
        bands.scatter_(1, self._slot.expand(len(seen), -1), seen)
        return bands.reshape(*audio.shape[:-1], self._coefficients)

    def synthesis(self, bands: Tensor) -> Tensor:
        """Audio `[*, length]` of the spectra of all bands, complex `[*, coefficients]`."""
        rows = bands.reshape(-1, self._coefficients)
        seen = rows.gather(1, self._slot.expand(len(rows), -1))
        seen = seen * self._dual.to(bands.real.dtype)
        spectrum = seen.new_zeros(len(rows), self._bins * (2 if self._mirrors else 1))
        spectrum.scatter_add_(1, self._bin.expand(len(rows), -1), seen)
        if self._mirrors:
            spectrum = spectrum[:, : self._bins] + spectrum[:, self._bins :].conj()
        audio: Tensor = torch.fft.irfft(spectrum, self.length)
        return audio.reshape(*bands.shape[:-1], self.length)
