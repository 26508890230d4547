"""`hear`: key, voicedness and audible length of sounds, before anything else is asked of them.

A key is the period at which the loudest parts repeat: their autocorrelation, divided by that of
the window (Boersma 1993, Accurate short-term analysis of the fundamental frequency and the
harmonics-to-noise ratio of a sampled sound), of spectra whose peaks are compressed (Tolonen &
Karjalainen 2000, A computationally efficient multipitch analysis model), so that one strong
harmonic isn't taken for the whole tone. A tone repeats at multiples of its period, too; the
farthest one at which it still does says best how long the period is.

Transforms are products with matrices: they are small, and every runtime has them.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

LOWEST, HIGHEST = 20.0, 110.0  # MIDI keys that are found
RATE = 11_025  # Hz, about: that of the windows, which carries the fundamental of the highest key
WINDOW_S = 0.116  # three periods of the lowest key
WINDOWS = 4
COMPRESSION = 1.75  # exponent of magnitudes; 2 is the plain autocorrelation
OCTAVE_COST = 0.04  # by which a period must repeat better than its half
FALLEN = 0.5  # below which the curve must have been before a peak: a ripple is no period
STILL = 0.85  # of a peak's height that the one at twice the period must have, to be measured there
TOGETHER = 0.5  # semitones within which windows agree
FRAME_S = 0.01  # of the level
FAINT = 1e-3  # of the loudest frame: -60 dB
SILENCE = 1e-7  # RMS
MISSED = 1.5  # half samples by which a farther peak may be off the multiple
DOUBLINGS = 7  # to the longest lag from the shortest
TAPS = 16  # of the low-pass, at the lower rate
SIZE = 2048  # of the transform: longer than window and longest lag


class Heard(NamedTuple):
    """Rough properties of sounds.

    Attributes:
        key: MIDI key with its fraction, `[batch, 1]`; something within 20 … 110 without a pitch.
        voiced: 0 without a pitch … 1 for a sound that repeats exactly, `[batch, 1]`.
        seconds: until it stays more than 60 dB below its loudest 10 ms, `[batch, 1]`.
    """

    key: Tensor
    voiced: Tensor
    seconds: Tensor


@torch.no_grad()
def hear(audio: Tensor, sample_rate: int) -> Heard:
    """Find key, voicedness and length of sounds.

    Args:
        audio: `[batch, samples]`.
        sample_rate: Hz, 8000 on.
    """
    return cast(Heard, _hearing(sample_rate).to(audio.device)(audio))


@functools.cache
def _hearing(sample_rate: int) -> Hearing:
    return Hearing(sample_rate)


class Hearing(nn.Module):
    """`hear` at one rate, with its matrices.

    Args:
        sample_rate: Hz.

    Shape: `[batch, samples]` to `Heard`.
    """

    taps: Tensor
    taper: Tensor
    transform: Tensor
    inverse: Tensor
    cost: Tensor

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.factor = max(1, round(sample_rate / RATE))
        self.rate = sample_rate / self.factor
        self.frame = max(1, round(FRAME_S * sample_rate))
        self.length = round(WINDOW_S * self.rate)
        self.longest = self.rate / _hz(LOWEST)
        self.shortest = self.rate / _hz(HIGHEST)
        self.register_buffer("taps", _low_pass(self.factor), persistent=False)
        self.whole = (self.length + self.taps.shape[-1] - 1) * self.factor
        self.within = -(-self.whole // self.frame)  # frames of a window
        self.step = max(1, self.within // 2)
        self._make_transforms()

    def _make_transforms(self) -> None:
        """Matrices from windows to spectra, and from compressed spectra to autocorrelations."""
        # Lags in half samples: enough points to a turn of the fastest partial to find its top.
        lags = torch.arange(2 * math.ceil(self.longest) + 4, dtype=torch.float64) / 2
        size = 2 * round(SIZE * self.rate / RATE / 2)
        bins = torch.arange(size // 2 + 1, dtype=torch.float64)
        place = torch.arange(self.length, dtype=torch.float64)
        taper = 0.5 - 0.5 * torch.cos(2 * math.pi * (place + 0.5) / self.length)
        angle = 2 * math.pi / size * place[:, None] * bins
        transform = torch.cat([angle.cos(), angle.sin()], 1)
        weight = torch.full_like(bins, 2.0)
        weight[0] = weight[-1] = 1.0
        inverse = weight[:, None] * torch.cos(2 * math.pi / size * bins[:, None] * lags)
        own = _compressed(taper @ transform) @ inverse
        inverse = inverse * (own[0] / own)
        cost = OCTAVE_COST * torch.log2(lags.clamp_min(0.5) / self.shortest)
        outside = (lags < self.shortest) | (lags > self.longest)
        self.register_buffer("taper", taper.float(), persistent=False)
        self.register_buffer("transform", transform.float(), persistent=False)
        self.register_buffer("inverse", inverse.float(), persistent=False)
        self.register_buffer("cost", (cost + 10.0 * outside).float(), persistent=False)

    def forward(self, audio: Tensor) -> Heard:
        frames = self._frames(audio)
        energy = torch.linalg.vector_norm(frames, dim=-1).square()
        windows, share = self._loudest(frames, energy)
        level = windows.square().mean(-1).sqrt()
        windows = windows - windows.mean(-1, keepdim=True)
        spectra = _compressed((windows * self.taper) @ self.transform)
        again = spectra @ self.inverse
        again = again / again[..., :1].clamp_min(1e-12)
        period, height = self._period(again)
        keys = 69 + 12 * torch.log2(2 * self.rate / (440 * period))
        strength = height.clamp(0, 1) * (2 * share).clamp(0, 1)
        key, voiced = _agreed(keys, strength, level)
        voiced = torch.where(level.amax(1, keepdim=True) > SILENCE, voiced, 0.0)
        return Heard(key, voiced, self._seconds(energy, audio.shape[-1]))

    def _frames(self, audio: Tensor) -> Tensor:
        """Frames of 10 ms, `[batch, frames, samples]`, at least as many as all windows need."""
        count = max(-(-audio.shape[-1] // self.frame), self.within + WINDOWS * self.step)
        missing = count * self.frame - audio.shape[-1]
        audio = nn.functional.pad(audio, (0, missing)) if missing else audio
        return audio.reshape(-1, count, self.frame)

    def _loudest(self, frames: Tensor, energy: Tensor) -> tuple[Tensor, Tensor]:
        """The loudest windows at the lower rate, `[batch, windows, length]`, and the share of their
        amplitude that is left there, `[batch, windows]`."""
        batch, count, _ = frames.shape
        sums = nn.functional.avg_pool1d(energy[:, None], self.within, self.step)[:, 0]
        first = sums.topk(WINDOWS, dim=1).indices * self.step
        index = first[..., None] + torch.arange(self.within, device=frames.device)
        index = index + torch.arange(batch, device=frames.device)[:, None, None] * count
        cut = frames.flatten(0, 1).index_select(0, index.flatten())
        cut = cut.reshape(batch * WINDOWS, -1)[:, : self.whole]
        full = cut.square().mean(-1).clamp_min(SILENCE**2)
        phases = cut.reshape(batch * WINDOWS, -1, self.factor).transpose(1, 2)
        low = nn.functional.conv1d(phases, self.taps)[:, 0]
        share = (low.square().mean(-1) / full).sqrt()
        return low.reshape(batch, WINDOWS, self.length), share.reshape(batch, WINDOWS)

    def _period(self, again: Tensor) -> tuple[Tensor, Tensor]:
        """Period in half samples and the height of its peak, `[batch, windows]` each."""
        left, middle, right = again[..., :-2], again[..., 1:-1], again[..., 2:]
        peak = (middle >= left) & (middle > right) & (_least_so_far(middle) < FALLEN)
        peak = peak & (middle > 0)
        score = torch.where(peak, _height(left, middle, right) - self.cost[1:-1], -20.0)
        column = score.argmax(-1) + 1
        period, height = _top(again, column)
        found = score.amax(-1) > -5.0
        far, last = found, again.shape[-1] - 3
        times = 1.0
        for _ in range(DOUBLINGS):
            times = 2 * times
            place = (period * times).round().clamp(2, last).long()
            near = torch.stack([_at(again, place + i) for i in (-1, 0, 1)], -1)
            better, there = _top(again, place + near.argmax(-1) - 1)
            far = far & (period * times < last) & (there > STILL * height)
            far = far & ((better - period * times).abs() < MISSED)
            period = torch.where(far, better / times, period)
        return period.clamp(2 * self.shortest, 2 * self.longest), torch.where(found, height, 0.0)

    def _seconds(self, energy: Tensor, samples: int) -> Tensor:
        loudest = energy.amax(-1, keepdim=True)
        heard = (energy > FAINT**2 * loudest) & (loudest > SILENCE**2 * self.frame)
        places = torch.arange(1, energy.shape[-1] + 1, device=energy.device)
        last = (heard * places).amax(-1, keepdim=True)
        return (last * self.frame).clamp_max(samples) / self.sample_rate


def _compressed(spectra: Tensor) -> Tensor:
    """Magnitudes raised to `COMPRESSION`, of real and imaginary parts side by side."""
    real, imaginary = spectra.chunk(2, -1)
    power = real.square() + imaginary.square()
    return (power + 1e-20) ** (COMPRESSION / 2)


def _at(curve: Tensor, column: Tensor) -> Tensor:
    """The value of each curve in a column."""
    return curve.gather(-1, column[..., None])[..., 0]


def _least_so_far(curve: Tensor) -> Tensor:
    """The least of all values up to each one, along the last axis."""
    shift = 1
    while shift < curve.shape[-1]:
        before = nn.functional.pad(curve[..., :-shift], (shift, 0), value=2.0)
        curve = torch.minimum(curve, before)
        shift *= 2
    return curve


def _height(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """Height of the cosine through three neighbouring points, the middle one highest."""
    turn = _cosine(left, middle, right)
    return (middle.square() + ((right - left) / 2).square() / (1 - turn.square())).sqrt()


def _cosine(left: Tensor, middle: Tensor, right: Tensor) -> Tensor:
    """Of the angle that the cosine through three points turns from one to the next."""
    return ((left + right) / (2 * middle).clamp_min(1e-9)).clamp(-0.9, 0.99999)


def _top(curve: Tensor, column: Tensor) -> tuple[Tensor, Tensor]:
    """Place and height of the top of the cosine through three points round `column`."""
    left, middle, right = (_at(curve, column + i) for i in (-1, 0, 1))
    turn = _cosine(left, middle, right)
    slope = (right - left) / 2 / (1 - turn.square()).sqrt()
    shift = torch.atan(slope / middle.clamp_min(1e-9)) / torch.acos(turn)
    return column + shift.clamp(-1, 1), (middle.square() + slope.square()).sqrt()


def _agreed(keys: Tensor, strength: Tensor, level: Tensor) -> tuple[Tensor, Tensor]:
    """Key and voicedness that most of the windows' levels stand for, `[batch, 1]` each."""
    near = ((keys[:, :, None] - keys[:, None, :]).abs() < TOGETHER).float()
    weight = strength.square() * level
    best = (near @ weight[..., None]).argmax(1)  # [batch, 1]
    same = near.gather(1, best[..., None].expand(-1, -1, keys.shape[1]))[:, 0] * weight + 1e-12
    total = same.sum(1, keepdim=True)
    chosen = near.gather(1, best[..., None].expand(-1, -1, keys.shape[1]))[:, 0] * level
    key = (same * keys).sum(1, keepdim=True) / total
    voiced = (chosen * strength).sum(1, keepdim=True) / level.sum(1, keepdim=True).clamp_min(1e-12)
    return key, voiced


def _low_pass(factor: int) -> Tensor:
    """Taps `[1, factor, n]` of a low-pass below half the lower rate, by their phases; a single tap
    where the rate stays."""
    if factor == 1:
        return torch.ones(1, 1, 1)
    count = TAPS * factor
    place = torch.arange(count, dtype=torch.float64) - (count - 1) / 2
    window = 0.54 + 0.46 * torch.cos(2 * math.pi * place / count)
    taps = torch.sinc(place * (0.95 / factor)) * window
    return (taps / taps.sum()).float().reshape(1, TAPS, factor).transpose(1, 2)


def _hz(key: float) -> float:
    return 440.0 * math.pow(2.0, (key - 69) / 12)
