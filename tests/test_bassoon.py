"""The bundled SampleRNN: small, at the pitch of its keys, clean, and the same for the same seed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.plugins.bundled import bundled_instruments
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.rack import build_engine
from synth.dsp.features import extract

RATE = 16_000
PATH = bundled_instruments()["bassoon"]
_, MANIFEST = read_instrument(PATH)
KEYS = MANIFEST.key_range or (0, 0)


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(EngineSettings((str(PATH),), sample_rate=RATE, channels=1, voices=1))


def _note(engine: Engine, key: float, seconds: float) -> np.ndarray:
    engine.schedule(Event(NOW, "/panic"))
    engine.render(RATE // 10)
    engine.schedule(Event(NOW, "/note/on", (key, 100.0)))
    return engine.render(round(seconds * RATE))[0]


def test_it_is_at_most_4_mb_and_says_its_licence() -> None:
    assert PATH.stat().st_size <= 4_000_000
    assert "MIT" in MANIFEST.provenance["licence"]
    assert MANIFEST.provenance["parity"] <= 1e-4


def test_it_knows_its_material() -> None:
    """Well below 4.95 bits per sample, the order-1 entropy of what it learned from."""
    assert MANIFEST.provenance["figures"]["held_out_bits"] < 2.5


def test_keys_sound_at_their_pitch(engine: Engine) -> None:
    """Within half a semitone, over the range that it claims, which is more than an octave."""
    assert KEYS[1] - KEYS[0] >= 12
    for key in range(KEYS[0], KEYS[1] + 1, 2):
        audio = _note(engine, key, 1.5)[RATE // 4 :]
        pitch = extract(audio, RATE, 256, ("pitch",))[:, 0]
        assert abs(float(np.median(pitch)) - key) < 0.5


def test_it_is_loud_enough_and_without_dc(engine: Engine) -> None:
    audio = _note(engine, 64, 1.5)
    assert -40 < 20 * math.log10(float(np.abs(audio).max())) < 0
    assert abs(float(audio.mean())) < 2e-3
    assert np.isfinite(audio).all()


def test_a_released_note_ends_in_silence(engine: Engine) -> None:
    _note(engine, 64, 0.5)
    engine.schedule(Event(NOW, "/note/off", (64.0,)))
    engine.render(RATE)
    assert float(np.abs(engine.render(RATE // 4)).max()) < 1e-4


def test_seed_and_temperature_act(engine: Engine) -> None:
    """The same seed is the same sound; another seed, or no chance at all, is another one."""

    def heard(address: str, value: float, rest: float) -> np.ndarray:
        engine.schedule(Event(NOW, address, (value,)))
        audio = _note(engine, 64, 0.5)
        engine.schedule(Event(NOW, address, (rest,)))
        return audio

    plain, again = heard("/bassoon/seed", 0.0, 0.0), heard("/bassoon/seed", 0.0, 0.0)
    assert np.array_equal(plain, again)
    assert not np.array_equal(plain, heard("/bassoon/seed", 7.0, 0.0))
    assert not np.array_equal(plain, heard("/bassoon/temperature", 0.0, 1.0))
