"""`Timbre`: the conditional variational autoencoder of frames."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from synth.models.timbre.conditioning import Conditioning
from synth.models.timbre.config import TimbreConfig

# Least and largest standard deviation. A network gives their logarithm, bent between these ends, so
# that no density is infinite and no gradient vanishes at once. Bands that are silent in most frames
# would get so small a deviation that they outweigh all partials: with a tenth of the range as the
# least one, partials are learned sooner than with a hundredth. The prior of latents has a standard
# deviation of 1.
FRAME_STD = (0.1, 1.0)
LATENT_STD = (0.001, 10.0)
BIAS = 0.01


class RowNorm(nn.BatchNorm1d):
    """Batch normalisation that takes a batch of one row, which has no variance of its own: it goes
    by the statistics of the batches before it and leaves them as they are.

    Args:
        num_features: columns of a batch `[rows, num_features]`.
    """

    def forward(self, input: Tensor) -> Tensor:
        if len(input) > 1 or not self.training:
            return super().forward(input)
        return nn.functional.batch_norm(
            input, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
        )


class Timbre(nn.Module):
    """Frames to latents and back.

    Frames are scaled: the logarithm of the magnitude, at least the config's floor, minus `offset`,
    divided by `spread`.

    Args:
        config: of the model.

    Attributes:
        bands: number of them; frequencies: Hz, float64 `[bands]`, as the transform has them.
        conditioning: makes the rows that `encode` and `decode` take.
        offset, spread: scalars that scale the logarithm of magnitudes.
        anchors: `[anchors, anchor_frames, latent_dims]`, latents along notes that are kept.
        anchor_levels: `[anchors, anchor_frames]`, level of the note in dB of full scale, RMS:
            frames are smeared in time, as their bands are narrow, and these levels are not.
        anchor_times: `[anchor_frames]`, seconds from the onset of the note.
    """

    frequencies: Tensor
    offset: Tensor
    spread: Tensor
    anchors: Tensor
    anchor_levels: Tensor
    anchor_times: Tensor

    def __init__(self, config: TimbreConfig) -> None:
        super().__init__()
        self.config = config
        frequencies = torch.tensor(config.bands.frequencies, dtype=torch.float64)
        self.bands = len(frequencies)
        self.conditioning = Conditioning(config.conditioning, len(config.dynamics))
        hidden, told = config.hidden_dims, self.conditioning.width
        self.encoder = _layers(self.bands + told, hidden, config.hidden_layers, config.batch_norm)
        self.latent_mean = nn.Linear(hidden, config.latent_dims)
        self.latent_std = nn.Linear(hidden, config.latent_dims)
        self.decoder = _layers(config.latent_dims + told, hidden, config.hidden_layers, False)
        self.frame_mean = nn.Linear(hidden, self.bands)
        self.frame_std = nn.Linear(hidden, self.bands)
        self._initialise()
        anchors, frames = len(config.anchor_instruments), config.anchor_frames
        self.register_buffer("frequencies", frequencies)
        self.register_buffer("offset", torch.zeros(()))
        self.register_buffer("spread", torch.ones(()))
        self.register_buffer("anchors", torch.zeros(anchors, frames, config.latent_dims))
        self.register_buffer("anchor_levels", torch.zeros(anchors, frames))
        self.register_buffer("anchor_times", torch.zeros(frames))

    def encode(self, frames: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of the posterior, `[rows, latent_dims]` each.

        Args:
            frames: scaled, `[rows, bands]`; condition: `[rows, width]`.
        """
        return self.posterior(torch.cat([frames, condition], 1))

    def posterior(self, joined: Tensor) -> tuple[Tensor, Tensor]:
        """As `encode`, of frames and condition that are side by side, `[rows, bands + width]`."""
        hidden = self.encoder(joined)
        return self.latent_mean(hidden), bounded(self.latent_std(hidden), *LATENT_STD)

    def decode(self, latent: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of scaled frames, `[rows, bands]` each.

        Args:
            latent: `[rows, latent_dims]`; condition: `[rows, width]`.
        """
        hidden = self.decoder(torch.cat([latent, condition], 1))
        return self.frame_mean(hidden), bounded(self.frame_std(hidden), *FRAME_STD)

    def decode_mean(self, latent: Tensor, condition: Tensor) -> Tensor:
        """The mean that `decode` gives, without the cost of the standard deviation."""
        mean: Tensor = self.frame_mean(self.decoder(torch.cat([latent, condition], 1)))
        return mean

    def scaled(self, magnitude: Tensor) -> Tensor:
        """Frames as the model takes them, from magnitudes, at least 0, of the same shape."""
        return (magnitude.clamp_min(self.config.floor).log() - self.offset) / self.spread

    def magnitude(self, frames: Tensor) -> Tensor:
        """Magnitudes from scaled frames of the same shape; 0 at and below the floor."""
        found = (frames * self.spread + self.offset).exp()
        return torch.where(found > self.config.floor, found, 0.0)

    def joined(self, logs: Tensor) -> Tensor:
        """Scaled frames with their conditions beside, `[rows, bands + width]`, as `posterior` takes
        them.

        Args:
            logs: natural logarithms of magnitudes, at least that of the floor, and conditions.
        """
        frames = (logs[:, : self.bands] - self.offset) / self.spread
        return torch.cat([frames, logs[:, self.bands :]], 1)

    def _initialise(self) -> None:
        """Xavier's weights, and the small positive bias that keeps rectifiers awake."""
        for layer in self.modules():
            if isinstance(layer, nn.Linear):
                followed = layer not in (
                    self.latent_mean, self.latent_std, self.frame_mean, self.frame_std
                )  # fmt: skip
                nn.init.xavier_uniform_(layer.weight, math.sqrt(2) if followed else 1.0)
                nn.init.constant_(layer.bias, BIAS)


def bounded(raw: Tensor, least: float, most: float) -> Tensor:
    """Standard deviations between `least` and `most`, whose logarithm is a sigmoid of `raw`.

    At 0 they are the geometric mean of both ends.
    """
    low, high = math.log(least), math.log(most)
    return (low + (high - low) * torch.sigmoid(raw)).exp()


def _layers(inputs: int, hidden: int, layers: int, batch_norm: bool) -> nn.Sequential:
    made: list[nn.Module] = []
    for layer in range(layers):
        made.append(nn.Linear(inputs if layer == 0 else hidden, hidden))
        if batch_norm:
            made.append(RowNorm(hidden))
        made.append(nn.ReLU())
    return nn.Sequential(*made)
