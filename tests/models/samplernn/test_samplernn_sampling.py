"""Draws follow the distribution that temperature, top-k and top-p leave."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from synth.models.samplernn import draw
from synth.models.samplernn.sampling import SHARPEST, keep_top, pick

LOGITS = torch.tensor([0.1, 2.0, -1.0, 1.5, -3.0, 0.7])
EVEN = (torch.arange(20_000) + 0.5) / 20_000  # all of 0 … 1, so that shares are exact to 1/20000


def shares(
    temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
) -> Tensor:
    """How often each code comes."""
    rows = len(EVEN)
    codes = draw(
        LOGITS.expand(rows, -1),
        EVEN,
        torch.full((rows,), temperature),
        None if top_k is None else torch.full((rows,), top_k),
        None if top_p is None else torch.full((rows,), top_p),
    )
    return torch.bincount(codes, minlength=len(LOGITS)) / rows


@pytest.mark.parametrize("temperature", [0.3, 1.0, 2.0])
def test_the_temperature_divides_the_logits(temperature: float) -> None:
    wanted = torch.softmax(LOGITS / temperature, 0)
    torch.testing.assert_close(shares(temperature), wanted, atol=2e-4, rtol=0)


def test_temperature_0_is_the_most_likely_code_and_so_is_its_neighbourhood() -> None:
    assert shares(0.0)[1] == 1.0
    assert shares(1e-30)[1] == 1.0


@pytest.mark.parametrize("k", [1, 2, 3, 6, 100])
def test_top_k_keeps_the_k_most_likely(k: int) -> None:
    left_out = LOGITS.sort(descending=True).indices[k:]
    wanted = torch.softmax(LOGITS.index_fill(0, left_out, -torch.inf), 0)
    torch.testing.assert_close(shares(top_k=k), wanted, atol=2e-4, rtol=0)


@pytest.mark.parametrize(("p", "count"), [(0.0, 1), (0.45, 1), (0.5, 2), (0.8, 3), (0.999, 6)])
def test_top_p_keeps_the_fewest_that_reach_p(p: float, count: int) -> None:
    """Sorted, the probabilities add up to 0.46, 0.74, 0.86, 0.93, 0.98 …"""
    ranked = torch.softmax(LOGITS, 0).sort(descending=True).values
    assert count == int((ranked.cumsum(0) - ranked < p).sum().clamp(min=1))
    torch.testing.assert_close(shares(top_p=p), shares(top_k=count), atol=2e-4, rtol=0)


def test_the_least_number_draws_the_first_code_that_is_kept() -> None:
    settings = torch.zeros(1), torch.ones(1), torch.tensor([2])
    assert int(draw(LOGITS[None], *settings)) == 1


def test_off_is_off() -> None:
    torch.testing.assert_close(shares(top_k=0, top_p=1.0), shares())


def test_the_temperature_comes_before_top_p() -> None:
    """Hot, more codes are needed to reach one half."""
    assert int((shares(5.0, top_p=0.5) > 0).sum()) > int((shares(0.5, top_p=0.5) > 0).sum())


def test_each_row_has_its_own_settings() -> None:
    codes = draw(
        LOGITS.expand(4, -1),
        torch.full((4,), 0.999),
        torch.tensor([1.0, 0.0, 1.0, 1.0]),
        torch.tensor([0, 0, 1, 0]),
        torch.tensor([1.0, 1.0, 1.0, 0.1]),
    )
    assert codes.tolist() == [5, 1, 1, 1]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-200, 200, width=32), min_size=2, max_size=40),
    st.sampled_from([0.0, 0.5, 1.0 - 2.0**-24]),
    st.floats(0, 10),
    st.integers(0, 50),
    st.floats(0, 1),
)
def test_only_codes_that_are_kept_are_drawn(
    values: list[float], u: float, temperature: float, k: int, p: float
) -> None:
    """At the ends of 0 … 1 too, where rounding could lead past the last code."""
    logits = torch.tensor([values])
    code = int(
        draw(
            logits, torch.tensor([u]), torch.tensor([temperature]),
            torch.tensor([k]), torch.tensor([p]),
        )[0]
    )  # fmt: skip
    assert 0 <= code < len(values)
    above = sum(v > values[code] for v in values)
    assert k == 0 or above < k
    if temperature == 0:
        assert above == 0


def test_picking_is_drawing() -> None:
    """The rule of an instrument is that of takes, for temperatures, top-k and all."""
    generator = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(500, 64, generator=generator)
    uniform = torch.rand(500, generator=generator)
    temperature = torch.rand(500, generator=generator).clamp_min(0.05)
    temperature[::5] = 0
    top_k = torch.randint(0, 6, (500,), generator=generator)
    wanted = draw(logits, uniform, temperature, top_k)
    sharpness = (1 / temperature.clamp_min(1 / SHARPEST))[:, None]
    picked = pick(keep_top(logits, top_k[:, None]), sharpness, uniform[:, None])[:, 0]
    assert torch.equal(picked, wanted)
