"""Band-limited resampling of whole sounds, with a gradient."""

from __future__ import annotations

import torch
from torch import Tensor


def resample(audio: Tensor, samples: int) -> Tensor:
    """The same stretch of time with another number of samples.

    A sound is continued by its mirror image (sample i of n returns as sample 2n - 1 - i), so that
    neither end is a jump, and its spectrum is cut or extended with zeros: frequencies below both
    Nyquist frequencies are kept exactly, those above the new one are removed.

    Args:
        audio: `[batch, n]`, samples at the times 0, 1/n … (n - 1)/n of the stretch.
        samples: number that is wanted, at the times 0, 1/samples …; at least 1.

    Returns:
        `[batch, samples]`.

    >>> resample(torch.ones(1, 4), 6)
    tensor([[1., 1., 1., 1., 1., 1.]])
    """
    before = audio.shape[-1]
    if before == samples:
        return audio
    spectrum = torch.fft.rfft(torch.cat([audio, audio.flip(-1)], -1))
    shared = min(before, samples)
    kept = spectrum[..., : shared + 1]
    # The bin at the lower Nyquist frequency stands for a pair where there is room for both.
    edge = 0.5 if samples > before else 1.0
    kept = torch.cat([kept[..., :shared], edge * kept[..., shared:]], -1)
    made: Tensor = torch.fft.irfft(kept, 2 * samples) * (samples / before)
    return made[..., :samples]
