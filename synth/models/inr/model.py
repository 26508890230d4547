"""`INR`: sounds as continuous functions of time, one latent each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from synth.contract import ConfigError
from synth.models.inr.config import INRConfig
from synth.models.inr.encoder import ConvEncoder
from synth.models.inr.network import CoordinateNetwork
from synth.models.inr.wavegan import WaveGANDecoder


class INR(nn.Module):
    """A decoder of time and latent, and the latents of the sounds that it learned.

    >>> model = INR(INRConfig(width=8, depth=2, sounds=3))
    >>> t = model.coordinates(torch.arange(100))
    >>> model(model.latents, t.expand(3, -1)).shape
    torch.Size([3, 100])

    Args:
        config: its shape.

    Attributes:
        latents: `[sounds, num_latent]`; written by descent, not by an optimiser.
        decoder: from latent and time to amplitude.
        encoder: from a sound to its latent; None for an autodecoder.
    """

    latents: Tensor

    def __init__(self, config: INRConfig) -> None:
        super().__init__()
        self.config = config
        self.decoder: CoordinateNetwork | WaveGANDecoder
        self.decoder = CoordinateNetwork(config) if config.widths else WaveGANDecoder(config)
        encoded = config.meta_architecture == "autoencoder"
        self.encoder = ConvEncoder(config) if encoded else None
        table = torch.randn(config.sounds, config.num_latent) * config.latent_init_std
        self.register_buffer("latents", table)

    def coordinates(self, positions: Tensor) -> Tensor:
        """Times of positions; one sound lasts from -1 to 1.

        Computed in float64: at the end of a second, float32 resolves positions to 0.0005 samples.

        Args:
            positions: in samples, of any shape.
        """
        t = positions.double() * (2 / self.config.audio_length) - 1
        return t.to(self.latents.dtype)

    def modulate(self, z: Tensor) -> tuple[Tensor, ...]:
        """The decoder's conditioning, computed once per latent for any number of times.

        Args:
            z: `[batch, num_latent]`.
        """
        return self.decoder.modulate(z)

    def evaluate(self, t: Tensor, modulation: tuple[Tensor, ...]) -> Tensor:
        """Amplitudes `[batch, points]`.

        Args:
            t: times `[batch, points]`, -1 … 1; beyond, the network extrapolates.
            modulation: as `modulate` returned it.

        Raises:
            ConfigError: times that the architecture can't evaluate.
        """
        return self.decoder.evaluate(t, modulation)

    def decode(self, z: Tensor, t: Tensor) -> Tensor:
        """Amplitudes `[batch, points]` of latents `[batch, num_latent]` at `[batch, points]`."""
        return self.evaluate(t, self.modulate(z))

    def forward(self, z: Tensor, t: Tensor) -> Tensor:
        """`decode`."""
        return self.decode(z, t)

    def encode(self, audio: Tensor) -> Tensor:
        """Latents `[batch, num_latent]` of sounds `[batch, samples]`.

        Raises:
            ConfigError: an autodecoder has no encoder.
        """
        if self.encoder is None:
            raise ConfigError(
                "an autodecoder finds latents by descent; train with meta_architecture autoencoder"
                " to encode sounds"
            )
        out: Tensor = self.encoder(audio)
        return out

    def open_gates(self, epoch: int, epochs: int) -> None:
        """Open the gates of `pi-gan_prog` as far as `epoch` (0 is the first) of `epochs` asks."""
        if isinstance(self.decoder, CoordinateNetwork):
            self.decoder.open_gates(epoch, epochs)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All that an optimiser trains: "network", "mapping" and "encoder", some of them empty."""
        mapping = getattr(self.decoder, "mapping", None)
        groups = {
            "mapping": [] if mapping is None else list(mapping.parameters()),
            "encoder": [] if self.encoder is None else list(self.encoder.parameters()),
        }
        other = {id(p) for group in groups.values() for p in group}
        network = [p for p in self.parameters() if id(p) not in other]
        return {"network": network, **groups}
