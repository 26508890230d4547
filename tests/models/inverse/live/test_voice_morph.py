"""Knobs that are on their way to a patch, and values that are taken together."""

from __future__ import annotations

import pytest
import torch

from synth.contract import ConfigError, DataError
from synth.models.inverse.live.controls import live_parameters
from synth.models.inverse.live.instrument import VoiceInstrument
from synth.models.inverse.live.morph import Morph
from synth.models.inverse.voices import HOP, VOICES, Note, Patch, make_voice
from synth.models.inverse.voices.matrix import Matrix
from synth.models.inverse.voices.sounds import knob_positions


def bank(name: str, count: int = 3) -> list[Patch]:
    voice = make_voice(name)
    units = knob_positions(voice.names, range(count))
    return [Patch.of(voice, row[None], f"Sound {i}") for i, row in enumerate(units)]


@pytest.mark.parametrize("name", list(VOICES))
def test_half_the_way_is_the_middle_of_the_knobs_positions(name: str) -> None:
    parameters, patches = live_parameters(make_voice(name).parameters_), bank(name)
    morph = Morph(parameters, patches)
    here = morph.values[:1]
    half = morph(here, torch.tensor([[0.5]]), torch.tensor([2]))[0]
    for place, parameter in enumerate(parameters):
        ends = [parameter.unit_of(morph.values[row, place].double()) for row in (0, 2)]
        wanted = parameter.value(sum(ends) / 2)
        size = parameter.maximum - parameter.minimum
        assert abs(float(half[place] - wanted)) < 2e-5 * size, parameter.name
    assert torch.equal(morph(here, torch.zeros(1, 1), torch.tensor([2])), here)
    assert torch.equal(morph(here, torch.ones(1, 1), torch.tensor([2])), morph.values[2:])


@pytest.mark.parametrize("name", list(VOICES))
def test_values_that_are_taken_together_sound_the_same(name: str) -> None:
    voice = make_voice(name)
    values = voice.values(knob_positions(voice.names, range(2)))
    time = torch.arange(9)[None].expand(2, -1) * (HOP / voice.sample_rate)
    note = Note(torch.full((2, 1), 50.0), time, torch.zeros_like(time))
    noise = torch.randn(2, 8 * HOP, generator=torch.Generator().manual_seed(0))
    matrix = Matrix(voice.names, torch.cat([values[n] for n in voice.names], 1))
    assert set(matrix) == set(values)
    assert len(matrix) == len(values)
    with torch.no_grad():
        apart, _ = voice.step(values, note, noise, voice.init_state(2))
        together, _ = voice.step(matrix, note, noise, voice.init_state(2))
    assert (apart - together).abs().max() < 1e-6


def test_a_voice_is_played_with_its_own_patches_at_usual_rates() -> None:
    voice = make_voice("modular")
    with pytest.raises(ConfigError, match="at least one patch"):
        VoiceInstrument(voice, ())
    with pytest.raises(ConfigError, match="44100 or 48000"):
        VoiceInstrument(voice, bank("modular"), 96_000)
    with pytest.raises(DataError, match="of the voice fm, not of modular"):
        VoiceInstrument(voice, bank("fm"))
