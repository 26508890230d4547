"""Whole sounds out of a coordinate network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from synth.models.inr import INR
from training.data.library import Array

POINTS = 4096  # of a sound at a time, so that the values between two layers stay few


def decoded(model: INR, z: Tensor, *, ratio: int = 1, rows: int = 16) -> Tensor:
    """The sounds of latents, from their first to their last sample.

    Args:
        model: in eval mode.
        z: latents, `[sounds, num_latent]`.
        ratio: points per sample, at least 1; the last ones lie after the last sample.
        rows: sounds that are computed at a time.

    Returns:
        `[sounds, audio_length * ratio]`, on the CPU.
    """
    size = model.config.audio_length * ratio
    positions = torch.arange(size, device=z.device)
    t = model.coordinates(positions.double() / ratio if ratio > 1 else positions)
    # A decoder without time as an input makes all samples at once.
    pieces = torch.split(t, POINTS if model.config.widths else size)
    out = torch.empty(len(z), size)
    with torch.inference_mode():
        for first in range(0, len(z), rows):
            part = z[first : first + rows]
            modulation = model.modulate(part)
            made = [model.evaluate(p.expand(len(part), -1), modulation) for p in pieces]
            out[first : first + rows] = torch.cat(made, 1).float().cpu()
    return out


def encode_table(model: INR, sounds: Tensor, first: int) -> None:
    """Write the latents of sounds into the model's table.

    Args:
        model: with an encoder, in eval mode.
        sounds: `[rows, samples]`.
        first: row of the table that the first of them goes to.
    """
    with torch.inference_mode():
        z = model.encode(sounds.to(model.latents.device))
        model.latents[first : first + len(sounds)] = z


def decoder_of(model: INR, numbers: Sequence[int], meant: Array) -> Callable[[slice], Tensor]:
    """A function that makes the sounds of these rows of the model's table of latents.

    Args:
        model: in eval mode.
        numbers: rows of the table.
        meant: `[sounds, samples]`, the recordings, which an encoder hears first.
    """

    def decode(rows: slice) -> Tensor:
        if model.encoder is None:
            z = model.latents[list(numbers[rows])]
        else:
            z = model.encode(torch.from_numpy(meant[rows]).to(model.latents))
        return decoded(model, z)

    return decode
