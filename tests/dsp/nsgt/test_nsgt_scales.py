"""The scales: published formulas, ends, order, and what is refused."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from synth.contract import ConfigError
from synth.dsp.nsgt import SCALES, Scale, make_scale


def test_the_scale_of_the_paper_has_410_bands() -> None:
    """30 to 11,000 Hz at 48 bands an octave, below half of 22,050 Hz."""
    scale = make_scale("octave", 30, 11_000, 48)
    assert len(scale.frequencies) == 410
    assert scale.frequencies[-2] < 11_000 <= scale.frequencies[-1] < 11_025


def test_an_octave_doubles() -> None:
    """As many bands on as an octave has, the frequency is twice as high."""
    found = np.array(make_scale("octave", 55, 5000, 17).frequencies)
    assert np.allclose(found[17:], 2 * found[:-17], rtol=1e-12)


@pytest.mark.parametrize("octaves", [1, 2, 3, 6, 7])
@pytest.mark.parametrize("count", [1, 12, 24, 31, 48])
def test_whole_octaves_have_no_band_of_rounding(octaves: int, count: int) -> None:
    """The last band lies at the upper end, and none lies above it."""
    scale = make_scale("octave", 55.1, 55.1 * 2**octaves, count)
    assert len(scale.frequencies) == octaves * count + 1
    assert scale.frequencies[-1] == pytest.approx(55.1 * 2**octaves)


@given(
    st.sampled_from([name for name in SCALES if name != "octave"]),
    st.floats(1, 2000),
    st.floats(1.01, 100),
    st.integers(2, 400),
)
def test_scales_ascend_between_their_ends(name: str, low: float, ratio: float, n: int) -> None:
    """As many bands as asked for, from the lower end to the upper one."""
    found = make_scale(name, low, low * ratio, n).frequencies
    assert len(found) == n
    assert (found[0], found[-1]) == (low, low * ratio)
    assert all(a < b for a, b in pairwise(found))


def _mel(frequency: float) -> float:
    return 1127.01048 * math.log(1 + frequency / 700)


def _erb_rate(frequency: float) -> float:
    """By integration of 1 / bandwidth, 24.7 (4.37 f / 1000 + 1) Hz at f."""
    at = np.linspace(0, frequency, 20_001)
    bandwidth = 24.7 * (4.37 * at / 1000 + 1)
    return float(np.trapezoid(1 / bandwidth, at))


@pytest.mark.parametrize(
    ("name", "measure", "tolerance"),
    [
        ("mel", _mel, 1e-6),
        ("erb", _erb_rate, 1e-3),
        ("log", math.log, 1e-9),
        ("linear", float, 1e-9),
    ],
)
def test_bands_lie_evenly_by_the_published_measure(
    name: str, measure: object, tolerance: float
) -> None:
    """Steps are equal on the scale's own measure, written down in another form."""
    assert callable(measure)
    places = [measure(f) for f in make_scale(name, 80, 7600, 25).frequencies]
    steps = np.diff(places)
    assert np.ptp(steps) < tolerance * steps.mean()


def test_known_values() -> None:
    """1000 Hz are 1000 mel, and 15.6 on the scale of equivalent rectangular bandwidths."""
    assert _mel(1000) == pytest.approx(1000, abs=0.1)
    assert 21.4 * math.log10(1 + 0.00437 * 1000) == pytest.approx(15.6, abs=0.05)
    middle = make_scale("mel", 1e-9, 1000, 3).frequencies[1]
    assert _mel(middle) == pytest.approx(500, abs=0.1)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("bark", 30, 100, 4), r"bark.*octave.*erb"),
        (("octave", 0, 100, 12), r"0 to 100 Hz.*above 0"),
        (("mel", 200, 100, 12), r"200 to 100 Hz"),
        (("mel", math.nan, 100, 12), r"nan to 100 Hz"),
        (("mel", 30, math.inf, 12), r"30 to inf Hz"),
        (("octave", 30, 100, 0), r"0 bands in an octave.*give 1 … 57571"),
        (("octave", 30, 3840, 20_000), r"20000 bands in an octave.*give 1 … 14285"),
        (("mel", 30, 100, 1), r"1 bands can't be made; give 2 … 100000"),
    ],
)
def test_scales_that_cant_be_made(given: tuple[str, float, float, int], words: str) -> None:
    """The message names the value and the range."""
    with pytest.raises(ConfigError, match=words):
        make_scale(*given)


@pytest.mark.parametrize(
    ("frequencies", "words"),
    [
        ((), "at least one"),
        ((0.0, 10.0), "band 1 .* lies at 0 Hz after 0 Hz"),
        ((10.0, 10.0), "band 2 .* lies at 10 Hz after 10 Hz"),
        ((10.0, math.nan), "band 2 .* lies at nan Hz"),
        ((10.0, math.inf), "band 2 .* lies at inf Hz"),
    ],
)
def test_frequencies_of_ones_own_have_to_ascend(frequencies: tuple[float, ...], words: str) -> None:
    """A scale of one's own is checked as well."""
    with pytest.raises(ConfigError, match=words):
        Scale("mine", frequencies)
