"""Sound from magnitudes: the phase is found offline, by one way or by several, to compare them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from synth.contract import require_one_of, require_within
from synth.dsp.nsgt import NSGT
from synth.dsp.phase import griffin_lim, heap_integration
from training.explore.results import Results
from training.explore.stage import Stage

# Each way, with the iterations of Griffin-Lim that serve it. From the phases that the heap finds, a
# quarter of them lead as far as from random ones (bench/timbre_phase.py).
ITERATIONS = {"heap+griffin-lim": 25, "griffin-lim": 100, "heap": 0}
WAYS = tuple(ITERATIONS)
PHASES = (*WAYS, "all")
LAST_SEED = 2**31 - 1  # as in training
FADE_SECONDS = 0.005  # at both ends, where frames may begin and end loud


@dataclass(frozen=True)
class Phase:
    """How the phase of frames is found.

    Args:
        way: "griffin-lim" from random phases, "heap" (phase-gradient heap integration),
            "heap+griffin-lim", one after the other, or "all", side by side.
        iterations: of Griffin-Lim; 0: as many as serve the way.
        momentum: of Griffin-Lim, 0 … 1.
        seed: of the random phases, 0 … 2147483647.

    Raises:
        ConfigError: a value is out of its range.
    """

    way: str = "heap+griffin-lim"
    iterations: int = 0
    momentum: float = 0.99
    seed: int = 0

    def __post_init__(self) -> None:
        require_one_of("phase", self.way, PHASES)
        require_within("iterations", self.iterations, 0, 100_000)
        require_within("momentum", self.momentum, 0.0, 1.0)
        require_within("seed", self.seed, 0, LAST_SEED)

    @property
    def ways(self) -> tuple[str, ...]:
        """The ways that are gone."""
        return WAYS if self.way == "all" else (self.way,)

    def describe(self) -> dict[str, Any]:
        """The settings, JSON-ready."""
        told: dict[str, Any] = {"way": self.way, "seed": self.seed}
        iterative = {way: self._iterations(way) for way in self.ways if way != "heap"}
        if iterative:
            told |= {"iterations": iterative, "momentum": self.momentum}
        return told

    def sounds(self, magnitude: Tensor, transform: NSGT) -> dict[str, Tensor]:
        """Sounds `[length]` with the magnitudes `[bands, frames]`, by the way they were made."""
        return {way: self._sound(way, magnitude, transform) for way in self.ways}

    def _iterations(self, way: str) -> int:
        return self.iterations or ITERATIONS[way]

    def _sound(self, way: str, magnitude: Tensor, transform: NSGT) -> Tensor:
        draw = torch.Generator().manual_seed(self.seed)
        with torch.inference_mode():
            found = None
            if way != "griffin-lim":
                found = heap_integration(magnitude, transform, draw)
            if way != "heap":
                start = None if found is None else transform(found).angle()
                found = griffin_lim(
                    magnitude, transform, self._iterations(way), self.momentum, draw, phase=start
                )
            assert found is not None  # noqa: S101 - each way takes a step
            return found.float().clone()


def spectral_convergence_db(audio: Tensor, magnitude: Tensor, transform: NSGT) -> float:
    """How far the magnitudes of a sound are from those that were wanted: lower is better.

    The energy of the difference over the energy that was wanted, in dB; at least -200.

    Args:
        audio: `[length]`; magnitude: wanted, `[bands, frames]`.
    """
    with torch.inference_mode():
        found = transform(audio).abs()
    error = (found - magnitude).double().square().sum()
    wanted = magnitude.double().square().sum().clamp_min(1e-30)
    return max(-200.0, 10 * math.log10(float(error / wanted) + 1e-30))


def log_spectral_distance_db(
    magnitude: Tensor, wanted: Tensor, floor_db: float = -60.0, quietest: float = 1e-5
) -> float:
    """Distance of magnitudes `[bands, frames]` in dB: root mean square over the bands, mean over
    the frames.

    Args:
        floor_db: what is so far below the loudest magnitude wanted counts as so quiet.
        quietest: magnitude that is the floor at least.
    """
    floor = max(quietest, float(wanted.max()) * 10 ** (floor_db / 20))
    both = [20 * m.double().clamp_min(floor).log10() for m in (magnitude, wanted)]
    return float((both[0] - both[1]).square().mean(0).sqrt().mean())


def write_sounds(
    results: Results,
    name: str,
    magnitude: Tensor,
    stage: Stage,
    phase: Phase,
    measure: Callable[[Tensor], dict[str, Any]] = lambda audio: {},
) -> dict[str, Any]:
    """Write the sounds of magnitudes `[bands, frames]`.

    Args:
        name: of the file; with several ways of phase, the way is added.
        measure: told in addition of what is written, `[length]`.

    Returns:
        for each way of phase what `Results.audio` tells, and the spectral convergence in dB.
    """
    told: dict[str, Any] = {}
    whole = stage.whole(magnitude)
    for way, audio in phase.sounds(whole, stage.transform).items():
        kept = faded(stage.cut(audio), stage.sample_rate)
        file = name if len(phase.ways) == 1 else f"{name} {way}"
        told[way] = {
            **results.audio(file, kept, stage.sample_rate),
            "spectral_convergence_db": spectral_convergence_db(audio, whole, stage.transform),
            **measure(kept),
        }
    return told


def faded(audio: Tensor, sample_rate: int) -> Tensor:
    """The sound `[length]` without a click at its ends, and without an offset."""
    count = min(round(FADE_SECONDS * sample_rate), len(audio) // 2)
    window = torch.ones(len(audio))
    window[:count] = torch.linspace(0, 1, count)
    window[len(audio) - count :] = torch.linspace(1, 0, count)
    offset = (audio * window).double().sum() / window.double().sum()
    return (audio - offset.float()) * window
