"""`Timbre`: the conditional variational autoencoder of frames."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synth.models.timbre.conditioning import Conditioning
from synth.models.timbre.config import TimbreConfig

SMALLEST_STD = 1e-3


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
        anchor_levels: `[anchors, anchor_frames]`, dB by which the note is louder than the decoded
            frame, which is smeared in time as the bands are narrow.
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
        hidden = self.encoder(torch.cat([frames, condition], 1))
        return self.latent_mean(hidden), _std(self.latent_std(hidden))

    def decode(self, latent: Tensor, condition: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of scaled frames, `[rows, bands]` each.

        Args:
            latent: `[rows, latent_dims]`; condition: `[rows, width]`.
        """
        hidden = self.decoder(torch.cat([latent, condition], 1))
        return self.frame_mean(hidden), _std(self.frame_std(hidden))

    def scaled(self, magnitude: Tensor) -> Tensor:
        """Frames as the model takes them, from magnitudes, at least 0, of the same shape."""
        return (magnitude.clamp_min(self.config.floor).log() - self.offset) / self.spread

    def magnitude(self, frames: Tensor) -> Tensor:
        """Magnitudes from scaled frames of the same shape; 0 at and below the floor."""
        found = (frames * self.spread + self.offset).exp()
        return torch.where(found > self.config.floor, found, 0.0)


def _layers(inputs: int, hidden: int, layers: int, batch_norm: bool) -> nn.Sequential:
    made: list[nn.Module] = []
    for layer in range(layers):
        made.append(nn.Linear(inputs if layer == 0 else hidden, hidden))
        if batch_norm:
            made.append(nn.BatchNorm1d(hidden))
        made.append(nn.ReLU())
    return nn.Sequential(*made)


def _std(raw: Tensor) -> Tensor:
    return SMALLEST_STD + nn.functional.softplus(raw)
