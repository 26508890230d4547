"""Whole notes and new instruments in a space: figures that can be made again by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from explore_rig import (
    CONFIG,
    NOTE_SECONDS,
    RATE,
    heard,
    package,
    small_model,
    told,
    write_model,
    write_note,
)

from synth.contract import ConfigError, DataError, ModelFileError
from synth.models.timbre import PRESETS
from training.explore.notes import Note, known_instrument, read_notes
from training.explore.projecting import explore_projection
from training.explore.sound import WAYS, Phase, spectral_convergence_db
from training.explore.space import Space, key_name, open_space
from training.explore.stage import Stage
from training.explore.whole_notes import explore_notes

FAST = Phase("griffin-lim", iterations=3)
NAMES = (("Oboe_C4_ff", 60), ("Flute_G4_ff", 67))


@pytest.fixture
def space() -> Space:
    return Space("small", package())


def read(space: Space, *files: Path) -> list[Note]:
    return read_notes(space, files, cache=files[0].parent / "cache")


def by_hand(space: Space, note: Note) -> tuple[np.ndarray, np.ndarray]:
    """Scaled frames of a note and what comes back, `[frames, bands]`, straight from the model."""
    model, frames = space.model, note.magnitude.shape[1]
    with torch.inference_mode():
        row = model.conditioning.row(
            torch.full((frames,), note.track.key), torch.full((frames,), note.track.dynamics)
        )
        scaled = model.scaled(note.magnitude.t())
        latents, _ = model.encode(scaled, row)
        made, _ = model.decode(latents, row)
    return scaled.double().numpy(), made.double().numpy()


def test_note_is_told_by_its_name_and_analysed_from_its_onset(space: Space, tmp_path: Path) -> None:
    path = write_note(tmp_path / "notes", "Oboe_E4_ff", 64)
    sound, _ = soundfile.read(path)
    late = np.concatenate([np.zeros(RATE // 5), sound])
    soundfile.write(tmp_path / "notes" / "Oboe_E4_pp.wav", late, RATE, subtype="FLOAT")
    on_time, delayed = read(space, path), read(space, tmp_path / "notes" / "Oboe_E4_pp.wav")
    (first,), (second,) = on_time, delayed
    assert (first.track.instrument, first.track.key, first.track.dynamics) == ("Oboe", 64, 1)
    assert second.track.dynamics == 0
    assert len(second.audio) == pytest.approx(len(first.audio), abs=0.011 * RATE)
    # A sine lies between two bands, whose magnitudes add up to its amplitude.
    pitch = 440 * 2 ** ((64 - 69) / 12)
    band = int((space.frequencies - pitch).abs().argmin())
    middle = first.magnitude[:, first.stage.frames // 2]
    assert int(middle.argmax()) == band
    assert float(middle[band - 1 : band + 2].sum()) == pytest.approx(0.2, rel=0.05)


def test_frames_of_two_and_a_half_seconds() -> None:
    """About 313 frames in a second, as the paper has them."""
    stage = Stage.of_seconds(PRESETS["dafx"], 2.5)
    assert stage.frames == pytest.approx(783, rel=0.03)
    assert stage.transform.frequencies.shape == (410,)
    with pytest.raises(ConfigError, match=r"seconds is 0\.001; 0\.05 … 60"):
        Stage.of_seconds(PRESETS["dafx"], 0.001)


def test_whole_notes_beside_what_comes_back(space: Space, tmp_path: Path) -> None:
    paths = [write_note(tmp_path / "n", name, key) for name, key in NAMES]
    notes = read(space, *paths)
    out = tmp_path / "out"
    results = explore_notes(space, notes, out, Phase("all", iterations=3))
    data = told(out, "notes")
    assert all(file.is_file() for file in results.files)
    iterations = {"heap+griffin-lim": 3, "griffin-lim": 3}
    assert data["phase"] == {"way": "all", "seed": 0, "iterations": iterations, "momentum": 0.99}
    assert [entry["name"] for entry in data["notes"]] == ["Flute_G4_ff", "Oboe_C4_ff"]
    for note, entry in zip(notes, data["notes"], strict=True):
        scaled, made = by_hand(space, note)
        assert entry["frames"] == len(scaled)
        assert entry["frame_error"] == pytest.approx(
            float(((scaled - made) ** 2).sum(1).mean()), rel=1e-3
        )
        original, _ = soundfile.read(out / entry["original"]["file"])
        assert np.abs(original - note.audio.numpy()).max() < 1e-5
        for way in WAYS:
            sound = entry["rebuilt"][way]
            rebuilt = heard(out / sound["file"], NOTE_SECONDS)
            level = 10 * np.log10(np.mean(rebuilt**2))
            assert sound["level_db"] == pytest.approx(level, abs=0.01)
            change = level - sound["gain_db"] - 10 * np.log10(np.mean(original**2))
            assert sound["level_difference_db"] == pytest.approx(change, abs=0.01)
            assert sound["spectral_convergence_db"] < 0
        assert (out / entry["picture"]).read_bytes().startswith(b"\x89PNG")


def test_spectral_convergence_of_a_sound_with_itself(space: Space, tmp_path: Path) -> None:
    """A sound has its own magnitudes; one of half the level misses them by half: -6 dB."""
    (note,) = read(space, write_note(tmp_path, "Oboe_C4_ff", 60))
    transform = note.stage.transform
    padded = torch.nn.functional.pad(note.audio, (note.stage.before, note.stage.before))
    magnitude = transform(padded).abs().float()
    assert spectral_convergence_db(padded, magnitude, transform) < -100
    half = spectral_convergence_db(padded / 2, magnitude, transform)
    assert half == pytest.approx(20 * np.log10(0.5), abs=0.01)


def test_pitch_that_nobody_knows_is_asked_for(space: Space, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    soundfile.write(tmp_path / "hiss.wav", noise, RATE)
    with pytest.raises(DataError, match=r"hiss\.wav: its pitch isn't known.*violin_A4"):
        read(space, tmp_path / "hiss.wav")


def test_notes_above_an_octave_are_left_out(space: Space, tmp_path: Path) -> None:
    low = write_note(tmp_path, "Oboe_C4_ff", 60)
    high = write_note(tmp_path, "Oboe_C6_ff", 84)
    said: list[str] = []
    kept = read_notes(space, [low, high], highest_octave=5, cache=tmp_path / "c", say=said.append)
    assert [note.track.key for note in kept] == [60]
    assert said == ["left out: 1 notes above octave 5"]
    with pytest.raises(DataError, match="all 1 notes are above octave 5"):
        read_notes(space, [high], highest_octave=5, cache=tmp_path / "c")


@pytest.mark.parametrize("seconds", [-1.0, 0.001, 61.0, float("nan")])
def test_a_length_that_no_sound_has(space: Space, tmp_path: Path, seconds: float) -> None:
    path = write_note(tmp_path, "Oboe_C4_ff", 60)
    with pytest.raises(ConfigError, match=r"seconds is .*0\.05 … 60 is allowed"):
        read_notes(space, [path], seconds=seconds, cache=tmp_path / "c")


def test_notes_that_are_all_too_short(space: Space, tmp_path: Path) -> None:
    path = write_note(tmp_path, "Oboe_C4_ff", 60, seconds=0.03)
    with pytest.raises(DataError, match=r"every note is shorter than 0\.05 s; give longer ones"):
        read(space, path)


def test_a_model_that_is_told_dynamics_alone_needs_no_pitch(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    soundfile.write(tmp_path / "hiss.wav", noise, RATE)
    told_dynamics = small_model(config=replace(CONFIG, conditioning=("dynamics",)))
    (note,) = read(Space("loud", package(told_dynamics)), tmp_path / "hiss.wav")
    assert note.track.latents.shape[1] == CONFIG.latent_dims


def test_frames_beyond_the_end_of_a_note_are_said(space: Space, tmp_path: Path) -> None:
    notes = read(space, write_note(tmp_path / "n", "Oboe_C4_ff", 60))
    count, said = notes[0].magnitude.shape[1], list[str]()
    for first in (count - 1, count):
        said.clear()
        explore_projection(
            space, notes, tmp_path / "out", FAST, frames=(first, first + 9), sounds=False,
            say=said.append,
        )  # fmt: skip
        (entry,) = told(tmp_path / "out", "project")["instruments"]
        assert entry["points"] == 1
        assert entry["centroid"] == pytest.approx(notes[0].track.latents[-1].tolist(), abs=1e-5)
        beyond = f"Oboe_C4_ff: over before frame {first}; the last frame stands for the note"
        assert (beyond in said) == (first == count)


def test_instruments_are_found_in_any_spelling() -> None:
    known = ("Violoncello", "Alto-Sax", "Violoncello", "Violin 1", "Violin 2", "glass harp")
    assert known_instrument("cello", known) == "Violoncello"
    assert known_instrument("alto_sax", known) == "Alto-Sax"
    assert known_instrument("Violin 2", known) == "Violin 2"
    assert known_instrument("Glass-Harp", known) == "glass harp"
    with pytest.raises(ConfigError, match="'violin': there are Violin 1, Violin 2; name one"):
        known_instrument("violin", known)
    with pytest.raises(ConfigError, match=r"'tuba': there are Alto-Sax, Violin 1, .*; name one"):
        known_instrument("tuba", known)


@pytest.mark.parametrize("seed", [-1, 2**31, 10**30])
def test_seeds_that_nothing_can_be_drawn_with(seed: int) -> None:
    with pytest.raises(ConfigError, match=rf"seed is {seed}; 0 … 2147483647 is allowed"):
        Phase(seed=seed)


def test_new_instruments_lie_where_their_latents_do(space: Space, tmp_path: Path) -> None:
    """A model that keeps a note finds the same note at no distance from it."""
    files = [write_note(tmp_path / "n", f"Piccolo_{key_name(key)}_ff", key) for key in (60, 64)]
    notes = read(space, *files)
    times = space.model.anchor_times
    space.model.anchors[:2] = torch.stack([note.track.at(times) for note in notes])
    frames = (10, 25)
    results = explore_projection(space, notes, tmp_path / "out", FAST, frames=frames)
    (entry,) = told(tmp_path / "out", "project")["instruments"]
    latents = torch.cat([note.track.latents[10:25] for note in notes])
    assert entry["points"] == 30
    assert not entry["learned"]
    assert entry["centroid"] == pytest.approx(latents.mean(0).tolist(), abs=1e-5)
    nearest = [found["instrument"] for found in entry["nearest"]]
    assert nearest[0] == "Flute"  # whose kept notes were just replaced
    assert entry["nearest"][0]["family"] == "woodwinds"
    distances = [found["distance"] for found in entry["nearest"]]
    assert distances == sorted(distances)
    assert distances[0] < 0.5 * distances[1]
    for note in entry["notes"]:
        heard(tmp_path / "out" / note["sounds"]["griffin-lim"]["file"], NOTE_SECONDS)
    assert len(results.files) == 6
    with pytest.raises(ConfigError, match="frames is 25 10"):
        explore_projection(space, notes, tmp_path / "out", FAST, frames=(25, 10))


def test_models_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match=r"nowhere.*no such file; `synth train timbre`"):
        open_space(tmp_path / "nowhere")
    path = write_model(tmp_path / "run")
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ModelFileError, match=r"model\.pt"):
        open_space(path)
    with pytest.raises(ConfigError, match="device 'tpu' isn't here; there are cpu"):
        open_space(write_model(tmp_path / "other"), "tpu")


def test_models_of_other_families_are_refused(tmp_path: Path) -> None:
    from builders import SMALL, small_codec

    from synth.models.package import pack

    torch.save(pack("codec", small_codec(), SMALL, {}, {}), tmp_path / "model.pt")
    with pytest.raises(ModelFileError, match="is a model of codec; name one that `synth train"):
        open_space(tmp_path / "model.pt")


def test_digest_is_that_of_the_content(tmp_path: Path) -> None:
    first = open_space(write_model(tmp_path / "a", licence="none"))
    moved = open_space(write_model(tmp_path / "b", licence="mine").parent)
    assert (first.name, moved.name) == ("a", "b")
    assert first.digest == moved.digest
    model = first.model
    with torch.no_grad():
        model.frame_mean.bias[3] += 1e-3
    assert open_space(write_model(tmp_path / "c", model)).digest != first.digest
