"""A SampleRNN run that takes a second: little audio, a very small model."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from synth.models.samplernn import SampleRNNConfig
from training.data.library import Clip, build_library
from training.run.plan import Plan
from training.samplernn.config import SampleRNNPlan, SampleRNNTrainConfig
from training.samplernn.parts import SAMPLERNN

RATE = 16_000
MODEL = SampleRNNConfig(
    quantization=32, encoding="mu-law", frame_sizes=(4,), hidden_size=16, rnn_layers=1, rnn="gru",
    embed_size=4,
)  # fmt: skip
SETTINGS = SampleRNNTrainConfig(
    steps=6, batch_size=4, num_frames=8, eval_every=3, log_every=1, eval_seconds=0.2,
    generate_every=3, checkpoint_every=3, length=0.01, accelerator="cpu", threads=1, precision="32",
)  # fmt: skip


def write_song(path: Path, seconds: float = 1.0, gain: float = 0.4, hz: float = 200.0) -> Path:
    """A wavering tone as a WAV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(RATE * seconds)) / RATE
    tone = np.sin(2 * np.pi * hz * time) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * time))
    soundfile.write(path, gain * tone, RATE, subtype="FLOAT")
    return path


def make_plan(data: Path, model: SampleRNNConfig = MODEL, **changes: Any) -> SampleRNNPlan:
    """The plan of a run over `data`; `changes` are settings, the cache is beside the data."""
    settings = dataclasses.replace(SETTINGS, **changes)
    library = build_library(data, RATE, 1, cache=data.parent / "cache")
    found = SAMPLERNN.arrange(model, settings, str(data), library)
    return Plan(
        "samplernn", found.model, settings, str(data), found.library, found.learned, found.held_out
    )


def clip(folder: Path, audio: np.ndarray[Any, Any], name: str = "clip") -> Clip:
    """Audio `[samples]` as a decoded recording."""
    np.save(folder / f"{name}.npy", audio[None].astype(np.float32))
    return Clip(folder / f"{name}.wav", folder / f"{name}.npy", 0, len(audio))


def arguments(data: Path, out: Path, *more: str, **settings: str) -> list[str]:
    """`train samplernn --in DATA …`; `settings` like `steps="5"` add to or replace the small ones.

    Names are as in the fields: `num_frames` becomes `--num_frames`.
    """
    given = {
        "quantization": "32", "encoding": "mu-law", "frame_size": "4", "hidden_size": "16",
        "rnn_layers": "1", "rnn": "gru", "embed_size": "4", "steps": "6", "batch_size": "4",
        "num_frames": "8", "eval_every": "3", "log_every": "1", "eval_seconds": "0.2",
        "generate_every": "3", "checkpoint_every": "3", "length": "0.01", "threads": "1",
        "precision": "32", "num_generated": "2", **settings,
    }  # fmt: skip
    flags = [part for name, value in given.items() for part in (f"--{name}", value)]
    cache = ["--cache", str(data.parent / "cache")]
    return ["train", "samplernn", "-i", str(data), "-o", str(out), *cache, *flags, *more]
