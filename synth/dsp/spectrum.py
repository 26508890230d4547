"""Power spectra of overlapping frames: differentiable, batched, exported without complex numbers.

In torch the Fourier transform is `torch.fft.rfft`. In a graph that is exported it becomes two small
products of matrices (Cooley & Tukey 1965 with one split), because a dense matrix of a window of
2,048 samples takes 16 MB in a file and complex tensors aren't known to runtimes.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from synth.contract import ConfigError


def frame_count(samples: int, hop: int) -> int:
    """Number of frames of a sound whose first one has its middle at sample 0.

    Args:
        samples: of the sound.
        hop: samples from one frame to the next.
    """
    return samples // hop + 1


def frames_of(audio: Tensor, window: int, hop: int) -> Tensor:
    """Overlapping frames, silence around the sound.

    Args:
        audio: `[batch, samples]`.
        window: samples of a frame.
        hop: samples from one frame to the next.

    Returns:
        `[batch, samples // hop + 1, window]`; frame i has its middle at sample `i * hop`.
    """
    padded = F.pad(audio, (window // 2, window - window // 2))
    if not _exporting():
        return padded.unfold(-1, window, hop)
    # One gather of whole stretches, where the exporter would cut each frame with a node of its own.
    length = math.gcd(window, hop)
    count = frame_count(int(audio.shape[-1]), hop)
    missing = -int(padded.shape[-1]) % length
    stretches = F.pad(padded, (0, missing)).reshape(len(audio), -1, length)
    first = np.arange(count)[:, None] * (hop // length)
    at = torch.from_numpy(first + np.arange(window // length)).reshape(-1)
    return stretches[:, at].reshape(len(audio), count, window)


def power_spectrum(frames: Tensor) -> Tensor:
    """Squared magnitudes of the Fourier transform of real frames.

    Args:
        frames: `[..., window]`, already windowed.

    Returns:
        `[..., window // 2 + 1]`.
    """
    if _exporting():
        real, imaginary = real_transform(frames)
        return real * real + imaginary * imaginary
    spectrum: Tensor = torch.fft.rfft(frames)
    return spectrum.real.square() + spectrum.imag.square()


def real_transform(frames: Tensor) -> tuple[Tensor, Tensor]:
    """Real and imaginary part of the Fourier transform, by products of real matrices.

    With `window = p * q`, sample `n = a + p * b` and frequency `k = c + q * d`, the transform is a
    sum over b, a turn by `a * c / window`, and a sum over a.

    Args:
        frames: `[..., window]`.

    Returns:
        two of `[..., window // 2 + 1]`.
    """
    window = int(frames.shape[-1])
    p = next(p for p in range(math.isqrt(window), 0, -1) if window % p == 0)
    q = window // p
    rows = frames.reshape(*frames.shape[:-1], q, p).transpose(-1, -2)
    cosine, sine = _waves(q, q, q, frames)
    real, imaginary = rows @ cosine, rows @ sine
    cosine, sine = _waves(p, q, window, frames)
    real, imaginary = real * cosine - imaginary * sine, real * sine + imaginary * cosine
    # Only the frequencies up to the middle of a real sound's spectrum are wanted.
    cosine, sine = _waves(p // 2 + 1, p, p, frames)
    whole = cosine @ real - sine @ imaginary, sine @ real + cosine @ imaginary
    last = window // 2 + 1
    return whole[0].flatten(-2)[..., :last], whole[1].flatten(-2)[..., :last]


def triangles(edges_hz: Tensor, sample_rate: int, window: int, *, slimmest: float = 1.0) -> Tensor:
    """Triangular bands over the frequencies of a spectrum; their peaks are 1.

    Args:
        edges_hz: ascending, `[bands + 2]`: band i rises from edge i to i + 1 and falls to i + 2.
        sample_rate: Hz.
        window: samples of the frames.
        slimmest: least distance from a peak to either foot, in frequencies of the spectrum, so that
            no band falls between two of them.

    Returns:
        `[window // 2 + 1, bands]`, rounded to half precision so that a file can hold them so.
    """
    step = sample_rate / window
    edges = edges_hz.double() / step
    bins = torch.arange(window // 2 + 1, dtype=torch.float64)[:, None]
    peak = edges[1:-1]
    rise = (peak - edges[:-2]).clamp_min(slimmest)
    fall = (edges[2:] - peak).clamp_min(slimmest)
    bands = torch.minimum(1 - (peak - bins) / rise, 1 - (bins - peak) / fall).clamp_min(0)
    return bands.half().float()


def mel_edges(bands: int, minimum_hz: float, maximum_hz: float) -> Tensor:
    """Edges of bands that are evenly spaced in mel (O'Shaughnessy's formula), `[bands + 2]`, Hz.

    Args:
        bands: number of bands.
        minimum_hz, maximum_hz: the first and the last edge, above 0.

    Raises:
        ConfigError: the edges are in the wrong order.
    """
    low, high = (2595 * math.log10(1 + hz / 700) for hz in _ordered(minimum_hz, maximum_hz))
    mel = torch.linspace(low, high, bands + 2, dtype=torch.float64)
    return 700 * (10 ** (mel / 2595) - 1)


def log_edges(bands: int, minimum_hz: float, maximum_hz: float) -> Tensor:
    """Edges of bands that are evenly spaced in octaves, `[bands + 2]`, Hz.

    Args:
        bands, minimum_hz, maximum_hz: as for `mel_edges`, which raises the same.
    """
    low, high = (math.log2(hz) for hz in _ordered(minimum_hz, maximum_hz))
    return 2 ** torch.linspace(low, high, bands + 2, dtype=torch.float64)


def _ordered(low: float, high: float) -> tuple[float, float]:
    if not 0 < low < high:
        raise ConfigError(f"bands from {low} to {high} Hz; they need 0 < lowest < highest")
    return low, high


def _waves(a: int, b: int, period: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """Cosine and minus sine of `2 pi i j / period`, `[a, b]`."""
    # NumPy, so that an exporter sees two constants, not how they are computed.
    angle = np.outer(np.arange(a), np.arange(b)) % period * (2 * math.pi / period)
    return torch.from_numpy(np.cos(angle)).to(like), torch.from_numpy(-np.sin(angle)).to(like)


def _exporting() -> bool:
    traced: bool = torch.onnx.is_in_onnx_export()
    return traced or torch.compiler.is_exporting()
