"""One judgement of recordings, whoever reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from synth.contract import DataError, read_recording
from synth.contract.recordings import BLOCK, recording_blocks

RATE = 16_000


def noise(frames: int, channels: int = 1) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((frames, channels))


@pytest.mark.parametrize("rate", [8_000, 16_000, 24_000, 44_100])
@pytest.mark.parametrize("channels", [1, 2])
def test_blocks_join_to_what_the_whole_file_gives(tmp_path: Path, rate: int, channels: int) -> None:
    """To the bit: a run that is resumed hears what it heard when files were read whole."""
    audio = noise(2 * BLOCK + 1234, channels).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    made = read_recording(tmp_path / "a.wav", rate, channels)
    wanted = soxr.resample(audio, RATE, rate, quality="VHQ") if rate != RATE else audio
    np.testing.assert_array_equal(made, wanted.T)


@pytest.mark.parametrize("seconds", [0.5, 20.0])
def test_the_beginning_is_kept_and_the_whole_is_judged(tmp_path: Path, seconds: float) -> None:
    audio = noise(40 * RATE)
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    made = read_recording(tmp_path / "a.wav", RATE, 1, seconds=seconds)
    np.testing.assert_allclose(made[0], audio[: round(seconds * RATE), 0], atol=1e-7)
    audio[-1] = np.nan
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav: 1 samples are NaN"):
        read_recording(tmp_path / "a.wav", RATE, 1, seconds=seconds)


@pytest.mark.parametrize(
    ("scale", "divisor"), [(128, "128"), (32_768, "32768"), (2.0**31, "2147483648"), (1e29, "1e")]
)
def test_samples_of_another_scale_are_named(tmp_path: Path, scale: float, divisor: str) -> None:
    audio = noise(RATE)
    audio *= scale / np.abs(audio).max() * 0.999
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="DOUBLE")
    with pytest.raises(DataError, match=r"a\.wav: its samples reach .* full scale is 1") as caught:
        read_recording(tmp_path / "a.wav", RATE, 1)
    assert f"divide them by {divisor}" in str(caught.value) or divisor == "1e"


@pytest.mark.parametrize("scale", [3e38, 1e300])
def test_samples_beyond_all_scales_are_an_error_and_no_warning(
    tmp_path: Path, scale: float
) -> None:
    soundfile.write(tmp_path / "a.wav", np.full((RATE, 3), scale), RATE, subtype="DOUBLE")
    with pytest.raises(DataError, match=r"a\.wav: "):
        read_recording(tmp_path / "a.wav", 8_000, 1)


def test_a_hot_recording_is_taken(tmp_path: Path) -> None:
    """Recorders write float over full scale, by 12 dB here."""
    audio = noise(RATE)
    audio *= 4 / np.abs(audio).max()
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype="FLOAT")
    assert np.abs(read_recording(tmp_path / "a.wav", RATE, 1)).max() == pytest.approx(4)


@pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
def test_channels_that_cancel_are_named(tmp_path: Path, subtype: str) -> None:
    audio = noise(RATE) * [1, -1] + 1e-5 * np.random.default_rng(1).standard_normal((RATE, 2))
    soundfile.write(tmp_path / "a.wav", audio, RATE, subtype=subtype)
    with pytest.raises(DataError, match=r"a\.wav: its channels cancel each other .* to mono"):
        read_recording(tmp_path / "a.wav", RATE, 1)
    assert read_recording(tmp_path / "a.wav", RATE, 2).shape == (2, RATE)


def test_one_channel_alone_and_wide_stereo_do_not_cancel(tmp_path: Path) -> None:
    for weights in ([1, 0], [1, -0.9]):
        soundfile.write(tmp_path / "a.wav", noise(RATE) * weights, RATE)
        assert read_recording(tmp_path / "a.wav", RATE, 1).shape == (1, RATE)


def test_what_a_low_rate_leaves_nothing_of_is_named(tmp_path: Path) -> None:
    time = np.arange(44_100) / 44_100
    # A long fade, so that no click is heard below 4 kHz.
    tone = 0.3 * np.sin(2 * np.pi * 15_000 * time) * np.hanning(44_100)
    soundfile.write(tmp_path / "a.wav", tone, 44_100, subtype="FLOAT")
    with pytest.raises(DataError, match=r"a\.wav: silent at 8000 Hz"):
        read_recording(tmp_path / "a.wav", 8_000, 1)


def test_of_a_beginning_only_levels_are_judged(tmp_path: Path) -> None:
    audio = noise(2 * RATE)
    audio[:RATE] = 0
    soundfile.write(tmp_path / "a.wav", audio, RATE)
    blocks = recording_blocks(tmp_path / "a.wav", RATE, 1, first_seconds=0.5)
    assert sum(block.shape[1] for block in blocks) == RATE // 2
