"""The voices whose patches are found.

- `voice`: what a voice is; `parameter`: one of its knobs; `sounds`: numbered sounds and splits.
- `modular`: two oscillators, noise, envelopes, LFOs and a matrix; 78 parameters.
- `fm`: six operators that modulate each other; `drum`: body, noise, click, metal and snap.
- `lines`: from control periods to samples; `document`: JSON read strictly.
- `envelope`, `elements` (edges without aliases, LFOs, sidebands, noise in octaves): what voices are
  made of.
- `table`: all voices by name.
- `patch`: the values of all parameters of a voice, as a file.
- `nebula`: other curves for a voice's parameters, as a file; `nebulae`: the ones that have names.
"""

from __future__ import annotations

from synth.models.inverse.voices.nebula import Nebula
from synth.models.inverse.voices.nebulae import NEBULAE, find_nebula
from synth.models.inverse.voices.parameter import Parameter
from synth.models.inverse.voices.patch import Patch
from synth.models.inverse.voices.table import VOICES, make_voice
from synth.models.inverse.voices.voice import DURATION, HOP, KEY, Note, Values, Voice

__all__ = [
    "DURATION",
    "HOP",
    "KEY",
    "NEBULAE",
    "VOICES",
    "Nebula",
    "Note",
    "Parameter",
    "Patch",
    "Values",
    "Voice",
    "find_nebula",
    "make_voice",
]
