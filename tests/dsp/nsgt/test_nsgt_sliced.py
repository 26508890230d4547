"""The transform of streams: streamed equals whole, exact inverse, declared latency."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth.contract import ConfigError, DataError
from synth.dsp.nsgt import OVERLAPS, SlicedInverse, SlicedNSGT, make_scale

RATE = 22_050
SCALE = make_scale("octave", 200, 10_000, 12)


def noise(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(0))


def in_blocks(layer: SlicedNSGT | SlicedInverse, x: Tensor, sizes: list[int]) -> Tensor:
    """The outputs of steps over blocks of these sizes and the rest, one after the other."""
    state, made, at = layer.init_state(len(x)), [], 0
    for size in [*sizes, x.shape[1]]:
        y, state = layer.step(x[:, at : at + size], state)
        made.append(y)
        at = min(at + size, x.shape[1])
    return torch.cat(made, 1)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, 900), max_size=12),
    st.integers(1, 200),
    st.sampled_from(list(OVERLAPS)),
)
def test_streamed_equals_whole(sizes: list[int], transition: int, overlap: str) -> None:
    """Blocks of any sizes, empty ones too, give the same slices and the same audio."""
    analysis = SlicedNSGT(SCALE, RATE, 400, transition, overlap)
    inverse = SlicedInverse(analysis)
    audio = noise(2, 3000, dtype=torch.float32)
    whole = analysis(audio)
    streamed = in_blocks(analysis, audio, sizes)
    assert streamed.shape == whole.shape
    assert float((streamed - whole).abs().max()) < 1e-5
    slices = [size % 4 for size in sizes]
    assert float((in_blocks(inverse, whole, slices) - inverse(whole)).abs().max()) < 1e-5


@pytest.mark.parametrize("overlap", OVERLAPS)
@pytest.mark.parametrize(("slice_length", "transition"), [(2048, None), (1024, 1), (602, 301)])
def test_the_stream_comes_back(slice_length: int, transition: int | None, overlap: str) -> None:
    """After the declared delay, above 250 dB in double precision and 100 dB in single."""
    analysis = SlicedNSGT(SCALE, RATE, slice_length, transition, overlap)
    inverse = SlicedInverse(analysis)
    for dtype, wanted in ((torch.float64, 250), (torch.float32, 100)):
        audio = noise(2, 9000, dtype=dtype)
        back = inverse(analysis(audio))
        assert back.dtype == dtype
        delay = inverse.latency
        due, found = audio[:, : back.shape[1] - delay], back[:, delay:]
        assert due.shape[1] > 6000
        error = (due - found).square().sum()
        assert float(10 * torch.log10(due.square().sum() / error)) > wanted


@pytest.mark.parametrize("transition", [1, 64, 250])
def test_latency_is_as_declared(transition: int) -> None:
    """The last slice that hears an impulse comes out at most `latency` samples after it, and for
    some places of the impulse as late as that."""
    analysis = SlicedNSGT(SCALE, RATE, 500, transition)
    state, emitted = analysis.init_state(1), []
    for sample in range(2000):
        made, state = analysis.step(torch.zeros(1, 1), state)
        emitted += [sample] * made.shape[1]
    places = torch.arange(600, 600 + analysis.hop)
    impulses = torch.nn.functional.one_hot(places, 2000).double()
    hears = analysis(impulses).abs().amax((-1, -2)) > 0
    last = [int(row.nonzero().max()) for row in hears]
    waits = [emitted[n] - int(place) for n, place in zip(last, places, strict=True)]
    assert max(waits) == analysis.latency
    assert min(waits) >= 0


@pytest.mark.parametrize("transition", [1, 64, 250])
def test_audio_comes_back_within_the_latency_of_the_analysis(transition: int) -> None:
    """By the clock, sample by sample; as late as that for some samples."""
    analysis = SlicedNSGT(SCALE, RATE, 500, transition)
    inverse = SlicedInverse(analysis)
    audio = noise(1, 1500)
    heard, tail = analysis.init_state(1), inverse.init_state(1)
    made, waits = torch.zeros(1, 0), []
    for clock in range(audio.shape[1]):
        slices, heard = analysis.step(audio[:, clock : clock + 1], heard)
        new, tail = inverse.step(slices, tail)
        first = made.shape[1] - inverse.latency
        waits += [clock - sample for sample in range(first, first + new.shape[1])]
        made = torch.cat([made, new], 1)
    assert max(waits) == analysis.latency
    found = made[:, inverse.latency :]
    assert torch.allclose(found, audio[:, : found.shape[1]], atol=1e-12)


def test_no_output_precedes_its_cause() -> None:
    """Other samples from some moment on change no slice that came out before."""
    analysis = SlicedNSGT(SCALE, RATE, 400, 100)
    a, b = noise(1, 2000), noise(1, 2000)
    b[:, 1234:] = 7
    before = analysis(a[:, :1234]).shape[1]
    assert torch.equal(analysis(a)[:, :before], analysis(b)[:, :before])
    assert not torch.equal(analysis(a)[:, before], analysis(b)[:, before])


def test_a_slice_is_the_transform_of_what_is_heard_through_its_window() -> None:
    """Frame i of slice n is centred on sample n * hop - before + i * slice_length / frames."""
    analysis = SlicedNSGT(SCALE, RATE, 2000, 300)
    click = torch.zeros(1, 8000)
    click[0, 4400] = 1
    number = 4
    frames = analysis(click)[0, number, 40:60].abs().sum(0)
    spacing = 2000 / analysis.transform.frames
    found = number * analysis.hop - analysis.before + int(frames.argmax()) * spacing
    assert abs(found - 4400) <= 0.51 * spacing


@pytest.mark.parametrize("overlap", OVERLAPS)
def test_windows_add_up_to_one(overlap: str) -> None:
    """What one slice loses at its end the next one gains."""
    analysis = SlicedNSGT(SCALE, RATE, 400, 123, overlap)
    window = analysis.window(torch.zeros(1, dtype=torch.float64))
    assert len(window) == analysis.hop + 123
    assert torch.allclose(window[:123] + window[-123:], torch.ones(123, dtype=torch.float64))
    assert bool((window.diff()[:122] > 0).all())


def test_the_overlaps_differ() -> None:
    """A Blackman-Harris slope starts more gently and is steeper in the middle."""
    tukey, harris = (SlicedNSGT(SCALE, RATE, 400, 100, name).rise for name in OVERLAPS)
    assert float(harris[20]) < 0.2 * float(tukey[20])
    assert float(harris.diff().max()) > 1.3 * float(tukey.diff().max())


def test_a_sinusoid_has_its_amplitude_in_the_middle_of_a_slice() -> None:
    """And most in its band."""
    analysis = SlicedNSGT(SCALE, RATE, 8192, 512)
    frequency = float(analysis.frequencies[40])
    phase = 2 * math.pi * frequency / RATE * torch.arange(30_000, dtype=torch.float64)
    magnitude = analysis(0.3 * torch.cos(phase)[None]).abs()[0, 3]
    middle = magnitude[:, int(magnitude.shape[1] * 0.45) : int(magnitude.shape[1] * 0.55)]
    assert middle[40] == pytest.approx(0.3, rel=1e-3)
    assert bool((middle.argmax(0) == 40).all())


def test_changed_coefficients_leave_no_steps_where_slices_meet() -> None:
    """A slice of noise fades in and out."""
    analysis = SlicedNSGT(SCALE, RATE, 2000, 400)
    shape = analysis(torch.zeros(1, 4000)).shape
    coefficients = torch.zeros(shape, dtype=torch.complex128)
    coefficients[:, 1] = torch.complex(noise(*shape[2:]), noise(*shape[2:]))
    audio = SlicedInverse(analysis)(coefficients)[0].abs()
    begin = analysis.hop
    assert float(audio[:begin].max()) == 0
    assert float(audio[begin : begin + 5].max()) < 0.01 * float(audio.max())


def test_the_reduced_form_has_the_bands_of_the_scale() -> None:
    """Sound between them comes back nearly, since windows smear it little."""
    analysis = SlicedNSGT(SCALE, RATE, 4096, reduced=True)
    assert analysis.frequencies.tolist() == list(SCALE.frequencies)
    phase = 2 * math.pi * 1234 / RATE * torch.arange(20_000, dtype=torch.float64)
    inverse = SlicedInverse(analysis)
    back = inverse(analysis(phase.sin()[None]))[0, inverse.latency :]
    assert float((back - phase.sin()[: len(back)])[3000:-3000].abs().max()) < 1e-3


def test_rows_are_independent() -> None:
    """Each row of a batch is a stream of its own."""
    analysis = SlicedNSGT(SCALE, RATE, 400)
    audio = noise(3, 2000)
    whole = analysis(audio)
    assert torch.allclose(analysis(audio[1:2]), whole[1:2], atol=1e-15)
    inverse = SlicedInverse(analysis)
    assert torch.allclose(inverse(whole[1:2]), inverse(whole)[1:2], atol=1e-15)


def test_the_device_goes_along() -> None:
    """Fresh states lie where the transform lies."""
    analysis = SlicedNSGT(SCALE, RATE, 400)
    inverse = SlicedInverse(analysis).to("meta")
    coefficients = analysis(torch.zeros(2, 1000, device="meta"))
    assert inverse(coefficients).shape == (2, 5 * 200)
    assert inverse.init_state(2)["tail"].device.type == "meta"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"slice_length": 401}, "slices of 401 samples; give an even number.* 402"),
        ({"slice_length": 0}, "slices of 0 samples"),
        ({"transition": 0}, r"overlap by 0 samples.*1 … 200"),
        ({"transition": 201}, r"overlap by 201 samples.*1 … 200"),
        ({"overlap": "hann"}, "hann.*tukey"),
        ({"slice_length": 100}, "100 samples is shorter .*at least 111"),
    ],
)
def test_slices_that_cant_be_made(given: dict[str, int], words: str) -> None:
    """The message names the value and the range."""
    with pytest.raises(ConfigError, match=words):
        SlicedNSGT(SCALE, RATE, **{"slice_length": 400, **given})  # type: ignore[arg-type]


def test_blocks_of_other_shapes() -> None:
    """Audio and coefficients have the rows of the state."""
    analysis = SlicedNSGT(SCALE, RATE, 400)
    with pytest.raises(DataError, match=r"\[3, 10\] for the state of 2 rows"):
        analysis.step(torch.zeros(3, 10), analysis.init_state(2))
    with pytest.raises(DataError, match=r"\[10\] for the state of 1 rows"):
        analysis.step(torch.zeros(10), analysis.init_state(1))
    inverse = SlicedInverse(analysis)
    with pytest.raises(DataError, match="for the state of 2 rows"):
        inverse.step(analysis(torch.zeros(3, 900)), inverse.init_state(2))
