"""Positions: exact over hours, loops that close, and windows that can't be wrong."""

from __future__ import annotations

import math
import random
from decimal import Decimal, getcontext

import numpy as np
import pytest
import torch
from torch import Tensor

from synth.models.inr.live import playhead
from synth.models.inr.live.playhead import FORWARD, OFF, ONE, PING_PONG, Window

LENGTH, RATE = 16_000, 16_000


def whole(value: float) -> Tensor:
    return torch.tensor([[round(value * ONE)]])


def window(start: float, end: float, mode: int) -> Window:
    places = torch.tensor([[start / LENGTH]]), torch.tensor([[end / LENGTH]])
    return playhead.loop_window(torch.tensor([[float(mode)]]), *places, LENGTH, RATE)


def rate(value: float) -> Tensor:
    return playhead.step_of(torch.zeros(1, 1), torch.tensor([[value]]), 1.0)


def test_ten_minutes_later_a_voice_is_where_its_rate_says() -> None:
    """Within 1e-3 of a sample, against fifty digits, in blocks of odd sizes, round and round."""
    getcontext().prec = 50
    semitones, output_rate = np.float32(7.37), 48_000
    step = playhead.step_of(torch.tensor([[semitones]]), torch.ones(1, 1), RATE / output_rate)
    exact = Decimal(2) ** (Decimal(float(semitones)) / 12) * RATE / output_rate
    loop = window(1000, 9001, FORWARD)
    blocks, samples, at = random.Random(0), 0, whole(1000)
    forward = torch.tensor([[False]])
    while samples < 600 * output_rate:
        block = blocks.randrange(1, 8192)
        at = playhead.wrapped(at + block * step, loop, forward)
        samples += block
    size, start = Decimal(int(loop.size)) / ONE, Decimal(int(loop.start)) / ONE
    wanted = start + (1000 - start + samples * exact) % size
    error = abs(Decimal(int(at)) / ONE - wanted)
    assert min(error, size - error) < Decimal("0.001")


@pytest.mark.parametrize("mode", [OFF, FORWARD, PING_PONG])
@pytest.mark.parametrize("speed", [0.37, 1.0, 3.9, -0.8, -2.0])
def test_pieces_meet_the_positions_of_the_whole(mode: int, speed: float) -> None:
    """Wherever a block is cut, every position is the very same number."""
    loop, step = window(4000, 4321, mode), rate(speed)
    backward = step < 0
    start = whole(4100.25)
    count = torch.arange(3000)[None]
    at_once = playhead.wrapped(start + count * step, loop, backward)
    pieces, at, cut = [], start, random.Random(1)
    while sum(p.shape[1] for p in pieces) < 3000:
        size = cut.randrange(1, 200)
        pieces.append(playhead.wrapped(at + torch.arange(size) * step, loop, backward))
        at = playhead.wrapped(at + size * step, loop, backward)
    assert torch.equal(torch.cat(pieces, 1)[:, :3000], at_once)


def test_forward_loop_is_entered_and_kept() -> None:
    loop, step = window(2000, 3000, FORWARD), rate(1.0)
    at = playhead.wrapped(whole(0) + torch.arange(5000)[None] * step, loop, step < 0)
    places = at.double() / ONE
    assert torch.equal(places[0, :3000], torch.arange(3000).double())
    assert torch.equal(places[0, 3000:4000], torch.arange(2000, 3000).double())
    assert bool((places[0, 2000:] >= 2000).all() & (places[0, 2000:] < 3000).all())


def test_ping_pong_is_a_triangle() -> None:
    loop, step = window(2000, 3000, PING_PONG), rate(1.0)
    at = playhead.wrapped(whole(2000) + torch.arange(4000)[None] * step, loop, step < 0)
    places = playhead.unfolded(at, loop).double()[0] / ONE
    triangle = 3000 - (torch.arange(4000).double() % 2000 - 1000).abs()
    assert torch.equal(places, triangle)


@pytest.mark.parametrize(("start", "end"), [(0.75, 0.25), (0.25, 0.75)])
def test_ends_of_a_loop_may_be_swapped(start: float, end: float) -> None:
    mode = torch.ones(1, 1)
    found = playhead.loop_window(mode, torch.tensor([[start]]), torch.tensor([[end]]), LENGTH, RATE)
    assert int(found.start) == 4000 * ONE
    assert int(found.size) == 8000 * ONE


@pytest.mark.parametrize("place", [0.0, 0.5, 1.0])
def test_a_loop_of_nothing_is_two_milliseconds(place: float) -> None:
    """And lies within the sound, also at its very end."""
    at = torch.tensor([[place]])
    found = playhead.loop_window(torch.ones(1, 1), at, at, LENGTH, RATE)
    assert int(found.size) == 32 * ONE
    assert 0 <= int(found.start) <= (LENGTH - 32) * ONE


@pytest.mark.parametrize("mode", [FORWARD, PING_PONG])
def test_what_is_remembered_leads_back_the_way_it_came(mode: int) -> None:
    """After any number of rounds, the places before a remembered position are those just read."""
    loop, step = window(4000, 4321, mode), rate(1.37)
    forward, count = step < 0, torch.arange(64)[None]
    at, read = whole(3900), torch.zeros(1, 0)
    for _ in range(60):
        back = playhead.wrapped(at - count[:, 1:] * step, loop, forward)
        places = playhead.unfolded(back, loop).double() / ONE
        known = read[:, -63:].flip(1)
        assert torch.equal(places[:, : known.shape[1]], known)
        now = playhead.unfolded(playhead.wrapped(at + count * step, loop, forward), loop)
        read = torch.cat([read, now.double() / ONE], 1)
        at = playhead.kept(at + 64 * step, loop, forward)


@pytest.mark.parametrize("speed", [1.0, -1.0])
def test_what_a_loop_reads_has_no_jump(speed: float) -> None:
    """A ramp, which ends far from where it began, is read in small steps all the way round."""
    loop, step = window(5000, 7000, FORWARD), rate(speed)
    at = playhead.wrapped(whole(6000) + torch.arange(8000)[None] * step, loop, step < 0)
    share = playhead.seam_share(at, loop).double()
    ramp, earlier = (part.double() / ONE for part in (at, at - loop.size))
    heard = ramp + share * (earlier - ramp)
    seam = int(loop.seam) / ONE
    steepest = 1 + 2000 / seam * math.pi / 2  # the ramp, and a raised cosine across its height
    assert float(heard.diff().abs().max()) < steepest * 1.01
    assert float(ramp.diff().abs().max()) > 1000, "without the seam it jumps"


def test_sound_ends_in_a_fade_and_silence() -> None:
    at = (torch.arange(-10, LENGTH + 10) * ONE)[None]
    gain = playhead.edge_gain(at, LENGTH, RATE)[0]
    assert gain.diff().abs().max() <= 1 / 16 + 1e-6
    assert not gain[:11].any()
    assert not gain[LENGTH + 10 :].any()
    assert bool((gain[100:-300] == 1).all())


@pytest.mark.parametrize("key", [33.0, 60.0, 60.4, 96.0])
def test_frozen_part_is_whole_periods(key: float) -> None:
    """Of a known pitch an even number, about 60 ms; else 60 ms."""
    period = RATE / (440 * 2 ** ((key - 69) / 12))
    periods = playhead.freeze_length(key, LENGTH, RATE) / ONE / period
    assert abs(periods / 2 - round(periods / 2)) < 1e-6
    assert abs(periods * period - 960) <= period
    assert playhead.freeze_length(-1, LENGTH, RATE) == 960 * ONE
