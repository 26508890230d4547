"""Attack and release, exact at any block size."""

from __future__ import annotations

import torch
from torch import Tensor

FALL_60_DB = 6.9078  # ln(1000): the release is the time to fall by 60 dB
MOST_NEPERS = 60.0


def envelope(
    gate: Tensor, attack: Tensor, release: Tensor, state: Tensor, count: Tensor
) -> tuple[Tensor, Tensor]:
    """The gain of the next samples: a raised cosine up, an exponential fall.

    Args:
        gate: `[voices, 1]`; attack, release: in samples, `[voices, 1]`.
        state: `[voices, 2]`: how far it has risen, 0 … 1, and attenuation in nepers since the gate
            closed; zeros before a note.
        count: 1 … n, float `[n]`.

    Returns:
        gain `[voices, n]` and the next state.
    """
    held = (gate > 0.5).to(state.dtype)
    rise = (state[:, :1] + held * count / attack).clamp_max(1.0)
    # A gate that opens again while the note fades takes the fade back within the attack.
    again = (state[:, 1:] * (1 - count / attack)).clamp_min(0.0)
    fade = held * again + (1 - held) * (state[:, 1:] + count * (FALL_60_DB / release))
    gain = (0.5 - 0.5 * torch.cos(torch.pi * rise)) * torch.exp(-fade)
    last = torch.cat([rise[:, -1:], fade[:, -1:].clamp_max(MOST_NEPERS)], 1)
    return gain, last
