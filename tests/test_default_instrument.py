"""The bundled instrument: small, in tune over the range it claims, clean, and of several sounds."""

from __future__ import annotations

import math

import numpy as np
import pytest

from export.codec.pitch_deviation import measure_cents
from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.plugins.bundled import bundled_instrument
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.rack import build_engine

RATE = 24_000
_, MANIFEST = read_instrument(bundled_instrument())
KEYS = MANIFEST.key_range or (0, 0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(
        EngineSettings((str(bundled_instrument()),), sample_rate=RATE, channels=1, voices=1)
    )


def _note(engine: Engine, sound: int, key: float, seconds: float) -> np.ndarray:
    engine.schedule(Event(NOW, "/panic"))
    engine.schedule(Event(NOW, "/program", (float(sound),)))
    engine.schedule(Event(NOW, "/note/on", (float(key), 100.0)))
    return engine.render(round(seconds * RATE))


def test_it_is_at_most_8_mb_and_says_its_licence() -> None:
    """And its parity figure, and the recipe's data."""
    assert bundled_instrument().stat().st_size <= 8_000_000
    assert "MIT" in MANIFEST.provenance["licence"]
    assert MANIFEST.provenance["parity"] <= 1e-4


def test_its_range_is_two_octaves_at_least() -> None:
    """What it claims is worth claiming."""
    assert KEYS[1] - KEYS[0] >= 24
    assert len(MANIFEST.sounds) >= 6


@pytest.mark.parametrize("sound", range(len(MANIFEST.sounds)))
def test_every_sound_is_in_tune(engine: Engine, sound: int) -> None:
    """Recorded keys and the keys between, over the whole range: within 10 cents."""
    for key in range(KEYS[0], KEYS[1] + 1, 5):
        audio = _note(engine, sound, key, 1.3)
        cents = measure_cents(audio, RATE, key)
        assert cents is not None, f"no clear pitch at key {key}"
        assert abs(cents) <= 10, f"{cents:.1f} cents at key {key}"


@pytest.mark.parametrize("bend", [-2.0, 2.0])
def test_pitch_bend_is_in_tune(engine: Engine, bend: float) -> None:
    """Bent by two semitones, the note is in tune with the key there."""
    engine.schedule(Event(NOW, "/pitch_bend", (bend,)))
    audio = _note(engine, 0, 64, 1.3)
    engine.schedule(Event(NOW, "/pitch_bend", (0.0,)))
    cents = measure_cents(audio, RATE, 64 + bend)
    assert cents is not None
    assert abs(cents) <= 10


@pytest.mark.parametrize("sound", range(len(MANIFEST.sounds)))
def test_every_sound_is_loud_enough_and_without_dc(engine: Engine, sound: int) -> None:
    """Peak between -40 and 0 dBFS at the default gain, mean under -60 dBFS, no full-scale step."""
    audio = _note(engine, sound, 66, 1.0)[0]
    peak = float(np.abs(audio).max())
    assert -40 < 20 * math.log10(peak) < 0
    assert abs(float(audio[RATE // 4 :].mean())) < 1e-3
    assert float(np.abs(np.diff(audio)).max()) < 0.5


def test_sounds_differ(engine: Engine) -> None:
    """Normalised spectra of two sounds on one key are never nearly the same."""
    spectra = []
    for sound in range(len(MANIFEST.sounds)):
        audio = _note(engine, sound, 66, 1.0)[0, RATE // 4 :]
        spectrum = np.log(np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) + 1e-6)
        bands = spectrum[: len(spectrum) // 64 * 64].reshape(64, -1).mean(axis=1)
        spectra.append((bands - bands.mean()) / bands.std())
    likeness = np.corrcoef(spectra) - np.eye(len(spectra))
    assert likeness.max() < 0.995


def test_latent_faders_change_the_sound_from_end_to_end(engine: Engine) -> None:
    """Each latent axis, moved to an end of its range, changes the sound audibly."""
    name = next(iter(engine.strips))
    control = MANIFEST.control("latent")
    assert control is not None
    plain = _note(engine, 0, 66, 0.5)
    for axis in range(control.size):
        for end in (control.minimum[axis], control.maximum[axis]):
            engine.schedule(Event(NOW, f"/{name}/latent/{axis}", (end,)))
            engine.render(RATE // 2)
            moved = _note(engine, 0, 66, 0.5)
            engine.schedule(Event(NOW, f"/{name}/latent/{axis}", (0.0,)))
            engine.render(RATE // 2)
            change = float(np.sqrt(np.mean((moved - plain) ** 2)))
            assert change > 1e-3, f"axis {axis} at {end:g} changes nothing"
            assert np.isfinite(moved).all()


def test_a_held_note_of_a_sustained_sound_goes_on(engine: Engine) -> None:
    """Looped sounds still sound after 8 s, three times the length of their recording."""
    sustained = 0
    for sound, title in enumerate(MANIFEST.sounds):
        late = _note(engine, sound, 60, 8.0)[0, -RATE:]
        held = float(np.sqrt(np.mean(late**2))) > 1e-3
        sustained += held
        if title in ("organ", "flute", "strings", "voices", "trumpet"):
            assert held, f"{title} died away"
    assert sustained < len(MANIFEST.sounds)  # a plucked string is not held for ever
