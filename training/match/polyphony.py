"""`several_pitches`: whether a sound is more than one tone.

The partials of one tone are multiples of one frequency. If no frequency among the partials, nor
half or a third of one, explains most of their power, there are several tones, or one whose partials
aren't harmonic.
"""

from __future__ import annotations

import torch
from torch import Tensor

WINDOW_S = 0.37
PARTIALS = 24  # the strongest are looked at
DEPTH = 1e-3  # of the strongest one's power: -30 dB
TOLERANCE = 0.012  # of a partial's frequency: 20 cents
TONAL = 0.6  # share of the power in partials below which a sound is noise
EXPLAINED = 0.8  # share of the partials' power that one tone explains


def several_pitches(audio: Tensor, sample_rate: int) -> bool:
    """Whether no single tone explains the partials of the loudest part.

    Args:
        audio: `[1, samples]`.
        sample_rate: Hz.
    """
    window = min(round(WINDOW_S * sample_rate), audio.shape[-1])
    step = max(1, window // 4)
    frames = audio[0].unfold(0, window, step)
    frame = frames[frames.square().sum(-1).argmax()]
    taper = torch.hann_window(window)
    size = 4 * window
    power = torch.fft.rfft(frame * taper, n=size).abs().square()
    hz, strength = _partials(power, sample_rate / size)
    if not len(hz) or float(strength.sum()) * 6 < TONAL * float(power.sum()):
        return False
    return _best_explained(hz, strength) < EXPLAINED


def _partials(power: Tensor, spacing: float) -> tuple[Tensor, Tensor]:
    """Frequencies in Hz and powers of the strongest maxima."""
    middle = power[8:-8]
    wide = torch.nn.functional.max_pool1d(power[None], 17, 1)[0]
    top = (middle >= wide) & (middle > DEPTH * power.max())
    places = top.nonzero()[:, 0]
    strongest = middle[places].argsort(descending=True)[:PARTIALS]
    places = places[strongest] + 8
    left, peak, right = (power[places + i].clamp_min(1e-20).log() for i in (-1, 0, 1))
    shift = 0.5 * (right - left) / (2 * peak - left - right).clamp_min(1e-9)
    return (places + shift.clamp(-1, 1)) * spacing, power[places]


def _best_explained(hz: Tensor, strength: Tensor) -> float:
    """The largest share of power in multiples of one frequency."""
    best = 0.0
    for divisor in (1, 2, 3):
        for f in (hz / divisor).tolist():
            order = (hz / f).round().clamp_min(1)
            fits = (hz - order * f).abs() < TOLERANCE * hz
            if divisor > 1 and not any(bool((fits & (order == n)).any()) for n in (1, 5, 7)):
                continue  # a chord's common divisor, which isn't heard
            best = max(best, float(strength[fits].sum() / strength.sum()))
    return best
