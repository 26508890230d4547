"""Retrieval: its curve falls, it goes on from where it was stopped, and it stays small."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from match_sounds import small_voice
from torch import Tensor

from synth.contract import DataError
from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import knob_positions, noise, numbers_of, split_of
from training.match.retrieval import SPLIT, Retrieval


@pytest.fixture(scope="module")
def voice() -> Voice:
    return small_voice()


def sounds(voice: Voice, split: str, places: list[int]) -> Tensor:
    numbers = [numbers_of(split, place, 1)[0] for place in places]
    return voice.render(knob_positions(voice.names, numbers), noise(numbers, voice.samples))


@pytest.fixture(scope="module")
def targets(voice: Voice) -> Tensor:
    """Two held-out sounds, and one that is among the patches."""
    return torch.cat([sounds(voice, "test", [3, 4]), sounds(voice, SPLIT, [50])])


def test_the_curve_falls_and_what_is_there_is_found(voice: Voice, targets: Tensor) -> None:
    search = Retrieval(voice, targets)
    search.extend(100)
    found = search.nearest()
    assert found.counts == [1, 2, 4, 8, 16, 32, 64, 100]
    assert bool((found.curve.diff(dim=1) <= 0).all())
    assert bool((found.curve[:2, -1] < found.curve[:2, 0]).all())
    assert found.numbers[2] == numbers_of(SPLIT, 50, 1)[0]
    assert float(found.distances[2]) == pytest.approx(0, abs=1e-3)
    assert float(found.curve[2, 5]) > 1  # after 32: it isn't among them
    torch.testing.assert_close(found.units, knob_positions(voice.names, found.numbers))
    assert all(split_of(number) == SPLIT for number in found.numbers)


def test_it_goes_on_from_where_it_was_stopped(
    voice: Voice, targets: Tensor, tmp_path: Path
) -> None:
    whole = Retrieval(voice, targets)
    whole.extend(75)
    first = Retrieval(voice, targets)
    first.extend(37)
    first.save(tmp_path / "state.npz")
    second = Retrieval(voice, targets)
    second.load(tmp_path / "state.npz")
    assert second.count == 37
    second.extend(38)
    found, wanted = second.nearest(), whole.nearest()
    assert found.numbers == wanted.numbers
    assert found.counts == wanted.counts
    torch.testing.assert_close(found.curve, wanted.curve)
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]


def test_what_it_keeps_grows_with_powers_of_two_alone(
    voice: Voice, targets: Tensor, tmp_path: Path
) -> None:
    search = Retrieval(voice, targets, kept=4)
    sizes = []
    for count in (65, 50, 12):  # 65, 115, 127: no power of two between them
        search.extend(count)
        search.save(tmp_path / "state.npz")
        sizes.append((tmp_path / "state.npz").stat().st_size)
    assert len(set(sizes)) == 1
    search.extend(1)
    search.save(tmp_path / "state.npz")
    grown = (tmp_path / "state.npz").stat().st_size - sizes[0]
    assert 0 < grown < 8 * 4 * len(targets) + 500


def test_other_targets_and_no_patches_are_refused(
    voice: Voice, targets: Tensor, tmp_path: Path
) -> None:
    search = Retrieval(voice, targets)
    with pytest.raises(DataError, match="compare at least one"):
        search.nearest()
    search.extend(2)
    search.save(tmp_path / "state.npz")
    with pytest.raises(DataError, match="other targets"):
        Retrieval(voice, targets[:2]).load(tmp_path / "state.npz")
