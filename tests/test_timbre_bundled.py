"""The bundled timbre space: small, in tune, clean, and a map on which one gets where one goes."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from realtime.device.driver import DriverSettings
from realtime.engine.engine import Engine
from realtime.engine.settings import EngineSettings
from realtime.mapping.file import read_mapping
from realtime.namespace.event import NOW, Event
from realtime.namespace.namespace import Namespace
from realtime.plugins.bundled import bundled_instruments
from realtime.plugins.onnx.file import read_instrument
from realtime.plugins.osc_name import osc_name
from realtime.plugins.rack import build_engine
from realtime.session.offline import render_files
from realtime.session.score import read_log, read_midi
from realtime.session.session import Session, SessionSettings
from tests.realtime.mpe_song import mpe_song

RATE = 48_000
EXAMPLES = Path(__file__).parents[1] / "examples" / "timbre"
PATH = bundled_instruments()["timbre"]
_, MANIFEST = read_instrument(PATH)
NAME = osc_name(MANIFEST)
NO_NOISE = -60.0  # the lowest value of the control
LOWEST, HIGHEST = MANIFEST.key_range or (0, 0)
RATED = (
    "Alto-Sax", "Bassoon", "Clarinet-Bb", "English-Horn", "Flute", "French-Horn", "Oboe", "Piano",
    "Tenor-Trombone", "Trumpet-C", "Violin", "Violoncello",
)  # fmt: skip
PIANO, FLUTE, VIOLIN, TRUMPET = (RATED.index(n) for n in ("Piano", "Flute", "Violin", "Trumpet-C"))
HELD = slice(round(0.4 * RATE), round(1.2 * RATE))

Sound = NDArray[np.float64]


@pytest.fixture(scope="module")
def engine() -> Engine:
    return build_engine(EngineSettings((str(PATH),), sample_rate=RATE, channels=1, voices=1))


def move(engine: Engine, **controls: float | tuple[float, ...]) -> None:
    """Set controls by name; a tuple sets the first elements of a vector."""
    for name, value in controls.items():
        values = value if isinstance(value, tuple) else (value,)
        control = MANIFEST.control(name)
        assert control is not None, name
        for index, number in enumerate(values):
            element = f"/{index}" if control.size > 1 else ""
            engine.schedule(Event(NOW, f"/{NAME}/{name}{element}", (number,)))


def rest(engine: Engine) -> None:
    """Silence, and all controls at their defaults."""
    engine.schedule(Event(NOW, "/panic"))
    for control in MANIFEST.controls:
        if control.role not in ("gate", "key", "velocity"):
            engine.schedule(Event(NOW, f"/{NAME}/{control.name}", control.default))
    engine.render(RATE // 5)


def note(
    engine: Engine,
    key: float,
    seconds: float = 1.3,
    velocity: float = 100.0,
    **controls: float | tuple[float, ...],
) -> Sound:
    """A note from silence, with some controls moved for its time."""
    rest(engine)
    move(engine, **controls)
    engine.render(RATE // 5)
    engine.schedule(Event(NOW, "/note/on", (key, velocity)))
    audio: Sound = engine.render(round(seconds * RATE))[0].astype(np.float64)
    return audio


def level_db(sound: Sound) -> float:
    return 20 * math.log10(float(np.sqrt(np.square(sound).mean())) + 1e-12)


def spectrum(sound: Sound) -> Sound:
    """Magnitudes of the held part in dB over the loudest, in 60 bands of a third of an octave or
    less, not below -60."""
    held = sound[HELD] * np.hanning(len(sound[HELD]))
    power = np.square(np.abs(np.fft.rfft(held)))
    hertz = np.fft.rfftfreq(len(held), 1 / RATE)
    edges = np.geomspace(80, 11_000, 61)
    bands = [
        power[(hertz >= low) & (hertz < high)].sum() for low, high in itertools.pairwise(edges)
    ]
    told: Sound = 10 * np.log10(np.asarray(bands) + 1e-20)
    floored: Sound = np.maximum(told - told.max(), -60.0)
    return floored


def cents_off(sound: Sound, key: float) -> float:
    """How far the strongest of the first partials is off, by how fast its phase turns."""
    f0 = 440 * 2 ** ((key - 69) / 12)
    held = sound[HELD]
    time = np.arange(len(held)) / RATE
    half = len(held) // 2
    window = np.hanning(half)
    found = []
    for partial in range(1, 7):
        if partial * f0 < 0.4 * RATE:
            turned = held * np.exp(-2j * math.pi * partial * f0 * time)
            ends = (turned[:half] * window).sum(), (turned[half : 2 * half] * window).sum()
            off_hz = np.angle(ends[1] / ends[0]) / (2 * math.pi * half / RATE)
            found.append((abs(ends[0]), 1200 * math.log2(1 + off_hz / (partial * f0))))
    return max(found)[1]


def between_partials_db(sound: Sound, key: float) -> float:
    """Power further than 0.3 of the fundamental from every partial, over all power, in dB."""
    f0 = 440 * 2 ** ((key - 69) / 12)
    held = sound[HELD] * np.blackman(len(sound[HELD]))
    power = np.square(np.abs(np.fft.rfft(held)))
    place = np.fft.rfftfreq(len(held), 1 / RATE) / f0
    apart = np.abs(place - np.round(place)) > 0.3
    return 10 * math.log10(power[apart].sum() / power.sum() + 1e-20)


def fundamental_db(sound: Sound, key: float) -> float:
    """Level of the first partial of a key."""
    time = np.arange(len(sound)) / RATE
    turned = np.exp(-2j * math.pi * 440 * 2 ** ((key - 69) / 12) * time)
    return 20 * math.log10(abs((sound * np.hanning(len(sound)) * turned).mean()) + 1e-12)


def centroid_hz(sound: Sound) -> float:
    power = np.square(np.abs(np.fft.rfft(sound[HELD] * np.hanning(len(sound[HELD])))))
    hertz = np.fft.rfftfreq(len(sound[HELD]), 1 / RATE)
    return float((power * hertz).sum() / power.sum())


def test_it_is_at_most_4_mb_and_says_its_licence() -> None:
    assert PATH.stat().st_size <= 4_000_000
    assert "MIT" in MANIFEST.provenance["licence"]
    # With weights in half precision, the file must play what the rounded model plays.
    halved = MANIFEST.provenance.get("weights") == "fp16"
    assert MANIFEST.provenance["graph_parity" if halved else "parity"] <= 1e-4


def test_the_twelve_rated_instruments_are_in_it_and_on_its_map() -> None:
    assert MANIFEST.sounds == RATED
    assert {place.name for place in MANIFEST.map} == set(RATED)
    assert NAME == "timbre_space"


def test_it_plays_over_three_octaves() -> None:
    assert HIGHEST - LOWEST >= 36


@pytest.mark.parametrize("sound", [PIANO, FLUTE, VIOLIN, TRUMPET])
def test_it_is_in_tune_within_5_cents(engine: Engine, sound: int) -> None:
    for key in range(LOWEST, HIGHEST + 1, 7):
        assert abs(cents_off(note(engine, key, sound=sound, noise=NO_NOISE), key)) < 5, key


def test_every_instrument_sounds_without_dc(engine: Engine) -> None:
    for sound in range(len(RATED)):
        audio = note(engine, 64, sound=sound)
        assert -40 < 20 * math.log10(float(np.abs(audio).max())) < 0, RATED[sound]
        assert abs(float(audio.mean())) < 2e-3, RATED[sound]
        assert np.isfinite(audio).all()


def test_it_adds_nothing_between_the_partials(engine: Engine) -> None:
    """The noise that a note has is left out; what remains is what the synthesis makes itself."""
    for sound in (PIANO, FLUTE, VIOLIN, TRUMPET):
        audio = note(engine, 64, sound=sound, noise=NO_NOISE)
        assert between_partials_db(audio, 64) < -45, RATED[sound]


def test_a_released_note_ends_in_silence(engine: Engine) -> None:
    note(engine, 60, 0.5)
    engine.schedule(Event(NOW, "/note/off", (60.0,)))
    engine.render(RATE)
    assert float(np.abs(engine.render(RATE // 4)).max()) < 1e-4


def test_velocity_is_louder_and_brighter(engine: Engine) -> None:
    soft, loud = (note(engine, 60, velocity=v, sound=TRUMPET) for v in (33.0, 112.0))
    assert level_db(loud[HELD]) > level_db(soft[HELD]) + 6
    assert centroid_hz(loud) > centroid_hz(soft)


@pytest.mark.parametrize("path", [0.0, 1.0, 2.0])
def test_morph_goes_from_one_instrument_to_the_other(engine: Engine, path: float) -> None:
    """0 is the one, 1 the other, and half way is neither."""
    ends = [spectrum(note(engine, 64, sound=n, noise=NO_NOISE)) for n in (FLUTE, VIOLIN)]
    given = {"noise": NO_NOISE, "sound": FLUTE, "morph_sound": VIOLIN, "path": path}
    heard = [spectrum(note(engine, 64, morph=morph, **given)) for morph in (0.0, 0.5, 1.0)]
    assert np.abs(heard[0] - ends[0]).mean() < 1
    assert np.abs(heard[2] - ends[1]).mean() < 1
    for end in ends:
        assert np.abs(heard[1] - end).mean() > 1


def test_a_place_of_the_map_sounds_like_its_instrument(engine: Engine) -> None:
    """From the piano to the place of each other instrument: it comes nearer to its sound."""
    own = {
        name: spectrum(note(engine, 64, sound=sound, noise=NO_NOISE))
        for sound, name in enumerate(RATED)
    }
    nearer = 0
    for place in MANIFEST.map:
        if place.name != "Piano":
            going = place.position
            moved = note(engine, 64, sound=PIANO, noise=NO_NOISE, place=1.0, latent=going)
            far = np.abs(spectrum(moved) - own[place.name]).mean()
            nearer += far < np.abs(own["Piano"] - own[place.name]).mean()
    others = sum(place.name != "Piano" for place in MANIFEST.map)
    assert nearer >= 0.8 * others, (nearer, others)


def test_brightness_moves_the_centroid(engine: Engine) -> None:
    dark, own, bright = (
        centroid_hz(note(engine, 60, sound=VIOLIN, brightness=b)) for b in (-1.0, 0.0, 1.0)
    )
    assert dark < own < bright


def test_loudness_moves_the_level(engine: Engine) -> None:
    soft, loud = (level_db(note(engine, 60, sound=VIOLIN, loudness=x)[HELD]) for x in (-1.0, 1.0))
    assert loud > soft + 3


def test_nothing_clicks_when_axes_jump(engine: Engine) -> None:
    """The sharpest corner of the wave is that of one of the two sounds, not of the way."""
    low, high = (
        tuple(getattr(MANIFEST.with_role("latent"), end)[:3]) for end in ("minimum", "maximum")
    )
    before = note(engine, 60, 1.0, sound=VIOLIN, place=1.0, latent=low, noise=NO_NOISE)
    move(engine, latent=high)
    jump = engine.render(RATE // 2)[0].astype(np.float64)
    after = engine.render(RATE // 2)[0].astype(np.float64)
    steady = max(np.abs(np.diff(s, 2)).max() for s in (before[RATE // 2 :], after))
    assert np.abs(np.diff(np.concatenate([before[-9:], jump]), 2)).max() < 2 * steady


def test_a_program_chooses_the_instrument_of_the_next_note(engine: Engine) -> None:
    wanted = spectrum(note(engine, 64, sound=VIOLIN, noise=NO_NOISE))
    rest(engine)
    move(engine, noise=NO_NOISE)
    engine.schedule(Event(NOW, "/channel/1/program", (float(VIOLIN),)))
    engine.render(RATE // 5)
    engine.schedule(Event(NOW, "/channel/1/note/on", (64.0, 100.0)))
    played = engine.render(round(1.3 * RATE))[0].astype(np.float64)
    assert np.abs(spectrum(played) - wanted).mean() < 1


def test_mpe_bends_one_note_alone(tmp_path: Path) -> None:
    """Keys 60, 55 (60 bent) and 67; then the first goes up as far as it can, and all by 2."""
    mpe_song(tmp_path / "song.mid")
    out = tmp_path / "song.wav"
    render_files([PATH], out, midi=tmp_path / "song.mid", voices=4)
    sound = soundfile.read(out, always_2d=True)[0][:, 0]
    before, after = (sound[round(s * RATE) : round((s + 0.28) * RATE)] for s in (0.2, 0.7))
    for old, new in ((60, 72), (55, 57), (67, 69)):
        assert fundamental_db(before, old) > fundamental_db(after, old) + 20, old
        assert fundamental_db(after, new) > fundamental_db(after, old) + 20, new


def test_the_map_of_controllers_and_the_midi_file_go_with_it(tmp_path: Path) -> None:
    namespace = Namespace({NAME: MANIFEST.controls}, {NAME: MANIFEST.sounds})
    mapping = read_mapping(EXAMPLES / "map.yaml", namespace)
    song = read_midi(EXAMPLES / "walk.mid", RATE, mapping)
    programs = {e.value[0] for e in song if e.target.endswith("/program")}
    assert programs == set(range(len(RATED)))
    moved = {e.target for e in song if e.target.startswith(f"/{NAME}/")}
    wanted = ("morph", "place", "brightness", "bandwidth", "noisiness", "latent/0", "latent/1")
    assert moved >= {f"/{NAME}/{name}" for name in wanted}
    assert namespace.counters["refused"] == 0
    out = tmp_path / "walk.wav"
    done = render_files(
        [PATH], out, midi=EXAMPLES / "walk.mid", mapping=EXAMPLES / "map.yaml", voices=4
    )
    sound, _ = soundfile.read(out)
    assert done.seconds > 30
    assert 0.01 < np.abs(sound).max() < 1.0


def test_the_walk_of_the_example_is_known_and_sounds(tmp_path: Path) -> None:
    """Nothing in it is unknown or out of its range, and it leads through all twelve."""
    log, out = tmp_path / "walk.jsonl", tmp_path / "walk.wav"
    settings = SessionSettings(
        ("timbre",), driver=DriverSettings(kind="null", block=1024), osc_port=0, oscquery=False
    )
    with Session(settings) as session:
        assert session.osc is not None
        script = [sys.executable, str(EXAMPLES / "walk.py"), "--port", str(session.osc.port)]
        subprocess.run([*script, "--log", str(log)], check=True, timeout=60)
    namespace = Namespace({NAME: MANIFEST.controls})
    read_log(log, RATE, namespace)
    assert namespace.counters["refused"] == 0
    starts = {json.loads(line)["time"] for line in log.read_text().splitlines() if "latent" in line}
    assert len(starts) == len(RATED)
    render_files([PATH], out, osc=log, voices=4)
    sound, rate = soundfile.read(out)
    assert np.abs(sound[: 20 * rate]).max() > 0.01
    assert np.isfinite(sound).all()
