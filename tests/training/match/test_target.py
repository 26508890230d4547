"""Targets as they are read: rates, channels, silence, lengths, clipping, chords."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from match_sounds import tone

from synth.contract import DataError
from synth.contract.matcher import MATCHER_LEVEL
from synth.models.inverse.voices import Voice, make_voice
from training.match.polyphony import several_pitches
from training.match.target import make_target, read_target


@pytest.fixture(scope="module")
def voice() -> Voice:
    return make_voice("modular")


def write(path: Path, audio: np.ndarray, rate: int) -> Path:
    soundfile.write(path, audio, rate, subtype="FLOAT")
    return path


@pytest.mark.parametrize("rate", [16_000, 44_100, 48_000])
def test_any_rate_gives_the_same_target(rate: int, voice: Voice, tmp_path: Path) -> None:
    sound = tone(220, 1.0, rate).numpy()
    target = read_target(write(tmp_path / "a.wav", sound, rate), voice)
    assert target.audio.shape == (1, voice.samples)
    assert target.key == pytest.approx(57, abs=0.02)
    assert target.has_key
    assert target.seconds == pytest.approx(1.0, abs=0.03)
    assert target.remarks == ()


def test_the_level_is_found_and_can_be_undone(voice: Voice, tmp_path: Path) -> None:
    quiet = tone(220, 1.0, 44_100, 0.01).numpy()
    target = read_target(write(tmp_path / "a.wav", quiet, 44_100), voice)
    loud = target.audio[0, :44_100].square().mean().sqrt()
    assert float(loud) == pytest.approx(MATCHER_LEVEL, rel=0.05)
    torch.testing.assert_close(
        target.audio[0, :44_100] * target.gain, torch.from_numpy(quiet), atol=1e-6, rtol=0
    )


def test_channels_are_mixed_and_it_says_so(voice: Voice, tmp_path: Path) -> None:
    stereo = np.stack([tone(220, 1.0, 44_100).numpy(), np.zeros(44_100, np.float32)], 1)
    target = read_target(write(tmp_path / "a.wav", stereo, 44_100), voice)
    assert "2 channels are mixed to one" in target.remarks


def test_channels_that_cancel_are_refused(voice: Voice, tmp_path: Path) -> None:
    sound = tone(220, 1.0, 44_100).numpy()
    path = write(tmp_path / "a.wav", np.stack([sound, -sound], 1), 44_100)
    with pytest.raises(DataError, match=r"cancel each other.*keep only one"):
        read_target(path, voice)


def test_silence_before_the_sound_is_left_out(voice: Voice, tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(30_000, np.float32), tone(220, 1.0, 44_100).numpy()])
    target = read_target(write(tmp_path / "a.wav", sound, 44_100), voice)
    assert any("0.68 s of silence" in remark for remark in target.remarks)
    began = int((target.audio[0].abs() > 1e-3).int().argmax())
    assert began < 50
    assert target.seconds == pytest.approx(1.0, abs=0.03)


def test_of_a_long_sound_the_beginning_is_used(voice: Voice, tmp_path: Path) -> None:
    target = read_target(write(tmp_path / "a.wav", tone(220, 7.0, 44_100).numpy(), 44_100), voice)
    assert any("first 4 s are used, of 7 s" in remark for remark in target.remarks)
    assert target.seconds == pytest.approx(4.0)


def test_a_short_sound_is_matched_with_a_remark(voice: Voice, tmp_path: Path) -> None:
    target = read_target(write(tmp_path / "a.wav", tone(440, 0.02, 44_100).numpy(), 44_100), voice)
    assert any("only 20 ms" in remark for remark in target.remarks)
    assert target.span == 0.5


def test_too_short_silent_missing_and_other_files_are_refused(voice: Voice, tmp_path: Path) -> None:
    short = write(tmp_path / "short.wav", tone(440, 0.002, 44_100).numpy(), 44_100)
    with pytest.raises(DataError, match=r"2 ms of sound; give at least 5 ms"):
        read_target(short, voice)
    silent = write(tmp_path / "silent.wav", np.zeros(44_100, np.float32), 44_100)
    with pytest.raises(DataError, match="silent"):
        read_target(silent, voice)
    with pytest.raises(DataError, match="no such file"):
        read_target(tmp_path / "missing.wav", voice)
    (tmp_path / "text.wav").write_text("no audio")
    with pytest.raises(DataError, match="can't be read as audio"):
        read_target(tmp_path / "text.wav", voice)


def test_clipping_is_noticed_and_a_square_wave_of_less_is_none(
    voice: Voice, tmp_path: Path
) -> None:
    sine = tone(220, 1.0, 44_100, 1.0).numpy()
    clipped = read_target(write(tmp_path / "a.wav", np.clip(2 * sine, -1, 1), 44_100), voice)
    assert any("clipped" in remark for remark in clipped.remarks)
    square = read_target(write(tmp_path / "b.wav", 0.5 * np.sign(sine), 44_100), voice)
    full = read_target(write(tmp_path / "c.wav", sine, 44_100), voice)
    assert square.remarks == full.remarks == ()


def test_a_chord_is_matched_with_a_warning(voice: Voice, tmp_path: Path) -> None:
    chord = sum(tone(hz, 1.0, 44_100, 0.2).numpy() for hz in (261.6, 329.6, 392.0))
    target = read_target(write(tmp_path / "a.wav", np.asarray(chord), 44_100), voice)
    assert any("several pitches" in remark for remark in target.remarks)


def saw(hz: float) -> torch.Tensor:
    return sum((tone(hz * n, 1.0, 44_100, 0.3 / n) for n in range(1, 20)), torch.zeros(44_100))


@pytest.mark.parametrize(
    ("pitches", "several"),
    [((261.6,), False), ((55.0,), False), ((261.6, 392.0), True), ((261.6, 311.1, 392.0), True)],
)
def test_tones_of_many_partials_are_told_from_chords(
    pitches: tuple[float, ...], several: bool
) -> None:
    sound = sum((saw(hz) for hz in pitches), torch.zeros(44_100))
    assert several_pitches(sound[None], 44_100) is several


def test_noise_is_no_chord() -> None:
    noise = torch.randn(1, 44_100, generator=torch.Generator().manual_seed(2))
    assert not several_pitches(noise, 44_100)


def test_a_target_of_silence_is_refused(voice: Voice) -> None:
    with pytest.raises(DataError, match="silent"):
        make_target("nothing", torch.zeros(1_000), voice)
