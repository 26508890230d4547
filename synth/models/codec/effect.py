"""The codec as an effect: sound in, its latent moved, sound out."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from synth.models.codec.controls import latent_control
from synth.models.codec.model import Codec
from synth.models.instrument import Instrument, number
from synth.models.latent_axes import MAX_AXES, LatentAxes
from synth.nn import State
from synth.nn.convolution import fold_weight_norm


class CodecEffect(Instrument):
    """Audio -> encoder -> (scaled and offset along the axes) -> (quantiser) -> decoder.

    Args:
        model: trained codec; its weight norm is folded in place.
        latent: statistics of its latents, see `LatentAxes`.
    """

    kind = "effect"
    mean: Tensor
    axes: Tensor

    def __init__(self, model: Codec, latent: dict[str, Tensor]) -> None:
        super().__init__()
        fold_weight_norm(model)
        self.model = model.eval()
        config = model.config
        self.sample_rate, self.hop = config.sample_rate, config.hop
        self.channels_in = self.channels_out = config.audio_channels
        axes = LatentAxes.of_statistics(latent, config.latent_dim).first(MAX_AXES)
        self.register_buffer("mean", axes.mean)
        self.register_buffer("axes", axes.rows)
        scale = number("scale", 0.0, 3.0, 1.0, "excursion along the axes: 0 flattens them to the"
                       " mean, above 1 exaggerates", smoothing_ms=20.0)  # fmt: skip
        levels = number("levels", 0, config.levels, 0, "quantiser levels; 0 leaves the latent"
                        " continuous, 1 is the coarsest", curve="integer")  # fmt: skip
        mix = number("mix", 0.0, 1.0, 1.0, "0 is the dry input, 1 the codec's output",
                     smoothing_ms=20.0, role="mix")  # fmt: skip
        self.controls = (latent_control(axes), scale, levels, mix)

    def init_state(self, voices: int) -> State:
        parts = {"encoder": self.model.encoder, "decoder": self.model.decoder}
        return {
            f"{name}.{key}": value
            for name, part in parts.items()
            for key, value in part.init_state(voices).items()
        }

    def step(
        self, feed: Tensor, controls: Mapping[str, Tensor], state: State
    ) -> tuple[Tensor, State]:
        latent, encoder = self.model.encoder.step(feed, part_of(state, "encoder"))
        along = (latent.transpose(1, 2) - self.mean) @ self.axes.t()  # [voices, frames, axes]
        move = along * (controls["scale"] - 1)[:, None] + controls["latent"][:, None]
        latent = latent + (move @ self.axes).transpose(1, 2)
        latent = self.model.bottleneck.quantise(latent, controls["levels"])
        wet, decoder = self.model.decoder.step(latent, part_of(state, "decoder"))
        mix = controls["mix"][:, :, None]
        new = {f"encoder.{k}": v for k, v in encoder.items()}
        new |= {f"decoder.{k}": v for k, v in decoder.items()}
        return feed + mix * (wet - feed), new


def part_of(state: State, name: str) -> State:
    """The entries of `state` under `name.`, without that prefix."""
    return {k[len(name) + 1 :]: v for k, v in state.items() if k.startswith(name + ".")}
