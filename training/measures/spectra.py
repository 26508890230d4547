"""Distance of magnitude spectra at several window sizes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

SIZES = (4096, 2048, 1024, 512, 256, 128)


class MultiScaleSTFT(nn.Module):
    """Distance of magnitude spectra: Σₛ mean | |STFTₛ ŷ| - |STFTₛ y| | over batch, bins and frames.

    Each size s has a Hann window and a hop of s/4; frames are centred on multiples of the hop, with
    the sound mirrored at its ends; and spectra are divided by √s, so that white noise has the same
    level at every size. Magnitudes are linear: loud partials count, the noise floor hardly does.

    Frames are cut from the points as they are given, so these must be in order and evenly spaced.
    If they are every k-th sample, the spectra are those of the sound decimated without a low-pass:
    bin f holds the sum of the sound's content at f and at its k - 1 images, and a window spans k
    times the time. Both sounds are folded alike, so the distance is still 0 where the points agree,
    and points whose phase is drawn anew at each step leave no frequency out; but an error at f
    can't be told from one at an image of f.

    Args:
        sizes: of the windows, in points; sizes longer than the sound are left out.

    Shape: two `[batch, points]` to a scalar.
    """

    def __init__(self, sizes: tuple[int, ...] = SIZES) -> None:
        super().__init__()
        self.sizes = sizes
        for size in sizes:
            taper = torch.hann_window(size, dtype=torch.float64) / size**0.5
            self.register_buffer(f"taper_{size}", taper.float(), persistent=False)

    def distances(self, made: Tensor, meant: Tensor) -> Tensor:
        """The distance of each row, `[batch]`, of two `[batch, points]`."""
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
        """Magnitudes `[batch, frames, size // 2 + 1]` at one size.

        Args:
            audio: `[batch, points]`; size: of the window, one of `sizes`.
        """
        taper: Tensor = getattr(self, f"taper_{size}").to(audio.dtype)
        padded = nn.functional.pad(audio, (size // 2, size // 2), mode="reflect")
        spectrum: Tensor = torch.fft.rfft(padded.unfold(-1, size, size // 4) * taper)
        return spectrum.abs()


def full_precision(audio: Tensor) -> Tensor:
    """The tensor in float32, or in float64 where it is that already."""
    return audio if audio.dtype == torch.float64 else audio.float()
