"""`Judge`: renders patches of a voice and says how far each is from the target."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from synth.models.inverse.voices import Voice
from synth.models.inverse.voices.sounds import noise
from training.match.distances import DISTANCES, Distance
from training.match.target import Target

ROWS = 4  # rendered at a time: more would need more memory, and be no faster
LOUDEST = 100.0  # gain, 40 dB
JUDGE = "multi_scale_spectral"
MOST_THREADS = 4  # each holds the rendering of a sound, with what its gradient needs
Item = TypeVar("Item")
Made = TypeVar("Made")


@contextmanager
def threads_for_patches() -> Iterator[int]:
    """Let torch compute on one thread, so that several can render a patch each.

    A sound is computed in many short steps: two threads that share each of them wait for each other
    most of the time.

    Yields:
        how many threads torch would have used, at most `MOST_THREADS`.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield min(before, MOST_THREADS)
    finally:
        torch.set_num_threads(before)


class Judge:
    """What a target is, and how far patches are from it.

    Args:
        target: to be matched.
        voice: that plays the patches.
        seconds: in which they are compared; None: those of the target's span.
        threads: that render at a time, each on its own; see `threads_for_patches`.
    """

    def __init__(
        self, target: Target, voice: Voice, seconds: float | None = None, threads: int = 1
    ) -> None:
        self.target, self.voice = target, voice
        self._pool = ThreadPoolExecutor(threads) if threads > 1 else None
        self.seconds = min(target.span if seconds is None else seconds, voice.seconds)
        self.samples = round(self.seconds * voice.sample_rate)
        self.meant = target.audio[:, : self.samples]
        self.noise = noise([0], voice.samples)
        self._described: dict[str, tuple[Tensor, ...]] = {}

    @property
    def rate(self) -> int:
        """Hz."""
        return self.voice.sample_rate

    def render(self, units: Tensor) -> Tensor:
        """Sounds `[batch, samples]` of knob positions `[batch, parameters]`."""
        return self.voice.render(units, self.noise, self.seconds)

    def levelled(self, audio: Tensor) -> Tensor:
        """Sounds brought to the target's level, by one factor each."""
        return audio * self.gains(audio)

    def gains(self, audio: Tensor) -> Tensor:
        """Factors that bring sounds to the target's level, `[batch, 1]`."""
        meant = self.meant.square().mean()
        return (
            (meant / audio.square().mean(-1, keepdim=True).clamp_min(1e-12))
            .sqrt()
            .clamp_max(LOUDEST)
        )

    def each(self, work: Callable[[Item], Made], items: Sequence[Item]) -> list[Made]:
        """What is made of each item, in their order, on all threads."""
        return list(map(work, items) if self._pool is None else self._pool.map(work, items))

    def distances(self, units: Tensor, measure: str = JUDGE) -> Tensor:
        """Distance of each patch, `[batch]`; the less, the nearer, if the measure says so."""
        distance = DISTANCES[measure]
        meant = self.described(measure, distance)

        @torch.no_grad()
        def judged(rows: Tensor) -> Tensor:
            made = distance.describe(self.levelled(self.render(rows)), self.rate)
            return distance.compare(made, meant)

        return torch.cat(self.each(judged, torch.split(units, ROWS)))

    def described(self, measure: str, distance: Distance) -> tuple[Tensor, ...]:
        """The target's features."""
        if measure not in self._described:
            self._described[measure] = distance.describe(self.meant, self.rate)
        return self._described[measure]

    def all_distances(self, units: Tensor) -> dict[str, list[float]]:
        """Every measure by name, of each patch."""
        return {name: self.distances(units, name).tolist() for name in DISTANCES}
