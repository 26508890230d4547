"""Each instrument of a rack plays its own channels and keys, at its own level, place and pitch."""

from __future__ import annotations

import numpy as np
import pytest

from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.namespace.event import NOW, Event
from realtime.namespace.parts import channel_events, parse_channels
from synth.contract import ConfigError, Control, Manifest

RATE, HOP = 48_000, 48
CONTROLS = (
    Control("gate", per_voice=True, curve="toggle", role="gate"),
    Control("key", 1, (0.0,), (127.0,), (60.0,), per_voice=True, role="key"),
    Control("velocity", per_voice=True, role="velocity"),
    Control("bend", 1, (-12.0,), (12.0,), (0.0,), per_voice=True, role="bend"),
    Control("sound", 1, (0.0,), (3.0,), (0.0,), curve="integer", per_voice=True, role="sound"),
)


class Tone:
    """A generator of plain sines, which remembers what its rows were told."""

    def __init__(self, name: str = "tone") -> None:
        self.name = name
        self.manifest = Manifest(
            name, "test", "generator", RATE, HOP, 0, 1, controls=CONTROLS,
            sounds=("a", "b", "c", "d"),
        )  # fmt: skip
        self.told: list[dict[str, np.ndarray]] = []

    def prepare(self, slots: int) -> None:
        self.phase = np.zeros(slots)

    def process(self, rows, controls, audio):  # type: ignore[no-untyped-def]
        self.told.append({name: value[:, 0].copy() for name, value in controls.items()})
        pitch = controls["key"][:, 0] + controls["bend"][:, 0]
        step = 440 * 2 ** ((pitch - 69) / 12) / RATE
        phase = self.phase[rows][:, None] + step[:, None] * np.arange(HOP)
        self.phase[rows] += step * HOP
        level = 0.1 * controls["gate"][:, 0] * controls["velocity"][:, 0]
        made = level[:, None] * np.sin(2 * np.pi * phase)
        return made[:, None].astype(np.float32)

    def reset(self, rows) -> None:  # type: ignore[no-untyped-def]
        self.phase[rows] = 0

    def close(self) -> None:
        """Nothing is held."""


def rack(*names: str) -> tuple[Engine, dict[str, Tone]]:
    tones = {name: Tone(name) for name in names or ("tone",)}
    return Engine(list(tones.values()), EngineSettings()), tones


def say(engine: Engine, *events: tuple[str, tuple[float, ...]], then: float = 0.1) -> np.ndarray:
    """Events at once, then so many seconds of sound, `[channels, samples]`."""
    for target, value in events:
        engine.schedule(Event(NOW, target, value))
    return engine.render(round(then * RATE))


def keys(tone: Tone) -> list[float]:
    """What sounds in the last hop, in keys with their bend."""
    last = tone.told[-1]
    pitches = last["key"] + last["bend"]
    return sorted(round(float(p), 2) for p, g in zip(pitches, last["gate"], strict=True) if g)


def level_db(sound: np.ndarray) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(sound[:, -RATE // 20 :] ** 2)) + 1e-9))


def test_instruments_hear_their_channels() -> None:
    engine, tones = rack("one", "two", "three")
    for event in channel_events(["one=1", "two=2-4"], list(tones)):
        engine.schedule(event)
    say(engine, *[(f"/channel/{n}/note/on", (60.0 + n, 100.0)) for n in (1, 2, 3, 5)])
    assert keys(tones["one"]) == [61]
    assert keys(tones["two"]) == [62, 63]
    assert keys(tones["three"]) == [61, 62, 63, 65]
    say(engine, ("/note/on", (50.0, 100.0)))  # without a channel
    assert all(50 in keys(tone) for tone in tones.values())
    say(engine, ("/one.part/channels/0", (0.0,)), ("/note/on", (51.0, 100.0)))
    assert keys(tones["one"]) == [50, 61]


@pytest.mark.parametrize("said", ["0", "17", "3-1", "x", "", "1;2"])
def test_channels_that_are_none_are_refused(said: str) -> None:
    with pytest.raises(ValueError, match="channels are 1 … 16"):
        parse_channels(said)
    with pytest.raises(ConfigError, match="--channel"):
        channel_events([said], ["tone"])


def test_an_instrument_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no instrument 'bass'.*there are tone"):
        channel_events(["bass=1"], ["tone"])
    with pytest.raises(ConfigError, match="no instrument is left"):
        channel_events(["1", "2"], ["tone"])


def test_drums_are_unheard_and_counted() -> None:
    engine, tones = rack()
    say(engine, ("/channel/10/note/on", (36.0, 100.0)))
    assert tones["tone"].told == []
    assert engine.stats()["unheard_notes"] == 1
    assert engine.stats()["unheard_channel"] == 10
    say(engine, ("/tone.part/channels/10", (1.0,)), ("/channel/10/note/on", (36.0, 100.0)))
    assert keys(tones["tone"]) == [36]


def test_key_range_and_transposition() -> None:
    engine, tones = rack()
    part = [("/tone.part/keys", (40.0, 60.0)), ("/tone.part/transpose", (-12.0,))]
    say(engine, *part, *[("/channel/1/note/on", (k, 100.0)) for k in (39.0, 40.0, 60.0, 61.0)])
    assert keys(tones["tone"]) == [28, 48]
    say(engine, ("/tone.part/transpose", (0.0,)), ("/channel/1/note/off", (40.0,)))
    assert keys(tones["tone"]) == [48], "a note ends by the key that began it"


def test_wheel_pedal_and_program_are_their_channel_s() -> None:
    engine, tones = rack()
    say(
        engine,
        ("/channel/1/pitch_bend", (2.0,)),
        ("/channel/2/sustain", (1.0,)),
        ("/channel/2/program", (3.0,)),
        ("/channel/1/note/on", (60.0, 100.0)),
        ("/channel/2/note/on", (70.0, 100.0)),
    )
    last = tones["tone"].told[-1]
    assert dict(zip(last["key"].tolist(), last["sound"].tolist(), strict=True)) == {60: 0, 70: 3}
    assert keys(tones["tone"]) == [62, 70]
    say(engine, ("/channel/1/note/off", (60.0,)), ("/channel/2/note/off", (70.0,)))
    assert keys(tones["tone"]) == [70]
    say(engine, ("/channel/1/note/on", (61.0, 100.0)), ("/channel/2/panic", ()))
    assert keys(tones["tone"]) == [63]


def test_a_program_that_is_none_is_ignored_and_counted() -> None:
    engine, tones = rack()
    say(engine, ("/program", (2.0,)), ("/channel/1/program", (9.0,)))
    say(engine, ("/channel/1/note/on", (60.0, 100.0)))
    assert tones["tone"].told[-1]["sound"].tolist() == [2.0]
    assert engine.stats()["unknown_programs"] == 1


def test_channel_volume_acts_on_its_notes_alone() -> None:
    def level(*events: tuple[str, tuple[float, ...]]) -> float:
        engine, _ = rack()
        return level_db(say(engine, *events, ("/channel/3/note/on", (69.0, 127.0)), then=0.3))

    usual = level()
    assert level(("/channel/3/volume", (0.5,))) == pytest.approx(usual - 12.04, abs=0.1)
    assert level(("/channel/4/volume", (0.5,))) == pytest.approx(usual, abs=0.01)
    halves = (("/channel/3/volume", (0.5,)), ("/channel/3/expression", (0.5,)))
    assert level(*halves) == pytest.approx(usual - 24.08, abs=0.1)


def test_gain_pan_and_mute_of_a_part() -> None:
    engine, _ = rack()
    both = say(engine, ("/note/on", (69.0, 127.0)), then=0.3)
    assert level_db(both[:1]) == pytest.approx(level_db(both[1:]), abs=1e-6)
    softer = say(engine, ("/tone.part/gain", (-6.0,)), then=0.3)
    assert level_db(softer) == pytest.approx(level_db(both) - 6, abs=0.05)
    right = say(engine, ("/tone.part/gain", (0.0,)), ("/tone.part/pan", (1.0,)), then=0.3)
    assert level_db(right[:1]) < -120
    assert level_db(right[1:]) == pytest.approx(level_db(both[1:]) + 3.01, abs=0.05)
    assert np.abs(say(engine, ("/tone.part/mute", (1.0,)), then=0.3)[:, -100:]).max() == 0


def test_mono_plays_the_last_key_and_comes_back() -> None:
    engine, tones = rack()
    on, off = "/channel/1/note/on", "/channel/1/note/off"
    say(engine, ("/tone.part/mono", (1.0,)), (on, (60.0, 100.0)))
    say(engine, (on, (64.0, 100.0)))
    assert keys(tones["tone"]) == [64]
    say(engine, (on, (67.0, 100.0)), (off, (64.0,)))
    assert keys(tones["tone"]) == [67]
    say(engine, (off, (67.0,)))
    assert keys(tones["tone"]) == [60]
    say(engine, ("/channel/2/note/on", (40.0, 100.0)))
    assert keys(tones["tone"]) == [40, 60], "each channel is one line"
    say(engine, (off, (60.0,)), ("/channel/2/note/off", (40.0,)))
    assert engine.stats()["active_voices"] == 0 or keys(tones["tone"]) == []


def test_legato_glides_in_the_note_that_sounds() -> None:
    """The pitch goes in a straight line within the time, and the note isn't begun anew."""
    engine, tones = rack()
    part = [
        ("/tone.part/mono", (1.0,)),
        ("/tone.part/legato", (1.0,)),
        ("/tone.part/glide", (0.1,)),
    ]
    say(engine, *part, ("/channel/1/note/on", (60.0, 100.0)))
    before = len(tones["tone"].told)
    say(engine, ("/channel/1/note/on", (65.0, 100.0)), then=0.2)
    pitches = np.array([t["key"][0] + t["bend"][0] for t in tones["tone"].told[before:]])
    assert all(len(t["key"]) == 1 for t in tones["tone"].told)
    assert pitches[0] < 60.3
    assert np.all(np.diff(pitches) >= -1e-4)
    assert pitches[50] == pytest.approx(62.5, abs=0.15)  # half the time, half the way
    assert pitches[-1] == pytest.approx(65.0, abs=1e-3)
    say(engine, ("/channel/1/note/off", (65.0,)), then=0.2)
    assert keys(tones["tone"]) == [60]


def test_reference_tuning_and_velocity_curve() -> None:
    engine, tones = rack()
    say(engine, ("/tone.part/tuning", (442.0,)), ("/tone.part/velocity_curve", (2.0,)))
    say(engine, ("/note/on", (69.0, 63.5)))
    last = tones["tone"].told[-1]
    assert 440 * 2 ** (last["bend"][0] / 12) == pytest.approx(442.0, abs=0.01)
    assert last["velocity"][0] == pytest.approx(0.25, abs=1e-3)


@pytest.mark.parametrize(
    "target", ["/tone.part/nothing", "/tone.part/gain/1", "/tone.part/gain/sync"]
)
def test_what_a_part_has_not_is_unknown(target: str) -> None:
    engine, _ = rack()
    say(engine, (target, (1.0,)))
    assert engine.stats()["unknown_events"] == 1


# Samples of the device at which the model has one too; the first is a hop's beginning.
TOGETHER = {48_000: (960, 963, 967, 1021), 44_100: (1470, 1617, 2058, 2205)}


@pytest.mark.parametrize("rate", TOGETHER)
@pytest.mark.parametrize("beside", [(), (("/channel/2/note/on", (40.0, 100.0)),)], ids=len)
def test_a_note_begins_at_the_sample_of_its_event(
    rate: int, beside: tuple[tuple[str, tuple[float, ...]], ...]
) -> None:
    """Wherever in a hop, and whatever sounds already: it is the same sound, so much later."""
    length = 3_000

    def render(*events: Event) -> np.ndarray:
        engine = Engine([Tone()], EngineSettings(sample_rate=rate))
        for event in (*(Event(0, *other) for other in beside), *events):
            engine.schedule(event)
        return engine.render(2_500 + length)[0]

    others = render()
    sounds = []
    for at in TOGETHER[rate]:
        sound = render(Event(at, "/channel/1/note/on", (69.0, 127.0))) - others
        assert np.abs(sound[:at]).max() < 1e-6
        sounds.append(sound[at : at + length])
    assert np.abs(sounds[0]).max() > 0.05
    for sound in sounds[1:]:
        assert np.abs(sound - sounds[0]).max() < 2e-4
