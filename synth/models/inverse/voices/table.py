"""The table of voices."""

from __future__ import annotations

from synth.contract import ConfigError
from synth.models.inverse.voices.drum import DrumVoice
from synth.models.inverse.voices.fm import FMVoice
from synth.models.inverse.voices.modular import ModularVoice
from synth.models.inverse.voices.voice import Voice

VOICES: dict[str, type[Voice]] = {"modular": ModularVoice, "fm": FMVoice, "drum": DrumVoice}


def make_voice(name: str, sample_rate: int = 44_100) -> Voice:
    """The voice of a name.

    Args:
        name: in `VOICES`.
        sample_rate: Hz.

    Raises:
        ConfigError: there is no such voice.
    """
    if name not in VOICES:
        raise ConfigError(f"voice {name!r} is unknown; known are {', '.join(VOICES)}")
    return VOICES[name](sample_rate)
