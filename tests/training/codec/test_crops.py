"""Crops come from (seed, step, rank) alone and hear all of the recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from training.codec.crops import Crops, CropStream, even_pieces
from training.data.library import Clip


def clip(folder: Path, name: str, frames: int, first: float, channels: int = 1) -> Clip:
    """A clip whose samples count up from `first`, so that a crop tells where it is from."""
    path = folder / f"{name}.npy"
    np.save(path, np.tile(first + np.arange(frames, dtype=np.float32), (channels, 1)))
    return Clip(Path(name), path, 0, frames)


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    return [clip(tmp_path, "long", 3000, 1), clip(tmp_path, "short", 50, 10_001)]


def test_a_batch_depends_on_seed_step_and_rank_only(clips: list[Clip]) -> None:
    crops = Crops(clips, 100, 8, seed=1)
    later = crops.batch(7)
    crops.batch(8)
    assert torch.equal(Crops(clips, 100, 8, seed=1).batch(7), later)
    for other in (Crops(clips, 100, 8, seed=2), Crops(clips, 100, 8, seed=1, rank=1)):
        assert not torch.equal(other.batch(7), later)
    assert not torch.equal(crops.batch(8), later)


def test_a_stream_started_later_gives_the_same_batches(clips: list[Clip]) -> None:
    crops = Crops(clips, 100, 4, seed=0)
    whole = list(CropStream(crops, 0, 6))
    assert len(whole) == 6
    for late, batch in zip(CropStream(crops, 4, 6), whole[4:], strict=True):
        assert torch.equal(late, batch)


def test_crops_are_pieces_of_the_clips(clips: list[Clip]) -> None:
    batch = torch.cat([Crops(clips, 100, 64, seed=0).batch(s) for s in range(40)])
    assert batch.shape == (64 * 40, 1, 100)
    short = batch[:, 0, 0] > 9000
    steps = batch[~short, 0].diff(dim=1)
    assert torch.equal(steps, torch.ones_like(steps))
    # The short one: whole, then zeros.
    assert torch.equal(batch[short][:, 0, 50:], torch.zeros(int(short.sum()), 50))
    assert set(batch[short][:, 0, 0].tolist()) == {10_001.0}
    # In proportion to length, where a clip counts as one crop at least: 100 of 3100.
    assert int(short.sum()) == pytest.approx(64 * 40 * 100 / 3100, rel=0.4)
    # All of the long one is heard, its first and last sample too.
    starts = batch[~short, 0, 0]
    assert starts.min() < 30
    assert starts.max() > 2870
    assert starts.max() <= 2901


def test_channels_are_kept(tmp_path: Path) -> None:
    stereo = [clip(tmp_path, "stereo", 300, 0, channels=2)]
    assert Crops(stereo, 100, 3, seed=0).batch(0).shape == (3, 2, 100)


def test_even_pieces_cover_everything_once(clips: list[Clip]) -> None:
    pieces = even_pieces(clips, 400, 100)
    heard = np.concatenate([p[0] for p in pieces])
    np.testing.assert_array_equal(
        heard, np.concatenate([np.arange(1, 3001), np.arange(10_001, 10_051)])
    )
    few = even_pieces(clips, 400, 3)
    assert len(few) == 3
    assert few[0][0, 0] == 1
    assert few[-1][0, 0] == 10_001
