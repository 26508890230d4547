"""A run over a few tones that takes a second: a very small coordinate network."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from synth.models.inr import INRConfig
from training.data.library import build_library
from training.inr.config import INRPlan, INRTrainConfig
from training.inr.parts import INR_PARTS
from training.inr.task import INRTask
from training.run.family import Span
from training.run.plan import Plan
from training.run.trainer import build_task, fit, make_trainer

RATE = 16_000
LENGTH = 512
MODEL = INRConfig(
    audio_length=LENGTH, num_latent=4, width=8, depth=2, first_omega_0=60, hidden_omega_0=20
)
SETTINGS = INRTrainConfig(
    steps=6, batch_size=2, learning_rate=1e-3, weight_decay=0.0, samples_per_datapoint=128,
    cdpam=0.0, multiscale_stft=0.0, eval_every=3, save_every=3, log_every=1, accelerator="cpu",
    threads=1,
)  # fmt: skip


def write_sines(folder: Path, hz: tuple[float, ...], samples: int = LENGTH) -> Path:
    """Steady tones as WAV files named `sine_<key>_<velocity>`."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(samples) / RATE
    for frequency in hz:
        key = round(69 + 12 * np.log2(frequency / 440))
        tone = 0.5 * np.sin(2 * np.pi * frequency * time)
        soundfile.write(folder / f"sine_{key}_100.wav", tone, RATE, subtype="FLOAT")
    return folder


def make_plan(data: Path, model: INRConfig = MODEL, **changes: Any) -> INRPlan:
    """The plan of a run over `data`; `changes` are settings of the run or fields of the model."""
    shape = {k: changes.pop(k) for k in list(changes) if k in vars(model)}
    model = dataclasses.replace(model, **shape)
    settings = dataclasses.replace(SETTINGS, **changes)
    library = build_library(data, model.sample_rate, 1, cache=data.parent / "cache")
    found = INR_PARTS.arrange(model, settings, str(data), library)
    assert found.training is not None
    return Plan(
        "inr", found.model, found.training, str(data), found.library, found.learned, (), found.notes
    )


def trained(plan: INRPlan, steps: int) -> INRTask:
    """The task of a plan after so many steps."""
    task = build_task(INR_PARTS.task, plan)
    assert isinstance(task, INRTask)
    torch.manual_seed(0)
    fit(make_trainer(plan.training), task, INR_PARTS.stream(plan, Span(0, steps)))
    return task


def arguments(data: Path, out: Path, *more: str, **settings: str) -> list[str]:
    """`train inr DATA …`; `settings` like `steps="5"` add to or replace the small ones."""
    given = {
        "audio_length": str(LENGTH), "num_latent": "4", "width": "8", "depth": "2",
        "first_omega_0": "60", "hidden_omega_0": "20", "steps": "6", "batch_size": "2",
        "lr": "1e-3", "weight_decay": "0", "samples_per_datapoint": "128", "cdpam": "0",
        "multiscale_STFT": "0", "eval_every": "3", "save_every": "3", "log_every": "1",
        "threads": "1", "use_gpu": "0", **settings,
    }  # fmt: skip
    flags = [part for name, value in given.items() for part in (f"--{name}", value)]
    cache = ["--cache", str(data.parent / "cache")]
    return ["train", "inr", str(data), "--out", str(out), *cache, *flags, *more]
