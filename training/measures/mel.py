"""Multi-scale mel spectrograms for losses: cheap, and without an empty band at any scale.

A band is a triangle on the mel scale (O'Shaughnessy's 2595 log10(1 + f/700)) that is at least as
wide as the STFT resolves, so that the low bands of short windows interpolate between bins instead
of falling between them. A window of w samples gets at most w/4 bands: more would say nothing new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor, nn

FLOOR = 1e-5  # -100 dB: anything quieter counts as silence


def mel_from_hz(frequency: Tensor) -> Tensor:
    """Frequencies in Hz as mel."""
    return 2595.0 * torch.log10(1.0 + frequency / 700.0)


def hz_from_mel(mel: Tensor) -> Tensor:
    """Mel as frequencies in Hz."""
    return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)


def mel_filters(sample_rate: int, window: int, bands: int) -> Tensor:
    """Triangular filters `[window // 2 + 1, bands]` up to half the rate.

    Args:
        sample_rate: Hz; window: STFT size in samples, even; bands: at least 1.
    """
    bins = torch.linspace(0, sample_rate / 2, window // 2 + 1, dtype=torch.float64)
    top = float(mel_from_hz(torch.tensor(sample_rate / 2, dtype=torch.float64)))
    edges = hz_from_mel(torch.linspace(0, top, bands + 2, dtype=torch.float64))
    low, centre, high = edges[:-2], edges[1:-1], edges[2:]
    spacing = sample_rate / window
    rising = (bins[:, None] - centre) / torch.clamp(centre - low, min=spacing)
    falling = (centre - bins[:, None]) / torch.clamp(high - centre, min=spacing)
    filters = torch.clamp(1 + torch.minimum(rising, falling), min=0)
    return (filters / filters.sum(0)).float()


class Magnitude(torch.autograd.Function):
    """Magnitudes of a short-time Fourier transform, hop a quarter of the window.

    The gradient is written by hand: that of a real transform is another real transform,
    dL/dxₙ = Re Σₖ gₖ (Xₖ/|Xₖ|) exp(2πikn/w) over the bins there are, which is what `irfft` sums if
    all but the first and the last are halved. Autograd takes a complex one of twice the size, and
    several walks through memory more. Where a magnitude is 0 the gradient is 0.

    Shape: `[batch, samples]` and a taper `[window]` to `[batch, frames, window // 2 + 1]`.
    """

    @staticmethod
    def forward(ctx: Any, audio: Tensor, taper: Tensor) -> Tensor:
        window = taper.shape[0]
        spectrum = torch.fft.rfft(audio.unfold(-1, window, window // 4) * taper)
        magnitude: Tensor = spectrum.abs()
        ctx.save_for_backward(spectrum, magnitude, taper)
        ctx.samples = audio.shape[-1]
        return magnitude

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        spectrum, magnitude, taper = ctx.saved_tensors
        hop = taper.shape[0] // 4
        scale = slopes[0] / magnitude.clamp(min=1e-12)
        scale[..., 1:-1] *= 0.5
        frames = torch.fft.irfft(spectrum * scale, n=4 * hop, norm="forward") * taper
        batch, count = frames.shape[:2]
        by_audio = frames.new_zeros(batch, ctx.samples)
        hops = by_audio[:, : (count + 3) * hop].unflatten(1, (count + 3, hop))
        for quarter in range(4):  # frames overlap: their gradients add up
            hops[:, quarter : quarter + count] += frames[..., quarter * hop : (quarter + 1) * hop]
        return by_audio, None


_magnitude = cast(Callable[[Tensor, Tensor], Tensor], Magnitude.apply)


class MelScale(nn.Module):
    """Mel magnitudes of one window size, hop a quarter of it.

    Scaled so that a full-scale sine in the middle of a bin has about magnitude 1 there.

    Args:
        sample_rate: Hz.
        window: samples, a power of two.
        bands: number of them, at most window / 4.

    Shape: `[batch, samples]` to `[batch, frames, bands]`; samples >= window.
    """

    taper: Tensor
    filters: Tensor

    def __init__(self, sample_rate: int, window: int, bands: int) -> None:
        super().__init__()
        self.bands = max(1, min(bands, window // 4))
        taper = torch.hann_window(window, dtype=torch.float64)
        self.register_buffer("taper", (taper * (2 / taper.sum())).float(), persistent=False)
        self.register_buffer(
            "filters", mel_filters(sample_rate, window, self.bands), persistent=False
        )

    def forward(self, audio: Tensor) -> Tensor:
        return _magnitude(audio, self.taper) @ self.filters


class MultiScaleMel(nn.Module):
    """Mel magnitudes at several window sizes.

    Args:
        sample_rate: Hz.
        windows: samples, powers of two.
        bands: number of them for the long windows; short ones have window / 4.
    """

    def __init__(self, sample_rate: int, windows: tuple[int, ...], bands: int) -> None:
        super().__init__()
        self.windows = windows
        self.scales = nn.ModuleList(MelScale(sample_rate, w, bands) for w in windows)

    def forward(self, audio: Tensor) -> list[Tensor]:
        """Magnitudes `[batch * channels, frames, bands]`, one tensor for each window.

        Args:
            audio: `[batch, channels, samples]`.

        Clips shorter than the longest window are padded with zeros.
        """
        flat = audio.float().reshape(-1, audio.shape[-1])
        missing = max(self.windows) - flat.shape[-1]
        if missing > 0:
            flat = nn.functional.pad(flat, (0, missing))
        return [scale(flat) for scale in self.scales]
