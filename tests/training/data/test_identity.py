"""Recordings are known by what is in them, wherever they lie and whenever they were written."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest
import training_rig as rig

from training.data.library import Library, build_library

RATE = 16_000


def library(folder: Path, cache: Path) -> Library:
    return build_library(folder, RATE, 1, cache=cache)


def former_fingerprint(found: Library) -> str:
    """As runs computed it that knew files by their place and time."""
    lines = []
    for clip in found.clips:
        stat = clip.source.stat()
        text = f"1 {clip.source.resolve()} {stat.st_size} {stat.st_mtime_ns} {RATE} 1"
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        lines.append(f"{name} {clip.frames}")
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


@pytest.fixture
def tones(tmp_path: Path) -> Path:
    return rig.write_tones(tmp_path / "data", files=3, seconds=0.1)


def test_a_touch_a_copy_and_another_cache_change_nothing(tones: Path, tmp_path: Path) -> None:
    before = library(tones, tmp_path / "cache").fingerprint()
    os.utime(tones / "tone-1.wav", (1, 1))
    assert library(tones, tmp_path / "cache").fingerprint() == before
    shutil.copytree(tones, tmp_path / "deep" / "copy")
    shutil.rmtree(tones)
    again = library(tmp_path / "deep" / "copy", tmp_path / "cache")
    assert again.fingerprint() == before
    assert again.is_known_as(before)
    assert library(tmp_path / "deep" / "copy", tmp_path / "other").fingerprint() == before


def test_a_copy_is_not_decoded_again(tones: Path, tmp_path: Path) -> None:
    first = library(tones, tmp_path / "cache").clips[0].cache
    stamp = first.stat().st_mtime_ns
    shutil.copytree(tones, tmp_path / "copy")
    again = library(tmp_path / "copy", tmp_path / "cache").clips[0].cache
    assert again == first
    assert again.stat().st_mtime_ns == stamp


def test_other_content_of_the_same_name_size_and_time_is_noticed(
    tones: Path, tmp_path: Path
) -> None:
    before = library(tones, tmp_path / "cache")
    path = tones / "tone-1.wav"
    stat, content = path.stat(), bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    after = library(tones, tmp_path / "cache")
    assert after.fingerprint() != before.fingerprint()
    assert not after.is_known_as(before.fingerprint())
    assert (after.clips[1].open() != before.clips[1].open()).any()


@pytest.mark.parametrize("change", ["one less", "one more", "another order"])
def test_a_file_that_comes_or_goes_is_noticed(tones: Path, tmp_path: Path, change: str) -> None:
    before = library(tones, tmp_path / "cache").fingerprint()
    if change == "one less":
        (tones / "tone-2.wav").unlink()
    elif change == "one more":
        shutil.copy(tones / "tone-0.wav", tones / "tone-3.wav")
    else:
        (tones / "tone-0.wav").rename(tones / "tone-9.wav")
    assert not library(tones, tmp_path / "cache").is_known_as(before)


def test_files_are_read_for_their_digest_once(
    tones: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = library(tones, tmp_path / "cache").fingerprint()
    monkeypatch.setattr("training.data.decoders.subprocess.Popen", None)
    assert library(tones, tmp_path / "cache").fingerprint() == before


def test_a_run_from_before_knows_its_untouched_files(tones: Path, tmp_path: Path) -> None:
    found = library(tones, tmp_path / "cache")
    former = former_fingerprint(found)
    assert found.is_known_as(former)
    os.utime(tones / "tone-1.wav", (1, 1))
    assert not library(tones, tmp_path / "cache").is_known_as(former)


def test_a_damaged_list_of_digests_is_made_again(tones: Path, tmp_path: Path) -> None:
    before = library(tones, tmp_path / "cache").fingerprint()
    (listed,) = (tmp_path / "cache").glob("digests-*.json")
    for content in (b"", b"[1]", b'{"a": 1}', b'{"a": [["x"], 2]}', b"\xff"):
        listed.write_bytes(content)
        assert library(tones, tmp_path / "cache").fingerprint() == before
