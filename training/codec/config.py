"""The settings of a run that trains a codec."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from synth.contract import ConfigError
from training.run.config import TrainConfig

if TYPE_CHECKING:
    from synth.models.codec import CodecConfig
    from training.run.plan import Plan


@dataclass(frozen=True)
class CodecTrainConfig(TrainConfig):
    """Settings beside those of every run.

    Args:
        crop_seconds: length of a crop in seconds, rounded up to whole latent frames.
        warmup_steps: number of steps in which the learning rate rises linearly to its highest.
        final_rate: share of the learning rate at the last step, after half a cosine.
        waveform_weight: weight of the error of the samples in the loss.
        mel_weight: weight of the mel distance in the loss.
        commitment_weight: weight of the distance of latents to their codes in the loss.
        mel_windows: STFT windows of the mel distance in samples, powers of two, 16 … 16384.
        mel_bins: mel bands of the long windows; short ones have window / 4.
        save_every: steps between checkpoints.
        statistics_seconds: seconds of training audio from which the statistics of the latent space
            are taken.

    Raises:
        ConfigError: a value is out of its range.
    """

    crop_seconds: float = 0.5
    warmup_steps: int = 200
    final_rate: float = 0.02
    beta1: float = 0.8
    beta2: float = 0.99
    waveform_weight: float = 1.0
    mel_weight: float = 1.0
    commitment_weight: float = 0.25
    mel_windows: tuple[int, ...] = (32, 64, 128, 256, 512, 1024, 2048)
    mel_bins: int = 64
    save_every: int = 500
    statistics_seconds: float = 120.0

    RANGES: ClassVar[Mapping[str, tuple[float, float]]] = {
        **TrainConfig.RANGES,
        "crop_seconds": (0.01, 60.0),
        "warmup_steps": (0, 1_000_000),
        "final_rate": (0.0, 1.0),
        "waveform_weight": (0.0, 1e6),
        "mel_weight": (0.0, 1e6),
        "commitment_weight": (0.0, 1e6),
        "mel_bins": (4, 512),
        "save_every": (1, 100_000_000),
        "statistics_seconds": (1.0, 36_000.0),
    }
    RESUMABLE: ClassVar[frozenset[str]] = TrainConfig.RESUMABLE | {
        "save_every",
        "statistics_seconds",
    }

    def __post_init__(self) -> None:
        super().__post_init__()
        windows = self.mel_windows
        if not windows or any(not 16 <= w <= 16_384 or w & (w - 1) for w in windows):
            raise ConfigError(f"mel_windows is {windows}; powers of two in 16 … 16384 are needed")


CodecPlan: TypeAlias = "Plan[CodecConfig, CodecTrainConfig]"
