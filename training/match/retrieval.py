"""`Retrieval`: the nearest of many random patches, for many targets at once.

Patches are numbered sounds, rendered once and compared with all targets, in pieces that can be
stopped and gone on with. What is kept doesn't grow with their number: for each target and each
power of two, the numbers of the few that were nearest until then, by the longest windows of the
distance that judges. In the end the kept ones are rendered again and judged by all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from synth.contract import DataError
from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import knob_positions, noise, numbers_of
from training.match.distances import DISTANCES, SCALES
from training.match.judging import JUDGE, ROWS
from training.match.spectra import decibels, mel_power

SPLIT = "train"  # no target may be among them
BATCH = 32
KEPT = 8  # patches of each target


class Nearest(NamedTuple):
    """What was retrieved for some targets.

    Attributes:
        units: knob positions of the nearest patch, `[targets, parameters]`; numbers: of it.
        distances: its distance in dB, `[targets]`.
        counts: of patches, at each point of the curve; curve: distance of the nearest among so
            many, `[targets, points]`.
    """

    units: Tensor
    numbers: list[int]
    distances: Tensor
    counts: list[int]
    curve: Tensor


class Retrieval:
    """A search among random patches.

    Args:
        voice: whose patches they are.
        targets: sounds `[targets, samples]` of the voice's rate and length.
        kept: numbers kept for each target at each power of two.

    Attributes:
        count: of patches that were compared.
    """

    def __init__(self, voice: Voice, targets: Tensor, kept: int = KEPT) -> None:
        self.voice, self.targets = voice, targets
        self.count = 0
        self._meant = torch.cat([self._coarse(rows) for rows in torch.split(targets, ROWS)])
        self._distances = torch.full((len(targets), kept), float("inf"))
        self._places = torch.zeros(len(targets), kept, dtype=torch.int64)
        self._steps: dict[int, Tensor] = {}

    @torch.no_grad()
    def extend(self, count: int) -> None:
        """Compare `count` further patches."""
        end = self.count + count
        while self.count < end:
            # A batch ends at each power of two.
            power = 1 << self.count.bit_length()
            size = min(BATCH, end - self.count, power - self.count)
            places = torch.arange(self.count, self.count + size)
            found = torch.cdist(self._meant, self._coarse(self._render(places.tolist())), p=1.0)
            every = torch.cat([self._distances, found / self._meant.shape[-1]], 1)
            numbers = torch.cat([self._places, places.expand(len(found), -1)], 1)
            kept = every.topk(self._distances.shape[1], largest=False)
            self._distances, self._places = kept.values, numbers.gather(1, kept.indices)
            self.count += size
            if self.count.bit_count() == 1:
                self._steps[self.count] = self._places.clone()

    @torch.no_grad()
    def nearest(self, tell: Callable[[int, int], None] = lambda done, whole: None) -> Nearest:
        """Judge what was kept.

        Args:
            tell: takes the targets that are done, and how many there are.

        Raises:
            DataError: no patch was compared yet.
        """
        if not self.count:
            raise DataError("no patches were compared yet; compare at least one")
        counts = [*sorted(self._steps), *([] if self.count in self._steps else [self.count])]
        curve = torch.full((len(self.targets), len(counts)), float("inf"))
        best: list[int] = []
        for row in range(len(self.targets)):
            judged = self._judged(row)
            for point, count in enumerate(counts):
                curve[row, point] = min(d for place, d in judged.items() if place < count)
            best.append(min(judged, key=lambda place: judged[place]))
            tell(row + 1, len(self.targets))
        units = knob_positions(self.voice.names, self._numbers(best))
        return Nearest(units, self._numbers(best), curve[:, -1], counts, curve)

    def _judged(self, row: int) -> dict[int, float]:
        """Distances of all patches that were kept for a target, by their place."""
        kept = {int(p) for step in self._steps.values() for p in step[row]}
        kept |= {int(p) for p, d in zip(self._places[row], self._distances[row], strict=True)
                 if torch.isfinite(d)}  # fmt: skip
        places = sorted(p for p in kept if p < self.count)
        distance = DISTANCES[JUDGE]
        meant = distance.describe(self.targets[row : row + 1], self.voice.sample_rate)
        judged: dict[int, float] = {}
        for first in range(0, len(places), ROWS):
            part = places[first : first + ROWS]
            made = distance.describe(self._render(part), self.voice.sample_rate)
            judged |= dict(zip(part, distance.compare(made, meant).tolist(), strict=True))
        return judged

    def _numbers(self, places: Sequence[int]) -> list[int]:
        return [numbers_of(SPLIT, place, 1)[0] for place in places]

    def _render(self, places: Sequence[int]) -> Tensor:
        numbers = self._numbers(places)
        units = knob_positions(self.voice.names, numbers)
        return self.voice.render(units, noise(numbers, self.voice.samples))

    def _coarse(self, audio: Tensor) -> Tensor:
        """Levels of the longest windows, `[batch, frames * bands]`."""
        rate = self.voice.sample_rate
        window, hop, bands = SCALES[-1]
        power = mel_power(audio, rate, int(window * rate), int(hop * rate), bands)
        db = decibels(power)
        return (db - db.amax((1, 2), keepdim=True)).flatten(1)

    def save(self, path: Path) -> None:
        """Write what `load` goes on from."""
        steps = {f"step_{count}": places.numpy() for count, places in self._steps.items()}
        temporary = path.with_suffix(".part.npz")
        steps |= {"distances": self._distances.numpy(), "places": self._places.numpy()}
        np.savez(temporary, allow_pickle=False, count=np.array(self.count), **steps)
        temporary.replace(path)

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote.

        Raises:
            DataError: it is of other targets.
        """
        with np.load(path) as data:
            if data["places"].shape != tuple(self._places.shape):
                raise DataError(f"{path}: of other targets; delete it to begin again")
            self.count = int(data["count"])
            self._distances = torch.from_numpy(data["distances"])
            self._places = torch.from_numpy(data["places"])
            self._steps = {
                int(name[5:]): torch.from_numpy(data[name])
                for name in data.files
                if name.startswith("step_")
            }
