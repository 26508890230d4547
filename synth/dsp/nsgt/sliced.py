"""The transform of streams: slices of the signal that overlap, each transformed by itself.

Slice n is heard through a window that rises over `transition` samples, stays at 1, and falls as the
next one rises; all windows add up to 1. It begins `transition` samples before sample n * hop:

    slice 0   /‾‾‾‾‾‾‾‾‾‾\\
    slice 1              /‾‾‾‾‾‾‾‾‾‾\\
             -t  0      hop-t hop    2 hop

It stands in the middle of twice as many samples as a hop has, among zeros, so that what the filters
smear beyond its ends doesn't return at the other end.

Source: Holighaus et al. 2013, A framework for invertible, real-time constant-Q transforms.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from synth.contract import ConfigError, DataError, require_one_of
from synth.dsp.nsgt.scales import Scale
from synth.dsp.nsgt.transform import NSGT
from synth.dsp.nsgt.windows import Floats

State = dict[str, Tensor]


def _tukey(size: int) -> Floats:
    rise: Floats = np.sin(np.pi / 2 * (np.arange(size) + 0.5) / size) ** 2
    return rise


def _blackman_harris(size: int) -> Floats:
    """The sum of a Blackman-Harris window so far."""
    phase = 2 * np.pi * (np.arange(size + 1) + 0.5) / (size + 1)
    levels = (0.35875, -0.48829, 0.14128, -0.01168)
    window = sum(level * np.cos(k * phase) for k, level in enumerate(levels))
    rise: Floats = np.cumsum(window)[:-1] / np.sum(window)
    return rise


# name -> (samples) -> how a slice rises over them; it and its mirror image add up to 1.
OVERLAPS: dict[str, Callable[[int], Floats]] = {
    "tukey": _tukey,
    "blackman-harris": _blackman_harris,
}


class SlicedNSGT(nn.Module):
    """Nonstationary Gabor transform of a stream, slice by slice (sliCQ), in matrix form.

    What is complete comes out at once, whatever the sizes of the blocks. Frame i of slice n is
    centred on sample n * hop - before + i * slice_length / frames of the stream, and phases count
    from the beginning of the slice.

    Args:
        scale: frequencies of the bands.
        sample_rate: Hz.
        slice_length: samples of the transform of a slice, even, two hops. Slices as long as
            sample_rate over the distance of two bands keep these apart.
        transition: samples in which neighbouring slices overlap, 1 … hop; None takes half a hop.
        overlap: key of `OVERLAPS`: "tukey" rises as a raised cosine, "blackman-harris" has less
            energy far from the frequency of a sound and is steeper.
        reduced: without the rest bands; then the stream doesn't come back exactly.

    Attributes:
        transform: `NSGT` of a slice; frequencies: of its bands, Hz, float64 `[bands]`.
        hop: samples from one slice to the next; transition: as given.
        before: samples from the beginning of a slice, zeros included, to sample n * hop.
        latency: samples; a sample is in coefficients that come out with the one `latency` later,
            at the latest.

    Raises:
        ConfigError: an odd slice, a transition that doesn't fit, an unknown overlap, or a scale
            that `NSGT` refuses for the length of a slice.
    """

    rise: Tensor

    def __init__(
        self,
        scale: Scale,
        sample_rate: int,
        slice_length: int,
        transition: int | None = None,
        overlap: str = "tukey",
        reduced: bool = False,
    ) -> None:
        super().__init__()
        require_one_of("overlap", overlap, tuple(OVERLAPS))
        if slice_length < 2 or slice_length % 2:
            raise ConfigError(
                f"slices of {slice_length} samples; give an even number, at least 2, such as"
                f" {max(2, slice_length + slice_length % 2)}"
            )
        self.hop = slice_length // 2
        self.transition = max(1, self.hop // 2) if transition is None else transition
        if not 1 <= self.transition <= self.hop:
            raise ConfigError(
                f"slices that overlap by {self.transition} samples; slices of {slice_length}"
                f" samples take 1 … {self.hop}"
            )
        self.transform = NSGT(scale, sample_rate, slice_length, reduced)
        self.before = self.transition + (self.hop - self.transition) // 2
        self.latency = self.hop + self.transition - 1
        # The inverse divides by the window as it is, so single precision doesn't harm it.
        rise = torch.from_numpy(OVERLAPS[overlap](self.transition)).float()
        self.register_buffer("rise", rise, persistent=False)

    @property
    def frequencies(self) -> Tensor:
        """Of the bands, Hz, float64 `[bands]`."""
        return self.transform.frequencies

    def window(self, like: Tensor) -> Tensor:
        """The window of a slice, `[hop + transition]`, in the type of `like`."""
        rise = self.rise.to(like.dtype)
        return torch.cat([rise, rise.new_ones(self.hop - self.transition), rise.flip(0)])

    def init_state(self, batch: int) -> State:
        """Silence before the stream: "heard" `[batch, transition … transition + hop - 1]`."""
        like = self.rise
        return {"heard": torch.zeros(batch, self.transition, device=like.device)}

    def step(self, audio: Tensor, state: State) -> tuple[Tensor, State]:
        """Transform the slices that the next block completes.

        Args:
            audio: `[batch, samples]`, any number of them.
            state: as `init_state` or the previous `step` returned it.

        Returns:
            coefficients, complex `[batch, slices, bands, frames]`, and the next state.

        Raises:
            DataError: the audio isn't `[batch, samples]` with the rows of the state.
        """
        heard = state["heard"].to(audio.dtype)
        if audio.dim() != 2 or len(audio) != len(heard):
            raise DataError(
                f"audio {list(audio.shape)} for the state of {len(heard)} rows; give [{len(heard)},"
                " samples], or a state made by init_state for the rows of the audio"
            )
        heard = torch.cat([heard, audio], 1)
        slices = (heard.shape[1] - self.transition) // self.hop
        rest = heard[:, slices * self.hop :]
        if slices == 0:
            shape = (len(heard), 0, len(self.frequencies), self.transform.frames)
            like = torch.promote_types(audio.dtype, torch.complex64)
            return torch.zeros(shape, dtype=like, device=audio.device), {"heard": rest}
        whole = self.hop + self.transition
        parts = heard[:, : slices * self.hop + self.transition].unfold(1, whole, self.hop)
        left = self.before - self.transition
        parts = F.pad(parts * self.window(audio), (left, 2 * self.hop - whole - left))
        return self.transform(parts), {"heard": rest}

    def forward(self, audio: Tensor) -> Tensor:
        """All slices that audio `[batch, samples]` completes, from a fresh state."""
        return self.step(audio, self.init_state(len(audio)))[0]


class SlicedInverse(nn.Module):
    """The stream whose slices have these coefficients, `transition` samples late.

    Slices fade out as they fade in, by the dual of their window, so that changed coefficients leave
    no steps where slices meet.

    Args:
        analysis: that made the coefficients.

    Attributes:
        latency: samples of the stream by which the audio lags: its sample i is sample i - latency
            of what was transformed. By the clock, a sample comes out at most `analysis.latency`
            after it went in; the two don't add up.
    """

    def __init__(self, analysis: SlicedNSGT) -> None:
        super().__init__()
        self.analysis = analysis
        self.latency = analysis.transition

    def init_state(self, batch: int) -> State:
        """Silence before the stream: "tail" `[batch, transition]`."""
        like = self.analysis.rise
        return {"tail": torch.zeros(batch, self.analysis.transition, device=like.device)}

    def step(self, coefficients: Tensor, state: State) -> tuple[Tensor, State]:
        """The audio that the next slices complete.

        Args:
            coefficients: complex `[batch, slices, bands, frames]`, any number of slices.
            state: as `init_state` or the previous `step` returned it.

        Returns:
            audio `[batch, slices * hop]` and the next state.

        Raises:
            DataError: the rows of coefficients and state differ in number.
        """
        own, tail = self.analysis, state["tail"]
        if coefficients.dim() != 4 or len(coefficients) != len(tail):
            raise DataError(
                f"coefficients {list(coefficients.shape)} for the state of {len(tail)} rows; give"
                f" [{len(tail)}, slices, bands, frames], or a state made for their rows"
            )
        tail = tail.to(coefficients.real.dtype)
        if coefficients.shape[1] == 0:
            return tail.new_zeros(len(tail), 0), {"tail": tail}
        whole, left = own.hop + own.transition, own.before - own.transition
        window = own.window(tail)
        fades = window[: own.transition] ** 2 + window[-own.transition :] ** 2
        energy = torch.cat([fades, fades.new_ones(own.hop - own.transition), fades])
        parts = own.transform.inverse(coefficients)[..., left : left + whole] * (window / energy)
        ends = torch.cat([tail[:, None], parts[..., own.hop :]], 1)
        head = parts[..., : own.transition] + ends[:, :-1]
        audio = torch.cat([head, parts[..., own.transition : own.hop]], -1)
        return audio.flatten(1), {"tail": ends[:, -1]}

    def forward(self, coefficients: Tensor) -> Tensor:
        """The audio of all slices `[batch, slices, bands, frames]`, from a fresh state."""
        return self.step(coefficients, self.init_state(len(coefficients)))[0]
