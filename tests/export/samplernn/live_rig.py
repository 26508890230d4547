"""Small live SampleRNNs: seeded random weights that really use their codes and conditioning."""

from __future__ import annotations

import functools
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch

from export.manifest import describe
from export.samplernn.instrument_file import export_live, live_instrument
from synth.models.samplernn import SampleRNN, SampleRNNConfig
from synth.models.samplernn.instrument import SampleRNNInstrument

# Small tensors gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

RATE = 16_000
PLAIN = SampleRNNConfig(
    hidden_size=64, rnn_layers=2, embed_size=8, quantization=64, encoding="mu-law"
)
STEERED = SampleRNNConfig(
    hidden_size=64,
    rnn_layers=2,
    embed_size=8,
    quantization=65,
    rnn="gru",
    skip=True,
    frame_sizes=(8, 2, 4),
    features=("pitch", "loudness"),
    labels=("low", "high"),
    weight_norm=True,
    learned_state=True,
)


def write_scale(folder: Path) -> Path:
    """Two seconds of a rising scale, in a file."""
    time = np.arange(2 * RATE) / RATE
    key = 48 + 2 * np.floor(4 * time)
    phase = np.cumsum(440 * 2 ** ((key - 69) / 12)) / RATE
    path = folder / "scale.wav"
    soundfile.write(path, (0.5 * np.sin(2 * np.pi * phase)).astype(np.float32), RATE)
    return path


def small_model(config: SampleRNNConfig = PLAIN, seed: int = 0) -> SampleRNN:
    """Random weights, large enough that what is drawn depends on what was drawn before."""
    torch.manual_seed(seed)
    model = SampleRNN(config).eval()
    with torch.no_grad():
        for name, weight in model.predictor.named_parameters():
            if "weight" in name:
                weight.mul_(3.0)
        for name, weight in model.named_parameters():
            if "initial" in name:
                weight.normal_()
            if "weight" in name and ("features." in name or "upsample." in name):
                weight.mul_(8.0)
        for index, name in enumerate(config.features):
            model.feature_mean[index] = {"pitch": 55.0, "loudness": -10.0}[name]
            model.feature_std[index] = 5.0
    return model


def small_instrument(
    folder: Path, config: SampleRNNConfig = PLAIN, weights: str = "fp32"
) -> SampleRNNInstrument:
    """The instrument of `small_model`, its notes starting from the scale."""
    return live_instrument(small_model(config), [write_scale(folder)], 600.0, weights)[0]


@functools.cache
def _file(config: SampleRNNConfig) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        instrument = small_instrument(Path(folder), config)
    return export_live(instrument, describe(instrument, "small", "samplernn", {}))[0]


def write_live(folder: Path, config: SampleRNNConfig = PLAIN) -> Path:
    """Its file, in `folder`."""
    path = folder / "live.onnx"
    path.write_bytes(_file(config))
    return path
