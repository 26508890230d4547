"""Compare ways to find phases for magnitudes of whole notes.

    python bench/timbre_phase.py [--iterations 100] [--step 12] [--smooth 0.2] [--json FILE]

Notes are those of bench/timbre_synthesis.py (FluidSynth, FluidR3) and two synthetic ones. With
--smooth the frames are averaged as a decoder predicts them, and no sound has them exactly.

Columns: spectral convergence (norm of the error of the magnitudes over their norm) in dB,
log-spectral distance in dB (80 dB deep), times real time on one core.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from timbre_synthesis import (
    HELD_MS,
    INSTRUMENTS,
    LENGTH,
    ONSET_MS,
    RATE,
    TRANSFORM,
    hertz,
    notes_of,
    smoothed,
)
from torch import Tensor

from synth.dsp.phase import (
    CausalHeapIntegration,
    griffin_lim,
    heap_integration,
    log_spectral_distance_db,
    spectral_convergence,
)
from synth.dsp.phase.iterative import random_phase

CHOSEN = ("Trumpet", "Piano", "Violin", "Flute")
Way = Callable[[Tensor], Tensor]


def random(magnitude: Tensor) -> Tensor:
    """What every iteration begins with."""
    return TRANSFORM.inverse(torch.polar(magnitude, random_phase(magnitude, seeded())))


def causal(magnitude: Tensor) -> Tensor:
    """Heap integration frame by frame."""
    state = CausalHeapIntegration(TRANSFORM)
    phase, _ = state.step(magnitude, state.init_state())
    return TRANSFORM.inverse(torch.polar(magnitude, phase.float()))


def seeded() -> torch.Generator:
    """Random numbers that come again."""
    return torch.Generator().manual_seed(0)


def ways_of(iterations: int) -> dict[str, Way]:
    """Name of each way to its function from magnitudes to sound."""

    def iterated(momentum: float) -> Way:
        return lambda m: griffin_lim(m, TRANSFORM, iterations, momentum, seeded())

    def whole(magnitude: Tensor) -> Tensor:
        return heap_integration(magnitude, TRANSFORM, seeded())

    def refined(magnitude: Tensor) -> Tensor:
        phase = TRANSFORM(whole(magnitude)).angle()
        return griffin_lim(magnitude, TRANSFORM, iterations // 4, 0.99, phase=phase)

    return {
        "random": random,
        f"GL {iterations}": iterated(0.0),
        f"fast GL {iterations}": iterated(0.99),
        "heap": whole,
        "heap, causal": causal,
        f"heap + fast GL {iterations // 4}": refined,
    }


def synthetic() -> dict[str, Tensor]:
    """Harmonics that hold, and harmonics that decay."""
    seconds = torch.arange(LENGTH) / RATE - ONSET_MS / 1000
    on = (seconds >= 0) & (seconds < HELD_MS / 1000)
    wave = sum(torch.sin(2 * np.pi * hertz(57) * h * seconds) / h for h in range(1, 40))
    return {
        "harmonics held": 0.3 * on * wave,
        "harmonics decaying": 0.3 * on * torch.exp(-3 * seconds) * wave,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--iterations", type=int, default=100)
    parser.add_argument("--instruments", nargs="+", choices=INSTRUMENTS, default=CHOSEN)
    parser.add_argument("--step", type=int, default=12, help="keys from note to note")
    parser.add_argument("--smooth", type=float, default=0.0, help="seconds")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    notes = notes_of(list(options.instruments), options.step, 0.0)
    clips = {f"{n} {k}": torch.from_numpy(note).float() for (n, k), note in notes.items()}
    clips |= synthetic()
    ways = ways_of(options.iterations)
    print(f"{platform.processor() or platform.machine()}, {len(clips)} notes, {RATE} Hz")
    print(f"{'':22}" + "".join(f"{way:>24}" for way in ways))
    found: dict[str, list[tuple[float, float, float]]] = {way: [] for way in ways}
    for title, clip in clips.items():
        magnitude = smoothed(TRANSFORM(clip).abs(), options.smooth)
        for way, make in ways.items():
            begun = time.process_time()
            audio = make(magnitude)
            speed = LENGTH / RATE / (time.process_time() - begun)
            convergence = 20 * np.log10(spectral_convergence(audio, magnitude, TRANSFORM))
            distance = log_spectral_distance_db(audio, magnitude, TRANSFORM)
            found[way].append((float(convergence), distance, speed))
        print(line_of(title, [rows[-1] for rows in found.values()]), flush=True)
    print(line_of("mean", [tuple(np.mean(rows, 0)) for rows in found.values()]))
    if options.json:
        options.json.write_text(json.dumps({"notes": list(clips), "found": found}))


def line_of(title: str, cells: list[tuple[float, ...]]) -> str:
    """A row of the table."""
    return f"{title:22}" + "".join(f"{a:10.1f}{b:7.2f}{c:7.1f}" for a, b, c in cells)


if __name__ == "__main__":
    main()
