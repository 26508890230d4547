"""Recordings found, judged and decoded; what can't be used is named and left out."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr
import training_rig as rig

from synth.contract import DataError
from training.data import library as library_module
from training.data.decode import Request, request_line
from training.data.decoders import Decoder
from training.data.library import build_library, split

RATE = 16_000


def noise(seconds: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).standard_normal((round(seconds * RATE), channels))


def write_bad(folder: Path, kind: str) -> Path:
    path = folder / f"{kind}.wav"
    samples = noise(0.1)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "text":
        path.write_text("not a recording")
    elif kind == "header_only":
        soundfile.write(path, np.zeros((0, 1)), RATE)
    elif kind == "silent":
        soundfile.write(path, np.zeros(1600), RATE)
    elif kind == "nan":
        samples[7] = np.nan
        soundfile.write(path, samples, RATE, subtype="FLOAT")
    elif kind == "infinite":
        samples[7] = np.inf
        soundfile.write(path, samples, RATE, subtype="FLOAT")
    elif kind == "integers":
        soundfile.write(path, 32768 * samples, RATE, subtype="FLOAT")
    elif kind == "cancelling":
        soundfile.write(path, samples * [1, -1], RATE)
    elif kind == "adpcm":
        soundfile.write(path, samples, RATE, subtype="MS_ADPCM")
    elif kind == "too_short":
        soundfile.write(path, samples[:1] + 0.5, 192_000)
    return path


BAD = {
    "empty": "can't be read",
    "text": "can't be read",
    "header_only": "no audio",
    "silent": "silent",
    "nan": "NaN or infinite",
    "infinite": "NaN or infinite",
    "integers": "full scale is 1",
    "cancelling": "cancel each other",
    "adpcm": "refused",
    "too_short": "too short",
}


@pytest.mark.parametrize(("kind", "reason"), BAD.items())
def test_a_bad_file_alone_is_an_error(tmp_path: Path, kind: str, reason: str) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    write_bad(folder, kind)
    with pytest.raises(DataError, match=reason) as caught:
        build_library(folder, RATE, 1, cache=tmp_path / "cache")
    assert kind in str(caught.value)


def test_bad_files_beside_good_ones_are_left_out_and_named(tmp_path: Path) -> None:
    folder = rig.write_tones(tmp_path / "data", files=2)
    for kind in BAD:
        write_bad(folder, kind)
    library = build_library(folder, RATE, 1, cache=tmp_path / "cache")
    assert [c.source.name for c in library.clips] == ["tone-0.wav", "tone-1.wav"]
    reasons = {Path(file).stem: reason for file, reason in library.rejected}
    assert set(reasons) == set(BAD)
    for kind, reason in BAD.items():
        assert reason in reasons[kind]
    assert not [p for p in (tmp_path / "cache").iterdir() if ".tmp-" in p.name]


def test_a_folder_without_audio(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing to hear")
    with pytest.raises(DataError, match="no audio files"):
        build_library(tmp_path, RATE, 1, cache=tmp_path / "cache")


def test_a_decoder_that_crashes_takes_one_file_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = rig.write_tones(tmp_path / "data", files=3)
    # A real crash in the decoding process: an interpreter that dies by SIGSEGV at one file's name.
    program = tmp_path / "python"
    program.write_text(
        f"#!{sys.executable}\n"
        "import ctypes, sys\n"
        "import training.data.decode as d\n"
        "whole = d.decode\n"
        "d.decode = lambda r: ctypes.string_at(0) if 'tone-1' in r.source else whole(r)\n"
        "d.serve()\n"
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(["."]))
    library = build_library(folder, RATE, 1, cache=tmp_path / "cache", workers=1)
    assert [c.source.name for c in library.clips] == ["tone-0.wav", "tone-2.wav"]
    assert "crashed (exit -11)" in library.rejected[0][1]


def test_a_decoder_that_hangs_is_ended(tmp_path: Path) -> None:
    # A named pipe that nobody writes to: opening it never returns.
    pipe = tmp_path / "pipe.wav"
    os.mkfifo(pipe)
    decoder = Decoder(timeout=3.0)
    answer = decoder.decode(Request(str(pipe), str(tmp_path / "out.npy"), RATE, 1))
    decoder.close()
    assert "crashed (exit -9)" in str(answer)


@pytest.mark.parametrize("suffix", [".wav", ".flac", ".ogg", ".mp3"])
def test_rate_and_channels_become_the_models(tmp_path: Path, suffix: str) -> None:
    """A 1 kHz tone stays one, at its level, from 44.1 kHz stereo to 16 kHz mono."""
    time = np.arange(44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 1000 * time)
    path = tmp_path / f"tone{suffix}"
    soundfile.write(path, np.stack([tone, tone], 1), 44_100)
    library = build_library(path, RATE, 1, cache=tmp_path / "cache")
    heard = library.clips[0].open()
    assert heard.shape[0] == 1
    assert abs(heard.shape[1] - RATE) < RATE // 10
    middle = heard[0, 4000:12_000]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(8000))) * 4 / 8000
    assert spectrum.argmax() == 500
    assert spectrum.max() == pytest.approx(0.5, rel=0.02)
    assert spectrum[np.abs(np.arange(4001) - 500) > 10].max() < 0.005


def test_channels(tmp_path: Path) -> None:
    left, right = noise(0.1)[:, 0], noise(0.1, seed=1)[:, 0]
    stereo = np.stack([left, right]).astype(np.float32)
    soundfile.write(tmp_path / "stereo.wav", stereo.T, RATE, subtype="FLOAT")
    soundfile.write(tmp_path / "mono.wav", stereo[0], RATE, subtype="FLOAT")

    def heard(name: str, rate: int, channels: int) -> np.ndarray:
        library = build_library(tmp_path / name, rate, channels, cache=tmp_path / "cache")
        return library.clips[0].open()

    np.testing.assert_array_equal(heard("stereo.wav", RATE, 2), stereo)
    np.testing.assert_allclose(heard("stereo.wav", RATE, 1)[0], (left + right) / 2, atol=1e-7)
    np.testing.assert_array_equal(heard("mono.wav", RATE, 2), stereo[[0, 0]])
    expected = soxr.resample(stereo[0], RATE, 24_000, quality="VHQ")
    np.testing.assert_array_equal(heard("mono.wav", 24_000, 1)[0], expected)


def test_the_cache_spares_decoding_and_follows_the_file(tmp_path: Path) -> None:
    folder = rig.write_tones(tmp_path / "data", files=1)
    first = build_library(folder, RATE, 1, cache=tmp_path / "cache")
    stamp = first.clips[0].cache.stat().st_mtime_ns
    again = build_library(folder, RATE, 1, cache=tmp_path / "cache")
    assert again.clips[0].cache.stat().st_mtime_ns == stamp
    assert again.fingerprint() == first.fingerprint()
    rig.write_tones(folder, files=1, seconds=0.5)
    changed = build_library(folder, RATE, 1, cache=tmp_path / "cache")
    assert changed.clips[0].frames == RATE // 2
    assert changed.fingerprint() != first.fingerprint()
    other = build_library(folder, 24_000, 2, cache=tmp_path / "cache")
    assert other.clips[0].open().shape == (2, 12_000)


def test_a_damaged_cache_is_made_again(tmp_path: Path) -> None:
    folder = rig.write_tones(tmp_path / "data", files=1)
    clip = build_library(folder, RATE, 1, cache=tmp_path / "cache").clips[0]
    clip.cache.write_bytes(clip.cache.read_bytes()[:100])
    assert build_library(folder, RATE, 1, cache=tmp_path / "cache").clips[0].frames == RATE


def test_the_split_is_by_file_and_stays(tmp_path: Path) -> None:
    library = build_library(
        rig.write_tones(tmp_path / "data", files=10, seconds=0.1), RATE, 1, cache=tmp_path / "c"
    )
    learned, held = split(library, 0.2, seed=3)
    assert len(held) == 2
    assert {*learned} | {*held} == {*library.clips}
    assert not {*learned} & {*held}
    assert split(library, 0.2, seed=3) == (learned, held)
    assert len({split(library, 0.2, seed=s)[1] for s in range(8)}) > 1
    assert len(split(library, 0.001, seed=3)[1]) == 1


def test_of_an_only_file_the_end_is_held_out(tmp_path: Path) -> None:
    library = build_library(
        rig.write_tones(tmp_path / "data", files=1), RATE, 1, cache=tmp_path / "c"
    )
    (learned,), (held,) = split(library, 0.25, seed=0)
    assert (learned.start, learned.end, held.start, held.end) == (0, 12_000, 12_000, 16_000)
    whole = library.clips[0].open()
    np.testing.assert_array_equal(held.open(), whole[:, 12_000:])


def test_kinds_of_audio_that_are_not_read_are_counted(tmp_path: Path) -> None:
    folder = rig.write_tones(tmp_path / "data", files=1)
    for name in ("a.m4a", "b.M4A", "c.aifc", "d.au", ".hidden.au", "notes.txt"):
        (folder / name).write_bytes(b"x")
    skipped = build_library(folder, RATE, 1, cache=tmp_path / "cache").skipped
    assert skipped.startswith("4 files of kinds that are not read (1 .aifc, 1 .au, 2 .m4a)")
    (folder / "tone-0.wav").unlink()
    with pytest.raises(DataError, match=r"no audio files.*2 \.m4a"):
        build_library(folder, RATE, 1, cache=tmp_path / "cache")


@pytest.mark.parametrize("channels", [1, 2])
def test_a_long_file_is_decoded_in_little_memory(tmp_path: Path, channels: int) -> None:
    """Ten minutes of stereo, which whole take 600 MB; two hours need no more than they."""
    path = tmp_path / "long.wav"
    with soundfile.SoundFile(path, "w", 44_100, 2, "PCM_16") as file:
        for second in range(600):
            file.write(0.1 * np.random.default_rng(second).standard_normal((44_100, 2)))
    program = (
        "import sys\n"
        "from training.data.decode import Request, decode\n"
        "made = decode(Request(sys.argv[1], sys.argv[2], 48_000, int(sys.argv[3])))\n"
        "status = open('/proc/self/status').read().split()\n"
        "print(made.frames, status[status.index('VmHWM:') + 1])\n"
    )
    given = [sys.executable, "-c", program, str(path), str(tmp_path), str(channels)]
    frames, kilobytes = map(int, subprocess.check_output(given, text=True).split())
    assert frames == 600 * 48_000
    assert kilobytes < 250_000
    (made,) = tmp_path.glob("*.npy")
    assert np.load(made, mmap_mode="r").shape == (channels, frames)


def test_a_glance_looks_at_little_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = rig.write_tones(tmp_path / "data", files=3)
    soundfile.write(folder / "a-long.wav", noise(60.0), RATE)
    monkeypatch.setattr(library_module, "GLANCE_SECONDS", 0.0)
    library = build_library(folder, RATE, 1, cache=tmp_path / "cache", workers=1, glance=True)
    assert (library.unseen, library.cut) == (3, 1)
    assert library.clips[0].frames == 30 * RATE
    assert build_library(folder, RATE, 1, cache=tmp_path / "cache").clips[0].frames == 60 * RATE
    again = build_library(folder, RATE, 1, cache=tmp_path / "cache", glance=True)
    assert again.cut == 0
    assert again.clips[0].frames == 60 * RATE, "what is decoded is known without a glance"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_decoding_ends_cleanly_when_it_is_stopped(tmp_path: Path, number: int) -> None:
    folder = rig.write_tones(tmp_path / "data", files=2)
    with soundfile.SoundFile(folder / "long.wav", "w", 44_100, 2, "PCM_16") as file:
        for second in range(1200):
            file.write(0.1 * np.random.default_rng(second).standard_normal((44_100, 2)))
    run = rig.Run(rig.arguments(folder, tmp_path / "run"), tmp_path / "log")
    cache = tmp_path / "cache"
    patience = time.monotonic() + rig.PATIENCE_S
    while not list(cache.glob(".*.tmp-*")) or len(list(cache.glob("[!.]*.npy"))) < 2:
        assert time.monotonic() < patience, run.said
        time.sleep(0.01)
    (temporary,) = cache.glob(".*.tmp-*")
    decoder = int(temporary.name.rpartition("-")[2])
    begun = time.monotonic()
    run.signal(number)
    assert run.wait() == 128 + number
    assert time.monotonic() - begun < 2
    assert "Traceback" not in run.said
    assert not Path(f"/proc/{decoder}").exists()
    assert not list(cache.glob(".*.tmp-*"))
    assert len(list(cache.glob("[!.]*.npy"))) == 2


def test_a_decoder_whose_owner_was_killed_ends(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", noise(1200.0), RATE)
    request = Request(str(tmp_path / "long.wav"), str(tmp_path), 192_000, 1)
    process = subprocess.Popen(
        [sys.executable, "-m", "training.data.decode"], stdin=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    process.stdin.write(request_line(request))
    process.stdin.flush()
    patience = time.monotonic() + rig.PATIENCE_S
    while not list(tmp_path.glob(".*.tmp-*")):
        assert time.monotonic() < patience
        time.sleep(0.01)
    process.stdin.close()
    assert process.wait(2) == 0
    assert not list(tmp_path.glob("*.npy")) + list(tmp_path.glob(".*.tmp-*"))
