"""One noise of the flow's, whose draws teach the head.

Most parameters of a patch are hardly heard in its sound. A regression answers with the middle of
each: all envelopes half open, all LFOs half on, which few sounds are like. The flow's draws from
one noise are patches of one character, whatever the sound, and some characters come near to most
sounds. What the flow makes of one noise is a function of the sound alone, so that a regression on
it has nothing to average.
"""

from __future__ import annotations

import torch
from torch import Tensor

from synth.models.inverse import Inverse
from synth.models.inverse.model import CALM, STEPS
from synth.models.inverse.voices.sounds import numbers_of
from training.inverse.sounds.rendering import NOISES, noises, render
from training.match.distances import DISTANCES

SOUNDS, CHUNK = 64, 16
NEAREST = DISTANCES["multi_scale_spectral"]


def drawn(model: Inverse, embedding: Tensor, told: Tensor, noise: Tensor) -> Tensor:
    """What the flow draws for sounds from one noise, `[sounds, parameters]`.

    Args:
        model: with the flow; embedding, told: of the sounds.
        noise: calmed already, `[parameters]`.
    """
    many = noise.to(embedding).expand(len(embedding), -1)
    return model.flow.sample(embedding, told, many, STEPS)


@torch.no_grad()
def best_noise(model: Inverse, count: int, seed: int, sounds: int = SOUNDS) -> tuple[float, ...]:
    """The noise, of some, whose draws are nearest to sounds that are learned.

    Args:
        model: in eval mode, on the CPU, with a flow that has learned.
        count: of noises; seed: of their lot.
        sounds: number that the draws are compared with.

    Returns:
        calmed, for each parameter; near by the mean multi-scale spectral distance.
    """
    heard = [_heard(model, first, min(CHUNK, sounds - first)) for first in range(0, sounds, CHUNK)]
    lot = torch.Generator().manual_seed(seed)
    tried = CALM * torch.randn(count, len(model.voice.names), generator=lot)
    apart = [sum(_apart(model, part, noise) for part in heard) for noise in tried]
    best = tried[int(torch.tensor(apart).argmin())]
    return tuple(round(float(x), 4) for x in best)


Heard = tuple[Tensor, Tensor, Tensor, tuple[Tensor, ...]]


def _heard(model: Inverse, first: int, count: int) -> Heard:
    """Embeddings of sounds, what is told of them, their noise and their features."""
    numbers = numbers_of("train", first, count)
    audio, _, told = render(model.voice, numbers)
    hiss = noises(model.voice.samples)[[n % NOISES for n in numbers]]
    return model.embed(audio), told, hiss, NEAREST.describe(audio, model.voice.sample_rate)


def _apart(model: Inverse, heard: Heard, noise: Tensor) -> float:
    """Sum of the distances of sounds and of what a noise makes of them."""
    embedding, told, hiss, meant = heard
    units = model.keyed(drawn(model, embedding, told, noise), told)
    made = NEAREST.describe(model.voice.render(units, hiss), model.voice.sample_rate)
    return float(NEAREST.compare(made, meant).sum())
