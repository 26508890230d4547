"""Patches of the voices that a test can hear through."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from synth.models.inverse.voices import Voice

ENVELOPES = ("adsr_1", "adsr_2", "lfo_1_amp", "lfo_2_amp", "lfo_1_rate", "lfo_2_rate")


def units(voice: Voice, values: dict[str, float]) -> Tensor:
    """Knob positions `[1, parameters]` of a patch; what isn't named is nearest to 0."""
    known = {p.name: min(max(0.0, p.minimum), p.maximum) for p in voice.parameters_}
    assert values.keys() <= known.keys()
    found = {n: torch.tensor([[v]], dtype=torch.float64) for n, v in {**known, **values}.items()}
    return voice.units(found)


def held(key: float, shape: float = 0.0, **more: float) -> dict[str, float]:
    """The modular voice's square or saw at full level, without envelopes."""
    values = {f"{name}_sustain": 1.0 for name in ENVELOPES}
    values |= {f"{name}_alpha": 1.0 for name in ENVELOPES}
    values |= {"keyboard_midi_f0": key, "keyboard_duration": 4.0, "mixer_vco_2": 1.0}
    values |= {"adsr_1_to_vco_2_amp": 1.0, "vco_2_shape": shape}
    return values | more


def spectra(audio: Tensor) -> np.ndarray:
    """Amplitudes `[sounds, bins]` through a window whose skirts are below -110 dB."""
    sound = audio.double().numpy()
    return np.abs(np.fft.rfft(sound * np.blackman(sound.shape[1]) ** 2, axis=1))
