"""Entropies of sources whose entropy is known."""

from __future__ import annotations

import numpy as np
import pytest

from synth.contract import DataError
from training.recipes.entropy import entropy_bits


def test_a_certain_code_has_none() -> None:
    assert entropy_bits(np.full(1000, 7), 256) == 0.0
    assert entropy_bits(np.full(1000, 7), 256, order=1) == 0.0


def test_independent_codes_have_the_same_at_both_orders() -> None:
    share = np.array([0.5, 0.25, 0.125, 0.125])  # 1.75 bits
    codes = np.random.default_rng(0).choice(4, 200_000, p=share)
    assert entropy_bits(codes, 4) == pytest.approx(1.75, abs=0.01)
    assert entropy_bits(codes, 4, order=1) == pytest.approx(1.75, abs=0.01)


def test_a_sequence_that_repeats_is_certain_at_order_one() -> None:
    codes = np.tile(np.random.default_rng(1).permutation(16), 100)
    assert entropy_bits(codes, 16) == pytest.approx(4.0)
    assert entropy_bits(codes, 16, order=1) == pytest.approx(0.0, abs=1e-9)


def test_a_chain_that_flips_one_time_in_ten() -> None:
    flips = np.random.default_rng(2).random(200_000) < 0.1
    codes = np.cumsum(flips) % 2
    expected = -0.1 * np.log2(0.1) - 0.9 * np.log2(0.9)
    assert entropy_bits(codes, 2) == pytest.approx(1.0, abs=0.01)
    assert entropy_bits(codes, 2, order=1) == pytest.approx(expected, abs=0.01)


def test_clear_errors() -> None:
    with pytest.raises(DataError, match="1 codes; an entropy of order 1 needs 2"):
        entropy_bits(np.zeros(1, int), 2, order=1)
    with pytest.raises(DataError, match=r"codes reach 0 … 2; 0 … 1 is allowed"):
        entropy_bits(np.array([0, 2]), 2)
