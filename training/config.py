"""Every setting of a training run."""

from __future__ import annotations

from dataclasses import dataclass

from synth.contract import ConfigError, require_one_of, require_within

PRECISIONS = ("auto", "32", "bf16-mixed")
ACCELERATORS = ("auto", "cpu", "gpu", "mps")


@dataclass(frozen=True)
class TrainConfig:
    """Settings of a run, whatever the family.

    Args:
        steps: optimiser steps in all; batch_size: crops per step and device.
        crop_seconds: length of a crop, rounded up to whole latent frames.
        seed: of weights, crops and the held-out split.
        learning_rate: highest; warmup_steps: linear rise to it; final_rate: share of it that is
            left at the last step, after a half cosine.
        beta1, beta2, weight_decay: of AdamW; clip_norm: largest norm of the whole gradient.
        waveform_weight, mel_weight, commitment_weight: of the losses in the sum that is descended.
        mel_windows: STFT windows in samples, powers of two; mel_bins: bands of the long windows
            (short ones have fewer, as far as they resolve).
        held_out: share of the files (of the only file: its end) kept for evaluation.
        eval_every, save_every, log_every: steps between evaluations, checkpoints, rows of losses.
        eval_seconds: of held-out audio per evaluation; statistics_seconds: of training audio that
            the statistics of the latent space are taken from.
        precision: "32", "bf16-mixed" or "auto": the latter on a CPU that multiplies bfloat16.
        fast: on a CPU, run the model in the memory layout that suits it (snake is compiled too,
            where there is a C++ compiler).
        accelerator: "auto", "cpu", "gpu" or "mps"; devices, nodes: number of each, 0 devices: all.
        threads: of torch on the CPU, 0: as torch likes.
        licence: of the recordings; travels with the model.

    Raises:
        ConfigError: a value is out of its range.
    """

    steps: int = 20_000
    batch_size: int = 16
    crop_seconds: float = 0.5
    seed: int = 0
    learning_rate: float = 1e-3
    warmup_steps: int = 200
    final_rate: float = 0.02
    beta1: float = 0.8
    beta2: float = 0.99
    weight_decay: float = 0.0
    clip_norm: float = 1.0
    waveform_weight: float = 1.0
    mel_weight: float = 1.0
    commitment_weight: float = 0.25
    mel_windows: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    mel_bins: int = 64
    held_out: float = 0.05
    eval_every: int = 1_000
    save_every: int = 500
    log_every: int = 50
    eval_seconds: float = 20.0
    statistics_seconds: float = 120.0
    precision: str = "auto"
    fast: bool = True
    accelerator: str = "auto"
    devices: int = 1
    nodes: int = 1
    threads: int = 0
    licence: str = ""

    def __post_init__(self) -> None:
        for name, low, high in _RANGES:
            require_within(name, getattr(self, name), low, high)
        require_one_of("precision", self.precision, PRECISIONS)
        require_one_of("accelerator", self.accelerator, ACCELERATORS)
        windows = self.mel_windows
        if not windows or any(not 16 <= w <= 16_384 or w & (w - 1) for w in windows):
            raise ConfigError(f"mel_windows is {windows}; powers of two in 16 … 16384 are needed")


_RANGES: tuple[tuple[str, float, float], ...] = (
    ("steps", 1, 100_000_000),
    ("batch_size", 1, 4096),
    ("crop_seconds", 0.01, 60.0),
    ("seed", 0, 2**31 - 1),
    ("learning_rate", 0.0, 1.0),
    ("warmup_steps", 0, 1_000_000),
    ("final_rate", 0.0, 1.0),
    ("beta1", 0.0, 0.9999),
    ("beta2", 0.0, 0.99999),
    ("weight_decay", 0.0, 10.0),
    ("clip_norm", 1e-6, 1e6),
    ("waveform_weight", 0.0, 1e6),
    ("mel_weight", 0.0, 1e6),
    ("commitment_weight", 0.0, 1e6),
    ("mel_bins", 4, 512),
    ("held_out", 0.001, 0.9),
    ("eval_every", 1, 100_000_000),
    ("save_every", 1, 100_000_000),
    ("log_every", 1, 1_000_000),
    ("eval_seconds", 0.1, 3600.0),
    ("statistics_seconds", 1.0, 36_000.0),
    ("devices", 0, 4096),
    ("nodes", 1, 4096),
    ("threads", 0, 1024),
)

# What may differ from the run that is resumed: none of it changes a step that is still to come,
# but `steps`, which stretches the rest of the learning-rate curve, and is meant to.
RESUMABLE = frozenset(
    {
        "steps", "eval_every", "save_every", "log_every", "eval_seconds", "statistics_seconds",
        "accelerator", "threads", "licence",
    }
)  # fmt: skip
