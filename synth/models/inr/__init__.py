"""Sounds as continuous functions of time: coordinate networks with a latent per sound.

- `architectures`: `ARCHITECTURES`, the table of decoders.
- `config`: `INRConfig` and the presets.
- `layer`: `ConditionalLayer`, a linear layer that a latent conditions.
- `mapping`: `MappingNetwork`, from a latent to the conditioning of the layers.
- `network`: `CoordinateNetwork`, time in, amplitude out.
- `wavegan`: `WaveGANDecoder`, all samples at once.
- `encoder`: `ConvEncoder`, from a sound to its latent.
- `model`: `INR`, a decoder and the latents of its sounds; `unheard`: latents of other sounds.
- `live/`: the model as something that plays.
"""

from synth.models.inr.architectures import ARCHITECTURES, Architecture
from synth.models.inr.config import METHODS, PRESETS, INRConfig
from synth.models.inr.encoder import ConvEncoder
from synth.models.inr.layer import ConditionalLayer, Folded, LayerConfig
from synth.models.inr.mapping import MappingNetwork
from synth.models.inr.model import INR
from synth.models.inr.network import CoordinateNetwork
from synth.models.inr.wavegan import WaveGANDecoder

__all__ = [
    "ARCHITECTURES",
    "INR",
    "METHODS",
    "PRESETS",
    "Architecture",
    "ConditionalLayer",
    "ConvEncoder",
    "CoordinateNetwork",
    "Folded",
    "INRConfig",
    "LayerConfig",
    "MappingNetwork",
    "WaveGANDecoder",
]
