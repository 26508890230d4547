"""SampleRNN: raw audio, one sample after the other.

- `config`: `SampleRNNConfig` and the presets.
- `quantizer`: audio to codes and back.
- `tier`: `FrameTier`, recurrent layers over frames of samples.
- `model`: `SampleRNN`, the tiers over the predictor of the next sample.
"""

from synth.models.samplernn.config import PRESETS, SampleRNNConfig
from synth.models.samplernn.model import SampleRNN
from synth.models.samplernn.quantizer import SampleQuantizer

__all__ = [
    "PRESETS",
    "SampleQuantizer",
    "SampleRNN",
    "SampleRNNConfig",
]
