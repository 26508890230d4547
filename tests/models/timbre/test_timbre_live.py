"""The live timbre space, on a space that is known: tones of given spectra."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from timbre_sines import (
    LEVEL,
    RATE,
    Player,
    between_db,
    hertz,
    instrument,
    peak,
    power,
    space,
    spectrum,
)
from torch import Tensor

from synth.contract import ConfigError
from synth.models.timbre import PRESETS, Timbre
from synth.models.timbre.live.instrument import LOUDEST, TimbreInstrument
from synth.models.timbre.live.oscillators import TURN
from synth.models.timbre.live.reader import FrameReader


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tones() -> TimbreInstrument:
    return instrument()


def level_db(sound: Tensor) -> float:
    return float(10 * torch.log10(sound.square().mean() + 1e-12))


def steepest(sound: Tensor) -> float:
    return float(sound.diff().diff().abs().max())


def cents(found: float, wanted: float) -> float:
    return abs(1200 * math.log2(found / wanted))


@pytest.mark.parametrize("key", [44.0, 48.0, 51.3, 60.0, 66.5, 69.0, 77.0, 84.0, 88.0])
@pytest.mark.parametrize("sample_rate", [22_050, 48_000])
def test_every_key_is_in_tune(key: float, sample_rate: int) -> None:
    sound = Player(instrument(sample_rate), key=key).seconds(0.8)[0]
    found, _ = peak(sound[sample_rate // 10 :], hertz(key), sample_rate)
    assert cents(found, hertz(key)) < 0.1


def test_partials_are_those_of_the_frame(tones: TimbreInstrument) -> None:
    """Between bands and between keys as well, down to where several share a band."""
    player = Player(tones, key=60.0, velocity=LOUDEST, morph=0.5)  # in the middle: no tilt
    sound = player.seconds(1.0)[0, RATE // 4 :]
    for number in (1, 2, 3, 5, 7, 12, 20, 40):
        _, found = peak(sound, number * hertz(60))
        assert abs(20 * math.log10(found * number / LEVEL)) < (0.2 if number < 30 else 3.0)


def test_nothing_lies_between_the_partials(tones: TimbreInstrument) -> None:
    for key in (48, 61, 84):
        sound = Player(tones, key=float(key)).seconds(1.0)[0, RATE // 4 :]
        assert between_db(sound, hertz(key)) < -70


def test_what_is_heard_fades_towards_the_floor() -> None:
    """A tone with noise under it, as it gets softer: nothing jumps, and at the floor is nothing."""
    floor = 1e-4
    frequencies = torch.tensor(PRESETS["live"].bands.frequencies)
    reader = FrameReader(frequencies, 60, 60, floor)
    tone = torch.from_numpy(spectrum(60, frequencies.numpy(), 0.05)).float()
    gains = torch.linspace(60.0, 0.0, 600) * floor
    heard = reader(gains[:, None] * tone, torch.zeros(600).long())
    for part in (heard.partials[:, :4], heard.noise[:, :4]):
        assert float(part[0].min()) > 0
        assert float(part[-1].max()) == 0.0
        assert float(part.diff(dim=0).abs().max()) < 0.5 * floor
    at_floor = reader(torch.full((1, len(frequencies)), floor), torch.zeros(1).long())
    assert float(at_floor.noise.max()) == float(at_floor.partials.max()) == 0.0


def test_partials_beyond_half_the_rate_fade() -> None:
    """At a low output rate, and when a note is transposed far up."""
    made = instrument(8_000)
    sound = Player(made, key=84.0, pitch=12.0).seconds(1.0)[0, 2_000:]
    assert between_db(sound, hertz(96), 8_000) < -50


@pytest.mark.parametrize("block", [1, 2, 3, 7, 20])
def test_streamed_equals_whole(block: int) -> None:
    values = {"key": [[50.3], [71.0]], "noise": 6.0, "morph": 0.3, "path": 2.0, "brightness": 0.4}
    made = instrument(floor=1e-3)
    drawn = {spec.name: torch.randn(2, 20, *spec.shape[1:]) for spec in made.random}
    whole = Player(made, 2, **values).hops(20, drawn)
    player, parts = Player(made, 2, **values), []
    for at in range(0, 20, block):
        size = min(block, 20 - at)
        parts.append(player.hops(size, {k: v[:, at : at + size] for k, v in drawn.items()}))
    assert float((torch.cat(parts, 1) - whole).abs().max()) < 1e-5


def test_voices_do_not_hear_each_other(tones: TimbreInstrument) -> None:
    keys = torch.linspace(45, 86, 8)[:, None]
    sounds = (torch.arange(8) % 2)[:, None]
    together = Player(tones, 8, key=keys, sound=sounds).hops(30)
    for row in range(8):
        alone = Player(tones, key=float(keys[row]), sound=int(sounds[row])).hops(30)
        assert float((together[row] - alone[0]).abs().max()) < 1e-5


def test_a_note_begins_at_once(tones: TimbreInstrument) -> None:
    sound = Player(tones, key=60.0).hops(4)[0].abs()
    heard = int((sound > 0.05 * float(sound.max())).nonzero()[0])
    assert heard < 0.003 * RATE, "no latency"
    assert tones.latency == 0


def test_a_released_note_falls_silent(tones: TimbreInstrument) -> None:
    player = Player(tones, key=60.0, release=0.1)
    held = player.seconds(0.5)[0]
    player.set(gate=0.0)
    player.seconds(0.2)
    assert level_db(player.seconds(0.1)[0]) < level_db(held) - 100


def test_an_attack_rises_in_its_time(tones: TimbreInstrument) -> None:
    sound = Player(tones, key=84.0, attack=0.2).seconds(0.4)[0]
    rise = sound.unfold(0, 480, 480).square().mean(1).sqrt()
    half = int((rise > 0.5 * rise[-1]).nonzero()[0]) * 0.01
    assert 0.08 <= half <= 0.12


def test_bend_glides_through_the_semitones(tones: TimbreInstrument) -> None:
    """Level and pitch go on evenly where the keys that are decoded change."""
    player, levels = Player(tones, key=60.0), []
    player.seconds(0.2)
    for bend in np.linspace(-1.5, 1.5, 60):
        player.set(bend=bend)
        levels.append(float(player.hops(24).square().mean().sqrt()))
    steps = 20 * np.abs(np.diff(np.log10(levels)))
    assert steps.max() < 0.25
    sound = player.seconds(1.0)[0]
    assert cents(peak(sound, hertz(61.5))[0], hertz(61.5)) < 0.1


def test_phase_does_not_drift(tones: TimbreInstrument) -> None:
    """It is counted in whole numbers: what a hop adds is off by less than a 2⁴⁰th of a turn."""
    player = Player(tones, key=61.0)
    player.hops(1)
    begin = int(player.state["phase"][0, 0])
    player.hops(400)
    turns = (int(player.state["phase"][0, 0]) - begin) / TURN
    exact = 400 * tones.hop * float(player.state["frequency"][0, 0])
    assert abs((turns - exact + 0.5) % 1 - 0.5) < 400 / TURN


@pytest.mark.parametrize(
    "name", ["latent", "morph", "sustain_point", "trajectory", "brightness", "path", "loudness"]
)
def test_a_jump_makes_no_click(tones: TimbreInstrument, name: str) -> None:
    """A second difference hears a step in the wave or its slope."""
    control = next(c for c in tones.controls if c.name == name)
    player = Player(tones, key=60.0, morph=0.4)
    player.set(**{name: torch.tensor(control.minimum)})
    before = player.seconds(0.5)[0, RATE // 4 :]
    player.set(**{name: torch.tensor(control.maximum)})
    during = player.hops(4)[0]
    after = player.seconds(0.2)[0]
    steady = max(steepest(before), steepest(after))
    assert steepest(torch.cat([before[-2:], during])) < 1.1 * steady


def test_a_sustained_note_goes_on_and_a_struck_one_dies() -> None:
    for decay, fall in ((0.0, 0.5), (20.0, 35.0)):
        player = Player(instrument(decay_db=decay), key=60.0)
        first = level_db(player.seconds(0.1)[0])
        player.seconds(4.0)
        last = level_db(player.seconds(0.1)[0])
        assert last - first < -fall if decay else abs(last - first) < fall


def test_velocity_moves_level_and_dynamics() -> None:
    made = instrument(dynamics=3)
    levels = [
        level_db(Player(made, key=60.0, velocity=v).seconds(0.3)[0])
        for v in (0.05, 0.1, 0.26, 0.5, 0.7, 0.88)
    ]
    assert np.all(np.diff(levels) > 1.0)
    assert levels[-1] - levels[2] == pytest.approx(20 * math.log10(math.e), abs=0.3)


def test_noise_has_the_level_of_the_gaps() -> None:
    """White noise of variance v has the mean square 1.5 v W / rate in a band of width W; a decoder
    says the geometric mean, 2.5 dB lower."""
    made = instrument(floor=1e-3)
    sound = Player(made, key=60.0, noise=0.0, morph=0.5, velocity=LOUDEST).seconds(3.0)[0]
    found, apart = power(sound)
    place = np.arange(len(found)) * apart
    window = np.blackman(len(sound))
    density = found / (2 * RATE * (window**2).sum() / window.sum() ** 2)
    for centre in (2_000.0, 4_000.0, 8_000.0):
        gap = np.abs(place / hertz(60) % 1 - 0.5) < 0.2
        near = gap & (np.abs(place / centre - 1) < 0.1)
        width = centre * (2 ** (1 / 48) - 2 ** (-1 / 48))
        wanted = 1e-6 * math.exp(0.5772) / (0.75 * width)
        # Above 26 times the fundamental no gap is seen, and the noise is guessed.
        known = 1.5 if centre < 26 * hertz(60) else 3.0
        assert abs(10 * math.log10(density[near].mean() / wanted)) < known
    silent = Player(made, key=60.0, noise=-60.0).seconds(1.0)[0, RATE // 4 :]
    assert between_db(silent, hertz(60)) < -70


def test_brightness_and_loudness_are_what_is_heard(tones: TimbreInstrument) -> None:
    def heard(**values: float) -> tuple[float, float]:
        sound = Player(tones, key=60.0, morph=0.5, **values).seconds(0.5)[0, RATE // 8 :]
        found, apart = power(sound)
        return float((found @ (np.arange(len(found)) * apart)) / found.sum()), level_db(sound)

    centres = [heard(brightness=b)[0] for b in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert np.all(np.diff(np.log2(centres)) > 0.1)
    levels = [heard(loudness=x)[1] for x in (-1.0, -0.5, 0.0, 0.5, 1.0)]
    assert np.allclose(np.diff(levels), 6.0, atol=2.0)
    assert abs(heard(brightness=0.5)[1] - heard()[1]) < 3.0, "brighter is not louder"


def test_nothing_asked_moves_nothing(tones: TimbreInstrument) -> None:
    latent = torch.randn(3, 2, 4)
    move = tones.targets.solve(latent, torch.full((3, 1), 60.0), torch.zeros(3, 4))
    assert float(move.abs().max()) == 0.0


def test_morph_goes_from_one_sound_to_the_other(tones: TimbreInstrument) -> None:
    for path in (0.0, 1.0, 2.0):
        for morph, sound in ((0.0, 0.0), (1.0, 1.0)):
            made = Player(tones, key=60.0, path=path, morph=morph).seconds(0.2)
            alone = Player(tones, key=60.0, sound=sound).seconds(0.2)
            assert float((made - alone).abs().max()) < 1e-5


def test_a_model_without_anchors_is_refused() -> None:
    with pytest.raises(ConfigError, match="no anchors"):
        TimbreInstrument(Timbre(PRESETS["tiny"]), {})
    model = space()
    model.anchor_times.zero_()
    with pytest.raises(ConfigError, match="end of training"):
        TimbreInstrument(model, {})


def test_the_map_names_where_sounds_are(tones: TimbreInstrument) -> None:
    """`latent` at the place of a sound, taken as a place, is that sound."""
    assert [place.name for place in tones.map] == ["bright", "dark"]
    assert tones.map[1].position == pytest.approx((-0.5, 0.0, 0.0), abs=1e-6)
    there = torch.tensor([*tones.map[1].position, 0.0])
    moved = Player(tones, key=60.0, latent=there, place=1.0).seconds(0.2)
    dark = Player(tones, key=60.0, sound=1.0).seconds(0.2)
    assert float((moved - dark).abs().max()) < 1e-4
