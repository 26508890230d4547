"""What voices make above half the sample rate isn't heard below it, and what is below stays."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor
from voices_rig import held, spectra, units

from synth.models.inverse.voices import KEY, Voice, make_voice, sounds
from synth.models.inverse.voices.elements import bands, edges
from synth.models.inverse.voices.lines import hertz

WINDOW = 1 << 15
SKIRT = 7  # bins that the window makes of a tone, to each side
KEYS = range(21, 109)


def settled(voice: Voice, positions: Tensor, window: int = WINDOW) -> Tensor:
    """Audio after the attack, `[sounds, window]`."""
    start = voice.sample_rate // 20
    seconds = (start + window) / voice.sample_rate
    with torch.no_grad():
        return voice.render(positions, torch.zeros(1, 1), seconds)[:, start:]


def off_grid(voice: Voice, key: float) -> tuple[float, float]:
    """A frequency, and its key, near another key: multiples of the rate are half a step off it."""
    wanted = 440 * 2 ** ((key - 69) / 12)
    steps = round(voice.sample_rate / wanted - 0.5) + 0.5
    frequency = voice.sample_rate / steps
    return frequency, 69 + 12 * math.log2(frequency / 440)


def between_db(audio: Tensor, frequency: float, rate: int) -> float:
    """The strongest line half way between multiples of a frequency, in dB of the strongest."""
    (size,) = spectra(audio)
    bins = audio.shape[1] * frequency / rate
    assert bins > 2 * (SKIRT + 2)
    place = np.arange(len(size)) / bins
    away = np.abs(place - np.floor(place) - 0.5) * bins
    return float(20 * np.log10(size[away < 2].max() / size.max()))


@pytest.mark.parametrize("rate", [44_100, 48_000])
@pytest.mark.parametrize("shape", [0.0, 0.5, 1.0])
def test_no_alias_of_square_and_saw_reaches_minus_60_db(rate: int, shape: float) -> None:
    voice = make_voice("modular", rate)
    audio = settled(voice, torch.cat([units(voice, held(key, shape)) for key in KEYS]))
    frequencies = np.arange(WINDOW // 2 + 1) * rate / WINDOW
    for key, size in zip(KEYS, spectra(audio), strict=True):
        fundamental = 440 * 2 ** ((key - 69) / 12)
        away = np.abs(frequencies - np.round(frequencies / fundamental) * fundamental)
        foreign = size[away > SKIRT * rate / WINDOW]
        assert 20 * np.log10(foreign.max() / size.max()) < -60, key


@pytest.mark.parametrize("shape", [0.0, 1.0])
@pytest.mark.parametrize("key", [60.0, 84.0, 96.0])
def test_no_alias_of_a_vibrato_reaches_minus_60_db(key: float, shape: float) -> None:
    # A vibrato whose depth is a semitone and whose rate divides the key's mean frequency: all that
    # belongs to the sound lies on multiples of the rate, what was folded lies between them.
    voice = make_voice("modular")
    steps = 2_756.5  # samples of a turn of the LFO, 16 Hz
    rate = 44_100 / steps
    turn = 0.5 + 0.5 * np.cos(2 * np.pi * np.arange(100_000) / 100_000)
    mean = float(np.exp2(turn / 12).mean())
    multiple = round(440 * 2 ** ((key - 69) / 12) * mean / rate)
    exact = 69 + 12 * math.log2(multiple * rate / mean / 440)
    values = held(exact, shape, lfo_1_frequency=rate, lfo_1_sine=1.0, lfo_1_to_vco_2_pitch=1.0)
    values |= {"vco_2_mod_depth": 1.0, "lfo_1_mod_depth": 0.0}
    audio = settled(voice, units(voice, values), 2 * WINDOW)
    assert between_db(audio, rate, 44_100) < -60


def test_low_keys_are_as_bright_as_a_square_without_aliases() -> None:
    voice = make_voice("modular")
    for key, limit in ((33, 1.0), (45, 1.0), (57, 1.0), (69, 1.5)):
        (size,) = spectra(settled(voice, units(voice, held(key))))
        fundamental = 440 * 2 ** ((key - 69) / 12)
        first = size[round(fundamental * WINDOW / 44_100)]
        for n in range(3, int(10_000 / fundamental), 2):
            at = round(n * fundamental * WINDOW / 44_100)
            level = size[at - 2 : at + 3].max() * n / first
            # The window may fall between two bins, which costs up to a decibel.
            assert abs(20 * math.log10(level)) < limit + 0.8, (key, n)


def test_the_edges_of_a_square_end_flat_at_its_level() -> None:
    x = torch.linspace(-1, 1, 2001, dtype=torch.float64)
    made = edges.square(x)
    torch.testing.assert_close(made, -made.flip(0))
    assert float(made[-1]) == pytest.approx(1, abs=1e-12)
    assert float(made[-1] - made[-2]) < 1e-9
    assert float(edges.square(torch.tensor(edges.CREST))) == pytest.approx(float(made.max()))


@pytest.mark.parametrize("key", [60, 84, 96, 108])
def test_no_alias_of_fm_reaches_minus_60_db(key: int) -> None:
    voice = make_voice("fm")
    frequency, exact = off_grid(voice, key - 12)  # the lowest ratio is a half
    exact += 12
    values = voice.values(sounds.knob_positions(voice.names, range(12)).double())
    for name in voice.names:
        if name == "tuning" or name.endswith(("fine", "key_scaling", "attack")):
            values[name] = values[name] * 0
        elif name.endswith("coarse"):
            values[name] = values[name].round()
        elif name.endswith("sustain"):
            values[name] = torch.ones_like(values[name])
    values[KEY] = torch.full_like(values[KEY], exact)
    values["keyboard_duration"] = torch.full_like(values[KEY], 4.0)
    for audio in settled(voice, voice.units(values)):
        if audio.abs().max() > 0.01:
            assert between_db(audio[None], frequency, 44_100) < -60


def test_an_operator_alone_is_a_sine_and_with_feedback_keplers() -> None:
    voice = make_voice("fm")
    values = {KEY: 57.0, "keyboard_duration": 4.0, "op_6_coarse": 1.0, "op_6_level": 1.0}
    values |= {"op_6_sustain": 1.0, "op_6_alpha": 1.0}
    phase = 2 * math.pi * 220 * (torch.arange(WINDOW) + voice.sample_rate // 20) / 44_100
    for feedback in (0.0, 0.6):
        fed = values | {"op_6_feedback": feedback}
        audio = settled(voice, units(voice, fed))[0]
        torch.testing.assert_close(audio, torch.sin(phase + feedback * audio), atol=2e-3, rtol=0)


def test_bands_are_octaves_of_equal_power() -> None:
    noise = sounds.noise([1], 1 << 17).double()
    split = bands.split(noise)
    frequencies = np.fft.rfftfreq(split[0].shape[1], 1.0)
    for place, band in enumerate(split):
        assert float(band.std()) == pytest.approx(1, abs=0.03)
        power = np.abs(np.fft.rfft(band[0].numpy())) ** 2
        centre = float((power * frequencies).sum() / power.sum())
        assert 0.5 / 2 ** (place + 1) < centre < 0.5 / 2**place * 1.05
        assert abs(float(band.mean())) < 0.01


def test_a_key_is_a_frequency() -> None:
    assert hertz(torch.tensor([69.0, 81.0, 60.0])).tolist() == pytest.approx([440, 880, 261.6256])
