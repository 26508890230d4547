"""Banks of sounds: names, loops, the keyboard laid over the recordings."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from builders import SMALL, small_codec, tone
from hypothesis import given, settings
from hypothesis import strategies as st

from export.codec.sound_bank import (
    LOOP_SEARCH,
    Entry,
    build_bank,
    encode_files,
    find_loop,
    loops_of,
)
from synth.contract import ConfigError, DataError

HOP_S = 0.02  # 50 latent frames a second: a loop lasts at least 12
keys = st.integers(0, 127)
examined = settings(deadline=None, derandomize=True, max_examples=60)


def entry(sound: str, key: int | None, frames: int = 4) -> Entry:
    return Entry(sound, key, torch.randn(frames, 3))


@examined
@given(st.integers(5, 30), st.integers(150, 400))
def test_a_periodic_sound_loops_at_its_period(period: int, frames: int) -> None:
    """Loops are whole periods, at least 0.25 s long, inside the sustained part."""
    generator = torch.Generator().manual_seed(period)
    once = torch.randn(period, 6, generator=generator)
    latents = once.repeat(-(-frames // period), 1)[:frames]
    start, end = find_loop(latents, HOP_S)
    assert (end - start) % period == 0
    assert end - start >= 0.25 / HOP_S - 1
    assert 0.25 * frames - 1 <= start < end <= 0.85 * frames


@examined
@given(st.floats(1.5, 8.0), st.integers(100, 300))
def test_a_decaying_sound_is_not_looped(fall: float, frames: int) -> None:
    """A level that falls over the sound by `fall` nepers and more is no sustain."""
    level = torch.exp(-2 * fall * torch.arange(frames) / frames)[:, None]
    wave = torch.sin(torch.arange(frames)[:, None] * torch.tensor([[0.5, 1.1, 1.7]]))
    bank = build_bank([Entry("bell", 60, level * wave)], HOP_S)
    assert (int(bank.loop_start[0]), int(bank.loop_end[0])) == (0, 0)
    assert loops_of(bank) == {"bell": {"loops": False}}


def test_recordings_of_one_sound_loop_all_or_none() -> None:
    """Of a piano whose low keys ring longer than a loop's border asks for, none loops; of a reed
    with one key that swells down and one that is short, all do."""

    def falling(sound: str, key: int, share: float, frames: int = 200) -> Entry:
        level = share ** (0.5 * torch.arange(frames) / (0.45 * frames))[:, None]
        wave = torch.sin(torch.arange(frames)[:, None] * torch.tensor([[0.5, 1.1, 1.7]]))
        return Entry(sound, key, level * wave)

    piano = [falling("piano", 60 + i, share) for i, share in enumerate((0.5, 0.05, 0.4, 0.01))]
    reed = [falling("reed", 60 + i, share) for i, share in enumerate((0.9, 0.15, 1.0))]
    short = falling("reed", 66, 1.0, frames=16)
    bank = build_bank([*piano, *reed, short], HOP_S)
    assert (bank.loop_end > bank.loop_start).tolist() == [False] * 4 + [True] * 4
    assert bool((bank.loop_end <= bank.length).all())
    assert loops_of(bank) == {"piano": {"loops": False}, "reed": {"loops": True}}


@examined
@given(st.integers(2, 60), st.integers(1, 6))
def test_a_short_sound_has_no_loop_or_a_long_enough_one(frames: int, dim: int) -> None:
    start, end = find_loop(torch.randn(frames, dim), HOP_S)
    assert (start, end) == (0, 0) or end - start >= 12


def test_a_loop_in_noise_is_the_best_one() -> None:
    """Where a passage comes back once, that is where the loop is closed."""
    latents = torch.randn(200, 8, generator=torch.Generator().manual_seed(1))
    latents[140:148] = latents[90:98]
    assert find_loop(latents, HOP_S) == (90, 140)


def test_a_long_recording_is_searched_in_bounded_memory() -> None:
    """Ten minutes at 94 frames a second, whose full table of distances would take 4 GB."""
    latents = torch.randn(97, 4).repeat(580, 1)
    start, end = find_loop(latents, 600 / len(latents))
    assert (end - start) % 97 == 0
    assert end - start >= 23
    assert end - start <= LOOP_SEARCH


@examined
@given(st.lists(keys, min_size=1, max_size=6, unique=True))
def test_every_key_plays_the_nearest_recording(roots: list[int]) -> None:
    bank = build_bank([entry("bell", key) for key in roots], HOP_S)
    for key in range(128):
        root = roots[int(bank.zone_entry[0, key])]
        assert abs(root - key) == min(abs(other - key) for other in roots)
        assert float(bank.zone_shift[0, key]) == key - root
    low, high = bank.key_range or (-1, -1)
    assert (low, high) == (max(min(roots) - 6, 0), min(max(roots) + 6, 127))


def test_a_recording_out_of_tune_is_made_up_for_exactly() -> None:
    """Keys with fractions survive the float32 of the bank."""
    for cents in (-49.9991, -3.14159, 0.0271, 33.3333):
        bank = build_bank([Entry("a", 57, torch.randn(4, 3), cents)], HOP_S)
        wanted = torch.arange(128, dtype=torch.float64) - 57 - cents / 100
        assert float((bank.zone_shift[0].double() - wanted).abs().max()) < 1e-5


def test_entries_lie_one_after_the_other() -> None:
    entries = [entry("reed", 60, 5), entry("bell", 50, 3), entry("reed", 70, 7)]
    bank = build_bank(entries, HOP_S)
    assert bank.sounds == ("bell", "reed")
    for index, (first, count) in enumerate(zip(bank.start, bank.length, strict=True)):
        assert torch.equal(bank.latents[first : first + count], entries[index].latents)
    assert set(bank.zone_entry[0].tolist()) == {1}
    assert set(bank.zone_entry[1].tolist()) == {0, 2}


def test_keys_in_tune_are_those_of_all_sounds() -> None:
    both = [entry("bell", 40), entry("reed", 50)]
    assert build_bank(both, HOP_S).key_range == (44, 46)
    assert build_bank([entry("bell", 20), entry("reed", 90)], HOP_S).key_range is None


def test_a_sound_without_pitch_is_as_recorded_at_key_60() -> None:
    bank = build_bank([entry("bell", 60), entry("door", None)], HOP_S)
    assert bank.key_range is None
    assert bank.sounds == ("bell", "door")
    assert float(bank.zone_shift[1, 60]) == 0.0
    assert float(bank.zone_shift[1, 67]) == 7.0


def test_nothing_recorded_is_refused() -> None:
    with pytest.raises(ConfigError, match="--sounds FOLDER"):
        build_bank([], HOP_S)


def test_recordings_of_any_rate_and_width_are_encoded_alike(tmp_path: Path) -> None:
    """A tone at 48 kHz in stereo has the latents of the same tone at the model's own rate."""
    codec = small_codec()
    rate = codec.config.sample_rate
    own, other = tmp_path / "a_C4.wav", tmp_path / "b_C4.flac"
    soundfile.write(own, tone(60, 1.0, rate), rate, subtype="FLOAT")
    soundfile.write(other, np.repeat(tone(60, 1.0, 2 * rate)[:, None], 2, 1), 2 * rate, "PCM_24")
    first, second = encode_files(codec, [own, other], 10.0)
    assert (first.sound, first.key, second.sound, second.key) == ("a", 60, "b", 60)
    assert first.latents.shape == second.latents.shape == (math.ceil(rate / SMALL.hop), 8)
    inner = slice(30, -30)  # without the ends, where a resampler rings
    scale = float(first.latents[inner].abs().max())
    assert float((first.latents - second.latents)[inner].abs().max()) < 0.01 * scale


def test_at_most_so_many_seconds_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, tone(60, 2.0, 24_000), 24_000)
    (kept,) = encode_files(small_codec(), [path], 0.5)
    assert len(kept.latents) == 0.5 * 24_000 / SMALL.hop


@pytest.mark.parametrize(
    ("audio", "problem"),
    [
        (np.zeros(24_000, np.float32), "silent"),
        (np.full(SMALL.hop, 0.5, np.float32), f"two latent frames .{2 * SMALL.hop} samples"),
        (np.array([0.1, np.nan] * 500, np.float32), "500 samples are NaN"),
        (np.zeros(0, np.float32), "no audio"),
    ],
    ids=["silent", "short", "nan", "empty"],
)
def test_useless_recordings_are_named(tmp_path: Path, audio: np.ndarray, problem: str) -> None:
    path = tmp_path / "sound_C4.wav"
    soundfile.write(path, audio, 24_000, subtype="FLOAT")
    with pytest.raises(DataError, match=problem) as caught:
        encode_files(small_codec(), [path], 10.0)
    assert str(path) in str(caught.value)


def test_useless_recordings_are_left_out_and_told(tmp_path: Path) -> None:
    """One damaged, one silent and one short file don't end the export of a good one."""
    good, bad = tmp_path / "good_C4.wav", tmp_path / "bad_C4.wav"
    soundfile.write(good, tone(60, 0.5, 24_000), 24_000)
    bad.write_bytes(b"RIFF and no more")
    silent, short = tmp_path / "silent_C4.wav", tmp_path / "short_C4.wav"
    soundfile.write(silent, np.zeros(24_000), 24_000)
    soundfile.write(short, tone(60, 0.001, 24_000), 24_000)
    told: list[str] = []
    (entry_made,) = encode_files(small_codec(), [bad, good, short, silent], 10.0, told.append)
    assert entry_made.sound == "good"
    assert [line.split(": ")[:2] for line in told] == [
        ["left out", str(path)] for path in (bad, short, silent)
    ]
    with pytest.raises(DataError, match=r"none of 2 .*bad_C4.*silent_C4\.wav: silent"):
        encode_files(small_codec(), [bad, silent], 10.0, told.append)
    assert len(told) == 3


def test_a_recording_whose_pitch_is_unclear_is_known_as_such(tmp_path: Path) -> None:
    """A tone on its key is measured, noise is not."""
    noise = np.random.default_rng(0).normal(0, 0.1, 24_000)
    for name, audio in (("a", tone(60, 1.0, 24_000)), ("b", noise)):
        soundfile.write(tmp_path / f"{name}_C4.wav", audio, 24_000)
    entries = encode_files(small_codec(), sorted(tmp_path.glob("*.wav")), 10.0)
    assert [entry.measured for entry in entries] == [True, False]
    assert [entry.cents for entry in entries] == [0.0, 0.0]
