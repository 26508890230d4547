"""The strict reader and the safe writer of audio files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import DataError, audio_info, find_audio, read_audio, write_audio
from synth.contract.audio import MAX_CHANNELS, MAX_RATE_HZ, MIN_RATE_HZ


def noise(channels: int = 1, frames: int = 1000, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-0.9, 0.9, (channels, frames)).astype(np.float32)


@given(
    st.integers(1, MAX_CHANNELS),
    st.integers(1, 300),
    st.sampled_from([MIN_RATE_HZ, 22_050, 44_100, 48_000, MAX_RATE_HZ]),
    st.sampled_from([("PCM_16", 15), ("PCM_24", 23)]),
)
def test_what_is_written_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    channels: int,
    frames: int,
    rate: int,
    coding: tuple[str, int],
) -> None:
    path = tmp_path_factory.mktemp("audio") / "sound.wav"
    audio = noise(channels, frames)
    write_audio(path, audio, rate, coding[0])
    read, read_rate = read_audio(path)
    assert read_rate == rate
    assert read.dtype == np.float32
    assert read.flags.c_contiguous
    assert np.abs(read - audio).max() <= 2.0 ** -coding[1]
    info = audio_info(path)
    assert (info.frames, info.sample_rate, info.channels) == (frames, rate, channels)
    assert info.seconds == pytest.approx(frames / rate)


def test_flac_keeps_24_bits(tmp_path: Path) -> None:
    write_audio(tmp_path / "a.flac", noise(2), 48_000)
    assert np.abs(read_audio(tmp_path / "a.flac")[0] - noise(2)).max() <= 2.0**-23


@pytest.mark.parametrize("suffix", [".ogg", ".mp3", ".aiff", ".flac", ".opus"])
def test_reads_what_people_have(tmp_path: Path, suffix: str) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(24_000) / 48_000)
    path = tmp_path / f"tone{suffix}"
    if suffix == ".opus":
        soundfile.write(path, tone, 48_000, format="OGG", subtype="OPUS")
    else:
        soundfile.write(path, tone, 48_000)
    audio, rate = read_audio(path)
    spectrum = np.abs(np.fft.rfft(audio[0]))
    assert abs(np.argmax(spectrum) * rate / audio.shape[1] - 440) < 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_and_counted(tmp_path: Path, bad: float) -> None:
    audio = noise()
    audio[0, 10:13] = bad
    soundfile.write(tmp_path / "bad.wav", audio.T, 48_000, subtype="FLOAT")
    with pytest.raises(DataError, match=r"bad\.wav: 3 samples are NaN or infinite"):
        read_audio(tmp_path / "bad.wav")


def test_silence_is_refused_where_it_is_useless(tmp_path: Path) -> None:
    write_audio(tmp_path / "quiet.wav", np.full((1, 100), 5e-6, np.float32), 48_000)
    assert read_audio(tmp_path / "quiet.wav")[0].shape == (1, 100)
    with pytest.raises(DataError, match="silent"):
        read_audio(tmp_path / "quiet.wav", allow_silence=False)


def test_refused_by_header(tmp_path: Path) -> None:
    for name, frames, rate, channels, subtype, problem in (
        ("empty", 0, 48_000, 1, "PCM_16", "0 frames"),
        ("slow", 100, MIN_RATE_HZ - 1, 1, "PCM_16", f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"),
        ("fast", 100, MAX_RATE_HZ + 1, 1, "PCM_16", f"{MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"),
        ("wide", 100, 48_000, MAX_CHANNELS + 1, "PCM_16", f"1 to {MAX_CHANNELS}"),
        ("adpcm", 4096, 48_000, 1, "MS_ADPCM", "convert it to PCM 16"),
        ("ima", 4096, 48_000, 1, "IMA_ADPCM", "convert it to PCM 16"),
    ):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, np.zeros((frames, channels)), rate, subtype=subtype)
        for reader in (audio_info, read_audio):
            with pytest.raises(DataError, match=problem) as caught:
                reader(path)
            assert str(path) in str(caught.value)


def test_refused_by_content(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("not audio at all")
    (tmp_path / "none.wav").write_bytes(b"")
    for path in (tmp_path / "text.wav", tmp_path / "none.wav", tmp_path / "gone.wav", tmp_path):
        with pytest.raises(DataError, match="can't be read as audio"):
            read_audio(path)


@given(st.data())
def test_damaged_files_give_audio_or_a_refusal(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "a.wav"
    write_audio(path, noise(2, 50), 48_000, "PCM_16")
    whole = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 59))] = data.draw(st.integers(0, 255))
    path.write_bytes(bytes(whole[: data.draw(st.integers(0, len(whole)))]))
    try:
        audio, _ = read_audio(path)
    except DataError:
        return
    assert np.isfinite(audio).all()
    assert audio.size


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "take.wav"
    write_audio(path, noise(), 48_000)
    before = path.read_bytes()
    with pytest.raises(DataError, match=r"take\.wav: can't be written"):
        write_audio(path, noise(), 48_000, subtype="NO_SUCH_CODING")
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["take.wav"]
    with pytest.raises(DataError, match="can't be written"):
        write_audio(tmp_path / "missing" / "take.wav", noise(), 48_000)
    with pytest.raises(DataError, match=r"can't write \.mp3; use \.wav"):
        write_audio(tmp_path / "take.mp3", noise(), 48_000)
    with pytest.raises(DataError, match="file without suffix"):
        write_audio(tmp_path / "take", noise(), 48_000)


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        write_audio(small / "take.wav", noise(frames=5_000), 48_000)
        before = (small / "take.wav").read_bytes()
        with pytest.raises(DataError, match="can't be written"):
            write_audio(small / "take.wav", noise(frames=50_000), 48_000)
        assert (small / "take.wav").read_bytes() == before
        assert os.listdir(small) == ["take.wav"]
    finally:
        subprocess.run(["umount", str(small)], check=True)


def test_finds_audio_in_a_tree(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    for name in ("b/c/two.WAV", "b/one.flac", "b/.hidden.wav", "b/notes.txt", "zero.mp3"):
        (tmp_path / name).write_bytes(b"")
    found = [str(p.relative_to(tmp_path)) for p in find_audio(tmp_path)]
    assert found == ["b/c/two.WAV", "b/one.flac", "zero.mp3"]
    assert find_audio(tmp_path / "b" / "notes.txt") == [tmp_path / "b" / "notes.txt"]
    with pytest.raises(DataError, match="no such file or folder"):
        find_audio(tmp_path / "nowhere")
    (tmp_path / "d").mkdir()
    with pytest.raises(DataError, match="no audio files"):
        find_audio(tmp_path / "d")


def test_a_folder_that_is_named_like_audio_is_no_audio(tmp_path: Path) -> None:
    (tmp_path / "take.wav").mkdir()
    write_audio(tmp_path / "take.wav" / "in.wav", noise(), 48_000)
    assert find_audio(tmp_path) == [tmp_path / "take.wav" / "in.wav"]
