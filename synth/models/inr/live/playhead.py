"""Positions at which voices read a sound: steps, loops, and the seam of a loop.

Positions are whole numbers of 1/2³⁸ sample of the sound, so that they add up exactly: a block read
in one go and the same block read in pieces meet the very same positions, and hours later a voice is
where its rate puts it, to within the rounding of that rate (2⁻³⁷ sample per output sample).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

FRACTION_BITS = 38
ONE = 1 << FRACTION_BITS
QUARTERS = 4  # rates are multiples of it, so that a step divides into 2 or 4 equal ones
OFF, FORWARD, PING_PONG, FROZEN = 0, 1, 2, 3
SHORTEST_LOOP_S = 0.002
SEAM_S = 0.01
FREEZE_S = 0.06
RISE_S, FALL_S = 0.001, 0.01  # fades at the two ends of a sound


class Window(NamedTuple):
    """The part of a sound that repeats, one row per head.

    Attributes:
        start: int64 `[rows, 1]`, in 1/2³⁸ sample, or `[rows, n]` where it moves.
        size: int64 `[rows, 1]`, in 1/2³⁸ sample.
        mode: OFF, FORWARD, PING_PONG, or FROZEN, which is forward and never entered from before it.
        seam: int64 `[rows, 1]`, how much of its end is crossfaded into the sound before its start.
    """

    start: Tensor
    size: Tensor
    mode: Tensor
    seam: Tensor


def fixed(samples: Tensor) -> Tensor:
    """Samples of the sound as a position, int64. Computed in double precision."""
    return torch.round(samples.double() * ONE).long()


def step_of(semitones: Tensor, speed: Tensor, ratio: float) -> Tensor:
    """Positions per output sample, int64, a multiple of `QUARTERS`.

    Args:
        semitones: transposition, `[rows, 1]`; speed: factor, negative backwards.
        ratio: sample rate of the sound over that of the output.
    """
    rate = torch.exp(semitones.double() * (math.log(2.0) / 12)) * speed.double() * ratio
    return torch.round(rate * (ONE // QUARTERS)).long() * QUARTERS


def loop_window(loop: Tensor, start: Tensor, end: Tensor, length: int, sample_rate: int) -> Window:
    """The window of a loop between two places.

    Args:
        loop: OFF, FORWARD or PING_PONG, `[rows, 1]`.
        start, end: 0 … 1 of the sound, `[rows, 1]`, in either order; a window is at least 2 ms
            long, and moves back from the sound's end to be so.
        length: samples of the sound; sample_rate: its rate in Hz.
    """
    whole, shortest = length * ONE, min(round(SHORTEST_LOOP_S * sample_rate), length) * ONE
    places = fixed(torch.cat([start, end], 1).double() * length)
    first = places.amin(1, keepdim=True).clamp_max(whole - shortest)
    size = torch.clamp_min(places.amax(1, keepdim=True) - first, shortest)
    half = torch.div(size, 2, rounding_mode="trunc")
    seam = torch.clamp_max(half, round(SEAM_S * sample_rate) * ONE)
    mode = torch.round(loop).long()
    return Window(first, size, mode, torch.where(mode == FORWARD, seam, 0))


def frozen_window(start: Tensor, grain: Tensor) -> Window:
    """A window of `grain` from `start` on, both int64 `[rows, 1]`, half of it seam."""
    half = torch.div(grain, 2, rounding_mode="trunc")
    return Window(start, grain, torch.full_like(grain, FROZEN), half)


def moved_window(window: Window, by: Tensor, length: int) -> Window:
    """The window moved along its sound, but not beyond the sound's ends.

    A frozen window also leaves room before it for the half a grain that its seam reads.

    Args:
        window: that moves.
        by: int64 `[rows, n]`, in 1/2³⁸ sample.
        length: samples of the sound.
    """
    first = torch.where(window.mode == FROZEN, window.seam, 0)
    start = torch.minimum(torch.maximum(window.start + by, first), length * ONE - window.size)
    return window._replace(start=start)


def wrapped(at: Tensor, window: Window, backward: Tensor) -> Tensor:
    """Bring positions `[rows, n]` that have left a window back into it.

    A head that comes forwards from before a loop plays into it; any other position outside is
    brought inside at once. A position in the second, mirrored half of a ping-pong stays there.

    Args:
        at: int64 `[rows, n]`.
        window: of each row.
        backward: bool `[rows, 1]`, the direction of travel.
    """
    period = torch.where(window.mode == PING_PONG, 2 * window.size, window.size)
    inside = window.start + torch.remainder(at - window.start, period)
    closed = backward | (window.mode == FROZEN)
    outside = (at >= window.start + period) | (closed & (at < window.start))
    return torch.where((window.mode != OFF) & outside, inside, at)


def kept(at: Tensor, window: Window, backward: Tensor) -> Tensor:
    """The position to remember: as `wrapped`, but one round later after the first round.

    So the way that led there can be read again: before the first round lies the sound before the
    window, and before any later round the round before it.

    Args:
        at: as for `wrapped`.
        window: as for `wrapped`.
        backward: as for `wrapped`.
    """
    period = torch.where(window.mode == PING_PONG, 2 * window.size, window.size)
    far = (window.mode != OFF) & (at >= window.start + 2 * period)
    inside = window.start + period + torch.remainder(at - window.start, period)
    closed = backward | (window.mode == FROZEN)
    before = (window.mode != OFF) & closed & (at < window.start)
    return torch.where(far, inside, torch.where(before, wrapped(at, window, backward), at))


def unfolded(at: Tensor, window: Window) -> Tensor:
    """The place in the sound of wrapped positions: the mirrored half of a ping-pong runs back."""
    end = window.start + window.size
    mirrored = (window.mode == PING_PONG) & (at >= end)
    return torch.where(mirrored, 2 * end - at, at)


def seam_share(at: Tensor, window: Window) -> Tensor:
    """Share of the sound one window earlier in the crossfade at wrapped positions, 0 … 1, float32.

    The share rises over the seam in a raised cosine and is 1 at the window's end, where the sound
    one window earlier is that of the start: so a forward loop reads a periodic function without a
    jump, in either direction.
    """
    into = at - (window.start + window.size - window.seam)
    share = (into.double() / window.seam.clamp_min(1).double()).float()
    inside = (window.seam > 0) & (into > 0)
    return torch.where(inside, 0.5 - 0.5 * torch.cos(math.pi * share), 0.0)


def edge_gain(at: Tensor, length: int, sample_rate: int) -> Tensor:
    """Fades at the ends of the sound and silence beyond them, `[rows, n]` float32."""
    rise, fall = RISE_S * sample_rate * ONE, FALL_S * sample_rate * ONE
    after, before = at.double() / rise, (length * ONE - at).double() / fall
    return torch.minimum(after, before).clamp(0.0, 1.0).float()


def freeze_length(key: float, length: int, sample_rate: int) -> int:
    """Length of the grain that a frozen sound repeats, whole periods of its pitch, in 1/2³⁸ sample.

    Args:
        key: MIDI key of the sound, below 0 where it is not known.
        length: samples of the sound.
        sample_rate: its rate in Hz.
    """
    wanted = FREEZE_S * sample_rate
    if key >= 0:
        period = sample_rate / (440.0 * 2 ** ((key - 69) / 12))
        # The two halves of a window are blended with each other: an even number of periods.
        wanted = max(round(wanted / period / 2), 1) * 2 * period
    return round(min(wanted, 0.6 * length) * ONE) // 2 * 2
