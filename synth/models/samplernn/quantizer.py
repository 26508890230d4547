"""Audio to codes and back: mid-tread, symmetric, after a companding law."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

MU = 255.0  # of G.711, whatever the number of levels
A = 87.6


class SampleQuantizer(nn.Module):
    """Uniform steps on the companded scale, with silence in the middle of a step.

    With `quantization` levels, `reach = (quantization - 1) // 2` steps lie on either side of the
    code of silence, `middle = quantization // 2`; the largest error is half a step there. So codes
    are odd symmetric: `encode(-x) - middle == -(encode(x) - middle)`. An even number of levels
    leaves code 0 unused; it decodes as code 1 does, to -1.

    Args:
        quantization: number of levels, 3 or more.
        encoding: "linear", "mu-law" or "a-law".

    Attributes:
        levels: `[quantization]`, the amplitude of each code, -1 … 1.
        companded: `[quantization]`, the same on the companded scale: steps of equal size.
    """

    levels: Tensor
    companded: Tensor

    def __init__(self, quantization: int, encoding: str = "linear") -> None:
        super().__init__()
        self.quantization, self.encoding = quantization, encoding
        self.middle = quantization // 2
        self.reach = (quantization - 1) // 2
        # From double precision, and never on the meta device, where a table would have no values.
        steps = torch.arange(quantization, dtype=torch.float64, device="cpu") - self.middle
        companded = (steps / self.reach).clamp(-1.0, 1.0)
        self.register_buffer("companded", companded.float(), persistent=False)
        self.register_buffer("levels", expand(companded, encoding).float(), persistent=False)

    def encode(self, audio: Tensor) -> Tensor:
        """Audio of any shape, clipped to -1 … 1, to int64 codes of that shape."""
        companded = compress(audio.clamp(-1.0, 1.0), self.encoding)
        return torch.round(companded * self.reach).to(torch.int64) + self.middle

    def decode(self, codes: Tensor) -> Tensor:
        """Codes of any shape to float32 audio, -1 … 1, of that shape."""
        return self.levels[codes]


def compress(audio: Tensor, encoding: str) -> Tensor:
    """Audio -1 … 1 to the companded scale -1 … 1 (ITU-T G.711 for the laws)."""
    size = audio.abs()
    if encoding == "mu-law":
        return torch.sign(audio) * torch.log1p(MU * size) / math.log1p(MU)
    if encoding == "a-law":
        scale = 1.0 + math.log(A)
        small = A * size / scale
        large = (1.0 + torch.log(A * size.clamp(min=1.0 / A))) / scale
        return torch.sign(audio) * torch.where(size < 1.0 / A, small, large)
    return audio


def expand(companded: Tensor, encoding: str) -> Tensor:
    """The inverse of `compress`."""
    size = companded.abs()
    if encoding == "mu-law":
        return torch.sign(companded) * torch.expm1(size * math.log1p(MU)) / MU
    if encoding == "a-law":
        scale = 1.0 + math.log(A)
        small = size * scale / A
        large = torch.exp(size * scale - 1.0) / A
        return torch.sign(companded) * torch.where(size < 1.0 / scale, small, large)
    return companded
