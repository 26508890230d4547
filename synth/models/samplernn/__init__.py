"""SampleRNN: raw audio, one sample after the other.

- `config`: `SampleRNNConfig` and the presets.
- `quantizer`: audio to codes and back.
- `tier`: `FrameTier`, recurrent layers over frames of samples.
- `model`: `SampleRNN`, the tiers over the predictor of the next sample.
- `steering`: features at the pace of the model.
- `sampling`: drawing codes from logits, with one uniform number per sample.
- `folding`: `FoldedSampleRNN`, the model as it generates.
- `live`: `LiveModel`, the folded model as plain products, in float32 or int8.
- `stepping`: the loop over frames and samples that steps both.
- `drawing`: how codes of a take are drawn, and its noise.
- `generation`: `Generator`, and `Stream`s of any number of rows out of it.
- `captured`: the same steps as a CUDA graph.
- `controls`, `instrument`: the model as an instrument, played by notes.
"""

from synth.models.samplernn.config import PRESETS, SampleRNNConfig
from synth.models.samplernn.drawing import Drawing, Noise
from synth.models.samplernn.folding import FoldedSampleRNN
from synth.models.samplernn.generation import Generator, Stream
from synth.models.samplernn.model import SampleRNN
from synth.models.samplernn.quantizer import SampleQuantizer
from synth.models.samplernn.sampling import draw

__all__ = [
    "PRESETS",
    "Drawing",
    "FoldedSampleRNN",
    "Generator",
    "Noise",
    "SampleQuantizer",
    "SampleRNN",
    "SampleRNNConfig",
    "Stream",
    "draw",
]
