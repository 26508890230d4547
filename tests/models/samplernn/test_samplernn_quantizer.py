"""Quantising: silence stays silence, errors stay under half a step, left equals right."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from synth.models.samplernn.config import ENCODINGS
from synth.models.samplernn.quantizer import SampleQuantizer, compress, expand

encodings = st.sampled_from(ENCODINGS)
sizes = st.integers(3, 4096)
audio = st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=50).map(
    lambda values: torch.tensor(np.array(values, dtype=np.float32))
)
ROUNDING = 4e-6  # of float32 in the laws, on the companded scale


@settings(max_examples=200, deadline=None)
@given(encodings, sizes, audio)
def test_the_error_is_at_most_half_a_step_on_the_companded_scale(
    encoding: str, size: int, x: torch.Tensor
) -> None:
    quantizer = SampleQuantizer(size, encoding)
    codes = quantizer.encode(x)
    assert int(codes.min()) >= 0
    assert int(codes.max()) < size
    step = 1 / quantizer.reach
    error = compress(x.double(), encoding) - quantizer.companded[codes].double()
    assert float(error.abs().max()) <= step / 2 + ROUNDING


@settings(max_examples=200, deadline=None)
@given(encodings, sizes, audio)
def test_codes_are_odd_symmetric(encoding: str, size: int, x: torch.Tensor) -> None:
    quantizer = SampleQuantizer(size, encoding)
    up, down = quantizer.encode(x) - quantizer.middle, quantizer.encode(-x) - quantizer.middle
    torch.testing.assert_close(down, -up)
    torch.testing.assert_close(
        quantizer.levels[down + quantizer.middle], -quantizer.levels[up + quantizer.middle]
    )


@settings(max_examples=60, deadline=None)
@given(encodings, sizes)
def test_every_code_that_is_used_comes_back(encoding: str, size: int) -> None:
    """With an even number of levels, code 0 is the one that is not used."""
    quantizer = SampleQuantizer(size, encoding)
    codes = torch.arange(1 - size % 2, size)
    torch.testing.assert_close(quantizer.encode(quantizer.decode(codes)), codes)
    assert bool((quantizer.levels.diff() >= 0).all())
    assert bool((quantizer.levels.diff()[1 - size % 2 :] > 0).all())


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("size", [3, 4, 255, 256, 4096])
def test_silence_and_full_scale(encoding: str, size: int) -> None:
    quantizer = SampleQuantizer(size, encoding)
    codes = quantizer.encode(torch.tensor([0.0, -0.0, 1.0, -1.0, 3.0, -3.0]))
    assert quantizer.decode(codes).tolist() == pytest.approx([0, 0, 1, -1, 1, -1], abs=1e-6)
    assert quantizer.decode(codes[:2]).tolist() == [0.0, 0.0]
    assert codes[0] == quantizer.middle == size // 2


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_the_law_is_undone(encoding: str) -> None:
    x = torch.linspace(-1, 1, 10_001, dtype=torch.float64)
    torch.testing.assert_close(expand(compress(x, encoding), encoding), x, atol=1e-12, rtol=1e-9)


def test_the_laws_are_those_of_g711() -> None:
    """At 1/100 of full scale: the logarithms of ITU-T G.711, with mu 255 and A 87.6."""
    x = torch.tensor([0.01, 0.5], dtype=torch.float64)
    mu = np.log(1 + 255 * x.numpy()) / np.log(256)
    a = np.array([87.6 * 0.01, 1 + np.log(87.6 * 0.5)]) / (1 + np.log(87.6))
    np.testing.assert_allclose(compress(x, "mu-law").numpy(), mu, rtol=1e-12)
    np.testing.assert_allclose(compress(x, "a-law").numpy(), a, rtol=1e-12)


def test_companding_serves_quiet_sounds() -> None:
    """At -50 dB, 256 levels of mu-law leave 20 dB less noise than linear ones."""
    quiet = 10 ** (-50 / 20) * torch.sin(torch.arange(4000) * 0.1)
    noise = {}
    for encoding in ENCODINGS:
        quantizer = SampleQuantizer(256, encoding)
        error = quantizer.decode(quantizer.encode(quiet)) - quiet
        noise[encoding] = 10 * float(torch.log10(error.square().mean()))
    assert noise["mu-law"] < noise["linear"] - 20
    assert noise["a-law"] < noise["linear"] - 20
