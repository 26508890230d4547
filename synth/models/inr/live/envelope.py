"""Attack, decay, sustain and release, exact at any block size."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from synth.nn import State

FALL_60_DB = 6.9078  # ln(1000): decay and release are times to fall by 60 dB


def envelope(
    controls: Mapping[str, Tensor], state: State, count: Tensor, sample_rate: int
) -> tuple[Tensor, State]:
    """The gain of the next samples: a straight attack, exponential decay and release.

    Args:
        controls: `gate`, `attack`, `decay`, `release` (s), `sustain` (0 … 1), `[voices, 1]` each.
        state: `risen`, `sunk` and `released`, `[voices, 1]` each, all zeros before a note.
        count: 1 … n, float `[n]`.
        sample_rate: Hz.

    Returns:
        gain `[voices, n]` and the next state.
    """
    risen, sunk, released = state["risen"], state["sunk"], state["released"]
    held = (controls["gate"] > 0.5).to(risen.dtype)
    slope = held / (controls["attack"] * sample_rate)
    rise = (risen + slope * count).clamp_max(1.0)
    # Decay begins where the attack ends, which is between two samples in general.
    falling = held * (count - (1.0 - risen) * controls["attack"] * sample_rate).clamp_min(0.0)
    most = 1.0 - controls["sustain"]
    rate = FALL_60_DB / (controls["decay"] * sample_rate)
    sink = most + (sunk - most) * torch.exp(-rate * falling)
    # Kept as attenuation in nepers, so that a state of zeros is a voice that is not released.
    fade = released + (1.0 - held) * count * (FALL_60_DB / (controls["release"] * sample_rate))
    gain = rise * (1.0 - sink) * torch.exp(-fade)
    last = {"risen": rise[:, -1:], "sunk": sink[:, -1:], "released": fade[:, -1:].clamp_max(60.0)}
    return gain, last
