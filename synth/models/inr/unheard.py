"""Sounds that an autoencoder has not learned, in the place of those that it has."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from synth.models.inr.model import INR

ROWS = 16  # sounds that are encoded at a time


def with_sounds(model: INR, sounds: Tensor, names: Sequence[str], keys: Sequence[float]) -> INR:
    """A copy of a model whose table holds the latents that its encoder gives to other sounds.

    Args:
        model: an autoencoder, in eval mode.
        sounds: float32 `[sounds, audio_length]`, full scale ±1, at the model's sample rate.
        names: of the sounds, one each.
        keys: MIDI key of each sound, 0 … 127; -1 where it is not known.

    Raises:
        ConfigError: an autodecoder has no encoder.
    """
    with torch.inference_mode():
        latents = torch.cat([model.encode(part) for part in torch.split(sounds, ROWS)])
    config = replace(model.config, sounds=len(sounds), names=tuple(names), keys=tuple(keys))
    other = INR(config)
    other.load_state_dict({**model.state_dict(), "latents": latents.clone()})
    return other.eval()
