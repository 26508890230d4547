"""What a match is made of: the target, the distance, candidates and their sound, model files."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from realtime.match.choice import chosen_matcher
from realtime.match.distance import SCALES, Judge, mel_filters
from realtime.match.matching import Matching
from realtime.match.proposals import Proposer, read_matcher
from realtime.match.rendering import CandidateRenderer
from realtime.match.target import cut_target, is_polyphonic
from realtime.plugins.onnx.file import read_instrument
from realtime.record.input_ring import SPARE_S, InputRing
from synth.contract import ConfigError, DataError, MatcherManifest, ModelFileError, write_audio
from synth.contract.matcher import MATCHER_LEVEL
from tests.realtime.partials_instrument import (
    HOP,
    KEY,
    NAMES,
    RATE,
    SECONDS,
    partials,
    write_matcher,
    write_partials,
)
from tests.realtime.sine_instrument import write_sine


def tone(key: float, seconds: float = 1.0, level: float = 0.2) -> np.ndarray:
    turns = 440 * 2 ** ((key - 69) / 12) * np.arange(round(seconds * RATE)) / RATE
    harmonics = [np.sin(2 * np.pi * n * turns) / n for n in range(1, 6)]
    return (level * sum(harmonics)).astype(np.float32)


# The ring of the input.


@pytest.mark.parametrize("block", [1, 64, 333, 5_000])
def test_the_ring_has_the_newest_frames(block: int) -> None:
    """In order, mixed, however they came in, and no more of them than came."""
    ring = InputRing(1_000, 3.0)
    assert ring.latest(1.0).shape == (1, 0)
    sound = np.arange(12_345, dtype=np.float32)
    for at in range(0, len(sound), block):
        piece = sound[at : at + block]
        ring.put(np.stack((piece - 1, piece + 1)))
        if at + block == 64:
            assert np.array_equal(ring.latest(9.0)[0], sound[:64])
    assert np.array_equal(ring.latest(2.0)[0], sound[-2_000:])
    assert np.array_equal(ring.latest(9.0)[0], sound[-3_000:])


def test_what_comes_in_meanwhile_spoils_nothing() -> None:
    """A copy may take as long as the ring has room to spare."""
    ring = InputRing(1_000, 2.0)
    ring.put(np.zeros((1, 3_500), np.float32))
    before = ring.latest(2.0)
    ring.put(np.ones((1, round(SPARE_S * 1_000)), np.float32))
    assert not before.any()


# The target.


def test_the_target_begins_with_the_sound() -> None:
    silence = np.zeros((1, 12_000), np.float32)
    sound = np.concatenate((silence, tone(57)[None], silence, silence), 1)
    target = cut_target(sound, RATE, 16_000, 4.0)
    assert target.seconds == pytest.approx(1.0, abs=0.03)
    assert target.sample_rate == 16_000
    assert abs(target.audio[:160]).max() < 0.5  # not cut after the onset
    assert target.notes == ()
    loudest = target.usual * 10 ** (target.level_db / 20)
    assert loudest == pytest.approx(MATCHER_LEVEL)


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_is_named_with_its_level(level: float) -> None:
    with pytest.raises(DataError, match=r"-\d+ dBFS.*-60 are needed"):
        cut_target(tone(57, level=level)[None], RATE, 16_000, 4.0)


def test_what_is_too_short_or_too_long_is_named() -> None:
    with pytest.raises(DataError, match="at least 50 ms"):
        cut_target(tone(57, 0.02)[None], RATE, RATE, 4.0)
    target = cut_target(tone(57, 2.0)[None], RATE, RATE, 1.5)
    assert target.seconds == 1.5
    assert target.notes == ("used the first 1.5 s of 2.0 s",)


def test_a_clipped_target_is_named() -> None:
    target = cut_target(np.clip(20 * tone(57), -1, 1)[None], RATE, RATE, 4.0)
    assert "clipped" in target.notes[0]


@pytest.mark.parametrize("keys", [(36,), (57,), (81,)])
def test_one_note_is_no_chord(keys: tuple[float, ...]) -> None:
    assert not is_polyphonic(sum(tone(key) for key in keys), RATE)


@pytest.mark.parametrize("keys", [(57, 61, 64), (60, 63, 67), (50, 61), (57, 63.4), (57, 64)])
def test_a_chord_is_named(keys: tuple[float, ...]) -> None:
    chord = sum(tone(key) for key in keys)
    assert is_polyphonic(chord, RATE)
    assert "several notes" in cut_target(chord[None], RATE, RATE, 4.0).notes[0]


def test_noise_is_no_chord() -> None:
    rng = np.random.default_rng(0)
    assert not is_polyphonic(rng.normal(0, 0.1, RATE).astype(np.float32), RATE)


# The distance.


def test_a_sound_is_nearest_to_itself_whatever_its_level() -> None:
    target = tone(57)
    candidates = np.stack((target, 0.1 * target, tone(58), tone(45), np.zeros_like(target)))
    found = Judge(target, RATE).distances(candidates)
    assert found[0] == 0
    assert found[1] == pytest.approx(0, abs=1e-3)
    assert 0.1 < found[2] < found[4]
    assert found[3] > 0.1


def test_what_is_shorter_is_farther() -> None:
    target = tone(57)
    short = np.stack([np.where(np.arange(RATE) < end, target, 0) for end in (RATE, 30_000, 9_000)])
    found = Judge(target, RATE).distances(short)
    assert found[0] < found[1] < found[2]
    cut = Judge(target, RATE).distances(target[None, :30_000])
    assert cut[0] == pytest.approx(found[1])


@pytest.mark.parametrize(("size", "bands"), SCALES)
def test_no_band_is_deaf(size: int, bands: int) -> None:
    for rate in (44_100, 48_000):
        filters = mel_filters(size, bands, rate)
        assert filters.shape == (size // 2 + 1, bands)
        assert (filters.max(0) > 0.25).all()


# Rendering and matching.


def test_candidates_sound_as_the_instrument_does(tmp_path: Path) -> None:
    """Each with its own patch, key and time, and the same in any company."""
    renderer = CandidateRenderer(write_partials(tmp_path))
    thirds = np.float32([0.3, 0.9])
    made = renderer.render({"third": thirds}, np.float32([KEY, 60]), np.float32([0.5, 1]), RATE)
    assert made.shape == (2, RATE)
    assert np.abs(made[1] - partials(0.9, key=60)).max() < 1e-3
    released = round(0.5 * RATE / HOP) * HOP
    assert np.abs(made[0, :released] - partials(0.3)[:released]).max() < 1e-3
    assert not made[0, released:].any()
    alone = renderer.render({"third": thirds[:1]}, np.float32([KEY]), np.float32([0.5]), RATE)
    assert np.abs(alone[0] - made[0]).max() < 1e-4


@pytest.mark.parametrize("third", [0.2, 0.7])
def test_the_nearest_candidate_is_chosen(tmp_path: Path, third: float) -> None:
    write_audio(tmp_path / "target.wav", 0.3 * partials(third)[None], RATE)
    matching = Matching(str(write_partials(tmp_path)), str(write_matcher(tmp_path)))
    told: list[float] = []
    found = matching.run(tmp_path / "target.wav", lambda share, words: told.append(share))
    proposed = matching._proposer.propose(np.zeros(10, np.float32), 16).values[:, 0]
    best = float(proposed[np.abs(np.log((proposed + 0.01) / (third + 0.01))).argmin()])
    assert found.values == {"third": pytest.approx(best), "tuning": 0.0}
    assert found.key == KEY
    assert told == sorted(told)
    assert 0 == told[0] < told[-1] <= 1


def test_a_long_file_is_read_in_part(tmp_path: Path) -> None:
    write_audio(tmp_path / "long.wav", np.tile(partials(0.5), 70)[None], RATE)
    matching = Matching(str(write_partials(tmp_path)), str(write_matcher(tmp_path)))
    found = matching.run(tmp_path / "long.wav", lambda share, words: None)
    assert found.notes[0] == "read the first 60 s of 70 s"
    assert found.notes[1].startswith("used the first 1 s")
    assert found.seconds == SECONDS


# Files of models.


def test_the_manifest_round_trips(tmp_path: Path) -> None:
    manifest = read_matcher(write_matcher(tmp_path))
    assert MatcherManifest.from_json(manifest.to_json()) == manifest
    assert manifest.names == NAMES


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sample_rate": 1}, "sample_rate"),
        ({"samples": 0}, "samples"),
        ({"key": "pitch"}, "no parameter 'pitch'"),
        ({"names": ("a", "a")}, "names of parameters"),
        ({"format_version": 2}, "newer than 1"),
    ],
)
def test_a_damaged_manifest_is_refused(changes: dict[str, object], words: str) -> None:
    good = {
        "voice": "v", "names": ["a", "b"], "key": "a", "duration": "b", "sample_rate": 8_000,
        "samples": 8_000,
    }  # fmt: skip
    import json

    with pytest.raises(ModelFileError, match=words):
        MatcherManifest.from_json(json.dumps({**good, **changes}))


def test_a_file_that_is_no_matching_model_is_refused(tmp_path: Path) -> None:
    instrument = write_partials(tmp_path)
    with pytest.raises(ModelFileError, match="no matching model"):
        Proposer(instrument)
    with pytest.raises(ModelFileError, match="can't be read"):
        Proposer(tmp_path / "missing.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(ModelFileError, match="not an ONNX file"):
        Proposer(tmp_path / "text.onnx")
    model = onnx.load(str(write_matcher(tmp_path)))
    model.graph.output[0].name = "patches"
    model.graph.node[2].output[0] = "patches"
    onnx.save(model, str(tmp_path / "odd.onnx"))
    with pytest.raises(ModelFileError, match="disagree"):
        Proposer(tmp_path / "odd.onnx")


def test_a_model_of_another_voice_is_refused(tmp_path: Path) -> None:
    matcher = write_matcher(tmp_path)
    _, manifest = read_instrument(write_partials(tmp_path))
    assert chosen_matcher(str(matcher), manifest)[0] == matcher
    other = replace(manifest, controls=manifest.controls[:2], patches=())
    with pytest.raises(ConfigError, match="no third, tuning: it is another voice"):
        chosen_matcher(str(matcher), other)
    with pytest.raises(ConfigError, match="give one by --matcher"):
        chosen_matcher("", other)


def test_an_instrument_of_another_voice_does_not_match(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="another voice"):
        Matching(str(write_sine(tmp_path)), str(write_matcher(tmp_path)))


@pytest.mark.parametrize(
    ("module", "foreign"),
    [
        ("realtime.match.matching", "torch"),
        ("realtime.match.matcher_process", "onnxruntime"),
        ("realtime.session.session", "onnxruntime"),
    ],
)
def test_nothing_heavy_is_loaded_where_it_is_not_needed(module: str, foreign: str) -> None:
    """Neither process ever loads torch, nor the control process a runtime."""
    program = f"import sys, {module}; sys.exit(bool({{'torch', '{foreign}'}} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
