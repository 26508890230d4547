"""Errors of sounds against the recordings that they should be, beside silence and noise.

Figures are means over sounds, in the units of the losses: squared error summed over a sound,
distance of spectra at six sizes, CDPAM. All are 0 for a perfect copy and say little by themselves:
the row of silence is what a network reaches that has learned nothing but to be quiet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from training.data.library import Array
from training.measures.cdpam import CDPAMLoss
from training.measures.spectra import MultiScaleSTFT

ROWS = 16  # sounds at a time
CDPAM_ROWS = 4  # sounds at a time: each of the first layers takes 6 MB a sound
NAMES = ("mse", "stft", "cdpam")
NOISE_SEED = 7_919


@dataclass(frozen=True)
class Scores:
    """Means over sounds.

    Attributes:
        mse: sum of the squared differences of all samples of a sound.
        stft: `MultiScaleSTFT` of all its samples.
        cdpam: None where it isn't measured.
    """

    mse: float
    stft: float
    cdpam: float | None = None


class Scale:
    """Compares sounds with the recordings that they should be.

    Args:
        meant: the recordings, `[sounds, samples]`, full scale ±1.
        cdpam: for sounds of that length, or None; the recordings are embedded once, for all
            comparisons.
        device: of torch, that computes.
    """

    def __init__(
        self, meant: Array, cdpam: CDPAMLoss | None = None, device: torch.device | str = "cpu"
    ) -> None:
        self._meant = torch.from_numpy(np.ascontiguousarray(meant))
        self._device = torch.device(device)
        self._stft = MultiScaleSTFT().to(self._device)
        self._cdpam = cdpam.to(self._device) if cdpam else None
        self._goal: Tensor | None = None

    def compare(self, sounds: Callable[[slice], Tensor]) -> Scores:
        """Scores of one sound for each of the recordings.

        Args:
            sounds: makes the sounds of a slice, `[rows, samples]`; asked for a few at a time.
        """
        squares, spectra, perceived = [], [], []
        with torch.inference_mode():
            for start in range(0, len(self._meant), ROWS):
                rows = slice(start, min(start + ROWS, len(self._meant)))
                meant, made = self._meant[rows].to(self._device), sounds(rows).to(self._device)
                squares.append((made - meant).cpu().double().square().sum(1))
                spectra.append(self._stft.distances(made, meant))
                if self._cdpam:
                    perceived.append(
                        self._cdpam.between(_embed(self._cdpam, made), self._goals(rows))
                    )
        return Scores(_mean(squares), _mean(spectra), _mean(perceived) if perceived else None)

    def silence(self) -> Scores:
        """Scores of silence; its `mse` is the mean energy of the recordings."""
        return self.compare(lambda rows: torch.zeros_like(self._meant[rows]))

    def noise(self) -> Scores:
        """Scores of white noise, uniform in -1 … 1, the same at each call."""
        return self.compare(lambda rows: _noise(rows, self._meant.shape[1]))

    def _goals(self, rows: slice) -> Tensor:
        if self._goal is None and self._cdpam:
            parts = torch.split(self._meant, ROWS)
            goals = [_embed(self._cdpam, part.to(self._device)) for part in parts]
            self._goal = torch.cat(goals)
        assert self._goal is not None  # noqa: S101 - asked for only where there is a metric
        return self._goal[rows]


def _embed(cdpam: CDPAMLoss, audio: Tensor) -> Tensor:
    return torch.cat([cdpam.embed(part) for part in torch.split(audio, CDPAM_ROWS)])


def _noise(rows: slice, samples: int) -> Tensor:
    """Noise that doesn't depend on how many rows are made at a time: each has a seed of its own."""
    made = [
        np.random.default_rng([NOISE_SEED, row]).uniform(-1, 1, samples)
        for row in range(rows.start, rows.stop)
    ]
    return torch.from_numpy(np.stack(made)).float()


def _mean(parts: list[Tensor]) -> float:
    return float(torch.cat(parts).double().mean())
