"""Recordings for a SampleRNN: long enough, split, one scale for all, and of which class."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import recording_rig as rig
import soundfile

from synth.contract import ConfigError, DataError
from training.run.trainer import build_task
from training.samplernn.labels import clip_labels
from training.samplernn.parts import SAMPLERNN
from training.samplernn.recordings import make_model, make_steering, peak, window_frames
from training.samplernn.sounds import ground_truth, quantised
from training.samplernn.steering import interpolated

WINDOW = 4 + 8 * 4


def test_the_window() -> None:
    assert window_frames(rig.MODEL, rig.SETTINGS) == WINDOW
    tiers = dataclasses.replace(rig.MODEL, frame_sizes=(4, 2))
    assert window_frames(tiers, rig.SETTINGS) == 8 + 8 * 8


def test_a_file_that_is_too_short_is_refused_by_name(tmp_path: Path) -> None:
    song = rig.write_song(tmp_path / "short.wav", seconds=(2 * WINDOW - 1) / rig.RATE)
    with pytest.raises(DataError, match=r"short\.wav: 0\.004 s is too short.*num_frames"):
        rig.make_plan(song)
    rig.write_song(tmp_path / "short.wav", seconds=2 * WINDOW / rig.RATE)
    plan = rig.make_plan(song)
    assert plan.learned[0].frames == plan.held_out[0].frames == WINDOW


def test_short_files_among_others_are_left_out_and_named(tmp_path: Path) -> None:
    for name, samples in (("a", WINDOW - 1), ("b", WINDOW), ("c", 5000)):
        rig.write_song(tmp_path / "songs" / f"{name}.wav", seconds=samples / rig.RATE)
    plan = rig.make_plan(tmp_path / "songs")
    assert [clip.source.name for clip in plan.library.clips] == ["b.wav", "c.wav"]
    assert "a.wav" in plan.library.rejected[0][0]
    assert "too short" in plan.library.rejected[0][1]
    assert len(plan.learned) == len(plan.held_out) == 1


def test_of_an_only_file_the_end_is_held_out(tmp_path: Path) -> None:
    plan = rig.make_plan(rig.write_song(tmp_path / "song.wav"), held_out=0.25)
    assert (plan.learned[0].start, plan.learned[0].end) == (0, 12_000)
    assert (plan.held_out[0].start, plan.held_out[0].end) == (12_000, 16_000)


def test_one_factor_for_the_whole_data_set(tmp_path: Path) -> None:
    """The loudest file becomes full scale, the others stay as much softer as they are."""
    rig.write_song(tmp_path / "songs" / "loud.wav", gain=0.5)
    rig.write_song(tmp_path / "songs" / "soft.wav", gain=0.05)
    plan = rig.make_plan(tmp_path / "songs")
    top = max(np.abs(soundfile.read(p)[0]).max() for p in (tmp_path / "songs").iterdir())
    assert peak(plan.library.clips) == pytest.approx(top)
    model = build_task(SAMPLERNN.task, plan).model
    assert float(model.scale) == pytest.approx(1 / top)
    loud, soft = (quantised(model, np.array(clip.open())) for clip in plan.library.clips)
    assert np.abs(loud).max() == pytest.approx(top)
    assert np.abs(soft).max() == pytest.approx(top / 10, rel=0.2)


def test_a_lopsided_recording_gets_no_offset(tmp_path: Path) -> None:
    """Peaks of -0.9 and 0.5: silence still is silence."""
    audio = 0.5 * np.abs(np.sin(np.arange(4000) / 20))
    audio[2000] = -0.9
    audio[:100] = 0
    soundfile.write(tmp_path / "lopsided.wav", audio, rig.RATE, subtype="FLOAT")
    plan = rig.make_plan(tmp_path / "lopsided.wav")
    truth = ground_truth(make_model(plan), plan.library.clips)
    assert not truth[0, :100].any()
    assert truth.min() == pytest.approx(-0.9)
    assert truth.shape == (1, 4000)


def test_classes_by_folder(tmp_path: Path) -> None:
    for name in ("flute/a", "flute/b", "drum/a", "drum/b"):
        rig.write_song(tmp_path / "songs" / f"{name}.wav", seconds=0.1)
    plan = rig.make_plan(tmp_path / "songs", label_by="folder")
    assert plan.model.labels == ("drum", "flute")
    steering = make_steering(plan, plan.library.clips)
    assert steering is not None
    assert steering.window(0, 0, 8).tolist() == [[1, 0], [1, 0]]
    assert steering.window(3, 0, 8).tolist() == [[0, 1], [0, 1]]
    mean, deviation = steering.statistics()
    assert mean.tolist() == [0, 0]
    assert deviation.tolist() == [1, 1]


def test_classes_by_table(tmp_path: Path) -> None:
    for name in ("a", "deep/b"):
        rig.write_song(tmp_path / "songs" / f"{name}.wav", seconds=0.1)
    table = tmp_path / "songs" / "labels.csv"
    table.write_text("file,label\na.wav,bright\ndeep/b.wav,dark\n")
    plan = rig.make_plan(tmp_path / "songs", label_by="csv")
    assert plan.model.labels == ("bright", "dark")
    found = clip_labels(plan.library.clips, plan.data, "csv")
    assert found == ["bright", "dark"]
    for text, said in (
        ("file,label\na.wav,bright\n", "deep/b.wav has no row"),
        ("file,label\na.wav,\n", "lacks its file or its label"),
        ("a.wav,bright\n", None),
    ):
        table.write_text(text)
        with pytest.raises(DataError, match=said or "no row"):
            rig.make_plan(tmp_path / "songs", label_by="csv")
    table.unlink()
    with pytest.raises(DataError, match=r"labels\.csv: can't be read"):
        rig.make_plan(tmp_path / "songs", label_by="csv")


def test_classes_that_do_not_fit(tmp_path: Path) -> None:
    song = rig.write_song(tmp_path / "flute" / "a.wav")
    drums = dataclasses.replace(rig.MODEL, labels=("drum",))
    with pytest.raises(ConfigError, match="labels is drum; the recordings have flute too"):
        rig.make_plan(song, drums, label_by="folder")
    with pytest.raises(ConfigError, match="label_by is empty"):
        rig.make_plan(song, drums)


def test_interpolation_between_frames() -> None:
    frames = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 5.0]], np.float32)
    found = interpolated(frames, np.array([-3.0, 0.0, 0.5, 1.25, 2.0, 9.0]))
    assert found[:, 0].tolist() == [0, 0, 1, 2.5, 4, 4]
    assert found[:, 1].tolist() == [1, 1, 1, 2, 5, 5]


def test_features_follow_the_recording(tmp_path: Path) -> None:
    """Ever louder: a window's loudness is that of its place, in the held-out part as well."""
    time = np.arange(2 * rig.RATE) / rig.RATE
    rise_db = -60 + 25 * time
    audio = 10 ** (rise_db / 20) * np.sqrt(2) * np.sin(2 * np.pi * 500 * time)
    soundfile.write(tmp_path / "rise.wav", audio, rig.RATE, subtype="FLOAT")
    model = dataclasses.replace(rig.MODEL, features=("pitch", "loudness"), feature_hop=100)
    plan = rig.make_plan(tmp_path / "rise.wav", model, held_out=0.25)
    for clips, first in ((plan.learned, 0.0), (plan.held_out, 1.5)):
        steering = make_steering(plan, clips)
        assert steering is not None
        found = steering.window(0, 3000, 32)
        assert found.shape == (8, 2)
        middles = first + (3000 + 4 * (np.arange(8) + 0.5)) / rig.RATE
        assert found[:, 0] == pytest.approx(69 + 12 * np.log2(500 / 440), abs=0.05)
        assert found[:, 1] == pytest.approx(-60 + 25 * middles, abs=0.1)
        assert np.all(np.diff(found[:, 1]) > 0), "interpolated: frames of 4 out of frames of 100"
    learned = make_model(plan)
    assert float(learned.feature_mean[1]) == pytest.approx(-60 + 25 * 0.75, abs=0.5)
    assert float(learned.feature_std[1]) == pytest.approx(25 * 1.5 / np.sqrt(12), rel=0.02)
    assert float(learned.feature_std[0]) == 1, "a pitch that never moves is left as it is"


def test_features_are_taken_once(tmp_path: Path) -> None:
    model = dataclasses.replace(rig.MODEL, features=("loudness",))
    plan = rig.make_plan(rig.write_song(tmp_path / "song.wav"), model)
    make_steering(plan, plan.learned)
    files = list((tmp_path / "cache").glob("*.features"))
    assert len(files) == 1
    before = files[0].stat().st_mtime_ns
    make_steering(plan, plan.held_out)
    assert files[0].stat().st_mtime_ns == before
    files[0].write_bytes(files[0].read_bytes()[:20])
    make_steering(plan, plan.held_out)
    assert files[0].stat().st_size > 100, "a damaged file is made again"
