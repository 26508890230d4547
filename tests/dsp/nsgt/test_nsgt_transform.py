"""The transforms of whole signals: exact inverse, true amplitudes, the frame and its bounds."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth.contract import ConfigError, DataError
from synth.dsp.nsgt import NSGT, SCALES, RaggedNSGT, Scale, make_scale

RATE = 22_050
PAPER = make_scale("octave", 30, 11_000, 48)
FORMS: dict[str, Any] = {
    "matrix": lambda *given: NSGT(*given, reduced=False),
    "ragged": RaggedNSGT,
}


def snr_db(wanted: Tensor, found: Tensor) -> float:
    """Level of a signal over that of its error."""
    return float(10 * torch.log10(wanted.square().sum() / (wanted - found).square().sum()))


def noise(*shape: int, dtype: torch.dtype = torch.float64, seed: int = 0) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed))


def sinusoid(frequency: float, length: int, amplitude: float = 0.3) -> Tensor:
    phase = 2 * math.pi * frequency / RATE * torch.arange(length, dtype=torch.float64)
    return amplitude * torch.cos(phase + 0.4)


def _flat(coefficients: Tensor | list[Tensor]) -> Tensor:
    if isinstance(coefficients, Tensor):
        return coefficients.flatten(-2)
    return torch.cat(coefficients, -1)


@pytest.mark.parametrize("length", [55_125, 22_051, 2000, 737])
@pytest.mark.parametrize("form", FORMS)
def test_the_inverse_of_the_full_form_is_exact(form: str, length: int) -> None:
    """Above 250 dB in double precision and 100 dB in single, for even, odd and short lengths."""
    transform = FORMS[form](PAPER, RATE, length)
    audio = noise(2, length)
    assert snr_db(audio, transform.inverse(transform(audio))) > 250
    single = audio.float()
    back = transform.inverse(transform(single))
    assert back.dtype == torch.float32
    assert snr_db(single, back) > 100


@pytest.mark.parametrize("name", SCALES)
@pytest.mark.parametrize("form", FORMS)
def test_every_scale_is_exact(form: str, name: str) -> None:
    """Rest bands hold what lies outside of the scale."""
    transform = FORMS[form](make_scale(name, 64, 8000, 12 if name == "octave" else 168), RATE, 5000)
    audio = noise(5000)
    assert snr_db(audio, transform.inverse(transform(audio))) > 250


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(40, 11_024), min_size=1, max_size=40, unique=True)
    | st.floats(40, 11_000).map(lambda f: [f, f + 1e-6]),
    st.integers(552, 1500),
    st.sampled_from(list(FORMS)),
)
def test_any_frequencies_are_exact(frequencies: list[float], length: int, form: str) -> None:
    """Far apart, nearer than a bin, beside Nyquist: the frame stays well conditioned."""
    transform = FORMS[form](Scale("mine", tuple(sorted(frequencies))), RATE, length)
    audio = noise(length)
    assert snr_db(audio, transform.inverse(transform(audio))) > 250
    lower, upper = transform.bounds
    assert 0 < lower <= upper


@pytest.mark.parametrize("reduced", [False, True])
def test_the_bounds_of_the_frame_hold(reduced: bool) -> None:
    """A cosine at each bin has as much energy in its coefficients as they say, and reaches both."""
    length = 800
    transform = NSGT(make_scale("erb", 100, 9000, 30), RATE, length, reduced)
    phase = 2 * math.pi / length * torch.arange(length, dtype=torch.float64)
    signals = torch.cos(torch.arange(length // 2 + 1)[:, None] * phase)
    energy = transform(signals).abs().square().sum((-1, -2)) / signals.square().sum(-1)
    hertz = torch.arange(length // 2 + 1) * RATE / length
    low, high = transform.reach_hz
    within = energy[(hertz >= low) & (hertz <= high)]
    assert transform.bounds == pytest.approx((float(within.min()), float(within.max())))
    if not reduced:
        assert (low, high) == (0, pytest.approx(RATE / 2))
        # Windows of neighbours add up to 1; a rest band has half the energy of another.
        assert transform.bounds[1] / transform.bounds[0] < 5


def test_reach_ends_where_windows_hear_a_hundredth() -> None:
    """At the outer slopes of a reduced form, below 1 % of the energy in the middle."""
    length = 4000
    transform = NSGT(make_scale("log", 1000, 4000, 12), RATE, length)
    phase = 2 * math.pi / length * torch.arange(length, dtype=torch.float64)
    signals = torch.cos(torch.arange(1, length // 2)[:, None] * phase)
    energy = transform(signals).abs().square().sum((-1, -2))
    hertz = torch.arange(1, length // 2) * RATE / length
    heard = hertz[energy >= 0.01 * energy.max()]
    assert transform.reach_hz == pytest.approx((float(heard.min()), float(heard.max())))


def test_the_coefficients_are_those_of_the_definition() -> None:
    """Each band is the analytic signal through its window, moved down to 0 and read at frames."""
    length, frequencies = 720, np.array([500.0, 900.0, 1700.0])
    transform = NSGT(Scale("mine", tuple(frequencies)), RATE, length)
    audio = noise(length)
    spectrum = torch.fft.fft(audio)
    hertz = np.arange(length // 2 + 1) * RATE / length
    edges = [(100.0, 900.0), (500.0, 1700.0), (900.0, 2500.0)]
    time = torch.arange(transform.frames, dtype=torch.float64) / transform.frames
    for band, (centre, (low, high)) in enumerate(zip(frequencies, edges, strict=True)):
        rise = np.clip((hertz - low) / (centre - low), 0, 1)
        fall = np.clip((high - hertz) / (high - centre), 0, 1)
        window = 0.5 - 0.5 * np.cos(np.pi * np.minimum(rise, fall))
        wanted = torch.zeros(transform.frames, dtype=torch.complex128)
        for bin_, weight in enumerate(window):
            turn = torch.exp(2j * math.pi * (bin_ - transform.centres[band]) * time)
            wanted += 2 / length * weight * spectrum[bin_] * turn
        assert torch.allclose(transform(audio)[band], wanted, atol=1e-12)
        assert transform.centres[band] == round(centre * length / RATE)


@pytest.mark.parametrize("band", [120, 150, 288, 350, 405])
@pytest.mark.parametrize("reduced", [True, False])
def test_a_sinusoid_has_its_amplitude_in_its_band(band: int, reduced: bool) -> None:
    """Of amplitude 0.3 at a band's frequency: 0.3 there, and most in that band."""
    length = 8 * RATE
    transform = NSGT(PAPER, RATE, length, reduced)
    row = transform.own.start + band
    frequency = float(transform.frequencies[row])
    assert frequency == pytest.approx(PAPER.frequencies[band])
    magnitude = transform(sinusoid(frequency, length)).abs()
    middle = magnitude[:, transform.frames // 4 : -transform.frames // 4]
    assert middle[row] == pytest.approx(0.3, rel=1e-3)
    assert bool((middle.argmax(0) == row).all())


def test_a_sinusoid_has_its_amplitude_in_the_ragged_form() -> None:
    """As in the matrix form."""
    transform = RaggedNSGT(PAPER, RATE, 4 * RATE)
    coefficients = transform(sinusoid(float(transform.frequencies[289]), 4 * RATE))
    size = transform.sizes[289]
    middle = coefficients[289].abs()[size // 4 : -size // 4]
    assert middle == pytest.approx(0.3, rel=1e-3)
    assert max(range(412), key=lambda b: float(coefficients[b].abs().max())) == 289
    assert transform.frequencies[transform.own].tolist() == list(PAPER.frequencies)


def test_the_rest_is_filled_with_bands_as_wide_as_the_others() -> None:
    """A scale far from 0 Hz and Nyquist doesn't multiply the frames of the full matrix."""
    scale = make_scale("log", 2000, 4000, 30)
    full, reduced = NSGT(scale, RATE, 20_000, reduced=False), NSGT(scale, RATE, 20_000)
    assert full.frames <= reduced.frames + 2
    assert full.frequencies[full.own].tolist() == list(scale.frequencies)
    assert reduced.frequencies[reduced.own].tolist() == list(scale.frequencies)
    gaps = full.frequencies.diff()
    assert float(gaps.max()) <= float(np.diff(scale.frequencies).max()) + 1e-9
    assert full.frequencies[[0, -1]].tolist() == [0, RATE / 2]
    audio = noise(20_000)
    assert snr_db(audio, full.inverse(full(audio))) > 250
    own = full(audio)[full.own].abs().square().mean(-1)
    assert torch.allclose(own[1:-1], reduced(audio).abs().square().mean(-1)[1:-1], rtol=1e-9)


@pytest.mark.parametrize("length", [2000, 2001])
def test_rest_bands_have_true_amplitudes(length: int) -> None:
    """A constant of 0.3 is 0.3 in the first band, one that alternates is 0.3 in the last one."""
    transform = NSGT(PAPER, RATE, length, reduced=False)
    assert transform.frequencies[[0, -1]].tolist() == [0, RATE / 2]
    constant = transform(torch.full((length,), 0.3, dtype=torch.float64)).abs()
    assert constant[0] == pytest.approx(0.3, rel=1e-9)
    assert float(constant[1:].max()) < 1e-12
    if length % 2 == 0:
        sign = 1 - 2 * (torch.arange(length) % 2)
        assert transform(0.3 * sign.double()).abs()[-1] == pytest.approx(0.3, rel=1e-9)


def test_a_click_is_in_the_frame_of_its_time() -> None:
    """Frame i is centred on i / frame_rate."""
    length = 20_000
    transform = NSGT(PAPER, RATE, length)
    for sample in (3000, 10_000, 16_789):
        audio = torch.zeros(length)
        audio[sample] = 1
        frame = int(transform(audio)[300:400].abs().sum(0).argmax())
        assert abs(frame - sample / RATE * transform.frame_rate) <= 0.51


def test_the_reduced_form_loses_what_lies_outside_its_reach() -> None:
    """Within, a signal comes back exactly; outside, nothing does."""
    length = 22_050
    transform = NSGT(make_scale("octave", 100, 5000, 24), RATE, length)
    low, high = transform.reach_hz
    assert 95 < low < 100
    assert 5000 < high < 5200
    spectrum = torch.fft.rfft(noise(length))
    hertz = torch.arange(len(spectrum)) * RATE / length
    within = (hertz >= low) & (hertz <= high)
    heard = torch.fft.irfft(torch.where(within, spectrum, 0), length)
    lost = torch.fft.irfft(torch.where(within, 0, spectrum), length)
    assert snr_db(heard, transform.inverse(transform(heard))) > 250
    assert float(transform.inverse(transform(lost)).abs().max()) < 1e-12
    assert snr_db(heard, transform.inverse(transform(heard + lost))) > 250


@pytest.mark.parametrize("form", ["reduced", *FORMS])
def test_the_inverse_of_changed_coefficients_is_the_nearest(form: str) -> None:
    """What remains is orthogonal to the coefficients of every signal within reach."""
    scale, length = make_scale("mel", 200, 6000, 40), 1500
    transform = NSGT(scale, RATE, length) if form == "reduced" else FORMS[form](scale, RATE, length)
    shape = transform(noise(length))
    changed = [torch.complex(noise(*c.shape, seed=b), noise(*c.shape, seed=-b - 1))
               for b, c in enumerate(shape)]  # fmt: skip
    given: Any = torch.stack(changed) if isinstance(shape, Tensor) else changed
    remains = _flat(given) - _flat(transform(transform.inverse(given)))
    for seed in range(5):
        signal = transform.inverse(transform(noise(length, seed=seed)))
        direction = _flat(transform(signal))
        product = (remains.conj() * direction).sum().real
        assert abs(float(product)) < 1e-9 * float(remains.norm() * direction.norm())


@pytest.mark.parametrize("form", FORMS)
def test_the_transform_is_linear(form: str) -> None:
    """Both ways."""
    transform = FORMS[form](PAPER, RATE, 3000)
    a, b = noise(3000), noise(3000, seed=1)
    sum_ = _flat(transform(2 * a - b))
    assert torch.allclose(sum_, 2 * _flat(transform(a)) - _flat(transform(b)), atol=1e-12)
    x, y = transform(a), transform(b)
    mixed = 2 * x - y if form == "matrix" else [2 * i - j for i, j in zip(x, y, strict=True)]
    wanted = 2 * transform.inverse(x) - transform.inverse(y)
    assert torch.allclose(transform.inverse(mixed), wanted, atol=1e-12)


@pytest.mark.parametrize("form", FORMS)
def test_gradients(form: str) -> None:
    """Against finite differences, forth and back, in the magnitude as training uses it too."""
    transform = FORMS[form](make_scale("log", 1500, 8000, 5), RATE, 61)
    audio = noise(2, 61).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: _flat(transform(x)), audio)
    assert torch.autograd.gradcheck(lambda x: _flat(transform(x)).abs().square(), audio)
    found = transform(audio.detach())
    bands = [found] if form == "matrix" else found
    leaves = tuple(band.detach().clone().requires_grad_() for band in bands)

    def back(*given: Tensor) -> Tensor:
        made: Tensor = transform.inverse(given[0] if form == "matrix" else given)
        return made

    assert torch.autograd.gradcheck(back, leaves)


@pytest.mark.parametrize("form", FORMS)
def test_batches_equal_singles(form: str) -> None:
    """Any leading dimensions, none and empty ones too."""
    transform = FORMS[form](PAPER, RATE, 2500)
    audio = noise(2, 3, 2500)
    whole = transform(audio)
    single = transform(audio[1, 2])
    assert torch.allclose(_flat(whole)[1, 2], _flat(single), atol=1e-15)
    assert transform.inverse(whole).shape == audio.shape
    assert torch.allclose(transform.inverse(whole)[1, 2], transform.inverse(single), atol=1e-14)


@pytest.mark.parametrize("form", FORMS)
def test_buffers_go_along_and_stay_exact(form: str) -> None:
    """A model cast to single precision keeps an exact transform; weights of a file have none."""
    transform = FORMS[form](PAPER, RATE, 2000)
    holder = torch.nn.ModuleList([transform]).float()
    assert transform.frequencies.dtype == torch.float64
    audio = noise(2000)
    assert snr_db(audio, transform.inverse(transform(audio))) > 250
    assert holder.state_dict() == {}
    # On the device "meta", as on any other, an operand left behind on the CPU raises.
    holder.to("meta")
    back = transform.inverse(transform(torch.zeros(2, 2000, device="meta")))
    assert (back.device.type, back.shape) == ("meta", (2, 2000))


def test_the_matrix_has_the_size_it_says() -> None:
    """At the settings of the paper, 784 frames in 2.5 s."""
    transform = NSGT(PAPER, RATE, 55_125)
    assert transform(noise(55_125)).shape == (410, 784)
    assert transform.frame_rate == pytest.approx(784 / 2.5)
    assert transform.redundancy == pytest.approx(2 * 410 * 784 / 55_125)
    assert NSGT(PAPER, RATE, 55_125, multiple=100).frames == 800
    assert RaggedNSGT(PAPER, RATE, 55_125).redundancy < 2.5


def test_windows_reach_to_the_neighbours_and_have_at_least_four_bins() -> None:
    """Widths of a long signal follow the scale, those of a short one its bins."""
    frequencies = np.array(PAPER.frequencies)
    long = np.array(NSGT(PAPER, RATE, 60 * RATE).widths_hz)
    assert np.allclose(long[1:-1], frequencies[2:] - frequencies[:-2], atol=0.05)
    short = NSGT(PAPER, RATE, RATE)
    assert min(short.widths_hz) >= 3  # from the first to the last of 4 bins, 1 Hz apart
    assert short.widths_hz[200] == pytest.approx(long[200], abs=1)


@pytest.mark.parametrize("form", ["reduced", *FORMS])
def test_scales_that_dont_fit_the_signal(form: str) -> None:
    """Above Nyquist, at Nyquist, longer than the signal: what to change is in the message."""
    make = NSGT if form == "reduced" else FORMS[form]
    with pytest.raises(ConfigError, match=r"band 410 of 410 lies at 11019\.1 Hz.*below 11000 Hz"):
        make(PAPER, 22_000, 55_125)
    with pytest.raises(ConfigError, match=r"band 2 of 3 lies at 50 Hz.*raise the sample rate"):
        make(Scale("mine", (20.0, 50.0, 60.0)), 100, 1000)
    with pytest.raises(ConfigError, match=r"734 samples.*30 Hz.*at least 735.*above 30\.0409 Hz"):
        make(PAPER, RATE, 734)
    with pytest.raises(ConfigError, match="a signal of 0 samples"):
        make(PAPER, RATE, 0)


def test_audio_and_coefficients_of_other_shapes() -> None:
    """The message says what the transform takes."""
    matrix, ragged = NSGT(PAPER, RATE, 2000), RaggedNSGT(PAPER, RATE, 2000)
    for transform in (matrix, ragged):
        with pytest.raises(DataError, match=r"\[2, 1999\].*2000 samples"):
            transform(torch.zeros(2, 1999))
        with pytest.raises(DataError, match=r"int64.*float32 or float64"):
            transform(torch.zeros(2000, dtype=torch.int64))
    with pytest.raises(DataError, match=r"\[410, 27\].*410 bands of 28 frames"):
        matrix.inverse(torch.zeros(410, 27, dtype=torch.complex64))
    bands = ragged(torch.zeros(2000))
    with pytest.raises(DataError, match=r"411 bands .* 412 bands"):
        ragged.inverse(bands[:-1])
    with pytest.raises(DataError, match="first in band 7"):
        ragged.inverse([*bands[:7], bands[7][:-1], *bands[8:]])
