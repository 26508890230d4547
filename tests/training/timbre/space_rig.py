"""Notes of a few instruments, and runs over them that take a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from training.planning import plan_run
from training.timbre.config import TimbrePlan

RATE = 22_050
INSTRUMENTS = {"Flute": 1.2, "Oboe": 0.2, "Piano": 0.6}  # slope of the partials' logarithms
KEYS = (55, 60, 64, 67)
VELOCITIES = {33: 0.1, 112: 0.4}
QUICK: dict[str, Any] = {
    "threads": 1, "precision": "32", "batch_size": 16, "held_out": 0.25, "log_every": 1,
    "eval_every": 1_000, "plot_reconstructions": False, "plot_latentspace": False,
    "plot_statistics": False, "epochs": 2, "twofold_epochs": 1, "warmup_epochs": 1,
    "frames": (10, 25, 5), "anchor_frames": 8,
}  # fmt: skip


def write_notes(folder: Path, seconds: float = 0.8, names: dict[str, str] | None = None) -> Path:
    """Decaying notes, named `<instrument>_<key>_<velocity>.wav`.

    Args:
        folder: made where it is missing; seconds: of each note.
        names: other names for the instruments.
    """
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(RATE * seconds)) / RATE
    for name, slope in INSTRUMENTS.items():
        for key in KEYS:
            pitch = 440 * 2 ** ((key - 69) / 12)
            for velocity, peak in VELOCITIES.items():
                partials = [
                    np.exp(-slope * n) * np.sin(2 * np.pi * pitch * n * time) for n in range(1, 9)
                ]
                note = np.sum(partials, 0) * np.exp(-2 * time)
                called = (names or {}).get(name, name)
                path = folder / f"{called}_{key}_{velocity}.wav"
                soundfile.write(path, peak * note / np.abs(note).max(), RATE)
    return folder


def plan(notes: Path, preset: str = "tiny", **settings: Any) -> TimbrePlan:
    """The plan of a quick run; its cache lies beside the notes."""
    flags = {**QUICK, **settings}
    return plan_run("timbre", notes, preset=preset, flags=flags, cache=notes.parent / "cache")
