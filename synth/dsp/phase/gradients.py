"""How phases change along time and along the bands, read from magnitudes.

Along time the phase turns with the frequency of what sounds in the band. The halves of the windows
over the spectrum reach to the centres of the neighbouring bands, as a raised cosine: a sinusoid at
the share x of the way from one band to the next has the magnitudes A cos^2(pi x / 2) and
A sin^2(pi x / 2) there, so that two magnitudes tell x exactly. Where both neighbours sound, their
pulls are added up.

Along the bands the phase turns with the time between the frame and what sounds in it. For Gaussian
windows exp(-pi f^2 / width^2) it is the slope of the logarithm of the magnitude along time, divided
by -width^2 (Prusa, Holighaus 2017, Non-iterative filter bank phase (re)construction, EUSIPCO). The
raised cosine over B Hz is taken for the Gaussian of width^2 = 0.25645 B^2; B is the band's own, as
windows grow with the frequency.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from synth.dsp.nsgt import NSGT

GAUSSIAN = 0.25645
TAU = 2 * math.pi


class PhaseGradient:
    """Tables of a transform.

    Args:
        transform: of the magnitudes.

    Attributes:
        moved: Hz, by which the phases of each band are those of the band moved down, `[bands]`.
        gap: Hz, from each band to the next, `[bands - 1]`.
        frame_s: seconds from frame to frame.
    """

    def __init__(self, transform: NSGT) -> None:
        hertz = transform.frequencies.double()
        self.frame_s = 1 / transform.frame_rate
        bins = torch.tensor(transform.centres, dtype=torch.float64, device=hertz.device)
        self.moved = bins * transform.sample_rate / transform.length
        self.gap = hertz.diff()
        edge = self.gap[:1] if len(self.gap) else hertz[:1]
        self.above = torch.cat([self.gap, self.gap[-1:] if len(self.gap) else edge])
        self.below = torch.cat([edge, self.gap])
        self._offset = hertz - self.moved
        self._width2 = GAUSSIAN * (self.above + self.below) ** 2

    def offset_hz(self, magnitude: Tensor) -> Tensor:
        """Frequency of what sounds in each band less `moved`, `[bands, frames]`."""
        root = magnitude.sqrt()
        upper = torch.atan2(root[1:], root[:-1]) * (2 / math.pi)  # 0: all below, 1: all above
        lower = torch.where((root[1:] > 0) | (root[:-1] > 0), 1 - upper, 0.0)
        none = torch.zeros_like(root[:1])
        up = torch.cat([upper, none]) * self.above[:, None]
        down = torch.cat([none, lower]) * self.below[:, None]
        return self._offset[:, None] + up - down

    def along_bands(self, slope: Tensor, time_s: Tensor) -> Tensor:
        """Radians from each band to the next one above, `[bands - 1, frames]`.

        Args:
            slope: of the logarithm of the magnitude along time, per second, `[bands, frames]`.
            time_s: of the frames, `[frames]`.
        """
        turn = -slope / self._width2[:, None]
        mean = (turn[1:] + turn[:-1]) / 2
        return mean * self.gap[:, None] - TAU * self.moved.diff()[:, None] * time_s
