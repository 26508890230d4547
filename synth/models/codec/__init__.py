"""The causal neural codec.

- `config`: `CodecConfig` and the presets.
- `quantizer`: the residual vector quantiser.
- `model`: `Codec`, and the functions that build its parts from a config.
- `effect`, `sampler`: the codec as an instrument, fed with sound or played from a bank of sounds.
"""

from synth.models.codec.config import PRESETS, CodecConfig
from synth.models.codec.model import Codec, CodecOutput
from synth.models.codec.quantizer import Quantized, ResidualVectorQuantizer

__all__ = [
    "PRESETS",
    "Codec",
    "CodecConfig",
    "CodecOutput",
    "Quantized",
    "ResidualVectorQuantizer",
]
