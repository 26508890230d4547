"""How far a rendered note is from the pitch of its key."""

from __future__ import annotations

import numpy as np

from training.recipes.soundfont import Audio

PARTIALS = 8
REACH_CENTS = 60  # to either side, where a partial is looked for
WIDTH_CENTS, WIDTH_HZ = 80, 2.0  # to either side of its peak, whichever is more: vibrato and window
FINENESS = 1 << 18  # points of the padded spectrum: a tenth of a hertz or less up to 24 kHz


def cents_off(audio: Audio, rate: int, key: int) -> float:
    """Cents by which a note is sharp, positive, or flat; 0 where no partial is found.

    The mean over the lowest eight partials, weighted by their power. Each is looked for within 60
    cents; its frequency is the centroid around its peak, because vibrato has peaks at its ends.

    Args:
        audio: `[samples]` of the steady part, at most 2¹⁸; rate: Hz; key: MIDI.
    """
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)), FINENESS)) ** 2
    hz = 440.0 * 2 ** ((key - 69) / 12)
    found, weights = [], []
    for partial in range(1, PARTIALS + 1):
        place = partial * hz * FINENESS / rate
        low, high = (int(place * 2 ** (side * REACH_CENTS / 1200)) for side in (-1, 1))
        if high + 1 >= len(power):
            break
        top = low + int(np.argmax(power[low : high + 1]))
        if low < top < high:
            width = max(top * (2 ** (WIDTH_CENTS / 1200) - 1), WIDTH_HZ * FINENESS / rate)
            around = np.arange(max(round(top - width), 1), min(round(top + width) + 1, len(power)))
            centre = np.average(around, weights=power[around])
            found.append(1200 * np.log2(centre / place))
            weights.append(power[top])
    return float(np.average(found, weights=weights)) if found else 0.0
