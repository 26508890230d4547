"""The bundled coordinate network: small, in tune over three octaves, clean, and morphable."""

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
PATH = bundled_instruments()["morph"]
_, MANIFEST = read_instrument(PATH)
LOWEST, HIGHEST = MANIFEST.key_range or (0, 0)
GUITAR, ORGAN = 0, 1


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(EngineSettings((str(PATH),), sample_rate=RATE, channels=1, voices=1))


def _note(engine: Engine, key: float, seconds: float, **controls: float) -> np.ndarray:
    """A note from silence, with some controls moved for its time."""
    defaults = {c.name: c.default[0] for c in MANIFEST.controls}
    engine.schedule(Event(NOW, "/panic"))
    for name in controls:
        engine.schedule(Event(NOW, f"/morph/{name}", (controls[name],)))
    engine.render(RATE // 10)
    engine.schedule(Event(NOW, "/note/on", (key, 100.0)))
    audio = engine.render(round(seconds * RATE))[0]
    for name in controls:
        engine.schedule(Event(NOW, f"/morph/{name}", (defaults[name],)))
    return audio


def _loudness_db(audio: np.ndarray) -> float:
    return 20 * math.log10(float(np.sqrt(np.square(audio, dtype=np.float64).mean())) + 1e-12)


def test_it_is_at_most_4_mb_and_says_its_licence() -> None:
    assert PATH.stat().st_size <= 4_000_000
    assert "MIT" in MANIFEST.provenance["licence"]
    assert MANIFEST.provenance["parity"] <= 1e-4


def test_it_knows_its_sounds() -> None:
    """The error is under a hundredth of the energy of what it learned from."""
    figures = MANIFEST.provenance["figures"]
    assert figures["eval_mse"] < 0.01 * figures["eval_silence"]


@pytest.mark.parametrize("sound", [GUITAR, ORGAN])
def test_three_octaves_are_in_tune(engine: Engine, sound: int) -> None:
    """Within 10 cents, whole octaves apart: the organ's foot stops are deeper than its key."""
    assert HIGHEST - LOWEST >= 36
    for key in range(60, HIGHEST + 1, 5):
        audio = _note(engine, key, 0.7, sound=sound)[RATE // 20 :]
        off = float(np.median(extract(audio, RATE, 256, ("pitch",))[:, 0])) - key
        assert abs(off - 12 * round(off / 12)) < 0.1


def test_low_keys_of_the_guitar_are_in_tune(engine: Engine) -> None:
    for key in range(LOWEST, 60, 5):
        audio = _note(engine, key, 0.9, sound=GUITAR)[RATE // 20 :]
        assert abs(float(np.median(extract(audio, RATE, 256, ("pitch",))[:, 0])) - key) < 0.1


def test_it_is_loud_enough_and_without_dc(engine: Engine) -> None:
    for sound in (GUITAR, ORGAN):
        audio = _note(engine, 60, 0.9, sound=sound)
        assert -40 < 20 * math.log10(float(np.abs(audio).max())) < 0
        assert abs(float(audio.mean())) < 2e-3
        assert np.isfinite(audio).all()


def test_a_note_ends_with_its_sound_and_goes_on_in_a_loop_or_frozen(engine: Engine) -> None:
    """A sound lasts a second; what holds it does so without losing level."""
    tail = slice(round(1.5 * RATE), None)
    assert np.abs(_note(engine, 60, 2.0, sound=ORGAN)[tail]).max() < 1e-4
    for held in ({"loop": 1.0}, {"loop": 2.0}):
        audio = _note(engine, 60, 2.0, sound=ORGAN, **held)
        assert abs(_loudness_db(audio[tail]) - _loudness_db(audio[RATE // 4 : RATE // 2])) < 3


def test_morph_goes_from_one_sound_to_the_other(engine: Engine) -> None:
    """0 is the sound itself, 1 the other one to the last bit, and half way is neither."""
    plain = {s: _note(engine, 60, 0.5, sound=s) for s in (GUITAR, ORGAN)}
    given = {"sound": GUITAR, "morph_sound": ORGAN}
    heard = {m: _note(engine, 60, 0.5, morph=m, **given) for m in (0.0, 0.5, 1.0)}
    assert np.allclose(heard[0.0], plain[GUITAR], atol=1e-6)
    assert np.allclose(heard[1.0], plain[ORGAN], atol=1e-5)
    assert np.abs(heard[0.5] - plain[GUITAR]).max() > 1e-2
    assert np.abs(heard[0.5] - plain[ORGAN]).max() > 1e-2
