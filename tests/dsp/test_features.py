"""Features: what physics says of tones, clicks and silence."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.contract import ConfigError, Control
from synth.dsp import features
from synth.dsp.features import NAMES, RANGES, extract

RATE = 16_000


def sine(hz: float, amplitude: float = 0.25, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (amplitude * np.sin(2 * np.pi * hz * time)).astype(np.float32)


def inner(values: np.ndarray, hop: int, rate: int = RATE) -> np.ndarray:
    """Without the frames whose windows reach over an end."""
    edge = int(np.ceil(0.03 * rate / hop))
    return values[edge:-edge]


def key_of(hz: float) -> float:
    return float(69 + 12 * np.log2(hz / 440))


@settings(deadline=None, max_examples=25)
@given(
    samples=st.integers(0, 5_000),
    hop=st.integers(1, 6_000),
    names=st.lists(st.sampled_from(NAMES), unique=True),
    seed=st.integers(0, 99),
)
def test_any_subset_any_hop(samples: int, hop: int, names: Sequence[str], seed: int) -> None:
    hop = max(hop, samples // 400)
    audio = np.random.default_rng(seed).uniform(-1, 1, samples).astype(np.float32)
    values = extract(audio, RATE, hop, names)
    assert values.shape == (-(-samples // hop), len(names))
    assert values.dtype == np.float32
    whole = extract(audio, RATE, hop)
    for column, name in enumerate(names):
        assert np.array_equal(values[:, column], whole[:, NAMES.index(name)])
        assert (values[:, column] >= RANGES[name].minimum).all()
        assert (values[:, column] <= RANGES[name].maximum).all()


@pytest.mark.parametrize("rate", [16_000, 44_100])
@pytest.mark.parametrize("hz", [110.0, 440.0, 1_760.0])
def test_a_sine(hz: float, rate: int) -> None:
    values = inner(extract(sine(hz, 0.5, rate=rate), rate, 256), 256, rate)
    pitch, voicing, loudness, onset, centroid = values.T
    assert pitch == pytest.approx(key_of(hz), abs=0.01)
    assert voicing.min() > 0.99
    assert loudness == pytest.approx(20 * np.log10(0.5) - 3.01, abs=0.05)
    assert onset.max() < 0.05
    assert centroid == pytest.approx(key_of(hz), abs=0.05)


@settings(deadline=None, max_examples=20)
@given(gain_db=st.floats(-30, 9), hop=st.sampled_from([64, 256, 1000]))
def test_gain_moves_loudness_alone(gain_db: float, hop: int) -> None:
    noise = 0.05 * np.random.default_rng(0).standard_normal(6_000).astype(np.float32)
    audio = noise + sine(300, 0.2)[:6_000]
    gain = np.float32(10 ** (gain_db / 20))
    before, after = (inner(extract(a, RATE, hop), hop) for a in (audio, audio * gain))
    moved = after - before
    assert moved[:, NAMES.index("loudness")] == pytest.approx(gain_db, abs=0.01)
    for name in ("pitch", "voicing", "centroid"):
        assert np.abs(moved[:, NAMES.index(name)]).max() < 0.05


@pytest.mark.parametrize("hop", [32, 160, 256, 1024, 4000])
@pytest.mark.parametrize("at", [5_000, 8_000, 9_999])
def test_a_click_is_an_onset_in_its_place(hop: int, at: int) -> None:
    audio = np.zeros(RATE, np.float32)
    audio[at] = 0.5
    (onset,) = extract(audio, RATE, hop, ("onset",)).T
    assert onset.max() > 0.5
    middle = (np.argmax(onset) + 0.5) * hop
    assert abs(middle - at) <= 0.5 * hop + 0.015 * RATE
    far = np.abs((np.arange(len(onset)) + 0.5) * hop - at) > 0.5 * hop + 0.03 * RATE
    assert onset[far].max(initial=0.0) == 0.0


def test_a_beginning_is_an_onset_an_end_is_none() -> None:
    note = sine(440)
    note[-800:] *= np.linspace(1, 0, 800, dtype=np.float32) ** 2
    audio = np.concatenate([np.zeros(8_000), note, np.zeros(8_000)]).astype(np.float32)
    (onset,) = extract(audio, RATE, 160, ("onset",)).T
    assert abs(int(np.argmax(onset)) * 160 - 8_000) <= 320
    ends = (np.arange(len(onset)) + 0.5) * 160 > 15_000
    assert onset[ends].max() < 0.1 * onset.max()


def test_the_centroid_follows_the_brighter_part() -> None:
    dark, bright = sine(300, 0.2), sine(300, 0.2) + sine(3_000, 0.2)
    (low,), (high,) = (inner(extract(a, RATE, 256, ("centroid",)), 256).T for a in (dark, bright))
    assert low == pytest.approx(key_of(300), abs=0.05)
    assert high == pytest.approx(key_of(1_650), abs=0.05)  # equal power: the mean frequency


def test_what_has_no_pitch_keeps_the_last_one() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(4_000)
    parts = [noise, sine(220), noise, sine(440), np.zeros(4_000)]
    values = extract(np.concatenate(parts).astype(np.float32), RATE, 100, ("pitch", "voicing"))
    pitch, voicing = values.T
    assert pitch[:35] == pytest.approx(57, abs=0.5)  # before the first: the first
    assert pitch[125:155] == pytest.approx(57, abs=0.5)
    assert pitch[-30:] == pytest.approx(69, abs=0.5)
    assert voicing[:35].max() == voicing[125:155].max() == voicing[-30:].max() == 0.0
    silent = extract(np.zeros(1_000, np.float32), RATE, 100)
    for name, column in zip(NAMES, silent.T, strict=True):
        expected = {"loudness": -80.0, "voicing": 0.0, "onset": 0.0}
        assert (column == expected.get(name, RANGES[name].default)).all()


def test_a_value_looks_20_ms_far_in_both_directions() -> None:
    """What changes beyond changes nothing, but for the filter before the pitch, by 5 ms."""
    audio = sine(330) + 0.01 * np.random.default_rng(0).standard_normal(8_000).astype(np.float32)
    loud = audio.copy()
    loud[4_000:] *= -3
    before, after = (extract(a, RATE, 64) for a in (audio, loud))
    middles = (np.arange(len(before)) + 0.5) * 64
    same = middles < 4_000 - 0.0205 * RATE
    unlike = np.abs(before - after)[same]
    assert unlike[:, [NAMES.index(n) for n in ("loudness", "onset", "centroid")]].max() == 0.0
    early = middles < 4_000 - 0.0255 * RATE
    assert np.abs(before - after)[early].max() < 0.01
    assert np.abs(before - after)[~same].max() > 5


def test_blocks_join_and_memory_stays_small(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    hz = np.repeat(random.uniform(100, 800, 20), RATE // 4)
    audio = (0.3 * np.sin(2 * np.pi * np.cumsum(hz) / RATE)).astype(np.float32)
    whole = extract(audio, RATE, 250)
    monkeypatch.setattr(features, "BLOCK_S", 0.7)
    assert np.abs(extract(audio, RATE, 250) - whole).max() < 0.02
    peaks = []
    for seconds in (10, 40):
        long = np.zeros(seconds * RATE, np.float32)
        tracemalloc.start()
        extract(long, RATE, 1_024, ("loudness", "centroid"))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


def test_ranges_make_controls() -> None:
    for name, range_ in RANGES.items():
        control = Control(
            name,
            minimum=(range_.minimum,),
            maximum=(range_.maximum,),
            default=(range_.default,),
            unit=range_.unit,
            description=range_.description,
        )
        assert control.description


def test_clear_errors() -> None:
    audio = np.zeros(100, np.float32)
    with pytest.raises(ConfigError, match=r"'pich' is unknown; known are pitch, voicing"):
        extract(audio, RATE, 10, ("pich",))
    with pytest.raises(ConfigError, match="hop is 0; 1 …"):
        extract(audio, RATE, 0)
    with pytest.raises(ConfigError, match="sample_rate is 100; 8000 …"):
        extract(audio, 100, 10)
