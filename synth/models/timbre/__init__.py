"""Variational timbre spaces: a latent space of spectra that any pitch can be played from.

Source: Esling, Chemla-Romeu-Santos, Bitton 2018, Generative timbre spaces with variational audio
synthesis, DAFx 2018 (arXiv 1805.08501).

- `config`: what a model is built from.
- `conditioning`: pitch, octave and dynamics as numbers that encoder and decoder take beside.
- `model`: `Timbre`, the conditional variational autoencoder of frames.
"""

from synth.models.timbre.conditioning import Conditioning
from synth.models.timbre.config import PRESETS, TimbreConfig
from synth.models.timbre.model import Timbre

__all__ = ["PRESETS", "Conditioning", "Timbre", "TimbreConfig"]
