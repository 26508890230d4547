"""The nebulae that have names: `default`, what a voice has by itself, and `drum`."""

from __future__ import annotations

from pathlib import Path

from synth.contract import ConfigError, require_one_of
from synth.models.inverse.voices.modular import ENVELOPES, SOURCES, TARGETS
from synth.models.inverse.voices.nebula import Nebula
from synth.models.inverse.voices.table import VOICES
from synth.models.inverse.voices.voice import DURATION, KEY


def _modular_drum() -> Nebula:
    """Short envelopes, a pitch near the middle, and LFOs that seldom do much."""
    short = {"attack": 0.1, "decay": 0.2, "sustain": 0.2, "release": 0.2}
    curves = {f"{name}_{part}": c for name in ENVELOPES for part, c in short.items()}
    curves |= {KEY: 0.3, DURATION: 0.25, "mixer_noise": 0.1}
    curves |= {f"{vco}_tuning": 0.3 for vco in ("vco_1", "vco_2")}
    curves |= {f"{lfo}_mod_depth": 0.2 for lfo in ("lfo_1", "lfo_2")}
    lfos = [source for source in SOURCES if source.startswith("lfo")]
    curves |= {f"{source}_to_{target}": 0.15 for source in lfos for target in TARGETS}
    return Nebula("drum", curves, {KEY: True, "vco_1_tuning": True, "vco_2_tuning": True})


# By the voice's name, then the nebula's.
NEBULAE: dict[str, dict[str, Nebula]] = {
    name: {"default": Nebula.of(voice.parameters_, "default")} for name, voice in VOICES.items()
}
NEBULAE["modular"]["drum"] = _modular_drum()


def find_nebula(voice: str, text: str) -> Nebula:
    """The nebula of a name, or of a file.

    Args:
        voice: its name in the table of voices.
        text: name of a nebula of this voice, or path of a JSON file.

    Raises:
        ConfigError: the voice is unknown, neither is there, or the file isn't a nebula.
    """
    require_one_of("voice", voice, tuple(NEBULAE))
    if text in NEBULAE[voice]:
        return NEBULAE[voice][text]
    if not Path(text).is_file():
        raise ConfigError(
            f"nebula {text!r:.100} is unknown; the voice {voice} has {', '.join(NEBULAE[voice])},"
            " or give a JSON file"
        )
    return Nebula.read(text)
