"""Statistics of a codec's latent space, which the export turns into controls."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from synth.models.codec import Codec
from synth.models.latent_axes import principal_axes
from training.codec.crops import even_pieces
from training.data.library import Clip

PIECE_SECONDS = 4.0


def latent_statistics(model: Codec, clips: Sequence[Clip], seconds: float) -> dict[str, Tensor]:
    """Mean, principal axes and ranges of the latents of some recordings, see `principal_axes`.

    Args:
        model: in eval mode.
        clips: at least one.
        seconds: of audio that is encoded, at most; in pieces spread evenly over the clips.
    """
    rate = model.config.sample_rate
    size = max(1, round(PIECE_SECONDS * rate / model.hop)) * model.hop
    pieces = even_pieces(clips, size, max(1, round(seconds / PIECE_SECONDS)))
    device = next(model.parameters()).device
    found = []
    with torch.inference_mode():
        for piece in pieces:
            latent = model.encode(torch.from_numpy(piece)[None].to(device))
            found.append(latent[0].t().float().cpu())
    return principal_axes(torch.cat(found)).statistics()
