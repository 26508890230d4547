"""Distance of magnitude spectra at several window sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZES = (4096, 2048, 1024, 512, 256, 128)


class MultiScaleSTFT(nn.Module):
    """Distance of magnitude spectra: Σₛ mean | |STFTₛ ŷ| - |STFTₛ y| | over batch, bins and frames.

    Size s has a Hann window, a hop of s/4, frames centred on multiples of the hop with the sound
    mirrored at its ends, and is divided by √s, so that white noise has the same level at every
    size. Magnitudes are linear: loud partials count, the noise floor hardly does.

    Frames are cut out of the points there are, so these have to be in order and evenly spaced. On a
    comb of every k-th sample the spectra are those of the sound decimated without a low-pass: bin f
    holds what the sound has at f and at all its k - 1 images, folded, and a size reaches over k
    times the time. Both sides are folded alike, so the distance is still 0 where the points agree,
    and a comb whose phase is drawn anew at each step leaves no frequency out; but an error at f is
    then the same as one at an image of f.

    Args:
        sizes: of the windows, in points. Of those longer than the points there are, none is used.
    """

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        for size in sizes:
            taper = torch.hann_window(size, dtype=torch.float64) / size**0.5
            self.register_buffer(f"taper_{size}", taper.float(), persistent=False)

    def distances(self, made: Tensor, meant: Tensor) -> Tensor:
        """The distance of each row, `[batch]`."""
        made, meant = full_precision(made), full_precision(meant)
        total = made.new_zeros(made.shape[0])
        for size in self.sizes:
            if size <= made.shape[-1]:
                difference = self.magnitude(made, size) - self.magnitude(meant, size)
                total = total + difference.abs().mean((1, 2))
        return total

    def forward(self, made: Tensor, meant: Tensor) -> Tensor:
        return self.distances(made, meant).mean()

    def magnitude(self, audio: Tensor, size: int) -> Tensor:
        """`[batch, points]` to `[batch, frames, size // 2 + 1]`."""
        taper: Tensor = getattr(self, f"taper_{size}").to(audio.dtype)
        padded = nn.functional.pad(audio, (size // 2, size // 2), mode="reflect")
        spectrum: Tensor = torch.fft.rfft(padded.unfold(-1, size, size // 4) * taper)
        return spectrum.abs()


def full_precision(audio: Tensor) -> Tensor:
    """The tensor in float32, or in float64 where it is that already."""
    return audio if audio.dtype == torch.float64 else audio.float()
