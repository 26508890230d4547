"""Windows: every start once, in any order or one after the other, and never all in memory."""

from __future__ import annotations

import itertools
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import recording_rig as rig
import torch

from training.data.library import Clip
from training.run.family import Span
from training.samplernn.recordings import peak
from training.samplernn.shuffle import shuffled
from training.samplernn.windows import AnyPlace, InOrder, WindowStream


@pytest.mark.parametrize("size", [1, 2, 3, 16, 17, 1000, 4097])
def test_a_shuffle_is_a_permutation(size: int) -> None:
    found = shuffled(np.arange(size), size, seed=1, epoch=2)
    assert np.array_equal(np.sort(found), np.arange(size))
    assert np.array_equal(shuffled(np.arange(size)[::-1], size, 1, 2), found[::-1])


def test_a_shuffle_is_of_seed_and_epoch_and_leaves_no_trace_of_the_order() -> None:
    size = 50_000
    decks = [shuffled(np.arange(size), size, *key) for key in ((0, 0), (1, 0), (0, 1))]
    for deck in decks:
        # Of a random order: correlation of neighbours under 5 standard deviations of 1/sqrt(size).
        assert abs(np.corrcoef(deck[:-1], deck[1:])[0, 1]) < 5 / np.sqrt(size)
        assert abs(np.corrcoef(np.arange(size), deck)[0, 1]) < 5 / np.sqrt(size)
    assert sum(np.array_equal(decks[0], other) for other in decks[1:]) == 0


def test_every_start_comes_once_per_epoch() -> None:
    layout = AnyPlace([30, 25], window=20, rows=4, seed=0, rank=0, world=1)
    assert layout.items == 11 + 6
    places = [layout.places(step) for step in range(17)]  # 68 rows: four epochs
    seen = [(int(c), int(s)) for p in places for c, s in zip(p.clips, p.starts, strict=True)]
    everything = [(0, start) for start in range(11)] + [(1, start) for start in range(6)]
    for epoch in range(4):
        assert sorted(seen[17 * epoch : 17 * (epoch + 1)]) == everything
    assert seen[:17] != seen[17:34]
    assert [layout.epoch(step) for step in (0, 4, 5, 16)] == [0, 0, 1, 3]


def test_processes_share_the_work() -> None:
    alone = AnyPlace([1000], window=10, rows=6, seed=0, rank=0, world=1)
    pair = [AnyPlace([1000], window=10, rows=3, seed=0, rank=r, world=2) for r in (0, 1)]
    for step in range(5):
        both = np.concatenate([layout.places(step).starts for layout in pair])
        assert np.array_equal(both, alone.places(step).starts)


def test_windows_are_what_was_recorded(tmp_path: Path) -> None:
    audio = np.arange(500.0)
    clips = [rig.clip(tmp_path, audio, "a"), rig.clip(tmp_path, 1000 + audio, "b")]
    inner = Clip(clips[1].source, clips[1].cache, 100, 300)  # the middle of a file
    layout = AnyPlace([500, 200], window=40, rows=8, seed=3, rank=0, world=1)
    batch = WindowStream([clips[0], inner], layout, 8, 40, Span(0, 9), None).batch(5)
    places = layout.places(5)
    for row, file, start in zip(batch.audio, places.clips, places.starts, strict=True):
        first = start + (1100 if file else 0)
        assert row.tolist() == list(range(first, first + 40))
    assert batch.features is None
    assert bool(batch.fresh.all())


def test_rows_go_on_where_they_were() -> None:
    context, span = 4, 10
    layout = InOrder([47, 95], context, span, rows=3, seed=0)
    assert layout.items == 4 + 9
    places = [layout.places(step) for step in range(2 * layout.items)]
    for before, after in itertools.pairwise(places):
        goes_on = ~after.fresh
        assert np.array_equal(after.clips[goes_on], before.clips[goes_on])
        assert np.array_equal(after.starts[goes_on], before.starts[goes_on] + span)
    assert bool(places[0].fresh.all())
    assert bool(places[layout.items].fresh.all()), "a new round starts afresh"
    first = [(int(p.clips[0]), int(p.starts[0])) for p in places[: layout.items]]
    assert len(set(first)) == layout.items, "a row goes everywhere before it starts again"
    for clip, start in first:
        assert 0 <= start <= (47, 95)[clip] - context - span
    fresh = [bool(p.fresh[0]) for p in places[: layout.items]]
    assert fresh == [True, *[False] * 3, True, *[False] * 8], "afresh where a recording begins"


def test_a_new_round_cuts_elsewhere() -> None:
    layout = InOrder([1009], 4, 10, rows=1, seed=0)
    rounds = {int(layout.places(tour * layout.items).starts[0]) for tour in range(20)}
    assert len(rounds) > 1
    assert max(rounds) <= (1009 - 4) % 10


@pytest.mark.parametrize("carry", [False, True])
def test_memory_does_not_grow_with_the_file(tmp_path: Path, carry: bool) -> None:
    """Twenty minutes and a second of audio: the same memory, a fraction of the long file."""
    window, context = 1024 + 16, 16

    def used(frames: int) -> int:
        path = tmp_path / f"{frames}.npy"
        audio = np.lib.format.open_memmap(path, "w+", np.float32, (1, frames))
        audio[:, frames // 2] = 0.5
        del audio
        clip = Clip(path, path, 0, frames)
        tracemalloc.start()
        layout: AnyPlace | InOrder = AnyPlace([frames], window, 16, 0, 0, 1)
        if carry:
            layout = InOrder([frames], context, window - context, 16, 0)
        stream = WindowStream([clip], layout, context, window, Span(0, 5), None)
        assert peak([clip]) == 0.5
        for batch in stream:
            assert batch.audio.shape == (16, window)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    short, long = used(16_000), used(20 * 60 * 16_000)
    assert long < 1.2 * short + 100_000
    assert long < 20 * 60 * 16_000 * 4 / 50


def test_batches_are_a_function_of_the_step(tmp_path: Path) -> None:
    clip = rig.clip(tmp_path, np.random.default_rng(0).standard_normal(3000))
    layout = AnyPlace([3000], 40, 4, 7, 0, 1)
    run = list(WindowStream([clip], layout, 8, 40, Span(0, 6), None))
    rest = list(WindowStream([clip], layout, 8, 40, Span(3, 6), None))
    assert all(torch.equal(a.audio, b.audio) for a, b in zip(run[3:], rest, strict=True))
    assert not torch.equal(run[0].audio, run[1].audio)
