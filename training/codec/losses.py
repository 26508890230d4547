"""Losses of the codec: named, weighted terms over its output.

The terms are built and handed to the task; a further one (adversarial, feature matching …) is one
more entry in that list.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from synth.models.codec import CodecConfig
from synth.models.codec.model import CodecOutput
from training.codec.config import CodecTrainConfig
from training.measures.mel import FLOOR, MultiScaleMel
from training.measures.terms import Term

Measure = Callable[[CodecOutput, Tensor], Tensor]


class WaveformLoss(nn.Module):
    """Mean absolute difference of the samples."""

    def forward(self, output: CodecOutput, audio: Tensor) -> Tensor:
        return (output.audio.float() - audio).abs().mean()


class CommitmentLoss(nn.Module):
    """The bottleneck's demand on the encoder: the distance of latents from their codes."""

    def forward(self, output: CodecOutput, audio: Tensor) -> Tensor:
        return output.commitment.float()


class MelLoss(nn.Module):
    """Distance of multi-scale mel spectrograms, linear and logarithmic.

    For each window w: the mean of |S - S'| plus √(w/2) times the mean over frames of the root mean
    square over bands of ln S - ln S'; the sum over windows is divided by the sum of the weights
    √(w/2), after Gritsenko et al. 2020 as used by SoundStream (Zeghidour et al. 2021, eq. 3). With
    the root per frame, loud and quiet errors pull with the same force. A value of 1 is about one
    neper (8.7 dB) of error everywhere.

    Args:
        sample_rate: Hz.
        windows: samples, powers of two.
        bands: number of them for the long windows.
    """

    def __init__(self, sample_rate: int, windows: tuple[int, ...], bands: int) -> None:
        super().__init__()
        self.mel = MultiScaleMel(sample_rate, windows, bands)
        self.weights = tuple(math.sqrt(w / 2) for w in windows)

    def between(self, audio: Tensor, target: Tensor) -> Tensor:
        """The distance of two `[batch, channels, samples]`, a scalar; `target` gets no gradient."""
        with torch.autocast(audio.device.type, enabled=False):
            made = self.mel(audio)
            with torch.no_grad():
                meant = self.mel(target)
            total = audio.new_zeros((), dtype=torch.float32)
            for weight, a, b in zip(self.weights, made, meant, strict=True):
                linear = (a - b).abs().mean()
                difference = torch.log(a.clamp(min=FLOOR)) - torch.log(b.clamp(min=FLOOR))
                # The small constant gives the root a slope at 0.
                rms = torch.sqrt(difference.square().mean(-1) + 1e-12).mean()
                total = total + linear + weight * (rms - 1e-6)
            return total / sum(self.weights)

    def forward(self, output: CodecOutput, audio: Tensor) -> Tensor:
        return self.between(output.audio, audio)


def codec_terms(config: CodecConfig, settings: CodecTrainConfig) -> list[Term[Measure]]:
    """The terms of the codec's loss; a term of weight 0 is left out.

    Args:
        config: of the model; settings: of the run, with weights, windows and bands.
    """
    mel = MelLoss(config.sample_rate, settings.mel_windows, settings.mel_bins)
    terms: list[Term[Measure]] = [
        Term("waveform", settings.waveform_weight, WaveformLoss()),
        Term("mel", settings.mel_weight, mel),
        Term("commitment", settings.commitment_weight, CommitmentLoss()),
    ]
    return [term for term in terms if term.weight > 0]
