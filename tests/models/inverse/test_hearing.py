"""`hear` against tones whose key, shape and length are known."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.models.inverse.hearing import Hearing, hear

RATE = 44_100
KEYS = torch.arange(21, 109).double() + torch.arange(88) % 3 * 0.37


def tones(shape: str, keys: Tensor, seconds: float = 0.6, rate: int = RATE) -> Tensor:
    """Sums of harmonics below half the rate, with scattered phases."""
    time = torch.arange(round(seconds * rate), dtype=torch.float64) / rate
    hz = (440 * 2 ** ((keys.double() - 69) / 12))[:, None]
    sound = torch.zeros(len(keys), len(time), dtype=torch.float64)
    for n in range(1, {"sine": 2, "square": 100, "saw": 100}[shape], 2 if shape == "square" else 1):
        heard = n * hz < 0.45 * rate
        if not heard.any():
            break
        sound += heard * torch.sin(2 * math.pi * n * hz * time + 0.7 * n * n) / n
    return sound.float() * 0.3


@pytest.mark.parametrize("shape", ["sine", "square", "saw"])
@pytest.mark.parametrize("rate", [RATE, 48_000, 22_050])
def test_steady_tones_are_found_to_the_cent(shape: str, rate: int) -> None:
    keys = KEYS if rate == RATE else KEYS[::4]
    heard = hear(tones(shape, keys, rate=rate), rate)
    assert float((heard.key[:, 0] - keys).abs().max()) < 0.01
    assert float(heard.voiced.min()) > 0.9


def test_a_weak_fundamental_is_not_taken_for_its_octave() -> None:
    keys = torch.arange(30, 90, 3).double()
    sound = (
        tones("sine", keys) * 0.2
        + tones("sine", keys + 12)
        + tones("sine", keys + 12 * math.log2(3))
    )
    assert float((hear(sound, RATE).key[:, 0] - keys).abs().max()) < 0.05


def test_noise_and_silence_have_no_pitch() -> None:
    noise = torch.randn(8, RATE, generator=torch.Generator().manual_seed(1)) * 0.1
    assert float(hear(noise, RATE).voiced.max()) < 0.25
    silent = hear(torch.zeros(1, RATE), RATE)
    assert float(silent.voiced) == 0.0
    assert float(silent.seconds) == 0.0


def test_a_tone_counts_by_its_loudest_part() -> None:
    low, high = tones("saw", torch.tensor([40.0, 64.0]), 1.0)
    heard = hear(torch.cat([low * 0.05, high, low * 0.05])[None], RATE)
    assert float(heard.key) == pytest.approx(64, abs=0.02)


def test_length_ends_where_the_sound_stays_60_db_down() -> None:
    """An exponential fall of 60 dB in 1.5 s, and a gap that isn't an end."""
    time = torch.arange(4 * RATE) / RATE
    fall = torch.sin(2 * math.pi * 220 * time) * 10 ** (-time * 2)
    gap = torch.sin(2 * math.pi * 220 * time) * ((time < 0.5) | (time > 1.0)) * (time < 1.25)
    seconds = hear(torch.stack([fall, gap]), RATE).seconds[:, 0]
    assert seconds.tolist() == pytest.approx([1.5, 1.25], abs=0.021)


@pytest.mark.parametrize("samples", [1, 100, 3_000])
def test_short_sounds_are_heard_as_far_as_they_go(samples: int) -> None:
    heard = hear(tones("saw", torch.tensor([69.0]))[:, :samples], RATE)
    assert all(bool(x.isfinite().all()) for x in heard)
    assert float(heard.seconds) <= samples / RATE + 1e-6
    if samples == 3_000:  # thirty periods
        assert float(heard.key) == pytest.approx(69, abs=0.1)


def test_a_sound_is_heard_alike_alone_and_in_a_batch() -> None:
    sound = tones("saw", KEYS[::8])
    together = hear(sound, RATE)
    for i in range(len(sound)):
        for one, all_ in zip(hear(sound[i : i + 1], RATE), together, strict=True):
            torch.testing.assert_close(one[0], all_[i], atol=1e-4, rtol=0)


def test_level_changes_nothing() -> None:
    sound = tones("saw", KEYS[::8])
    for loud, soft in zip(hear(sound, RATE), hear(sound * 0.01, RATE), strict=True):
        torch.testing.assert_close(loud, soft, atol=1e-3, rtol=0)


def test_it_exports_to_onnx(tmp_path: Path) -> None:
    import onnxruntime

    sound = tones("saw", torch.tensor([57.3]), 2.0)
    path = tmp_path / "hearing.onnx"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Hearing(RATE).eval(), (torch.rand_like(sound),), str(path), dynamo=True, verbose=False
        )
    made = onnxruntime.InferenceSession(str(path)).run(None, {"audio": sound.numpy()})
    for mine, theirs in zip(hear(sound, RATE), made, strict=True):
        np.testing.assert_allclose(mine.numpy(), theirs, atol=1e-3)
