"""A small timbre space with known statistics, and notes to look at in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from synth.models.package import Package, pack
from synth.models.timbre import Timbre, TimbreConfig

RATE = 8_000
NOTE_SECONDS = 0.5
CONFIG = TimbreConfig(
    sample_rate=RATE,
    minimum_hz=100.0,
    maximum_hz=3_500.0,
    resolution=12,
    latent_dims=4,
    hidden_dims=24,
    hidden_layers=1,
    instruments=("Flute", "Oboe", "Piano"),
    dynamics=("pp", "ff"),
    anchor_frames=40,
    anchor_instruments=(0, 0, 1, 1, 2),
    anchor_keys=(60.0, 64.0, 64.0, 67.0, 72.0),
    anchor_dynamics=(0, 1, 0, 1, 1),
)


def small_model(seed: int = 0, config: TimbreConfig = CONFIG) -> Timbre:
    """A model with random weights, whose frames lie about -40 dB."""
    torch.manual_seed(seed)
    model = Timbre(config).eval()
    model.offset.fill_(np.log(0.01))
    model.spread.fill_(1.5)
    model.anchor_times.copy_(torch.arange(config.anchor_frames) * 0.01)
    steps = 0.05 * torch.randn(model.anchors.shape)
    model.anchors.copy_(torch.randn(len(model.anchors), 1, config.latent_dims) + steps.cumsum(1))
    return model


def statistics(dims: int = 4, seed: int = 0) -> dict[str, torch.Tensor]:
    """Statistics of latents: axes at right angles, with the ranges ±2, ±1.8 …"""
    draw = torch.Generator().manual_seed(seed)
    axes, _ = torch.linalg.qr(torch.randn(dims, dims, generator=draw))
    high = 2.0 - 0.2 * torch.arange(dims)
    return {
        "mean": 0.1 * torch.randn(dims, generator=draw), "axes": axes, "low": -high, "high": high
    }  # fmt: skip


def write_model(folder: Path, model: Timbre | None = None, **provenance: Any) -> Path:
    """The `model.pt` of a run."""
    model = model or small_model()
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "model.pt"
    told = statistics(model.config.latent_dims)
    torch.save(pack("timbre", model, model.config, told, provenance), path)
    return path


def package(model: Timbre | None = None) -> Package:
    """As read from `model.pt`."""
    model = model or small_model()
    return Package("timbre", model.config, model, statistics(model.config.latent_dims), {})


def write_note(folder: Path, name: str, key: float, seconds: float = NOTE_SECONDS) -> Path:
    """A note of five partials, NAME.wav."""
    folder.mkdir(parents=True, exist_ok=True)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 440 * 2 ** ((key - 69) / 12)
    sound = sum(np.sin(2 * np.pi * n * pitch * time) / n for n in range(1, 6))
    path = folder / f"{name}.wav"
    soundfile.write(path, 0.2 * np.asarray(sound), RATE, subtype="FLOAT")
    return path


def told(folder: Path, command: str) -> dict[str, Any]:
    """The JSON that a subcommand wrote."""
    found: dict[str, Any] = json.loads((folder / f"{command}.json").read_text())
    return found


def heard(path: Path, seconds: float) -> np.ndarray:
    """A written sound, which is as long as it should be, sounds, and has no offset."""
    sound, rate = soundfile.read(path, dtype="float64")
    assert rate == RATE
    assert sound.shape == (round(seconds * RATE),)
    assert np.isfinite(sound).all()
    level = np.sqrt(np.mean(sound**2))
    assert level > 1e-5
    assert abs(sound.mean()) < 1e-3 * level
    assert np.abs(sound).max() < 1
    return sound
