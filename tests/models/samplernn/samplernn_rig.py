"""Small SampleRNNs with random weights, one for each way of building one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from synth.models.samplernn import SampleRNN, SampleRNNConfig

# Small tensors gain nothing from a second thread, and lose much where cores are shared.
torch.set_num_threads(1)

KINDS: dict[str, dict[str, Any]] = {
    "two tiers": {},
    "three tiers": {"frame_sizes": (4, 3)},
    "four tiers": {"frame_sizes": (2, 2, 3), "rnn_layers": 1},
    "gru": {"rnn": "gru"},
    "skip": {"skip": True, "rnn_layers": 3},
    "weight norm": {"weight_norm": True, "frame_sizes": (4, 2)},
    "learned state": {"learned_state": True},
    "one-hot": {"embed_size": 0},
    "mu-law": {"encoding": "mu-law", "quantization": 33},
    "steered": {"features": ("pitch", "loudness"), "labels": ("a", "b")},
    "everything": {
        "rnn": "gru", "skip": True, "weight_norm": True, "learned_state": True, "embed_size": 0,
        "frame_sizes": (2, 3), "features": ("onset",), "encoding": "a-law", "quantization": 15,
    },
}  # fmt: skip


def small_config(**changes: Any) -> SampleRNNConfig:
    """Two tiers of frames of 4 samples, 16 levels."""
    values = {"quantization": 16, "frame_sizes": (4,), "hidden_size": 8, "rnn_layers": 2}
    return SampleRNNConfig(**{**values, "embed_size": 3, **changes})


def small_model(seed: int = 0, **changes: Any) -> SampleRNN:
    """Weights large enough that every part of the past has a say in the next sample."""
    torch.manual_seed(seed)
    model = SampleRNN(small_config(**changes))
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(std=0.5)
        model.feature_mean.normal_()
        model.feature_std.uniform_(0.5, 2.0)
    return model.eval()


def random_codes(model: SampleRNN, rows: int, frames: int) -> tuple[Tensor, Tensor | None]:
    """Codes `[rows, context + frames * hop]` and features for them."""
    config = model.config
    codes = torch.randint(0, config.quantization, (rows, config.context + frames * config.hop))
    features = torch.randn(rows, frames, config.feature_count) if config.feature_count else None
    return codes, features


def gap(one: Tensor, other: Tensor) -> float:
    """The largest difference."""
    return float((one - other).detach().abs().max())
