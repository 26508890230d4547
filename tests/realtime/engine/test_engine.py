"""The engine: what comes out depends on events and their times alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from builders import write_effect, write_sampler

from realtime.engine.engine import Engine
from realtime.engine.plugin import Array, Rows
from realtime.engine.settings import EngineSettings
from realtime.engine.voices import GHOSTS
from realtime.namespace.event import NOW, Event
from realtime.plugins.rack import build_engine
from synth.contract import ConfigError, Control, Manifest, ModelFileError

RATE = 48_000
HOP = 32


class Steps:
    """A generator whose sound says what it was told: `level` as a constant, per voice."""

    def __init__(self, rate: int = RATE, name: str = "steps") -> None:
        self.name = name
        controls = (
            Control("gate", per_voice=True, curve="toggle", role="gate"),
            Control("key", 1, (0.0,), (127.0,), (60.0,), per_voice=True, role="key"),
            Control("velocity", per_voice=True, role="velocity"),
            Control("bend", 1, (-12.0,), (12.0,), (0.0,), per_voice=True, role="bend"),
            Control("level", 2),
        )
        self.manifest = Manifest(name, "test", "generator", rate, HOP, 0, 1, controls=controls)
        self.fault = ""
        self.offset = 0.0
        self.resets: list[list[int]] = []

    def prepare(self, slots: int) -> None:
        self.slots = slots
        self.at = np.zeros(slots)

    def process(self, rows: Rows, controls: Mapping[str, Array], audio: Array | None) -> Array:
        if self.fault == "raise":
            raise RuntimeError("a fault on purpose")
        time = (self.at[rows][:, None] + np.arange(HOP)) / self.manifest.sample_rate
        self.at[rows] += HOP
        pitch = 440 * 2 ** ((controls["key"] + controls["bend"] - 69) / 12)
        sound = np.sin(2 * np.pi * pitch * time) * 0.2 * controls["gate"] * controls["velocity"]
        sound = sound + self.offset
        made = sound[:, None].astype(np.float32)
        if self.fault == "nan":
            made[-1] = np.nan
        return made

    def reset(self, rows: Rows) -> None:
        self.resets.append(list(rows))
        self.at[rows] = 0

    def close(self) -> None:
        self.closed = True


def _engine(plugin: Steps | None = None, **settings: int) -> Engine:
    return Engine([plugin or Steps()], EngineSettings(**settings))  # type: ignore[arg-type]


def _note(engine: Engine, key: float = 69, velocity: float = 127) -> None:
    engine.schedule(Event(NOW, "/note/on", (key, velocity)))


SCORE = [
    Event(1000, "/note/on", (60.0, 100.0)),
    Event(5000, "/note/on", (64.0, 90.0)),
    Event(9000, "/pitch_bend", (0.7,)),
    Event(9100, "/small/latent/2", (0.5,)),
    Event(12_000, "/note/on", (67.0, 100.0)),
    Event(13_001, "/note/on", (71.0, 100.0)),
    Event(15_000, "/gain", (-9.0,)),
    Event(20_000, "/note/off", (60.0,)),
    Event(21_000, "/small/speed", (0.5,)),
]


@pytest.mark.parametrize("rate", [24_000, 44_100, 48_000])
def test_the_size_of_the_blocks_changes_nothing(tmp_path: Path, rate: int) -> None:
    """Same events, same bytes, whether rendered in blocks of 1000, 37, 256 or all at once."""
    path = str(write_sampler(tmp_path))

    def play(sizes: list[int]) -> Array:
        engine = build_engine(EngineSettings((path,), voices=3, sample_rate=rate))
        for event in SCORE:
            engine.schedule(event)
        pieces, left, turn = [], 30_000, 0
        while left:
            size = min(sizes[turn % len(sizes)], left)
            pieces.append(engine.render(size))
            left, turn = left - size, turn + 1
        return np.concatenate(pieces, axis=1)

    whole = play([30_000])
    assert np.abs(whole).max() > 1e-3
    for sizes in ([1000], [37, 256, 1], [256]):
        assert np.array_equal(whole, play(sizes)), sizes


def test_a_note_begins_at_its_sample() -> None:
    """Nothing sounds before an event's time, and something does within the declared latency."""
    for time in (0, 1, 997, 4801):
        engine = _engine()
        engine.schedule(Event(time, "/note/on", (69.0, 127.0)))
        out = np.abs(engine.render(time + engine.latency + 4)).max(axis=0)
        first = int(np.flatnonzero(out > 0)[0])
        assert time <= first <= time + engine.latency + 2


@pytest.mark.parametrize("semitones", [0.0, 2.0, -0.5])
def test_pitch_bend_moves_all_voices(semitones: float) -> None:
    """A bend of n semitones multiplies the frequency by 2^(n/12)."""
    engine = _engine()
    engine.schedule(Event(NOW, "/pitch_bend", (semitones,)))
    _note(engine)
    out = engine.render(RATE)[0, 4800:]
    up = np.flatnonzero((out[:-1] < 0) & (out[1:] >= 0))
    frequency = (len(up) - 1) * RATE / (up[-1] - up[0])
    assert frequency == pytest.approx(440 * 2 ** (semitones / 12), rel=2e-3)


def test_stealing_keeps_the_number_of_voices_and_takes_the_oldest() -> None:
    """A fifth note on four voices replaces the first, fading it; released ones go first."""
    engine = _engine(voices=4)
    strip = engine.strips["steps"]
    for key in (60, 61, 62, 63):
        _note(engine, key)
        engine.render(HOP)
    engine.schedule(Event(NOW, "/note/off", (62.0,)))
    _note(engine, 70)
    engine.render(HOP)
    assert sorted(v.key for v in strip.voices.active if not v.ghost) == [60, 61, 63, 70]
    _note(engine, 71)
    engine.render(HOP)
    assert sorted(v.key for v in strip.voices.active if not v.ghost) == [61, 63, 70, 71]
    assert engine.stats()["stolen_voices"] == 2


def test_stealing_makes_no_click() -> None:
    """The step between samples stays that of the tones while 40 notes fight for two voices."""
    engine = _engine(voices=2)
    pieces = []
    for turn in range(40):
        _note(engine, 60 + turn % 7)
        pieces.append(engine.render(700))
    out = np.concatenate(pieces, axis=1)[0]
    slope = 2 * math.pi * 440 * 2 ** ((66 - 69) / 12) / RATE * 0.2
    # A stolen voice falls from its level to 0 over one hop, on top of the slopes of the tones.
    allowed = (2 + GHOSTS) * (slope + 0.2 / HOP)
    assert np.abs(np.diff(out)).max() < allowed


def test_sustain_holds_and_lets_go() -> None:
    """A released key sounds on while the pedal is down, and ends when it is lifted."""
    engine = _engine()
    engine.schedule(Event(NOW, "/sustain", (1.0,)))
    _note(engine)
    engine.render(4800)
    engine.schedule(Event(NOW, "/note/off", (69.0,)))
    assert np.abs(engine.render(4800)).max() > 0.05
    engine.schedule(Event(NOW, "/sustain", (0.0,)))
    engine.render(4800)
    assert engine.stats()["active_voices"] == 0


@pytest.mark.parametrize("target", ["/panic", "/all_notes_off"])
def test_panic_and_all_notes_off_end_everything(target: str) -> None:
    """No voice is left, pedal or not."""
    engine = _engine()
    engine.schedule(Event(NOW, "/sustain", (1.0,)))
    for key in (60, 64):
        _note(engine, key)
    engine.render(4800)
    engine.schedule(Event(NOW, target))
    engine.render(9600)
    assert engine.stats()["active_voices"] == 0


def test_a_constant_is_no_sound() -> None:
    """A model that puts out a constant in silence doesn't keep its released voices for ever."""
    plugin = Steps()
    plugin.offset = 0.01
    engine = _engine(plugin)
    _note(engine)
    engine.render(4800)
    engine.schedule(Event(NOW, "/note/off", (69.0,)))
    engine.render(9600)
    assert engine.stats()["active_voices"] == 0


def test_velocity_zero_is_a_note_off() -> None:
    """As MIDI 1.0 says."""
    engine = _engine()
    _note(engine)
    engine.render(4800)
    _note(engine, velocity=0)
    engine.render(9600)
    assert engine.stats()["active_voices"] == 0


def test_nan_is_muted_counted_and_over_when_the_cause_is() -> None:
    """Not one sample that is not finite leaves, and sound returns within 50 ms."""
    plugin = Steps()
    engine = _engine(plugin)
    _note(engine)
    engine.render(4800)
    plugin.fault = "nan"
    out = engine.render(HOP * 3)
    assert np.isfinite(out).all()
    plugin.fault = ""
    assert engine.stats()["muted_hops"] > 0
    assert np.abs(engine.render(RATE // 20)).max() > 0.05


def test_a_plugin_that_raises_never_silences_for_ever() -> None:
    """An error is counted; after a second's rest at most, the plugin is tried again."""
    plugin = Steps()
    engine = _engine(plugin)
    _note(engine)
    plugin.fault = "raise"
    for _ in range(50):
        assert np.isfinite(engine.render(256)).all()
    assert engine.stats()["plugin_errors"] >= 5
    plugin.fault = ""
    engine.render(RATE + 4800)
    assert np.abs(engine.render(4800)).max() > 0.05


def test_events_that_mean_nothing_are_counted() -> None:
    """Unknown targets, elements and missing arguments change nothing but counters."""
    engine = _engine()
    for target, value in (
        ("/nobody/level", (0.5,)),
        ("/steps/nothing", (0.5,)),
        ("/steps/level/9", (0.5,)),
        ("/steps/level/x", (0.5,)),
        ("/note/on", ()),
        ("", (1.0,)),
    ):
        engine.schedule(Event(NOW, target, value))
    engine.schedule(Event(NOW, "/steps/level", (math.nan, 0.0)))
    engine.render(64)
    stats = engine.stats()
    assert (stats["unknown_events"], stats["dropped_events"]) == (6, 1)


def test_out_of_range_is_clamped_and_wrong_size_refused() -> None:
    """Counted, both."""
    engine = _engine()
    engine.schedule(Event(NOW, "/steps/level", (7.0, 0.5)))
    engine.schedule(Event(NOW, "/steps/level", (0.1, 0.2, 0.3)))
    engine.render(64)
    assert engine.strips["steps"].controls.values()["level"] == [1.0, 0.5]
    stats = engine.stats()
    assert (stats["clamped"], stats["refused"]) == (1, 1)


def test_the_queue_of_events_is_bounded() -> None:
    """A flood of far events is dropped and counted, not kept."""
    engine = _engine()
    for turn in range(70_000):
        engine.schedule(Event(10**9 + turn, "/gain", (0.0,)))
    assert engine.stats()["dropped_events"] == 70_000 - 65_536


def test_two_plugins_of_one_name_get_two() -> None:
    """Addresses are unique."""
    engine = Engine([Steps(), Steps()], EngineSettings())
    assert list(engine.strips) == ["steps", "steps_2"]


def test_effect_latency_is_exact(tmp_path: Path) -> None:
    """An impulse through the dry path of the codec arrives exactly when declared."""
    path = str(write_effect(tmp_path))
    for rate in (24_000, 44_100, 48_000):
        engine = build_engine(EngineSettings((path,), sample_rate=rate))
        assert engine.channels_in == 1
        engine.schedule(Event(NOW, "/effect/mix", (0.0,)))
        engine.schedule(Event(NOW, "/gain", (0.0,)))
        engine.render(rate, np.zeros((1, rate), np.float32))
        impulse = np.zeros((1, 4096), np.float32)
        impulse[0, 0] = 0.5
        out = np.abs(engine.render(4096, impulse)[0])
        assert abs(int(out.argmax()) - engine.latency) <= 1
        # Half the band is lost on the way through 24 kHz, and with it half an impulse's height.
        assert 0.2 < out.max() < 0.6


def test_effects_never_run_dry_whatever_the_blocks(tmp_path: Path) -> None:
    """A sine comes out without gaps in blocks from 1 to 4096."""
    path = str(write_effect(tmp_path))
    engine = build_engine(EngineSettings((path,), sample_rate=44_100))
    engine.schedule(Event(NOW, "/effect/mix", (0.0,)))
    sine = 0.3 * np.sin(2 * np.pi * 997 * np.arange(44_100 * 2) / 44_100).astype(np.float32)
    pieces, at = [], 0
    for size in [1, 2, 3, 1000, 17, 4096, 64] * 30:
        pieces.append(engine.render(size, sine[None, at : at + size]))
        at += size
        if at > 70_000:
            break
    out = np.concatenate(pieces, axis=1)[0, 20_000:]
    slope = 2 * math.pi * 997 / 44_100 * 0.3
    assert np.abs(np.diff(out)).max() < 1.1 * slope


@pytest.mark.parametrize("field", ["sample_rate", "channels", "voices"])
def test_settings_out_of_range_are_refused(field: str) -> None:
    """The message names the setting."""
    with pytest.raises(ConfigError, match=field):
        EngineSettings(**{field: 0})


def test_a_trained_model_is_no_instrument(tmp_path: Path) -> None:
    """model.pt is refused with the command that makes it playable."""
    path = tmp_path / "model.pt"
    path.write_bytes(b"x")
    with pytest.raises(ModelFileError, match="synth export"):
        build_engine(EngineSettings((str(path),)))
