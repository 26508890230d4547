"""The voices whose patches are found.

- `voice`: what a voice is; `parameter`: one of its knobs; `sounds`: numbered sounds and splits.
- `modular`: two oscillators, noise, envelopes, LFOs and a matrix; 78 parameters.
"""

from __future__ import annotations

from synth.models.inverse.voices.modular import ModularVoice
from synth.models.inverse.voices.voice import Voice

VOICES: dict[str, type[Voice]] = {"modular": ModularVoice}

__all__ = ["VOICES", "Voice"]
