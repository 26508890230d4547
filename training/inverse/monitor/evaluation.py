"""Patches that a model finds for held-out sounds, and their distance from these sounds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from synth.models.inverse import Inverse
from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import numbers_of
from training.data.library import Clip
from training.inverse.sounds.rendering import NOISES, noises, render
from training.match.distances import DISTANCES

CHUNK = 16  # sounds at once
SPLIT = "validation"
NEAREST = DISTANCES["multi_scale_spectral"]


class Targets(NamedTuple):
    """Sounds to be found.

    Attributes:
        audio: `[sounds, samples]`.
        noise: what the voice is given, `[sounds, samples]`.
        units: knob positions that made them, written for the key that is heard, `[sounds,
            parameters]`; no rows where no patch did.
        names: of the sounds.
    """

    audio: Tensor
    noise: Tensor
    units: Tensor
    names: tuple[str, ...]


def held_out(voice: Voice, count: int) -> Targets:
    """The first `count` sounds of the validation split."""
    made = []
    for first in range(0, count, CHUNK):
        numbers = numbers_of(SPLIT, first, min(CHUNK, count - first))
        audio, units, _ = render(voice, numbers)
        made.append((audio, noises(voice.samples)[[n % NOISES for n in numbers]], units))
    audio, noise, units = (torch.cat(parts) for parts in zip(*made, strict=True))
    names = tuple(f"sound {n}" for n in numbers_of(SPLIT, 0, count))
    return Targets(audio, noise, units, names)


def recorded(voice: Voice, clips: Sequence[Clip]) -> Targets:
    """The beginnings of recordings, as long as the voice's sounds."""
    audio = torch.zeros(len(clips), voice.samples)
    for row, clip in zip(audio, clips, strict=True):
        part = torch.from_numpy(clip.open()[0, : voice.samples].copy())
        row[: len(part)] = part
    noise = noises(voice.samples)[[i % NOISES for i in range(len(clips))]]
    nothing = torch.zeros(0, len(voice.names))
    return Targets(audio, noise, nothing, tuple(clip.source.stem for clip in clips))


class Found(NamedTuple):
    """The patches that a model finds for some sounds.

    Attributes:
        units: of the proposals, the head's first, `[sounds, proposals, parameters]`.
        distances: multi-scale spectral distance of each, dB, `[sounds, proposals]`.
        best: audio of the best one, `[sounds, samples]`.
    """

    units: Tensor
    distances: Tensor
    best: Tensor


@torch.inference_mode()
def find(model: Inverse, targets: Targets, proposals: int) -> Found:
    """Proposals for sounds, rendered and compared.

    Args:
        model: in eval mode; targets: to be found.
        proposals: for each sound, the head's among them.
    """
    draw = torch.Generator().manual_seed(0)
    rate, device = model.voice.sample_rate, next(model.parameters()).device
    units, distances, best = [], [], []
    for audio, hiss in zip(*(torch.split(t, 1) for t in targets[:2]), strict=True):
        noise = torch.randn(proposals, len(model.voice.names), generator=draw)
        found = model.propose(audio.to(device), noise.to(device)).cpu()
        made = model.voice.render(found, hiss)
        apart = NEAREST(made, audio, rate)
        units.append(found)
        distances.append(apart)
        best.append(made[apart.argmin()])
    return Found(torch.stack(units), torch.stack(distances), torch.stack(best))


def apart(made: Tensor, meant: Tensor, sample_rate: int) -> Tensor:
    """Multi-scale spectral distances, dB, `[rows]`, of rows of two `[rows, samples]`."""
    pairs = zip(torch.split(made, CHUNK), torch.split(meant, CHUNK), strict=True)
    return torch.cat([NEAREST(a, b, sample_rate) for a, b in pairs])


def ranks(audio: Tensor, parameters: Tensor) -> Tensor:
    """Rank of each sound's own parameters among those of all, 1 being the nearest, `[sounds]`.

    Args:
        audio, parameters: projected embeddings of sounds and of their parameters, `[sounds, dims]`.
    """
    distances = torch.cdist(audio, parameters)
    return (distances < distances.diagonal()[:, None]).sum(1) + 1
