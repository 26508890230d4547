"""Inverse synthesis: from a sound to the patch of a synthesizer that makes it.

- `voices`: the synthesizers; `symmetry`: swaps of parameters that change no sound.
- `hearing`: key, voicedness and length of a sound, found before anything else.
- `config`: what a model is built from; `model`: `Inverse`, all its networks.
- `frontends`, `encoders`: from a sound to an embedding.
- `head`: from an embedding to one patch, from a patch to an embedding, and where both are compared.
- `flow`, `velocity`: from an embedding to as many patches as wanted.
"""

from synth.models.inverse.config import PRESETS, InverseConfig
from synth.models.inverse.model import Inverse, told_of

__all__ = ["PRESETS", "Inverse", "InverseConfig", "told_of"]
