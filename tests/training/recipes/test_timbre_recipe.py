"""Notes of the twelve rated instruments: named, in range, in tune, darker where softer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from synth.contract import ConfigError, DataError, parse_name, read_audio
from training.recipes import timbre
from training.recipes.soundfont import note_from_attack
from training.recipes.timbre import (
    DYNAMICS,
    INSTRUMENTS,
    RATE,
    VELOCITIES,
    darkened,
    level,
    main,
    note_slot,
    render_notes,
)
from training.recipes.tuning import cents_off
from training.timbre.names import told_by_name
from training.timbre.ratings import bundled_ratings


def tone(key: float, seconds: float = 2.0, vibrato_cents: float = 0.0) -> np.ndarray:
    """Ten partials, each half of the one below it."""
    time = np.arange(round(seconds * RATE)) / RATE
    swing = vibrato_cents / 1200 * np.sin(2 * np.pi * 5.5 * time)
    phase = 2 * np.pi * np.cumsum(440 * 2 ** ((key - 69) / 12 + swing)) / RATE
    return sum(0.5**n * np.sin(n * phase) for n in range(1, 11)).astype(np.float32)


def centroid_hz(audio: np.ndarray) -> float:
    power = np.abs(np.fft.rfft(audio * np.hanning(len(audio)))) ** 2
    return float(power @ np.fft.rfftfreq(len(audio), 1 / RATE) / power.sum())


def test_the_instruments_are_those_that_are_rated() -> None:
    assert set(INSTRUMENTS) == set(bundled_ratings().names)


@pytest.mark.parametrize("instrument", INSTRUMENTS)
def test_names_tell_instrument_key_and_dynamics(instrument: str) -> None:
    played = INSTRUMENTS[instrument]
    for dynamics, velocity in VELOCITIES.items():
        name = note_slot(instrument, played.low, velocity).name
        assert parse_name(name) == (instrument, played.low)
        told = told_by_name(Path(f"{name}.wav"), Path())
        assert told == (instrument, played.low, dynamics)


def test_dynamics_are_as_many_as_are_asked_for() -> None:
    for count, names in DYNAMICS.items():
        assert len(names) == count
        assert [VELOCITIES[name] for name in names] == sorted(VELOCITIES[name] for name in names)


@pytest.mark.parametrize("key", [21, 34, 60, 84, 96])
@pytest.mark.parametrize("off", [-37.0, 0.0, 4.0, 28.0])
def test_the_pitch_of_a_tone_is_measured(key: int, off: float) -> None:
    assert cents_off(tone(key + off / 100), RATE, key) == pytest.approx(off, abs=0.5)


@pytest.mark.parametrize("off", [-15.0, 12.0])
def test_vibrato_is_measured_at_its_middle(off: float) -> None:
    wavering = tone(72 + off / 100, vibrato_cents=25.0)
    assert cents_off(wavering, RATE, 72) == pytest.approx(off, abs=2.0)


def test_a_note_far_from_its_key_or_silent_is_left_as_it_is() -> None:
    assert cents_off(np.zeros(2 * RATE, np.float32), RATE, 60) == 0.0


def test_the_wheel_takes_back_what_a_key_is_off() -> None:
    (time, message), *_ = note_slot("Oboe", 70, 80, off_cents=50.0).moves
    assert (time, message.type, message.pitch) == (0, "pitchwheel", -2048)


@pytest.mark.parametrize("key", [36, 60, 84])
def test_softer_is_darker_and_keeps_the_fundamental(key: int) -> None:
    plain = np.zeros(2 * RATE, np.float32)
    plain[:: round(RATE / (440 * 2 ** ((key - 69) / 12)))] = 1.0  # all partials alike
    hz = [centroid_hz(darkened(plain, key, v)) for v in VELOCITIES.values()]
    assert hz == sorted(hz)
    assert hz[0] < 0.6 * hz[-1]
    time = np.arange(2 * RATE) / RATE
    sine = np.sin(2 * np.pi * 440 * 2 ** ((key - 69) / 12) * time).astype(np.float32)
    for velocity in VELOCITIES.values():
        steady = darkened(sine, key, velocity)[RATE:]
        assert np.std(steady) == pytest.approx(np.std(sine[RATE:]), rel=1e-3)


def test_the_low_pass_is_causal() -> None:
    click = np.zeros(RATE, np.float32)
    click[5_000] = 1.0
    heard = darkened(click, 60, 33)
    assert np.abs(heard[:5_000]).max() < 1e-7 < np.abs(heard[5_000:5_100]).max()


def test_a_note_begins_at_its_attack_and_is_held() -> None:
    late = np.zeros(timbre.SLOT_MS * RATE // 1000, np.float32)
    late[3_000:] = 0.5
    note = note_from_attack(late, RATE, timbre.NOTE_MS, 30)
    assert note.shape == (timbre.NOTE_MS * RATE // 1000,)
    rise = RATE // 1000
    assert np.abs(note[:rise]).max() == 0.0
    assert np.all(note[rise : -RATE * 30 // 1000] == 0.5)
    assert note[-1] == 0.0


def test_level_is_one_gain_for_all_notes_of_an_instrument() -> None:
    random = np.random.default_rng(0)
    notes = {f"a_{60 + n}_112": random.normal(0, 0.01 * n, RATE) for n in (1, 2, 3)}
    notes |= {f"a_{60 + n}_33": random.normal(0, 0.001 * n, RATE) for n in (1, 2, 3)}
    notes = {name: audio.astype(np.float32) for name, audio in notes.items()}
    found = level(notes)
    gains = [float(found[n][0] / notes[n][0]) for n in notes]
    assert np.ptp(gains) < 1e-5 * gains[0]
    assert np.std(found["a_62_112"]) == pytest.approx(0.1, rel=0.02)
    peaky = {name: audio.copy() for name, audio in notes.items()}
    peaky["a_61_33"][7] = 10.0
    assert max(np.abs(a).max() for a in level(peaky).values()) == pytest.approx(10 ** (-1 / 20))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"instruments": ["Tuba"]}, "instruments is 'Tuba'; known are"),
        ({"instruments": []}, "instruments is empty"),
        (
            {"instruments": ["Oboe", "Oboe"]},
            "instruments is Oboe,Oboe; name at least one, each once",
        ),
        ({"dynamics": 0}, "dynamics is 0"),
        ({"dynamics": 7}, "dynamics is 7"),
        ({"step": 0}, "step is 0"),
    ],
)
def test_what_can_not_be_rendered_is_refused(tmp_path: Path, wrong: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        render_notes(tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_a_folder_that_holds_files_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.wav").write_bytes(b"precious")
    with pytest.raises(DataError, match="is not an empty folder"):
        render_notes(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.wav"]


def test_a_silent_note_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(slots: list, *_: object) -> dict:
        return {slot.name: np.zeros(timbre.SLOT_MS * RATE // 1000, np.float32) for slot in slots}

    monkeypatch.setattr(timbre, "render", silent)
    with pytest.raises(DataError, match="Flute_60_80 is silent"):
        timbre._rendered([note_slot("Flute", 60, 80)], "fluidsynth", Path("font.sf2"))


@pytest.mark.peers
def test_what_is_rendered_is_in_tune_and_the_same_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "notes"
    told = ["--instruments", "Violin,Trumpet-C", "--step", "12"]
    assert main([str(out), *told]) == 0
    assert "21 files" in capsys.readouterr().out
    levels: dict[tuple[str, int], list[float]] = {}
    for path in sorted(out.glob("*.wav")):
        audio, rate = read_audio(path, allow_silence=False)
        assert (rate, audio.shape) == (RATE, (1, timbre.NOTE_MS * RATE // 1000))
        instrument, key, _ = path.stem.rsplit("_", 2)
        steady = audio[0, RATE // 2 : 5 * RATE // 2]
        assert abs(cents_off(steady, RATE, int(key))) < 5
        assert abs(float(audio.mean())) < 1e-4
        levels.setdefault((instrument, int(key)), []).append(float(np.std(audio)))
    for ff, pp, mf in levels.values():  # in the order of the names' velocities, 112, 33, 80
        assert pp < 0.3 * mf < 0.3 * ff
    facts = json.loads((out / "provenance.json").read_text("utf-8"))
    assert (facts["instruments"], facts["files"]) == (["Trumpet-C", "Violin"], 21)
    assert "MIT" in (out / "LICENSE.txt").read_text("utf-8")

    assert main([str(tmp_path / "again"), *told]) == 0
    for path in out.glob("*.wav"):
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()
