"""Numbered sounds: the same everywhere, and in one split each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synth.contract import ConfigError
from synth.models.inverse.voices import sounds


def test_splits_share_no_sound_and_leave_none_out() -> None:
    found = {split: sounds.numbers_of(split, 0, 20_480) for split in sounds.SPLITS}
    sets = {split: set(numbers) for split, numbers in found.items()}
    assert all(len(sets[split]) == 20_480 for split in sets)
    assert not sets["train"] & sets["validation"]
    assert not sets["train"] & sets["test"]
    assert not sets["validation"] & sets["test"]
    first = set(range(10 * 1024))
    assert first <= set.union(*sets.values())
    for split, numbers in found.items():
        assert {sounds.split_of(number) for number in numbers} == {split}
    assert all(number // 1024 % 10 == 9 for number in sets["test"])
    assert all(number // 1024 % 10 == 8 for number in sets["validation"])


def test_numbers_far_away_are_found_at_once() -> None:
    numbers = sounds.numbers_of("train", 10**15, 2)
    assert sounds.split_of(numbers[0]) == "train"
    assert sounds.knob_positions(["a"], numbers).shape == (2, 1)
    with pytest.raises(ConfigError, match="known are train, validation, test"):
        sounds.numbers_of("dev", 0, 1)
    with pytest.raises(ConfigError, match="negative"):
        sounds.numbers_of("test", -1, 1)


def test_a_position_depends_on_name_and_number_alone() -> None:
    names = ["b", "a", "c"]
    together = sounds.knob_positions(names, [7, 3, 10**12])
    assert torch.equal(sounds.knob_positions(["a"], [10**12]), together[2:, 1:2])
    # The same on every machine: written down once.
    expected = [[0.28691405057907104, 0.8494040369987488]]
    assert sounds.knob_positions(["adsr_1_attack", "vco_1_tuning"], [12345]).tolist() == expected


def test_positions_are_uniform_and_independent() -> None:
    x = sounds.knob_positions([f"p{i}" for i in range(20)], range(20_000)).double()
    assert ((x >= 0) & (x < 1)).all()
    counts = torch.stack([torch.histc(column, 10, 0, 1) for column in x.T])
    # Chi squared with 9 degrees of freedom: above 33.7 once in ten thousand.
    assert (((counts - 2000) ** 2 / 2000).sum(1) < 33.7).all()
    mixed = torch.corrcoef(x.T).fill_diagonal_(0)
    assert mixed.abs().max() < 5 / 20_000**0.5
    assert torch.corrcoef(torch.stack([x[:-1, 0], x[1:, 0]]))[0, 1].abs() < 5 / 20_000**0.5


def test_noise_is_white_and_depends_on_number_and_place_alone() -> None:
    x = sounds.noise(range(32), 4096)
    assert torch.equal(sounds.noise([5, 37], 1000), x[[5, 5], :1000])
    assert x.mean().abs() < 0.02
    assert abs(x.std() - 1) < 0.01
    assert abs((x**4).mean() - 3) < 0.25  # of normal noise
    spectrum = np.abs(np.fft.rfft(x.double().numpy(), axis=1)) ** 2 / 4096
    bands = spectrum[:, 1:2049].mean(0).reshape(8, -1).mean(1)
    assert np.abs(bands - 1).max() < 0.05
    rows = torch.corrcoef(x).fill_diagonal_(0)
    assert rows.abs().max() < 5 / 4096**0.5
    # The same on every machine: written down once.
    assert x[3, :3].tolist() == [0.5932732224464417, 0.6057568788528442, 0.3229120969772339]
